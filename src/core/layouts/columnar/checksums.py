"""
Checksums of the stored rows of a set: an array of records beside its table.

A record consists of the number of a column, a first row, a number of rows, and their check: the
CRC-32 of their bytes, and above it the bytes of a value. Records are only appended; a later record
of a column replaces earlier ones of the same rows.

The latest records wait in an attribute, which is faster to change, until there are too many. The
attribute also holds their number, the revision of the set before the first of them, and the current
revision. Then the records are appended to the array, followed by a stamp with both revisions. If a
revision differs from that of the previous stamp or of the set, a writer without checksums has
changed rows, and all records before are void.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from ....errors import CorruptNetworkError, NodeNotFoundError
from ....ports.arrays import AnyArray, AttributeReader, GroupReader, GroupWriter
from ...rows import Lengths, Rows
from ..optional_verbs import lacks_checks
from .groups import SetGroup

CHECKSUMS = "checksums"
RECENT = "recent_checksums"
WIDTH = 4
COLUMN, FIRST, COUNT, CHECK = range(WIDTH)
# The column of a stamp.
_STAMP = -1
# The number of rows of a record that makes all before it from its first row on void.
_VOID = -1
# The check of rows that are all zeros.
_ZEROS = -1
# Blocks are checked together until they have this many rows.
_LEAST_TOGETHER = 2048
_CRC_BITS = 32
# Numbers before the records of the attribute, and how many records it has at most.
_HEAD = 3
_MOST = 8

Note = Callable[[int, int, int], None]


class RowNotes:
    """
    What a session notes of the rows of one column.

    :param note: is given the first row, the number of rows, and their check.
    """

    __slots__ = ("_note",)

    def __init__(self, note: Note) -> None:
        self._note = note

    def written(self, first: int, rows: Rows) -> None:
        """Rows were written, from one on."""
        if len(rows):
            self._note(first, len(rows), check_of(rows))

    def parts_written(self, first: int, counts: Lengths, rows: Rows) -> None:
        """As :meth:`written`, for rows of which many small parts follow each other."""
        if len(rows) <= _LEAST_TOGETHER:
            self.written(first, rows)
            return
        ends = counts.cumsum()
        begin = 0
        while begin < len(rows):
            wanted = int(ends.searchsorted(begin + _LEAST_TOGETHER))
            end = int(ends[min(wanted, len(ends) - 1)])
            self.written(first + begin, rows[begin:end])
            begin = end

    def zeros_written(self, first: int, count: int) -> None:
        """Rows are zeros, from one on."""
        if count:
            self._note(first, count, _ZEROS)

    def dropped(self, first: int) -> None:
        """There are no rows any more from one on."""
        self._note(first, _VOID, 0)


def check_of(rows: Rows) -> int:
    """The check of rows."""
    # The same on every machine.
    plain = np.ascontiguousarray(rows, dtype=rows.dtype.newbyteorder("<"))
    return zlib.crc32(plain.data) | rows.dtype.itemsize << _CRC_BITS


def key_of(part: str, name: str) -> Hashable:
    """The key in the cache of the last records of a set."""
    return "columnar checksums", part, name


@attrs.frozen
class _Recent:
    """
    The last records of a set.

    :param before: revision of the set before them.
    :param after: with them.
    :param numbers: of the records, one after the other.
    """

    before: int
    after: int
    numbers: Sequence[int]

    @classmethod
    def read(cls, attributes: AttributeReader) -> _Recent | None:
        value = attributes.get(RECENT)
        if not isinstance(value, np.ndarray) or value.shape != (_HEAD + _MOST * WIDTH,):
            return None
        count, before, after, *numbers = value.tolist()
        return cls(before, after, numbers[: max(0, count) * WIDTH])

    @property
    def is_full(self) -> bool:
        return len(self.numbers) > _MOST * WIDTH

    @property
    def value(self) -> NDArray[np.int64]:
        """What the attribute holds."""
        value = np.zeros(_HEAD + _MOST * WIDTH, dtype=np.int64)
        value[0] = len(self.numbers) // WIDTH
        value[1], value[2] = self.before, self.after
        value[_HEAD : _HEAD + len(self.numbers)] = self.numbers
        return value


def prepare_checksums(group: GroupWriter) -> None:
    """Prepare the attribute that every session on a set changes."""
    if lacks_checks(group):
        group.attributes.set(RECENT, _Recent(0, 0, []).value)


class SetChecksums:
    """
    The checksums of a set, to be stored at the end of a session.

    Backends that check what they read keep none.
    """

    def __init__(self, place: SetGroup) -> None:
        self._place = place
        self._key = key_of(place.part, place.name)
        self._new: list[tuple[str, int, int, int]] = []
        self._kept: bool | None = None

    def of(self, column: str) -> RowNotes | None:
        """What records the checksums of a column; None if none are kept."""
        if self._kept is None:
            self._kept = lacks_checks(self._place.group)
        if not self._kept:
            return None
        new = self._new
        return RowNotes(lambda first, count, check: new.append((column, first, count, check)))

    def store(self, columns: Mapping[str, int], before: int, after: int) -> None:
        """
        Store what was noted, at the end of a session.

        :param columns: number of each column.
        :param before: revision of the set when the session began.
        :param after: its revision now.
        """
        if self._kept is None:
            self._kept = lacks_checks(self._place.group)
        if not self._kept:
            return
        new = [number for column, *rest in self._new for number in (columns[column], *rest)]
        self._new.clear()
        attributes, cache = self._place.attributes, self._place.network.cache
        recent: _Recent | None = cache.get(self._key) or _Recent.read(attributes)
        if recent is None or recent.after != before:
            recent = _Recent(before, before, [])
        recent = _Recent(recent.before, after, [*recent.numbers, *new])
        if recent.is_full:
            self._append(recent)
            recent = _Recent(after, after, [])
        attributes.set(RECENT, recent.value)
        cache.put(self._key, recent)

    def _append(self, recent: _Recent) -> None:
        stamp = [_STAMP, recent.before, recent.after, 0]
        rows = np.array([*recent.numbers, *stamp], dtype=np.int64).reshape(-1, WIDTH)
        group = self._place.group
        try:
            array = group.array(CHECKSUMS)
        except NodeNotFoundError:
            group.create_array(CHECKSUMS, rows)
        else:
            array.append(rows)


@attrs.frozen
class CheckedRows:
    """
    Rows of a column that were stored with a checksum, and not changed since.

    :param check: of all of them; negative if they are zeros.
    """

    first: int
    end: int
    check: int

    def part(self, first: int, end: int) -> list[CheckedRows]:
        """What is known of the rows before another's end and after its first, if anything is."""
        if self.check != _ZEROS or first >= end:
            return []
        return [attrs.evolve(self, first=first, end=end)]

    def holds(self, rows: AnyArray) -> bool:
        """
        Whether rows are those that were stored.

        They may be stored in more bytes meanwhile.
        """
        if self.check == _ZEROS:
            return not np.count_nonzero(rows)
        size = self.check >> _CRC_BITS
        if rows.dtype.itemsize == size:
            return check_of(rows) == self.check
        try:
            narrow = rows.astype(np.dtype(f"{rows.dtype.kind}{size}"))
        except TypeError:
            return False
        return bool(np.array_equal(narrow.astype(rows.dtype), rows)) and (
            check_of(narrow) == self.check
        )


