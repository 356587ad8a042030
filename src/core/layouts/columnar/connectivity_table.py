"""The table of blocks of a connectivity set, and the arrays that its entries point to."""

from __future__ import annotations

from typing import NamedTuple

import attrs
import numpy as np
from numpy.typing import NDArray

from ....errors import CorruptNetworkError
from .arrays import LongArray
from .blocks import CELL_KINDS, COUNT, FIRST, NO_POINTS, POINT_KINDS, POINTS, WIDTH, BlockOrders
from .checksums import SetChecksums
from .groups import SetGroup
from .tables import Entries, Form, TableSource

BLOCKS = "blocks"
CELLS = "cells"
POINTS_ARRAY = "points"
COLUMNS = {CELLS: 2, POINTS_ARRAY: 4}
COLUMN_NUMBERS = {CELLS: 0, POINTS_ARRAY: 1}


class ConnectivitySums(NamedTuple):
    """
    Sums over the blocks of a set.

    :param rows: of the array of cells that are in use, up to the last.
    :param point_rows: likewise, of the array of points.
    :param connections: of all blocks.
    """

    rows: int
    point_rows: int
    connections: int


FORM = Form(BLOCKS, WIDTH, ConnectivitySums._fields, ConnectivitySums._make)


@attrs.frozen
class ConnectivityNames:
    """The cell types that a set connects."""

    pre: str
    post: str


class ConnectivityArrays:
    """The arrays of a set that were used in a session."""

    def __init__(self, place: SetGroup) -> None:
        self._place = place
        self.checksums = SetChecksums(place, lambda: COLUMN_NUMBERS)
        self.opened: dict[str, LongArray] = {}

    def get(self, name: str) -> LongArray:
        """
        The array of cells or of points.

        :raises CorruptNetworkError: its rows have another width.
        """
        found = self.opened.get(name)
        if found is None:
            kinds = CELL_KINDS if name == CELLS else POINT_KINDS
            found = LongArray(self._place.group, name, kinds, checksums=self.checksums)
            if found.width not in (None, (COLUMNS[name],)):
                raise CorruptNetworkError(
                    f"'{name}' of the connectivity set '{self._place.name}' has rows of shape"
                    f" {found.width}"
                )
            self.opened[name] = found
        return found


class ConnectivityTable(TableSource[ConnectivityNames, ConnectivitySums, BlockOrders]):
    """Where the blocks of a set are stored."""

    form = FORM

    def __init__(self, place: SetGroup, arrays: ConnectivityArrays) -> None:
        self.place = place
        self.checksums = arrays.checksums
        self._arrays = arrays

    def read_names(self) -> ConnectivityNames:
        return ConnectivityNames(self._text("pre"), self._text("post"))

    def check_entries(self, entries: Entries, names: ConnectivityNames) -> None:
        """Check that the rows they point to exist."""
        detailed = entries[:, POINTS] != NO_POINTS
        count, cells = entries[:, COUNT], self._arrays.get(CELLS)
        bad = (count < 1) | _outside(entries[:, FIRST], count, cells)
        if detailed.any():
            points = self._arrays.get(POINTS_ARRAY)
            bad |= detailed & _outside(entries[:, POINTS], count, points)
        if bad.any():
            point_rows = self._arrays.get(POINTS_ARRAY).length
            raise CorruptNetworkError(
                f"a block of the connectivity set '{self.place.name}' is"
                f" {entries[bad][0].tolist()}; it must be two chunks, a first row, a count, and"
                f" a first row of points or -1, within {cells.length} rows and {point_rows} of"
                " points"
            )

    def index(self, entries: Entries) -> BlockOrders:
        return BlockOrders(entries)

    def extend(self, index: BlockOrders, entries: Entries) -> BlockOrders:
        return index.extended(entries) if len(entries) else index

    def count(self, index: BlockOrders, names: ConnectivityNames) -> ConnectivitySums:
        return count_blocks(index.table)

    def _text(self, name: str) -> str:
        value = self.attributes.get(name)
        if not isinstance(value, str):
            raise CorruptNetworkError(
                f"the connectivity set '{self.place.name}' lacks its '{name}' type"
            )
        return value


def count_blocks(entries: Entries) -> ConnectivitySums:
    """The sums over the entries of a table."""
    detailed = entries[entries[:, POINTS] != NO_POINTS]
    rows = (entries[:, FIRST] + entries[:, COUNT]).max(initial=0)
    points = (detailed[:, POINTS] + detailed[:, COUNT]).max(initial=0)
    return ConnectivitySums(int(rows), int(points), int(entries[:, COUNT].sum()))


def _outside(
    first: NDArray[np.int64], count: NDArray[np.int64], array: LongArray
) -> NDArray[np.bool_]:
    """Which ranges reach outside of an array, written so that nothing overflows."""
    outside: NDArray[np.bool_] = (first < 0) | (first > array.length)
    return outside | (count > array.length - first)
