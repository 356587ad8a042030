"""
Checksums of the stored rows of a set: the latest in its tally, the others in an array.

A record consists of the number of a column, a first row, a number of rows, and their check: the
lowest bits of XXH3 of their bytes, and above them the bytes of a value. Records are only
appended; a later record of a column replaces earlier ones of the same rows.

The latest records wait in the tally, which nearly every session changes anyway, until there are too
many. The tally also holds their number, the revision of the set before the first of them, and the
current revision. Then the records are appended to the array, followed by a stamp with both
revisions. If a revision differs from that of the previous stamp or of the set, a writer without
checksums has changed rows, and all records before are void.
"""

from __future__ import annotations

import struct
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain

import attrs
import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from ....errors import CorruptNetworkError, NodeNotFoundError
from ....ports.arrays import AnyArray, GroupReader, GroupWriter
from ...rows import Lengths, Rows
from ..history import read_history
from ..optional_verbs import lacks_checks
from .groups import TALLY, SetGroup

CHECKSUMS = "checksums"
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
# Bits of XXH3 in a check.
_HASH_BITS = 56
_HASH_MASK = (1 << _HASH_BITS) - 1
_IS_LITTLE_ENDIAN = sys.byteorder == "little"
# Numbers before the records of a tally, and how many records it has at most.
_HEAD = 3
_MOST = 32
_SIZE = _HEAD + _MOST * WIDTH
_INTEGER = 8


def check_of(rows: Rows) -> int:
    """The check of rows, which is the same on every machine."""
    # perf: append 50 cells; converting takes longer than the hash of some hundred rows.
    if not (_IS_LITTLE_ENDIAN and rows.dtype.isnative and rows.flags.c_contiguous):
        rows = _plain(rows)
    return xxh3_64_intdigest(rows.data) & _HASH_MASK | rows.itemsize << _HASH_BITS


def _plain(rows: Rows) -> Rows:
    return np.ascontiguousarray(rows, dtype=rows.dtype.newbyteorder("<"))


@attrs.frozen(eq=False, slots=False)
class RecentRecords:
    """
    The latest records of a set.

    :param before: revision of the set before them; ``after``, with them.
    :param data: their numbers, as bytes.
    """

    before: int
    after: int
    data: bytes = b""

    @classmethod
    def of(cls, tally: object) -> RecentRecords | None:
        """The checksums of a tally; None if it has none."""
        if not isinstance(tally, np.ndarray) or tally.dtype != np.int64:
            return None
        if tally.ndim != 1 or len(tally) <= _SIZE or not 0 <= tally[-_SIZE] <= _MOST:
            return None
        begin = len(tally) - _SIZE
        count, before, after = tally[begin : begin + _HEAD].tolist()
        begin += _HEAD
        return cls(before, after, tally[begin : begin + count * WIDTH].tobytes())

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self.data) // (WIDTH * _INTEGER)

    @property
    def size(self) -> int:
        """How many numbers of the tally are theirs."""
        return _SIZE

    @property
    def records(self) -> NDArray[np.int64]:
        """(n, 4), not to be changed."""
        return np.frombuffer(self.data, np.int64).reshape(-1, WIDTH)

    def as_bytes(self) -> bytes:
        """
        As the tally holds them after its sums.

        How many records, the revision of the set before them and with them, the records, and zeros
        in place of those that may follow.
        """
        numbers = integers_as_bytes(self.count, self.before, self.after) + self.data
        return numbers.ljust(_SIZE * _INTEGER, b"\0")


def integers_as_bytes(*numbers: int) -> bytes:
    """The bytes of int64."""
    # perf: 100 more each; numpy takes several times as long to make an array of a few.
    return struct.pack(f"{len(numbers)}q", *numbers)


