"""
A connectivity set in the columnar layout: each connection once, in long arrays.

Connections are added block by block; a table says which rows belong to which pair of
chunks, and both perspectives are read through an order of its entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from ....ports.arrays import GroupWriter
from ...chunk_id import Ids
from ...connectivity import DIRECTIONS, Blocks, Perspective
from ...ranges import Bounds
from ...rows import Lengths, Locations, Rows
from ...statistics import ChunkCounts
from .arrays import LongArray
from .blocks import (
    COUNT,
    FIRST,
    NO_POINTS,
    POINTS,
    POST,
    PRE,
    BlockIndex,
    BlockOrders,
    BlockPoints,
    PackedBlocks,
    SortedBlocks,
)
from .connectivity_table import (
    CELLS,
    COLUMN_NUMBERS,
    COLUMNS,
    FORM,
    POINTS_ARRAY,
    ConnectivityArrays,
    ConnectivityNames,
    ConnectivitySums,
    ConnectivityTable,
    count_blocks,
)
from .groups import Holder, SetGroup
from .sets import ColumnarSet
from .tables import create_table, entries_of, prepare_tally

# The most pairs of chunks that are named.
_MOST_NAMED = 3


class ColumnarConnectivity(ColumnarSet[ConnectivityNames, ConnectivitySums, BlockOrders]):
    """The connections of one set, for the duration of a session."""

    mirrored = False

    def __init__(self, tag: str, network: Holder) -> None:
        self.tag = tag
        place = SetGroup(network, "connectivity", tag)
        self._arrays = ConnectivityArrays(place)
        super().__init__(ConnectivityTable(place, self._arrays))

    @classmethod
    def create(cls, group: GroupWriter, tag: str, pre: str, post: str, created_at: str) -> None:
        """Prepare an empty group."""
        prepare_tally(group, FORM)
        for name, value in (("pre", pre), ("post", post), ("tag", tag)):
            group.attributes.set(name, value)
        group.attributes.set("created_at", created_at)
        create_table(group, FORM)

    @property
    def pre_type(self) -> str:
        return self._names.pre

    @property
    def post_type(self) -> str:
        return self._names.post

    @property
    def count(self) -> int:
        return self._table.sums.connections

    @property
    def holes(self) -> int:
        sums = self._table.sums
        return sums.rows - sums.connections

    def chunk_totals(self) -> Mapping[int, tuple[int, int]]:
        totals: dict[int, list[int]] = {}
        for i, direction in enumerate(DIRECTIONS):
            sizes = self.local_sizes(direction)
            for chunk, size in zip(sizes.ids.tolist(), sizes.counts.tolist(), strict=True):
                totals.setdefault(chunk, [0, 0])[i] = size
        return {chunk: (incoming, outgoing) for chunk, (incoming, outgoing) in totals.items()}

    def local_chunks(self, direction: str) -> Ids:
        return np.array(self._index(direction).locals)

    def local_sizes(self, direction: str) -> ChunkCounts:
        """Connections per local chunk."""
        return self._index(direction).local_sizes

    def block_sizes(self, direction: str, local: int) -> ChunkCounts:
        return self._index(direction).sizes(local)

    def read_blocks(
        self, direction: str, local: int, globals_: Ids
    ) -> tuple[Locations, Locations, Lengths]:
        index = self._index(direction)
        entries, lengths = index.find(local, globals_)
        near, far = self._read(index, entries).locations(direction)
        return near, far, lengths

    def read_local(self, direction: str, local: int) -> tuple[Locations, Ids, Locations]:
        index = self._index(direction)
        entries = slice(*index.range_of(local))
        near, far = self._read(index, entries).locations(direction)
        return near, index.far[entries].repeat(index.count[entries]), far

    def read_locals(
        self,
        direction: str,
        locals_: Ids,
        globals_: Ids | None = None,
        *,
        cells_only: bool = False,
    ) -> Iterator[Perspective]:
        index = self._index(direction)
        entries = index.find_all(locals_, globals_)
        packed = self._read(index, entries, cells_only)
        return packed.perspectives(direction, index.near[entries], index.far[entries])

    def append(self, blocks: Blocks) -> None:
        if len(blocks):
            self.append_sorted(SortedBlocks.of(blocks))

    def append_sorted(self, found: SortedBlocks) -> None:
        """Add connections, of which there are some."""
        self._touch()
        sums = self._table.sums
        self._arrays.get(CELLS).put(sums.rows, found.cells, found.counts)
        if len(found.points):
            pointed = found.counts[found.has_points]
            self._arrays.get(POINTS_ARRAY).put(sums.point_rows, found.points, pointed)
        added = len(found.cells)
        after = ConnectivitySums(
            sums.rows + added, sums.point_rows + len(found.points), sums.connections + added
        )
        self._table.add(found.entries(sums.rows, sums.point_rows), after)

    def clear(self, chunks: Ids | None) -> None:
        self._touch()
        table = self._table.index.table
        if chunks is None:
            kept = table[:0]
        else:
            kept = table[~(np.isin(table[:, PRE], chunks) | np.isin(table[:, POST], chunks))]
        if len(kept) < len(table):
            self._table.replace(BlockOrders(kept), count_blocks(kept))
        if not len(kept):
            for name in COLUMNS:
                self._arrays.get(name).empty()

    def damage_of_rows(self, most: int) -> Iterator[str]:
        table = self._table.index.table
        for name, first, end in self.damaged_rows(most):
            column = FIRST if name == CELLS else POINTS
            filled = table[table[:, column] >= 0]
            entries = entries_of(filled, (column, COUNT), first, end)
            pairs = entries[:, [PRE, POST]][:_MOST_NAMED].tolist()
            named = ", ".join(f"{pre} to {post}" for pre, post in pairs)
            more = f" and {len(entries) - len(pairs)} more" if len(entries) > len(pairs) else ""
            # Rows that no entry refers to are holes.
            if pairs:
                yield f"'{self.tag}', chunks {named}{more}, {name}"

    def _store_names(self) -> None:
        """Stored when the set was made; they never change."""

    def _column_numbers(self) -> Mapping[str, int]:
        return COLUMN_NUMBERS

    def _array_of(self, column: str) -> LongArray:
        return self._arrays.get(column)

    def _opened_arrays(self) -> Iterable[LongArray]:
        return self._arrays.opened.values()

    def _index(self, direction: str) -> BlockIndex:
        return self._table.index.of(direction)

    def _read(
        self, index: BlockIndex, entries: NDArray[np.int64] | slice, cells_only: bool = False
    ) -> PackedBlocks:
        """Some blocks, one after the other."""
        counts = index.count[entries]
        cells = self._read_rows(CELLS, index.first[entries], counts)
        if cells_only:
            return PackedBlocks(counts, cells)
        points = index.points[entries]
        detailed = points != NO_POINTS
        if np.count_nonzero(detailed) == len(detailed):
            read = self._read_rows(POINTS_ARRAY, points, counts)
        else:
            read = self._read_rows(POINTS_ARRAY, points[detailed], counts[detailed])
        return PackedBlocks(counts, cells, BlockPoints(read, detailed))

    def _read_rows(self, name: str, starts: Bounds, counts: Lengths) -> Rows:
        if not len(starts):
            return np.zeros((0, COLUMNS[name]), dtype=np.int16)
        return self._arrays.get(name).read_ranges(starts, starts + counts)
