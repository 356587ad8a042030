"""The ends of connections: cells of two placement sets, and locations on them."""

from __future__ import annotations

import attrs

from .core.cell_ids import SelectedCells
from .core.connectivity import ConnectionPlan, Side
from .core.rows import Locations
from .errors import DtypeError, InputError
from .placement_set import PlacementSet
from .transactions.session import Session

# Connections that take longer to sort into blocks than to read what cells there are: they are
# sorted before the lock is acquired.
_PLANNED_APART = 10_000


@attrs.frozen(eq=False)
class Sides:
    """
    The cells that connections run between, as a session found them.

    :param by_cell: whether the connections of a block are sorted by cell.
    """

    pre: Side
    post: Side
    by_cell: bool

    def plan(self, src: Locations, dest: Locations) -> ConnectionPlan:
        """The connections, sorted into blocks."""
        return ConnectionPlan.make(self.pre, self.post, src, dest, by_cell=self.by_cell)


@attrs.frozen(eq=False)
class Ends:
    """
    What connections run between, as a caller gives it.

    :param src: (n, 3) locations on the cells of ``pre_set``; ``dest`` on those of ``post_set``.
    """

    pre_set: PlacementSet
    post_set: PlacementSet
    src: Locations
    dest: Locations

    def can_be_planned(self, *, few: bool) -> bool:
        """
        Whether a plan depends on nothing but cells, and takes longer than a session that reads.

        Locations under a filter of morphology labels depend on the morphologies.

        :param few: whether to plan few connections, too.
        """
        given = (self.pre_set, self.post_set)
        return (few or len(self.src) >= _PLANNED_APART) and all(
            isinstance(cells, PlacementSet) and cells._morphology_labels is None for cells in given
        )

    def cells(self, handle: Session) -> tuple[SelectedCells, SelectedCells]:
        """The cells that the locations count."""
        return self.pre_set._selected(handle)[1], self.post_set._selected(handle)[1]

    def sides(self, handle: Session) -> Sides:
        """
        The cells of both sides.

        :raises LocationError: a location on no cell.
        """
        return Sides(
            _side(self.pre_set, "source", self.src, handle),
            _side(self.post_set, "destination", self.dest, handle),
            # So does bsb-hdf5 8.0.2: the network that a seed yields stays the same.
            by_cell=len(self.pre_set.get_loaded_chunks()) == 1,
        )

    def plan(self, handle: Session) -> ConnectionPlan:
        """
        The connections, sorted into blocks.

        :raises LocationError: a location on no cell.
        """
        sides = self.sides(handle)
        return sides.plan(_on_whole(self.pre_set, self.src), _on_whole(self.post_set, self.dest))


def _side(cells: PlacementSet, role: str, locations: Locations, handle: Session) -> Side:
    """The cells that locations count."""
    if not isinstance(cells, PlacementSet):
        raise DtypeError(f"the {role} cells must be a PlacementSet, not {cells!r}", asked=cells)
    if cells._engine.sessions.store.identity != handle.identity:
        raise InputError(f"the {role} cells '{cells.tag}' are of another storage")
    side = Side(cells.tag, role, cells._selected(handle)[1])
    side.check(locations)
    return side


def _on_whole(cells: PlacementSet, locations: Locations) -> Locations:
    """Locations on whole morphologies, where they are on those that a label filter leaves."""
    if cells._morphology_labels is not None and cells.count_morphologies():
        return cells._morpho_backmap(locations)
    return locations