class SetChecksums:
    """
    The checksums of the rows that a session writes to a set.

    Backends that check what they read keep none.

    :param numbers: finds the numbers of the columns that are stored.
    """

    _kept: bool | None = None

    def __init__(self, place: SetGroup, numbers: Callable[[], Mapping[str, int]]) -> None:
        self._place = place
        self._numbers = numbers
        # Column, first row, number of rows and check.
        self._new: list[tuple[str, int, int, int]] = []

    @property
    def are_kept(self) -> bool:
        """Whether the backend needs them."""
        if self._kept is None:
            self._kept = lacks_checks(self._place.group)
        return self._kept

    def written(self, column: str, first: int, rows: Rows) -> None:
        """Rows of a column were written, from one on."""
        if len(rows) and (self.are_kept if self._kept is None else self._kept):
            self._new.append((column, first, len(rows), check_of(rows)))

    def blocks_written(self, column: str, first: int, counts: Lengths, rows: Rows) -> None:
        """As :meth:`written`, for rows of which many small parts follow each other."""
        if len(rows) <= _LEAST_TOGETHER:
            self.written(column, first, rows)
            return
        ends = counts.cumsum()
        begin = 0
        while begin < len(rows):
            wanted = int(ends.searchsorted(begin + _LEAST_TOGETHER))
            end = int(ends[min(wanted, len(ends) - 1)])
            self.written(column, first + begin, rows[begin:end])
            begin = end

    def parts_written(self, column: str, firsts: Lengths, counts: Lengths, rows: Rows) -> None:
        """Rows of a column were written in parts, each of which may be replaced by itself."""
        if not len(rows) or not self.are_kept:
            return
        # perf: label 25 cells; a part of an array takes longer to make than its hash.
        plain = _plain(rows)
        data = plain.data.cast("B") if plain.nbytes else memoryview(b"")
        size = plain.nbytes // len(plain)
        width, done = plain.itemsize << _HASH_BITS, 0
        for first, count in zip(firsts.tolist(), counts.tolist(), strict=True):
            end = done + count * size
            if count:
                check = xxh3_64_intdigest(data[done:end]) & _HASH_MASK | width
                self._new.append((column, first, count, check))
            done = end

    def zeros_written(self, column: str, first: int, count: int) -> None:
        """Rows of a column are zeros, from one on."""
        if count and self.are_kept:
            self._new.append((column, first, count, _ZEROS))

    def dropped(self, column: str, first: int) -> None:
        """There are no rows of a column any more from one on."""
        if self.are_kept:
            self._new.append((column, first, _VOID, 0))

    def cut(self, column: str, first: int, read: Callable[[int, int], AnyArray]) -> None:
        """
        Rows of a column are about to be dropped from one on.

        Those before it that have a checksum in common with some of them get one of their own; if
        any of these are damaged, it is a wrong one.

        :param read: rows of the column, from one on to another.
        """
        if not self.are_kept:
            return
        whole = self._across(column, first)
        self.dropped(column, first)
        if whole is not None:
            rows = read(whole.first, whole.end)
            kept = first - whole.first
            check = check_of(rows[:kept])
            self._new.append((column, whole.first, kept, check ^ (not whole.holds(rows))))

    def _across(self, column: str, row: int) -> CheckedRows | None:
        """The rows before and after the beginning of one that have a checksum in common, if any."""
        # A column without a number is new.
        number = self._numbers().get(column, -1)
        revision = read_history(self._place.attributes).revision or 0
        apart = _Apart(checked_rows(self._place.group, revision).get(number, ()))
        for name, first, count, check in self._new:
            if name == column:
                apart.note(first, count, check)
        return apart.across(row)

    def advance(
        self, recent: RecentRecords | None, columns: Mapping[str, int], before: int, after: int
    ) -> RecentRecords | None:
        """
        Add what was written to the latest records, at the end of a session.

        If these become too many, all are appended to the array.

        :param recent: the latest records when the session began; None if there were none.
        :param columns: number of each column.
        :param before: revision of the set when the session began.
        :param after: its revision now.
        :returns: the latest records, to be stored in the tally; None if none are kept.
        """
        if not self.are_kept:
            return None
        new = [(columns[name], first, count, check) for name, first, count, check in self._new]
        self._new.clear()
        if recent is None or recent.after != before:
            recent = RecentRecords(before, before)
        more = RecentRecords(recent.before, after, recent.data + integers_as_bytes(*chain(*new)))
        if more.count <= _MOST:
            return more
        self._append(more)
        return RecentRecords(after, after)

    def _append(self, recent: RecentRecords) -> None:
        stamp = [[_STAMP, recent.before, recent.after, 0]]
        rows = np.concatenate((recent.records, np.array(stamp, dtype=np.int64)))
        group = self._place.group
        try:
            array = group.array(CHECKSUMS)
        except NodeNotFoundError:
            group.create_array(CHECKSUMS, rows)
        else:
            array.append(rows)


def recent_of_new_set(group: GroupWriter) -> RecentRecords | None:
    """The latest records of a set that has no rows yet; None if none are kept."""
    return RecentRecords(0, 0) if lacks_checks(group) else None


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
        size = self.check >> _HASH_BITS
        if rows.dtype.itemsize == size:
            return check_of(rows) == self.check
        # Integers without sign become some with one where they get the most bytes.
        kinds = "iu" if rows.dtype.kind in "iu" else rows.dtype.kind
        return any(self._holds_as(f"{kind}{size}", rows) for kind in kinds)

    def _holds_as(self, dtype: str, rows: AnyArray) -> bool:
        """Whether rows have the checksum in a dtype of fewer bytes, and are the same in it."""
        try:
            narrow = rows.astype(dtype)
        except TypeError:
            return False
        return bool(np.array_equal(narrow, rows)) and check_of(narrow) == self.check


def checked_rows(group: GroupReader, revision: int) -> dict[int, list[CheckedRows]]:
    """
    The rows of a set whose checksum is known, by column, ascending and apart.

    :param revision: revision of the set.
    :raises CorruptNetworkError: the array of checksums is damaged.
    """
    recent = RecentRecords.of(group.attributes.get(TALLY))
    if recent is None or recent.after != revision:
        return {}
    return _without_replaced(np.concatenate((_appended(group, recent.before), recent.records)))


def _appended(group: GroupReader, revision: int) -> NDArray[np.int64]:
    """
    The records of the array that are not void.

    :param revision: revision of the set before those that are not there yet.
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
        if count != _VOID and (first < 0 or count < 1):
            raise CorruptNetworkError(f"a record of '{CHECKSUMS}' is of {count} rows from {first}")
        kept.setdefault(column, _Apart()).note(first, count, check)
    return {column: apart.rows for column, apart in kept.items()}


class _Apart:
    """Ranges that do not overlap, ascending."""

    def __init__(self, rows: Iterable[CheckedRows] = ()) -> None:
        self.rows = list(rows)
        self._firsts = [each.first for each in self.rows]

    def note(self, first: int, count: int, check: int) -> None:
        """Take in a record."""
        if count == _VOID:
            self.drop(first)
        else:
            self.add(CheckedRows(first, first + count, check))

    def across(self, row: int) -> CheckedRows | None:
        """What begins before a row and ends after its beginning, and can't be divided."""
        place = bisect_left(self._firsts, row) - 1
        found = self.rows[place] if place >= 0 else None
        return found if found and found.end > row and found.check != _ZEROS else None

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
