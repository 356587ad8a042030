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
from ...ranges import Bounds, rows_of_ranges
from ...rows import Lengths
from ...statistics import ChunkCounts
from .arrays import merge
from .tables import FEW_ENTRIES, Entries, inserted

SEGMENTS = "segments"
CHUNK, FIRST, COUNT, MASK = range(4)
WIDTH = 4
# Bits of an int64 without its sign.
MOST_COLUMNS = 63
# perf: append 50 cells; converting an integer takes longer than the operation on a few masks.
_BITS = np.int64(1) << np.arange(MOST_COLUMNS)
_NOTHING = np.zeros(1, dtype=np.int64)
_NONE = np.zeros(0, dtype=np.int64)
for _shared in (_NOTHING, _NONE, _BITS):
    _shared.flags.writeable = False


@attrs.frozen(eq=False, slots=False)
class Cover:
    """
    The part of a column that some chunks have.

    :param lengths: rows of each chunk.
    :param starts: (k,) first rows of the pieces, in the order of the cells.
    :param counts: (k,) rows of the pieces, none of them 0.
    :param present: (k,) whether the column has values there; None if it has everywhere.
    """

    lengths: Lengths
    starts: Bounds
    counts: Lengths
    present: NDArray[np.bool_] | None = None

    def is_of(self, counts: ChunkCounts) -> bool:
        """Whether it has a value for each of these cells, and for no others."""
        return self.present is None and counts.are(self.lengths)


# The result for a chunk without the column.
_UNCOVERED = Cover(_NOTHING, _NONE, _NONE)


