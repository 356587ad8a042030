"""
How cells are numbered.

Cells are numbered by chunk (ascending id), and within a chunk by the order in which they
were appended. A selection of cells is numbered from 0 in that order.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from ..errors import CellIdError, ShapeError
from .chunk_id import Ids
from .min_max import min_max
from .statistics import ChunkCounts
from .validation import as_integers


def as_cell_ids(ids: object, size: int, what: str) -> NDArray[np.int64]:
    """
    Ids of cells, checked against how many cells there are.

    :param ids: (n,) whole numbers.
    :param what: the cells that they are of, in messages.
    :raises InputError: no whole numbers, another shape.
    :raises CellIdError: ids below 0 or from ``size`` up.
    """
    cells = as_integers(ids, f"ids of {what}")
    _check_cell_ids(cells, size, what)
    return cells


def _check_cell_ids(cells: NDArray[np.int64], size: int, what: str) -> tuple[int, int]:
    """The least and greatest id; 0 and -1 if there are none."""
    if cells.ndim != 1:
        raise ShapeError(f"ids of {what} must have shape (n,), not {cells.shape}")
    least, most = min_max(cells) if cells.size else (0, -1)
    if least < 0 or most >= size:
        outside = (cells < 0) | (cells >= size)
        raise CellIdError(
            f"there are {size} {what}, and none has the id {cells[outside][0]};"
            f" {int(outside.sum())} of {len(cells)} ids are out of range",
            asked=cells[outside][:10].tolist(),
            valid=size,
        )
    return least, most


@attrs.frozen(eq=False, slots=False)
class SelectedCells:
    """
    Cells of some chunks, numbered from 0.

    :param counts: the cells of the chunks.
    :param mask: which of them are selected; None for all.
    """

    counts: ChunkCounts
    mask: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return self.counts.total if self.mask is None else int(self.mask.sum())

    @property
    def in_one_chunk(self) -> bool:
        """Whether all cells that could be selected are in the same chunk."""
        return len(self.counts.ids) == 1

    def equals(self, other: SelectedCells) -> bool:
        """Whether others are numbered in the same way."""
        ours, theirs = self.counts, other.counts
        same = np.array_equal(ours.ids, theirs.ids) and np.array_equal(ours.counts, theirs.counts)
        if self.mask is None or other.mask is None:
            return same and self.mask is other.mask
        return same and np.array_equal(self.mask, other.mask)

    def locate(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """
        Where cells are.

        :param ids: (n,) numbers of selected cells, in range.
        :returns: per cell, the index of its chunk in ``counts`` and its rank there.
        """
        flat = self._flat(ids)
        if self.in_one_chunk:
            return np.zeros(len(flat), dtype=np.int64), flat
        chunk = self.counts.ends.searchsorted(flat, side="right")
        return chunk, flat - self.counts.offsets[chunk]

    def within(self, ids: object, what: str) -> tuple[ChunkCounts, NDArray[np.int64]]:
        """
        The chunks that cells are in, and the numbers of the cells among all cells of these.

        :param ids: (n,) numbers of selected cells.
        :param what: such a cell is, for messages.
        :raises InputError: as :func:`as_cell_ids` does.
        """
        flat, counts = as_integers(ids, f"ids of {what}", copy=False), self.counts
        least, most = _check_cell_ids(flat, len(self), what)
        if self.mask is not None and len(flat):
            flat = self._flat(flat)
            least, most = min_max(flat)
        first = int(counts.ends.searchsorted(least, side="right"))
        if first < len(counts.ids) and most < counts.ends[first]:
            one = slice(first, first + 1)
            return ChunkCounts(counts.ids[one], counts.counts[one]), flat - counts.offsets[first]
        # perf: label 50,000; a place among cells is found for each chunk, not for each cell.
        if np.count_nonzero(flat[1:] < flat[:-1]):
            chunk = counts.ends.searchsorted(flat, side="right")
            many = np.bincount(chunk, minlength=len(counts.ids))
        else:
            chunk = None
            many = np.diff(flat.searchsorted(counts.ends), prepend=0)
        touched = many.nonzero()[0]
        if len(touched) == len(many):
            return counts, flat
        held = ChunkCounts(counts.ids[touched], counts.counts[touched])
        shifts = np.zeros(len(counts.ids), dtype=np.int64)
        shifts[touched] = held.offsets - counts.offsets[touched]
        return held, flat + (shifts.repeat(many) if chunk is None else shifts[chunk])

    def _flat(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of selected cells among all cells of the chunks."""
        return ids if self.mask is None else self.mask.nonzero()[0][ids]

    def global_ids(self, whole: ChunkCounts) -> NDArray[np.int64]:
        """Their numbers in the whole set, whose counts are given."""
        shifts = whole.offsets[np.searchsorted(whole.ids, self.counts.ids)]
        shifts = shifts - self.counts.offsets
        ids = np.arange(self.counts.total) + np.repeat(shifts, self.counts.counts)
        return ids if self.mask is None else ids[self.mask]


def to_local_ids(
    ids: NDArray[np.int64], whole: ChunkCounts, chunks: Ids | None
) -> NDArray[np.int64]:
    """
    Numbers in some chunks of cells that are numbered in the whole set.

    Cells of other chunks are left out; the order stays.

    :param ids: (n,) numbers of cells of the whole set, in range.
    """
    if chunks is None:
        return ids
    selected = whole.select(chunks)
    index, rank = SelectedCells(whole).locate(ids)
    kept = np.isin(whole.ids[index], selected.ids)
    position = np.searchsorted(selected.ids, whole.ids[index[kept]])
    return np.asarray(selected.offsets[position] + rank[kept])