def checked_rows(group: GroupReader, revision: int) -> dict[int, list[CheckedRows]]:
    """
    The rows of a set whose checksum is known, by column, ascending and apart.

    :param revision: of the set.
    :raises CorruptNetworkError: the array of checksums is damaged.
    """
    recent = _Recent.read(group.attributes)
    if recent is None or recent.after != revision:
        return {}
    last = np.array(recent.numbers, dtype=np.int64).reshape(-1, WIDTH)
    return _without_replaced(np.concatenate((_appended(group, recent.before), last)))


def _appended(group: GroupReader, revision: int) -> NDArray[np.int64]:
    """
    The records of the array that are not void.

    :param revision: of the set before those that are not there yet.
    """
    nothing = np.zeros((0, WIDTH), dtype=np.int64)
    try:
        array = group.array(CHECKSUMS)
    except NodeNotFoundError:
        return nothing
    if array.shape[1:] != (WIDTH,) or array.dtype != np.int64:
        raise CorruptNetworkError(
            f"'{CHECKSUMS}' has shape {array.shape} and dtype '{array.dtype}'; it must be"
            f" (n, {WIDTH}) int64"
        )
    records: NDArray[np.int64] = array.read()
    stamps = np.flatnonzero(records[:, COLUMN] == _STAMP)
    if not len(stamps) or stamps[-1] != len(records) - 1 or records[-1, COUNT] != revision:
        return nothing
    before, after = records[stamps, FIRST], records[stamps, COUNT]
    breaks = np.flatnonzero(before[1:] != after[:-1])
    return records[int(stamps[breaks[-1]]) + 1 if len(breaks) else 0 :]


