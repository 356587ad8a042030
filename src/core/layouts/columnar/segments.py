"""
Cells in segments: rows that follow each other in the columns of a placement set.

An entry of the table of segments is a chunk id, the first row, how many rows, and a bit for
each column that has values there. The cells of a chunk are those of its segments, in the
order of the table.
"""

from __future__ import annotations

from functools import cached_property

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
        self.order = np.argsort(table[:, CHUNK], kind="stable")
        chunks, self.first, self.count, self.mask = np.ascontiguousarray(table[self.order].T)
        new = np.ones(len(chunks), dtype=bool)
        new[1:] = chunks[1:] != chunks[:-1]
        begins = np.flatnonzero(new)
        self._ids = chunks[begins]
        # Others may see these; nobody may change them.
        self._ids.flags.writeable = False
        self._bounds = np.append(begins, len(chunks))
        self._ends = np.cumsum(self.count)

    @cached_property
    def counts(self) -> ChunkCounts:
        """Cells per chunk."""
        totals = np.diff(self._ends[self._bounds[1:] - 1], prepend=0)
        totals.flags.writeable = False
        return ChunkCounts(self._ids, totals)

    def of(self, chunks: Ids) -> tuple[NDArray[np.int64], Lengths]:
        """Indices of the segments of some chunks, and how many each chunk has."""
        if not len(self._ids):
            return np.zeros(0, dtype=np.int64), np.zeros(len(chunks), dtype=np.int64)
        found = np.minimum(np.searchsorted(self._ids, chunks), len(self._ids) - 1)
        known = self._ids[found] == chunks
        begins, ends = self._bounds[found], self._bounds[found + 1]
        ends = np.where(known, ends, begins)
        return rows_of_ranges(begins, ends), ends - begins

    def ranks(self, entries: NDArray[np.int64], sizes: Lengths) -> Lengths:
        """How many cells of its chunk come before each of some segments (:meth:`of`)."""
        counts = self.count[entries]
        before = np.cumsum(counts) - counts
        firsts = np.cumsum(sizes) - sizes
        filled = sizes > 0
        return np.asarray(before - np.repeat(before[firsts[filled]], sizes[filled]))

    def cover(self, bit: int, chunks: Ids) -> Cover:
        """
        Which rows of a column some chunks have: up to the last cell with a value.

        :param bit: of the column.
        """
        if len(chunks) == 1:
            return self._cover_one(bit, int(chunks[0]))
        entries, sizes = self.of(chunks)
        counts = self.count[entries]
        present = (self.mask[entries] >> bit & 1).astype(bool)
        stops = self.ranks(entries, sizes) + counts
        reached = np.where(present, stops, 0)
        lengths = np.zeros(len(chunks), dtype=np.int64)
        filled = sizes > 0
        firsts = np.cumsum(sizes) - sizes
        if len(entries):
            lengths[filled] = np.maximum.reduceat(reached, firsts[filled])
        kept = (stops <= np.repeat(lengths, sizes)) & (counts > 0)
        return Cover(lengths, self.first[entries][kept], counts[kept], present[kept])

    def _cover_one(self, bit: int, chunk: int) -> Cover:
        """The same for one chunk, whose segments follow each other."""
        at = int(self._ids.searchsorted(chunk))
        known = at < len(self._ids) and self._ids[at] == chunk
        entries = slice(*self._bounds[at : at + 2].tolist()) if known else slice(0)
        counts, present = self.count[entries], (self.mask[entries] >> bit & 1).astype(bool)
        stops = counts.cumsum()
        length = int(stops[present].max(initial=0))
        kept = (stops <= length) & (counts > 0)
        lengths = np.array([length], dtype=np.int64)
        return Cover(lengths, self.first[entries][kept], counts[kept], present[kept])

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
    ranks = segments.ranks(entries, sizes)
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
