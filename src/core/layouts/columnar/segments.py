"""
Cells in segments: rows that follow each other in the columns of a placement set.

An entry of the table of segments is a chunk id, the first row, how many rows, and a bit for
each column that has values there. The cells of a chunk are those of its segments, in the
order of the table.
"""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ...chunk_id import Ids
from ...network import Lengths
from ...ranges import Bounds, rows_of_ranges
from ...statistics import ChunkCounts
from .tables import Entries

CHUNK, FIRST, COUNT, MASK = range(4)
WIDTH = 4
# Chunks whose cover is not worth that of all others, unless it is asked for again.
_FEW = 4
# Bits of an int64 without its sign.
MOST_COLUMNS = 63


@attrs.frozen(eq=False)
class Cover:
    """
    The part of a column that some chunks have.

    :param lengths: rows of each chunk.
    :param starts: (k,) first rows of the pieces, in the order of the cells.
    :param counts: (k,) rows of the pieces.
    :param present: (k,) whether the column has values there.
    """

    lengths: Lengths
    starts: Bounds
    counts: Lengths
    present: NDArray[np.bool_]


class Segments:
    """
    The segments of a set, ordered by chunk; those of a chunk as in the table.

    :param table: (k, 4).
    """

    def __init__(self, table: Entries) -> None:
        self.table = table
        self.order = table[:, CHUNK].argsort(kind="stable")
        chunks, self.first, self.count, self.mask = np.ascontiguousarray(table[self.order].T)
        new = np.ones(len(chunks), dtype=bool)
        new[1:] = chunks[1:] != chunks[:-1]
        begins = np.flatnonzero(new)
        self._ids = chunks[begins]
        # Others may see these; nobody may change them.
        self._ids.flags.writeable = False
        self._bounds = np.append(begins, len(chunks))
        self._ends = self.count.cumsum()
        self._covers: dict[int, tuple[Cover, Bounds]] = {}
        self._looked_for: set[int] = set()

    @cached_property
    def counts(self) -> ChunkCounts:
        """Cells per chunk."""
        totals = np.diff(self._ends[self._bounds[1:] - 1], prepend=0)
        totals.flags.writeable = False
        return ChunkCounts(self._ids, totals)

    def of(self, chunks: Ids) -> tuple[NDArray[np.int64], Lengths]:
        """Indices of the segments of some chunks, and how many each chunk has."""
        found, known = self._find(chunks)
        begins, ends = self._bounds[found], self._bounds[found + known]
        return rows_of_ranges(begins, ends), ends - begins

    @cached_property
    def ranks(self) -> Lengths:
        """How many cells of its chunk come before each segment."""
        before = self._ends - self.count
        return np.asarray(before - before[self._bounds[:-1]].repeat(np.diff(self._bounds)))

    def cover(self, bit: int, chunks: Ids) -> Cover:
        """
        Which rows of a column some chunks have: up to the last cell with a value.

        :param bit: of the column.
        """
        if bit not in self._covers and bit not in self._looked_for and len(chunks) <= _FEW:
            # Who writes between loads would have the cover of all chunks computed each time.
            self._looked_for.add(bit)
            entries, _ = self.of(chunks)
            return Segments(self.table[self.order[entries]])._cover(bit, chunks)
        return self._cover(bit, chunks)

    def _cover(self, bit: int, chunks: Ids) -> Cover:
        if bit not in self._covers:
            self._covers[bit] = self._cover_all(bit)
        whole, bounds = self._covers[bit]
        if chunks is self._ids:
            return whole
        found, known = self._find(chunks)
        lengths = np.zeros(len(chunks), dtype=np.int64)
        lengths[known] = whole.lengths[found[known]]
        first, last = bounds[found], bounds[found + known]
        rows: Any = slice(first[0], last[0]) if len(chunks) == 1 else rows_of_ranges(first, last)
        return Cover(lengths, whole.starts[rows], whole.counts[rows], whole.present[rows])

    def _find(self, chunks: Ids) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Where some chunks are, or would be, among all; and whether they are there."""
        found = self._ids.searchsorted(chunks)
        known = found < len(self._ids)
        known[known] = self._ids[found[known]] == chunks[known]
        return found, known

    def _cover_all(self, bit: int) -> tuple[Cover, Bounds]:
        """The cover of all chunks, and where the pieces of each begin and end."""
        present = (self.mask >> bit & 1).astype(bool)
        stops = self.ranks + self.count
        begins = self._bounds[:-1]
        lengths = np.where(present, stops, 0)
        if len(begins):
            lengths = np.maximum.reduceat(lengths, begins)
        kept = (stops <= lengths.repeat(np.diff(self._bounds))) & (self.count > 0)
        lengths.flags.writeable = False
        bounds = np.append(0, kept.cumsum())[self._bounds]
        return Cover(lengths, self.first[kept], self.count[kept], present[kept]), bounds

    def marked(self, bit: int, entries: NDArray[np.int64]) -> Segments:
        """
        The same, but with a column in some of the segments; itself if they all have it.

        :param bit: of the column.
        :param entries: indices of segments (:meth:`of`).
        """
        value = np.int64(1) << np.int64(bit)
        if (self.mask[entries] & value).all():
            return self
        marked = copy.copy(self)
        marked.table, marked.mask = self.table.copy(), self.mask.copy()
        marked.table[self.order[entries], MASK] |= value
        marked.mask[entries] |= value
        marked._looked_for = set(self._looked_for)
        marked._covers = {other: held for other, held in self._covers.items() if other != bit}
        return marked

    def has(self, bit: int) -> bool:
        """Whether any chunk has the column, be it without rows."""
        return bool((self.mask >> bit & 1).any())


@attrs.frozen(eq=False)
class Split:
    """
    A table in which a column has values for a range of the cells of some chunks.

    :param table: the entries.
    :param starts: (k,) first rows of the cells in range, in the order of the cells.
    :param counts: (k,) how many each.
    """

    table: Entries
    starts: Bounds
    counts: Lengths


def split(
    table: Entries,
    segments: Segments,
    bit: int,
    chunks: Ids,
    ranges: tuple[Lengths, Lengths],
    *,
    only: bool,
) -> Split:
    """
    Give a column values for a range of the cells of each of some chunks.

    :param segments: of the table.
    :param chunks: ids, ascending.
    :param ranges: rank of the first cell of each chunk, and of the one after the last.
    :param only: whether the other cells of the chunks lose theirs.
    """
    entries, sizes = segments.of(chunks)
    counts = segments.count[entries]
    ranks = segments.ranks[entries]
    begin, end = (np.clip(np.repeat(r, sizes) - ranks, 0, counts) for r in ranges)
    end = np.maximum(begin, end)
    where = segments.order[entries]
    cuts = np.zeros((len(table), 4), dtype=np.int64)
    cuts[:, 3] = table[:, COUNT]
    # What is not touched is all of it before the range.
    cuts[:, 1] = cuts[:, 2] = cuts[:, 3]
    cuts[where, 1], cuts[where, 2] = begin, end
    pieces = np.repeat(table[:, None, :], 3, axis=1)
    pieces[:, :, FIRST] += cuts[:, :3]
    pieces[:, :, COUNT] = np.diff(cuts, axis=1)
    value = np.int64(1) << np.int64(bit)
    if only:
        pieces[where, :, MASK] &= ~value
    pieces[where, 1, MASK] |= value
    kept = pieces[:, :, COUNT] > 0
    # Entries without cells stay as they are.
    kept[:, 0] |= table[:, COUNT] == 0
    covered = end > begin
    first = segments.first[entries]
    return Split(pieces[kept], (first + begin)[covered], (end - begin)[covered])
