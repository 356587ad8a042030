"""How many cells there are."""

from __future__ import annotations

from ..transactions.interrupts import without_interrupts
from .degrees import check_choice
from .groups import GROUPED_BY, GroupKey, grouping_of
from .networks import PlacementSets, chosen_placement_sets, session_on
from .populations import Population


@without_interrupts
def counts(cells: PlacementSets, *, by: str = "type") -> dict[GroupKey, int]:
    """
    How many cells there are.

    bluepysnap calls it ``nodes.count``; NetPyNE prints it when it creates a network.

    :param cells: a placement set, several, or a network. The filters of the sets apply.
    :param by: ``type``, ``label`` or ``chunk``. A cell counts once for each of its labels, so the
        sum over labels may exceed the number of cells.
    :returns: cells by type; by type and label, None for those without label; or by type and
        coordinates of the chunk.
    :raises InputError: ``cells`` is something else, or two sets have one type, or ``by`` is wrong.
    """
    check_choice("by", by, GROUPED_BY)
    found: dict[GroupKey, int] = {}
    sets = chosen_placement_sets(cells)
    if not sets:
        return {}
    with session_on(sets[0]._engine) as session:
        for each in sets:
            grouping = grouping_of(Population.of(each, session), by, session)
            found.update(zip(grouping.keys, grouping.cells().tolist(), strict=True))
    return found
