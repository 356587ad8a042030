"""Which cells of a set are selected: by the chunks that they are in and the labels they carry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from .cell_ids import SelectedCells
from .cell_labels import load_label_codes
from .chunk_id import Ids
from .layouts.protocols import PlacementReader
from .statistics import ChunkCounts


@attrs.frozen(eq=False, slots=False)
class Selection:
    """
    Which cells of a set: those of some chunks that carry one of some labels.

    :param chunks: ids; None for all.
    :param labels: None for no filter; empty for the cells without label.
    """

    chunks: Ids | None = None
    labels: Sequence[str] | None = None

    def resolve(self, data: PlacementReader) -> SelectedCells:
        """Number the selected cells of a set."""
        counts = data.counts().select(self.chunks)
        mask = None if self.labels is None else label_mask(data, counts, self.labels)
        return SelectedCells(counts, mask)


def label_mask(
    data: PlacementReader, counts: ChunkCounts, labels: Iterable[str] | None
) -> NDArray[np.bool_]:
    """Which cells of some chunks match labels (see ``LabelSets.matching``)."""
    if labels is None:
        return np.ones(counts.total, dtype=bool)
    return data.label_sets().mask(load_label_codes(data, counts), labels)
