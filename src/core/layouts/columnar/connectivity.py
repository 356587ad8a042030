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
from ...network import Lengths, Locations, Rows, SetHistory
from ...ranges import Bounds
from ...statistics import ChunkCounts
from ..history import read_history, write_history
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
from .sets import Holder, advance_revision
from .tables import Counted, Entries, Form, Table, create_table, prepare_tally

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


class ColumnarConnectivity:
    """The connections of one set, for the duration of a session."""

    stored_twice = False

    def __init__(self, group: GroupWriter, tag: str, network: Holder) -> None:
        self._group = group
        self._network = network
        self.tag = tag
        self._touched = False
        self._arrays: dict[str, LongArray] = {}
        form = Form(BLOCKS, WIDTH, _SUMS, self._check, _count, self._read_names)
        self._table = Table(group, ("columnar", "connectivity", tag), network.memory, form)
        self._names: ConnectivityNames = self._table.names

    @classmethod
    def create(cls, group: GroupWriter, tag: str, pre: str, post: str, created_at: str) -> None:
        """Prepare an empty group."""
        prepare_tally(group, _SUMS)
        for name, value in (("pre", pre), ("post", post), ("tag", tag)):
            group.attributes.set(name, value)
        group.attributes.set("created_at", created_at)
        create_table(group, BLOCKS, WIDTH)

    @property
    def pre_type(self) -> str:
        return self._names.pre

    @property
    def post_type(self) -> str:
        return self._names.post

    @property
    def count(self) -> int:
        return int(self._table.sums[_COUNT])

    def history(self) -> SetHistory:
        return read_history(self._group.attributes)

    def set_history(self, history: SetHistory) -> None:
        write_history(self._group.attributes, history)

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
            self._table.replace(kept, _count(kept, self._names))
        if not len(kept):
            for name in _COLUMNS:
                self._array(name).empty()

    def flush(self) -> None:
        """Store the rows that wait, and last the table; once a session."""
        if not self._touched:
            return
        for array in self._arrays.values():
            array.write_out()
        self._table.flush(self._names)
        advance_revision(self._group.attributes)
        self._touched = False

    def _touch(self) -> None:
        self._touched = True
        self._network.touch()

    def _index(self, direction: str) -> BlockIndex:
        index: BlockIndex = self._table.derive(direction, lambda rows: BlockIndex(rows, direction))
        return index

    def _read_names(self) -> ConnectivityNames:
        return ConnectivityNames(self._text("pre"), self._text("post"))

    def _text(self, name: str) -> str:
        value = self._group.attributes.get(name)
        if not isinstance(value, str):
            raise CorruptNetworkError(
                f"the connectivity set '{self.tag}' does not say its '{name}' type"
            )
        return value

    def _array(self, name: str) -> LongArray:
        if name not in self._arrays:
            kinds = CELL_KINDS if name == CELLS else POINT_KINDS
            array = LongArray(self._group, name, kinds)
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

    def _check(self, table: Entries, names: ConnectivityNames) -> None:
        """
        Check entries that were read.

        :raises CorruptNetworkError: they speak of rows that are not there.
        """
        detailed = table[:, POINTS] != NO_POINTS
        bad = (table[:, COUNT] < 1) | _outside(table[:, FIRST], table[:, COUNT], self._array(CELLS))
        if detailed.any():
            points = self._array(POINTS_ARRAY)
            bad |= detailed & _outside(table[:, POINTS], table[:, COUNT], points)
        if bad.any():
            raise CorruptNetworkError(
                f"a block of the connectivity set '{self.tag}' is {table[bad][0].tolist()};"
                " valid are two chunks, a first row, a count, and a first row of points or -1,"
                f" within {self._array(CELLS).length} rows"
                f" and {self._array(POINTS_ARRAY).length} of points"
            )


def _outside(first: NDArray[np.int64], count: NDArray[np.int64], array: LongArray) -> Any:
    return (first < 0) | (first > array.length) | (count > array.length - first)


def _count(table: Entries, names: ConnectivityNames) -> Counted:
    detailed = table[table[:, POINTS] != NO_POINTS]
    rows = int((table[:, FIRST] + table[:, COUNT]).max(initial=0))
    points = int((detailed[:, POINTS] + detailed[:, COUNT]).max(initial=0))
    return (rows, points, int(table[:, COUNT].sum())), {}
