"""
Connections in blocks: rows that follow each other, between one pair of chunks.

An entry of the table of blocks is a presynaptic and a postsynaptic chunk id, the first row in
the array of cells, how many rows, and the first row in the array of points, or -1 for
connections that have neither branches nor points. The connections between two chunks are
those of their blocks, in the order of the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from ....ports.arrays import AnyArray
from ...chunk_id import Ids, are_among
from ...connectivity import Blocks, Perspective, batches
from ...min_max import maximum, min_max
from ...ranges import rows_of_ranges
from ...rows import Lengths, Locations, Rows
from ...statistics import ChunkCounts
from .arrays import merge, narrowed
from .tables import FEW_ENTRIES, Entries, inserted

PRE, POST, FIRST, COUNT, POINTS = range(5)
WIDTH = 5
NO_POINTS = -1
# Dtypes in which cells, and branches and points, may be stored.
CELL_KINDS = (np.dtype(np.uint16), np.dtype(np.uint32), np.dtype(np.int64))
POINT_KINDS = (np.dtype(np.int16), np.dtype(np.int32), np.dtype(np.int64))
_FIRST = np.zeros(1, dtype=np.int64)
# Connections that are unpacked together: few enough that they stay in the caches.
_UNPACKED = 16 * 1024
# Of these, the rows that are filled at a time.
_FILLED = 8 * 1024


class BlockIndex:
    """
    Blocks ordered by local chunk, then by global chunk, then as in the table.

    :param table: (k, 5).
    :param direction: ``inc`` or ``out``.
    """

    def __init__(self, table: Entries, direction: str) -> None:
        self._arrange(_ordered(table, direction))

    def extended(self, entries: Entries, direction: str) -> BlockIndex:
        """
        These, and some that come after them in the table.

        :param entries: (n, 5), few, as each is put in order among those that are in order.
        """
        added, at = _ordered(entries, direction), []
        for near, far in added[:2].T.tolist():
            begin, end = self.range_of(near)
            if begin == end:
                begin = end = int(self.near.searchsorted(near))
            at.append(begin + int(self.far[begin:end].searchsorted(far, side="right")))
        extended = BlockIndex.__new__(BlockIndex)
        extended._arrange(inserted(self._columns, at, added))
        return extended

    def _arrange(self, columns: Entries) -> None:
        """
        Find where the blocks of each local chunk are.

        :param columns: (5, k) near chunk, far chunk, first row, count and first row of points, in
            order.
        """
        self._columns = columns
        self.near, self.far, self.first, self.count, self.points = columns
        new = np.ones(len(self.near), dtype=bool)
        new[1:] = self.near[1:] != self.near[:-1]
        begins = np.flatnonzero(new)
        self.locals = self.near[begins]
        self._bounds = np.append(begins, len(self.near))
        self._ends = np.append(0, np.cumsum(self.count))
        # Shared with callers, which must not change them.
        self.locals.flags.writeable = False

    @property
    def local_sizes(self) -> ChunkCounts:
        """Connections per local chunk."""
        return ChunkCounts(self.locals, np.diff(self._ends[self._bounds]))

    def range_of(self, local: int) -> tuple[int, int]:
        """Where the blocks of a local chunk are."""
        at = int(self.locals.searchsorted(local))
        if at == len(self.locals) or self.locals[at] != local:
            return 0, 0
        return int(self._bounds[at]), int(self._bounds[at + 1])

    def sizes(self, local: int) -> ChunkCounts:
        """Connections of a local chunk per global chunk."""
        begin, end = self.range_of(local)
        far = self.far[begin:end]
        new = np.ones(len(far), dtype=bool)
        new[1:] = far[1:] != far[:-1]
        starts = np.flatnonzero(new)
        edges = np.append(starts, len(far)) + begin
        return ChunkCounts(far[starts], np.diff(self._ends[edges]))

    def find(self, local: int, globals_: Ids) -> tuple[NDArray[np.int64], Lengths]:
        """The blocks to some global chunks, and how many connections there are to each."""
        begin, end = self.range_of(local)
        far = self.far[begin:end]
        left = far.searchsorted(globals_, side="left") + begin
        right = far.searchsorted(globals_, side="right") + begin
        return rows_of_ranges(left, right), self._ends[right] - self._ends[left]

    def find_all(self, locals_: Ids, globals_: Ids | None = None) -> NDArray[np.int64]:
        """
        The blocks of some local chunks, in that order.

        :param globals_: ids of the global chunks, ascending; None for all.
        """
        entries = self._blocks_of(locals_)
        return entries if globals_ is None else entries[are_among(self.far[entries], globals_)]

    def _blocks_of(self, locals_: Ids) -> NDArray[np.int64]:
        if not len(self.locals):
            return np.zeros(0, dtype=np.int64)
        at = np.minimum(self.locals.searchsorted(locals_), len(self.locals) - 1)
        known = self.locals[at] == locals_
        begins = self._bounds[at]
        return rows_of_ranges(begins, np.where(known, self._bounds[at + 1], begins))


class BlockOrders:
    """
    The blocks of a table in the order of either direction, made when it is first asked for.

    :param table: (k, 5).
    """

    def __init__(self, table: Entries) -> None:
        self._pieces: tuple[Entries, ...] = (table,)
        self._made: dict[str, BlockIndex] = {}

    @cached_property
    def table(self) -> Entries:
        """The entries in the order of the table: (k, 5)."""
        return self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces)

    def of(self, direction: str) -> BlockIndex:
        """
        The blocks as one side sees them.

        :param direction: ``inc`` or ``out``.
        """
        found = self._made.get(direction)
        if found is None:
            found = self._made[direction] = BlockIndex(self.table, direction)
        return found

    def extended(self, entries: Entries) -> BlockOrders:
        """These, and some that come after them in the table: (n, 5)."""
        extended = BlockOrders.__new__(BlockOrders)
        extended._pieces, extended._made = merge(self._pieces, entries), {}
        if len(entries) <= FEW_ENTRIES:
            for direction, index in self._made.items():
                extended._made[direction] = index.extended(entries, direction)
        return extended


def _ordered(table: Entries, direction: str) -> Entries:
    """The columns of entries as one side sees them, by local, then by global chunk."""
    near, far = (POST, PRE) if direction == "inc" else (PRE, POST)
    order = np.lexsort((table[:, far], table[:, near]))
    return np.ascontiguousarray(table[order][:, [near, far, FIRST, COUNT, POINTS]].T)


@attrs.frozen(eq=False, slots=False)
class BlockPoints:
    """
    Branches and points of blocks, one after the other.

    :param rows: (m, 4) pre branch, pre point, post branch, post point of those blocks that have
        any.
    :param detailed: (k,) whether a block has.
    """

    rows: Rows
    detailed: NDArray[np.bool_]


@attrs.frozen(eq=False, slots=False)
class PackedBlocks:
    """
    Blocks as they are stored, one after the other.

    :param counts: (k,) connections of each.
    :param cells: (n, 2) ranks of the presynaptic and the postsynaptic cells.
    :param points: None where only cells are asked for.
    """

    counts: Lengths
    cells: Rows
    points: BlockPoints | None = None

    def locations(self, direction: str) -> tuple[Locations, Locations]:
        """(n, 3) local and (n, 3) global locations; (n, 1) and (n, 1) without points."""
        pre, post = self._cells_only() if self.points is None else self._filled(self.points)
        return (post, pre) if direction == "inc" else (pre, post)

    def _cells_only(self) -> tuple[Locations, Locations]:
        pre, post = (self.cells[:, i : i + 1].astype(np.int64) for i in range(2))
        return pre, post

    def _filled(self, points: BlockPoints) -> tuple[Locations, Locations]:
        count = len(self.cells)
        pre, post = (np.empty((count, 3), dtype=np.int64) for _ in range(2))
        whole = len(points.rows) == count
        # perf: iterate 16,000,000; a few rows at a time, column by column, while they are in the
        # caches. All rows at once take twice as long, and two columns at once six times.
        for first in range(0, count, _FILLED):
            rows = slice(first, first + _FILLED)
            for i, side in enumerate((pre[rows], post[rows])):
                if whole:
                    side[:, 1] = points.rows[rows, 2 * i]
                    side[:, 2] = points.rows[rows, 2 * i + 1]
                else:
                    side.fill(-1)
                side[:, 0] = self.cells[rows, i]
        if len(points.rows) and not whole:
            some = points.detailed.repeat(self.counts)
            pre[some, 1:], post[some, 1:] = points.rows[:, :2], points.rows[:, 2:]
        return pre, post

    def perspectives(self, direction: str, local: Ids, far: Ids) -> Iterator[Perspective]:
        """
        The blocks from one side, in pieces.

        :param local: (k,) local chunk of each, ascending; those of ``far`` ascend within each.
        """
        new = np.ones(len(local), dtype=bool)
        new[1:] = (local[1:] != local[:-1]) | (far[1:] != far[:-1])
        firsts = np.append(new.nonzero()[0], len(new))
        ends = np.append(0, self.counts.cumsum())
        pointed = self._ends_of_points()
        starts = ends[firsts]
        pairs = ChunkCounts(np.arange(len(firsts) - 1), np.diff(starts))
        for some in batches(pairs, _UNPACKED):
            bounds = firsts[some[0] : some[-1] + 2]
            begin, end = int(bounds[0]), int(bounds[-1])
            points = self.points
            if points is not None:
                points = BlockPoints(
                    points.rows[pointed[begin] : pointed[end]], points.detailed[begin:end]
                )
            cells = self.cells[ends[begin] : ends[end]]
            part = PackedBlocks(self.counts[begin:end], cells, points)
            rows = starts[some[0] : some[-1] + 2] - starts[some[0]]
            near, other = part.locations(direction)
            at = bounds[:-1]
            yield Perspective(direction, local[at], far[at], rows, near, other)

    def _ends_of_points(self) -> NDArray[np.int64]:
        """Before and after each block, where there are points."""
        if self.points is None:
            return np.zeros(0, dtype=np.int64)
        return np.append(0, np.where(self.points.detailed, self.counts, 0).cumsum())


@attrs.frozen(eq=False, slots=False)
class SortedBlocks:
    """
    Connections of several blocks, ordered by block.

    :param chunks: (k, 2) presynaptic and postsynaptic chunk of each block.
    :param counts: (k,) connections of each.
    :param cells: (n, 2) ranks of the presynaptic and the postsynaptic cells, of a dtype of
        :data:`CELL_KINDS`.
    :param points: (m, 4) pre branch, pre point, post branch, post point of those blocks that
        have any, of a dtype of :data:`POINT_KINDS`.
    :param has_points: (k,) whether a block has.
    """

    chunks: Ids
    counts: Lengths
    cells: AnyArray
    points: AnyArray
    has_points: NDArray[np.bool_]

    @classmethod
    def of(cls, blocks: Blocks) -> SortedBlocks:
        """Sort connections, of which there are some; those of a block keep their order."""
        pre_chunks, post_chunks, one = blocks.pre_chunks, blocks.post_chunks, blocks.one
        bounds = _bounds(blocks)
        cells = narrowed((blocks.pre[:, 0], blocks.post[:, 0]), CELL_KINDS, bounds)
        points = _points(blocks, bounds)
        if not one and not _in_order(pre_chunks, post_chunks):
            order = np.lexsort((post_chunks, pre_chunks))
            pre_chunks, post_chunks, cells = pre_chunks[order], post_chunks[order], cells[order]
            points = None if points is None else points[order]
        firsts = _FIRST if one else _first_rows(pre_chunks, post_chunks)
        chunks = np.array((pre_chunks[firsts], post_chunks[firsts])).T
        counts = np.array([len(cells)]) if one else np.diff(firsts, append=len(cells))
        if points is None:
            nothing = np.zeros((0, 4), dtype=POINT_KINDS[0])
            return cls(chunks, counts, cells, nothing, np.zeros(len(firsts), dtype=bool))
        detailed = np.logical_or.reduceat((points[:, 0] >= 0) | (points[:, 2] >= 0), firsts)
        if not detailed.all():
            points = points[np.repeat(detailed, counts)]
        return cls(chunks, counts, cells, points, detailed)

    def entries(self, first: int, first_point: int) -> Entries:
        """Their entries in the table if their rows are added at these ends."""
        if len(self.counts) == 1:
            point = first_point if len(self.points) else NO_POINTS
            return np.array(
                [[*self.chunks[0].tolist(), first, len(self.cells), point]], dtype=np.int64
            )
        rows = np.empty((len(self.counts), WIDTH), dtype=np.int64)
        rows[:, :FIRST] = self.chunks
        rows[:, FIRST] = first + self.counts.cumsum() - self.counts
        rows[:, COUNT] = self.counts
        rows[:, POINTS] = NO_POINTS
        if len(self.points):
            pointed = self.counts[self.has_points]
            rows[self.has_points, POINTS] = first_point + np.cumsum(pointed) - pointed
        return rows


def _bounds(blocks: Blocks) -> tuple[int, int]:
    """The minimum and the maximum of all that is in the locations."""
    least, most = min_max(blocks.pre)
    low, high = min_max(blocks.post)
    return min(least, low), max(most, high)


def _points(blocks: Blocks, bounds: tuple[int, int]) -> AnyArray | None:
    """(n, 4) branches and points; None if there are none."""
    pre, post = blocks.pre.T, blocks.post.T
    # A location has a branch if, and only if, it has a point.
    if bounds[0] < 0 and maximum(pre[1]) < 0 and maximum(post[1]) < 0:
        return None
    return narrowed((pre[1], pre[2], post[1], post[2]), POINT_KINDS, bounds)


def _first_rows(pre: Ids, post: Ids) -> NDArray[np.int64]:
    """Where another pair of chunks begins."""
    changes = (pre[1:] != pre[:-1]) | (post[1:] != post[:-1])
    return np.append(0, np.flatnonzero(changes) + 1)


def _in_order(pre: Ids, post: Ids) -> bool:
    """Whether pairs of chunks ascend."""
    steps = np.diff(pre)
    return bool((steps >= 0).all() and (np.diff(post)[steps == 0] >= 0).all())