def _without_replaced(records: NDArray[np.int64]) -> dict[int, list[CheckedRows]]:
    kept: dict[int, _Apart] = {}
    for column, first, count, check in records.tolist():
        if column == _STAMP:
            continue
        apart = kept.setdefault(column, _Apart())
        if count == _VOID:
            apart.drop(first)
        elif first < 0 or count < 1:
            raise CorruptNetworkError(f"a record of '{CHECKSUMS}' is of {count} rows from {first}")
        else:
            apart.add(CheckedRows(first, first + count, check))
    return {column: apart.rows for column, apart in kept.items()}


class _Apart:
    """Ranges that do not overlap, ascending."""

    def __init__(self) -> None:
        self.rows: list[CheckedRows] = []
        self._firsts: list[int] = []

    def add(self, new: CheckedRows) -> None:
        begin, end = self._overlapping(new.first, new.end)
        replaced = self.rows[begin:end]
        left = replaced[0].part(replaced[0].first, new.first) if replaced else []
        right = replaced[-1].part(new.end, replaced[-1].end) if replaced else []
        self._replace(begin, end, [*left, new, *right])

    def drop(self, first: int) -> None:
        begin, end = self._overlapping(first, np.iinfo(np.int64).max)
        replaced = self.rows[begin:end]
        self._replace(begin, end, replaced[0].part(replaced[0].first, first) if replaced else [])

    def _overlapping(self, first: int, end: int) -> tuple[int, int]:
        begin = bisect_right(self._firsts, first) - 1
        if begin < 0 or self.rows[begin].end <= first:
            begin += 1
        return begin, max(begin, bisect_left(self._firsts, end))

    def _replace(self, begin: int, end: int, rows: Sequence[CheckedRows]) -> None:
        self.rows[begin:end] = rows
        self._firsts[begin:end] = [each.first for each in rows]


def damaged(
    rows: Iterable[CheckedRows], read: Callable[[int, int], AnyArray], most: int
) -> Iterator[CheckedRows]:
    """
    Those that are not as they were stored.

    :param rows: ascending and apart.
    :param read: rows of the column, from one on to another.
    :param most: rows in memory at a time, unless there are more in one range.
    """
    waiting: list[CheckedRows] = []
    for each in rows:
        if waiting and (each.first != waiting[-1].end or each.end - waiting[0].first > most):
            yield from _damaged_among(waiting, read)
            waiting = []
        waiting.append(each)
    if waiting:
        yield from _damaged_among(waiting, read)


def _damaged_among(
    ranges: Sequence[CheckedRows], read: Callable[[int, int], AnyArray]
) -> Iterator[CheckedRows]:
    first = ranges[0].first
    rows = read(first, ranges[-1].end)
    for each in ranges:
        if not each.holds(rows[each.first - first : each.end - first]):
            yield each