class Segments:
    """
    The segments of a set, ordered by chunk; those of a chunk as in the table.

    :param table: (k, 4).
    """

    def __init__(self, table: Entries) -> None:
        self._pieces: tuple[Entries, ...] = (table,)
        self._arrange(np.ascontiguousarray(table[self.order].T))

    @cached_property
    def table(self) -> Entries:
        """The entries in the order of the table: (k, 4)."""
        return self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Numbers of the entries by chunk: (k,)."""
        return self.table[:, CHUNK].argsort(kind="stable")

    def extended(self, entries: Entries) -> Segments:
        """
        These, and some that come after them in the table.

        :param entries: (n, 4); if few, they are put in order among those that are in order.
        """
        if len(entries) > FEW_ENTRIES:
            return Segments(np.concatenate((self.table, entries)))
        added = entries[entries[:, CHUNK].argsort(kind="stable")].T
        at = self._columns[CHUNK].searchsorted(added[CHUNK], side="right")
        extended = Segments.__new__(Segments)
        extended._pieces = merge(self._pieces, entries)
        extended._arrange(inserted(self._columns, at.tolist(), added))
        return extended

    def _arrange(self, columns: Entries) -> None:
        """
        Find where the segments of each chunk are.

        :param columns: (4, k) the entries by chunk.
        """
        self._columns = columns
        # Shared with callers, which must not change them.
        columns.flags.writeable = False
        chunks, self.first, self.count, self.mask = columns
        new = np.ones(len(chunks), dtype=bool)
        new[1:] = chunks[1:] != chunks[:-1]
        begins = new.nonzero()[0]
        self._ids = chunks[begins]
        self._ids.flags.writeable = False
        self._bounds = np.append(begins, len(chunks))
        self._ends = self.count.cumsum()

    @cached_property
    def counts(self) -> ChunkCounts:
        """Cells per chunk."""
        totals = np.diff(self._ends[self._bounds[1:] - 1], prepend=0)
        totals.flags.writeable = False
        return ChunkCounts(self._ids, totals)

    def of(self, chunks: Ids) -> tuple[NDArray[np.int64], Lengths]:
        """Indices of the segments of some chunks, and how many each chunk has."""
        if len(chunks) == 1:
            begin, end = self._of_one(chunks)
            return np.arange(begin, end), np.array([end - begin])
        found = self._ids.searchsorted(chunks)
        known = found < len(self._ids)
        known[known] = self._ids[found[known]] == chunks[known]
        begins, ends = self._bounds[found], self._bounds[found + known]
        return rows_of_ranges(begins, ends), ends - begins

    def _of_one(self, chunk: Ids) -> tuple[int, int]:
        """Where the segments of one chunk begin and end."""
        ids, bounds = self._ids, self._bounds
        at = ids.searchsorted(chunk).item()
        if at == len(ids) or ids.item(at) != chunk.item():
            return 0, 0
        return bounds.item(at), bounds.item(at + 1)

    @cached_property
    def ranks(self) -> Lengths:
        """How many cells of its chunk come before each segment."""
        before = self._ends - self.count
        return np.asarray(before - before[self._bounds[:-1]].repeat(np.diff(self._bounds)))

    def cover(self, bit: int, chunks: Ids) -> Cover:
        """
        Which rows of a column some chunks have: up to the last segment that has the column.

        :param bit: bit of the column.
        """
        if chunks is self._ids:
            if len(chunks) == len(self.count):
                return self._cover_all(bit)
            return self._cover(bit, slice(0, len(self.count)), np.diff(self._bounds))
        if len(chunks) == 1:
            begin, end = self._of_one(chunks)
            if end - begin == 1:
                return self._cover_one(bit, begin)
            return self._cover(bit, slice(begin, end), np.array([end - begin]))
        return self._cover(bit, *self.of(chunks))

    def _cover_one(self, bit: int, at: int) -> Cover:
        """Of a chunk that has a single segment."""
        rows = slice(at, at + 1)
        if not self.mask.item(at) >> bit & 1:
            return _UNCOVERED
        count = self.count[rows]
        if not count.item():
            return Cover(count, _NONE, _NONE)
        return Cover(count, self.first[rows], count)

    def _cover_all(self, bit: int) -> Cover:
        """Of all chunks, each of which has a single segment, as it has without many appends."""
        # perf: load all positions; through memory, most of the time goes into what is not copied.
        lengths = np.where(self.mask >> bit & 1, self.count, 0)
        lengths.flags.writeable = False
        kept = lengths > 0
        if np.count_nonzero(kept) == len(kept):
            return Cover(lengths, self.first, lengths)
        return Cover(lengths, self.first[kept], lengths[kept])

    def _cover(self, bit: int, rows: slice | NDArray[np.int64], sizes: Lengths) -> Cover:
        """
        The cover of some chunks.

        :param rows: which segments these have, one chunk after the other.
        :param sizes: how many each has.
        """
        first, count, ranks = self.first[rows], self.count[rows], self.ranks[rows]
        filled = count > 0
        present = (self.mask[rows] >> bit & 1).astype(bool)
        lengths = np.zeros(len(sizes), dtype=np.int64)
        chunk = np.arange(len(sizes)).repeat(sizes)
        np.maximum.at(lengths, chunk, np.where(present, ranks + count, 0))
        lengths.flags.writeable = False
        kept = filled & (ranks < lengths[chunk])
        present = present[kept]
        whole = np.count_nonzero(present) == len(present)
        return Cover(lengths, first[kept], count[kept], None if whole else present)

    def of_all(self, counts: ChunkCounts) -> NDArray[np.int64] | None:
        """
        Indices of the segments of some chunks that have cells.

        :param counts: the expected cells of these chunks; None is returned if they differ.
        """
        entries, sizes = self.of(counts.ids)
        lengths = self.count[entries]
        if len(entries) == len(sizes) == 1 and lengths[0] == counts.counts[0] > 0:
            return entries
        if not counts.are(self.counts.among(counts.ids).counts):
            return None
        return entries if np.count_nonzero(lengths) == len(lengths) else entries[lengths > 0]

    def lacking(self, bit: int) -> NDArray[np.int64]:
        """Indices of the segments that have columns, but not this one."""
        return np.asarray(((self.mask != 0) & (self.mask >> bit & 1 == 0)).nonzero()[0])

    def marked(self, bit: int, entries: NDArray[np.int64]) -> Segments:
        """
        The same, but with a column in some of the segments; itself if they all have it.

        :param bit: bit of the column.
        :param entries: indices of segments (:meth:`of`).
        """
        value = _BITS[bit : bit + 1]
        before = self.mask[entries]
        if np.count_nonzero(before & value) == len(before):
            return self
        masks = before | value
        marked = Segments.__new__(Segments)
        marked.__dict__.update(self.__dict__)
        marked.table, columns = self.table.copy(), self._columns.copy()
        marked.table[:, MASK][self.order[entries]] = masks
        columns[MASK][entries] = masks
        columns.flags.writeable = False
        marked._pieces, marked._columns, marked.mask = (marked.table,), columns, columns[MASK]
        return marked

    def has(self, bit: int) -> bool:
        """Whether any cell has a row of the column, be it one of the fill value."""
        filled = self.mask >> bit & 1 == 1
        return bool((filled & ((self.ranks > 0) | (self.count > 0))).any())


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
    segments: Segments,
    bit: int,
    chunks: Ids,
    ranges: tuple[Lengths, Lengths],
    *,
    only: bool,
) -> Split:
    """
    Set the values of a column for a range of cells in each of several chunks.

    :param chunks: ids, ascending.
    :param ranges: for each chunk, the rank of the first cell and the rank past the last.
    :param only: whether the other cells of the chunks lose their values.
    """
    table = segments.table
    entries, sizes = segments.of(chunks)
    counts = segments.count[entries]
    ranks = segments.ranks[entries]
    begin, end = (np.clip(np.repeat(r, sizes) - ranks, 0, counts) for r in ranges)
    end = np.maximum(begin, end)
    where = segments.order[entries]
    cuts = np.zeros((len(table), 4), dtype=np.int64)
    cuts[:, 3] = table[:, COUNT]
    # The part before the range is not touched.
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
