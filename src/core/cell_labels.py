"""The labels that cells carry: a code per cell, which the label sets of the set explain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .cell_ids import SelectedCells
from .column_specs import LABELS
from .columns import align
from .labels import LabelChange, LabelSets
from .layouts.protocols import PlacementReader, PlacementWriter
from .statistics import ChunkCounts


def load_label_codes(data: PlacementReader, counts: ChunkCounts) -> NDArray[np.int64]:
    """A label code per cell of some chunks."""
    rows, lengths = data.read_column(LABELS, counts.ids)
    return align(LABELS, rows, lengths, counts)


def change_labels(
    data: PlacementWriter,
    cells: SelectedCells,
    ids: object,
    labels: Sequence[str],
    *,
    remove: bool = False,
) -> None:
    """
    Add labels to selected cells, or take them away.

    :param ids: (n,) numbers of selected cells.
    :raises InputError: as :meth:`.SelectedCells.within` does.
    """
    counts, flat = cells.within(ids, f"cells of '{data.name}'")
    if not len(flat) or not labels:
        return
    sets = data.label_sets()
    change = sets.remove if remove else sets.add
    data.relabel(counts, flat, lambda codes: change(codes, labels))


def replace_codes(
    codes: NDArray[np.int64], cells: NDArray[np.int64], change: LabelChange
) -> LabelSets | None:
    """
    Change some of many label codes where they are.

    :param cells: (n,) indices of those that are to change.
    :returns: what explains the codes then; None if they are what they were.
    """
    before = codes[cells]
    sets, after = change(before)
    if after is before:
        return None
    codes[cells] = after
    return sets
