"""The table of segments of a placement set, and the arrays that its entries point to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ....errors import CorruptNetworkError
from ....ports.arrays import DType
from ...chunk_id import Ids
from ...column_specs import LABELS, MORPHOLOGY, ColumnSpec
from ...rows import Lengths
from .arrays import LongArray
from .checksums import SetChecksums
from .groups import SetGroup
from .members import is_plain, member_of, new_member
from .placement_names import ADDITIONAL, PlacementNames
from .segments import COUNT, FIRST, MASK, SEGMENTS, WIDTH, Segments
from .tables import Entries, Form, TableSource

PREFIX = f"{ADDITIONAL}/"
# The attribute with the key of an array that can't be called so.
KEY = "key"
_CODED = frozenset((MORPHOLOGY.name, LABELS.name))
CODE_KINDS = (np.dtype(np.int32), np.dtype(np.int64))
_FLOATS = np.dtype(np.float64)


class PlacementSums(NamedTuple):
    """
    Sums over the segments of a set.

    :param rows: of the arrays that are in use, up to the last.
    :param cells: of all segments.
    :param with_morphology: cells that have one.
    """

    rows: int
    cells: int
    with_morphology: int


FORM = Form(SEGMENTS, WIDTH, PlacementSums._fields, PlacementSums._make)


class PlacementArrays:
    """The arrays of a set that were used in a session, by the title of their column."""

    def __init__(self, place: SetGroup) -> None:
        self._place = place
        self.checksums = SetChecksums(place, lambda: PlacementNames.read(place.group).columns)
        self.opened: dict[str, LongArray] = {}

    def of(self, column: ColumnSpec) -> LongArray:
        """The array of a column."""
        return self.get(column.title, column.dtype)

    def get(self, title: str, dtype: DType = _FLOATS) -> LongArray:
        """The array of the column of a title; one that does not exist yet gets a dtype."""
        found = self.opened.get(title)
        if found is None:
            kinds = CODE_KINDS if title in _CODED else (dtype,)
            if title.startswith(PREFIX):
                found = self._additional(title, kinds)
            else:
                found = LongArray(self._place.group, title, kinds, checksums=self.checksums)
            self.opened[title] = found
        return found

    def _additional(self, title: str, kinds: tuple[DType, ...]) -> LongArray:
        group, key = self._place.group, title.removeprefix(PREFIX)
        member, named = key, {}
        if not is_plain(key):
            member = member_of(key)
            if ADDITIONAL in group:
                member = new_member(group.group(ADDITIONAL), key, KEY)
            named = {} if member == key else {KEY: key}
        return LongArray(group, member, kinds, ADDITIONAL, named, self.checksums, title)

    def drop(self, title: str) -> None:
        """Remove an array, so that rows of another shape can be stored."""
        self.get(title).drop()
        del self.opened[title]


class PlacementTable(TableSource[PlacementNames, PlacementSums, Segments]):
    """Where the segments of a set are stored."""

    form = FORM

    def __init__(self, place: SetGroup, arrays: PlacementArrays) -> None:
        self.place = place
        self.checksums = arrays.checksums
        self._arrays = arrays

    def read_names(self) -> PlacementNames:
        return PlacementNames.read(self.place.group)

    def check_entries(self, entries: Entries, names: PlacementNames) -> None:
        """Check that the rows and columns they point to exist."""
        _check_entries(self.place.name, entries, len(names.columns))
        for title, bit in names.columns.items():
            filled = entries[(entries[:, MASK] >> bit & 1 == 1) & (entries[:, COUNT] > 0)]
            last = int((filled[:, FIRST] + filled[:, COUNT]).max(initial=0))
            length = self._arrays.get(title).length if last else 0
            if last > length:
                raise CorruptNetworkError(
                    f"'{self.place.name}' has {length} rows of '{title}', but a segment ends at"
                    f" row {last}"
                )

    def index(self, entries: Entries) -> Segments:
        return Segments(entries)

    def extend(self, index: Segments, entries: Entries) -> Segments:
        return index.extended(entries) if len(entries) else index

    def count(self, index: Segments, names: PlacementNames) -> PlacementSums:
        return count_segments(index, names)


def count_segments(segments: Segments, names: PlacementNames) -> PlacementSums:
    """The sums over some segments."""
    table, counts = segments.table, segments.counts
    rows = (table[:, FIRST] + table[:, COUNT]).max(initial=0)
    lengths = morphology_lengths(segments, names, counts.ids)
    return PlacementSums(int(rows), counts.total, int(lengths.sum()))


def morphology_lengths(segments: Segments, names: PlacementNames, ids: Ids) -> Lengths:
    """How many cells of some chunks have a morphology."""
    bit = names.columns.get(MORPHOLOGY.name)
    return np.zeros_like(ids) if bit is None else segments.cover(bit, ids).lengths


def _check_entries(name: str, table: Entries, columns: int) -> None:
    limit = np.iinfo(np.int64).max
    bad = (table[:, FIRST:MASK] < 0).any(axis=1) | (table[:, FIRST] > limit - table[:, COUNT])
    bad |= table[:, MASK] >> columns != 0
    if bad.any():
        raise CorruptNetworkError(
            f"a segment of '{name}' is {table[bad][0].tolist()}; it must be a chunk, a first row,"
            f" a count and bits of {columns} columns"
        )
