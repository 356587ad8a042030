"""
A connectivity set in the columnar layout: each connection once, in long arrays.

Connections are added block by block; a table tells which rows belong to which pair of
chunks, and both perspectives are read through an order of its entries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ....errors import CorruptNetworkError
from ....ports.arrays import GroupWriter
from ...chunk_id import Ids
from ...connectivity import DIRECTIONS, Blocks, Perspective
from ...ranges import Bounds
from ...rows import Lengths, Locations, Rows
from ...statistics import ChunkCounts
from .arrays import LongArray
from .blocks import (
    CELL_KINDS,
    COUNT,
    FIRST,
    NO_POINTS,
    POINT_KINDS,
    POINTS,
    POST,
    PRE,
    WIDTH,
    BlockIndex,
    PackedBlocks,
    SortedBlocks,
)
from .sets import ColumnarSet, Holder
from .tables import Counted, Entries, Form, create_table, prepare_tally

BLOCKS = "blocks"
CELLS = "cells"
POINTS_ARRAY = "points"
_SUMS = 3
_ROWS, _POINT_ROWS, _COUNT = range(_SUMS)
_COLUMNS = {CELLS: 2, POINTS_ARRAY: 4}


@attrs.frozen
class ConnectivityNames:
    """What a connectivity set knows by name: the cell types that it connects."""

    pre: str
    post: str


class ColumnarConnectivity(ColumnarSet):
    """The connections of one set, for the duration of a session."""

    mirrored = False
    part = "connectivity"
    form = Form(BLOCKS, WIDTH, _SUMS)

    def __init__(self, tag: str, network: Holder) -> None:
        self.tag = tag
        super().__init__(tag, network)
        self._names: ConnectivityNames = self._table.names

    @classmethod
    def create(cls, group: GroupWriter, tag: str, pre: str, post: str, created_at: str) -> None:
        """Prepare an empty group."""
        prepare_tally(group, cls.form)
        for name, value in (("pre", pre), ("post", post), ("tag", tag)):
            group.attributes.set(name, value)
        group.attributes.set("created_at", created_at)
        create_table(group, cls.form)

    @property
    def pre_type(self) -> str:
        return self._names.pre

    @property
    def post_type(self) -> str:
        return self._names.post

    @property
    def count(self) -> int:
        return int(self._table.sums[_COUNT])

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

    def read_locals(self, direction: str, locals_: Ids) -> Iterator[Perspective]:
        index = self._index(direction)
        entries = index.find_all(locals_)
        packed = self._read(index, entries)
        return packed.perspectives(direction, index.near[entries], index.far[entries])

    def append(self, blocks: Blocks) -> None:
        if not len(blocks):
            return
        self._touch()
        found, sums = SortedBlocks.of(blocks), self._table.sums
        self._array(CELLS).put(sums[_ROWS], found.cells)
        if len(found.points):
            self._array(POINTS_ARRAY).put(sums[_POINT_ROWS], found.points)
        self._table.add(found.entries(sums[_ROWS], sums[_POINT_ROWS]))
        sums[_ROWS] += len(found.cells)
        sums[_POINT_ROWS] += len(found.points)
        sums[_COUNT] += len(found.cells)

    def clear(self, chunks: Ids | None) -> None:
        self._touch()
        table = self._table.rows
        if chunks is None:
            kept = table[:0]
        else:
            kept = table[~(np.isin(table[:, PRE], chunks) | np.isin(table[:, POST], chunks))]
        if len(kept) < len(table):
            self._table.replace(kept, self.count_entries(kept, self._names))
        if not len(kept):
            for name in _COLUMNS:
                self._array(name).empty()

    def read_names(self) -> ConnectivityNames:
        return ConnectivityNames(self._text("pre"), self._text("post"))

    def check_entries(self, entries: Entries, names: ConnectivityNames) -> None:
        """Check that they speak of rows that are there."""
        detailed = entries[:, POINTS] != NO_POINTS
        count, cells = entries[:, COUNT], self._array(CELLS)
        bad = (count < 1) | _outside(entries[:, FIRST], count, cells)
        if detailed.any():
            points = self._array(POINTS_ARRAY)
            bad |= detailed & _outside(entries[:, POINTS], count, points)
        if bad.any():
            raise CorruptNetworkError(
                f"a block of the connectivity set '{self.tag}' is {entries[bad][0].tolist()};"
                " valid are two chunks, a first row, a count, and a first row of points or -1,"
                f" within {cells.length} rows and {self._array(POINTS_ARRAY).length} of points"
            )

    def count_entries(self, entries: Entries, names: ConnectivityNames) -> Counted:
        detailed = entries[entries[:, POINTS] != NO_POINTS]
        rows = int((entries[:, FIRST] + entries[:, COUNT]).max(initial=0))
        points = int((detailed[:, POINTS] + detailed[:, COUNT]).max(initial=0))
        return (rows, points, int(entries[:, COUNT].sum())), {}

    def _store_names(self) -> ConnectivityNames:
        # They were stored when the set was made.
        return self._names

    def _index(self, direction: str) -> BlockIndex:
        index: BlockIndex = self._table.derive(direction, lambda rows: BlockIndex(rows, direction))
        return index

    def _text(self, name: str) -> str:
        value = self.group.attributes.get(name)
        if not isinstance(value, str):
            raise CorruptNetworkError(
                f"the connectivity set '{self.tag}' does not say its '{name}' type"
            )
        return value

    def _array(self, name: str) -> LongArray:
        if name not in self._arrays:
            kinds = CELL_KINDS if name == CELLS else POINT_KINDS
            array = LongArray(self.group, name, kinds)
            if array.width not in (None, (_COLUMNS[name],)):
                raise CorruptNetworkError(
                    f"'{name}' of the connectivity set '{self.tag}' has rows of shape {array.width}"
                )
            self._arrays[name] = array
        return self._arrays[name]

    def _read(self, index: BlockIndex, entries: NDArray[np.int64]) -> PackedBlocks:
        """Some blocks, one after the other."""
        counts, points = index.count[entries], index.points[entries]
        detailed = points != NO_POINTS
        return PackedBlocks(
            counts,
            self._read_rows(CELLS, index.first[entries], counts),
            self._read_rows(POINTS_ARRAY, points[detailed], counts[detailed]),
            detailed,
        )

    def _read_rows(self, name: str, starts: Bounds, counts: Lengths) -> Rows:
        if not len(starts):
            return np.zeros((0, _COLUMNS[name]), dtype=np.int16)
        return self._array(name).read_ranges(starts, starts + counts)


def _outside(first: NDArray[np.int64], count: NDArray[np.int64], array: LongArray) -> Any:
    return (first < 0) | (first > array.length) | (count > array.length - first)
