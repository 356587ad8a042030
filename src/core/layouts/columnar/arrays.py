"""
Long arrays: rows that are added at the end, few at a time, and stored many at a time.

Rows past the last one that a table names are ignored, and overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from ....errors import CorruptNetworkError, NodeNotFoundError, ShapeError
from ....ports.arrays import AnyArray, ArrayReader, ArrayWriter, DType, GroupWriter
from ...min_max import min_max
from ...ranges import Bounds, coalesce, rows_of_ranges
from ...rows import Lengths, Rows
from .checksums import SetChecksums

# Rows are collected until they take this many bytes, then stored together.
_MOST_WAITING = 4 * 1024 * 1024
# Rows of zeros that are written at a time.
_MOST_BLANK = 1024 * 1024
# Arrays of at most this many bytes are rewritten in one piece, larger ones in several.
_MOST_AT_ONCE = 64 * 1024 * 1024


class LongArray:
    """
    An array of a group for the duration of a session, created when it gets its first rows.

    :param group: the group of the array.
    :param name: the name of the array.
    :param kinds: the dtypes that its rows may be stored as, the narrowest first.
    :param collection: the subgroup of ``group`` that the array belongs to, if any.
    :param attributes: the attributes of a new array.
    :param checksums: of the set, which gets those of written rows.
    :param column: what the checksums call the array, if not by its name.
    """

    _waiting_bytes = 0
    _length = 0
    _width: tuple[int, ...] = ()

    def __init__(
        self,
        group: GroupWriter,
        name: str,
        kinds: Sequence[DType],
        collection: str | None = None,
        attributes: Mapping[str, str] | None = None,
        checksums: SetChecksums | None = None,
        column: str | None = None,
    ) -> None:
        self._group = group
        self._name = name
        self._collection = collection
        self._attributes = attributes or {}
        self._kinds = kinds
        self._checksums = checksums
        self._column = name if column is None else column
        self._waiting: list[Rows] = []
        self._array = array = self._find()
        if array is None:
            self._dtype = kinds[0]
            return
        shape = array.shape
        self._length, self._width, self._dtype = shape[0], shape[1:], array.dtype
        if self._dtype.kind not in "biuf":
            raise CorruptNetworkError(f"'{name}' is of dtype '{self._dtype}'")

    @property
    def width(self) -> tuple[int, ...] | None:
        """Shape of a row; None if there never was any."""
        if self._waiting:
            return self._waiting[0].shape[1:]
        return None if self._array is None else self._width

    @property
    def length(self) -> int:
        """Number of rows, including those that are not written yet."""
        return self._length

    def put(self, first: int, rows: Rows, counts: Lengths | None = None) -> None:
        """
        Place rows at the end.

        What lies between the end and row ``first`` is filled with zeros, and what lies past
        it is dropped. The rows may not be changed any more.

        :param counts: of the parts that the rows consist of, if there may be many.
        """
        if not len(rows) and self.width is not None:
            return
        if rows.dtype != self._dtype:
            rows = self._fitting(rows)
        self._place(first, rows)
        checksums = self._checksums
        if checksums is None:
            return
        if counts is None:
            checksums.written(self._column, first, rows)
        else:
            checksums.blocks_written(self._column, first, counts, rows)

    def _place(self, first: int, rows: Rows) -> None:
        """As :meth:`put`, for rows that fit and that are noted by the caller."""
        if first != self._length:
            self._align(first, rows)
        self._waiting.append(rows)
        self._waiting_bytes += rows.nbytes
        self._length += len(rows)
        if self._waiting_bytes > _MOST_WAITING:
            self.write_out()

    def write_out(self) -> None:
        """Store the rows that wait."""
        if not self._waiting:
            return
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        rows = waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
        if self._array is None:
            self._array = self._create(self._name, rows)
        elif len(rows):
            self._array.append(rows)

    def read_ranges(self, starts: Bounds, stops: Bounds) -> Rows:
        """
        The rows of many ranges, one range after the other, as they are stored.

        Rows that wait are read where they are: reading changes nothing.

        :raises CorruptNetworkError: the rows do not exist.
        """
        if not self._waiting:
            return self._read_stored(starts, stops)
        held = self._length - sum(map(len, self._waiting))
        if self._array is not None and not np.count_nonzero(stops > held):
            return self._read_stored(starts, stops)
        return self._read_both(held, starts, stops)

    def _read_stored(self, starts: Bounds, stops: Bounds) -> Rows:
        array = self._array
        if array is None:
            raise CorruptNetworkError(f"a table refers to '{self._name}', which does not exist")
        try:
            return array.read_ranges(starts, stops)
        except ShapeError as error:
            raise self._missing_rows() from error

    def _read_both(self, held: int, starts: Bounds, stops: Bounds) -> Rows:
        """
        Rows of which some are stored, and some are not written yet.

        :param held: how many are stored.
        """
        if np.count_nonzero(stops > self._length):
            raise self._missing_rows()
        wanted = rows_of_ranges(starts, stops)
        rows = np.empty((len(wanted), *self._waiting[0].shape[1:]), dtype=self._dtype)
        stored = wanted < held
        if np.count_nonzero(stored):
            rows[stored] = self._read_stored(np.minimum(starts, held), np.minimum(stops, held))
        pieces: tuple[Rows, ...] = ()
        for piece in self._waiting:
            pieces = merge(pieces, piece)
        # This leaves few of them for the next reader.
        self._waiting = list(pieces)
        for piece in pieces:
            within = (wanted >= held) & (wanted < held + len(piece))
            rows[within] = piece[wanted[within] - held]
            held += len(piece)
        return rows

    def _missing_rows(self) -> CorruptNetworkError:
        return CorruptNetworkError(
            f"'{self._name}' has {self._length} rows, but a table refers to rows beyond them"
        )

    def scatter(self, starts: Bounds, counts: Lengths, rows: Rows) -> None:
        """
        Overwrite ranges, to which the rows belong one after the other.

        The rows may not be changed any more.
        """
        rows = self._fitting(rows)
        if len(starts) == 1:
            self._overwrite(starts.item(), rows)
            self._note_parts(starts, counts, rows)
            return
        stops = starts + counts
        if np.count_nonzero(starts[1:] < starts[:-1]):
            order = starts.argsort(kind="stable")
            offsets = counts.cumsum() - counts
            rows = rows[rows_of_ranges(offsets[order], (offsets + counts)[order])]
            starts, stops = starts[order], stops[order]
            counts = stops - starts
        begins, ends = coalesce(starts, stops)
        done = 0
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            self._overwrite(begin, rows[done : done + end - begin])
            done += end - begin
        self._note_parts(starts, counts, rows)

    def _note_parts(self, starts: Bounds, counts: Lengths, rows: Rows) -> None:
        if self._checksums is not None:
            self._checksums.parts_written(self._column, starts, counts, rows)

    def _overwrite(self, begin: int, rows: Rows) -> None:
        if begin + len(rows) > self._length:
            # Drops what was there from the first of them on, all of which they replace.
            self._place(begin, rows)
        elif len(rows):
            self.write_out()
            assert self._array is not None
            self._array.write(begin, rows)

    def blank(self, starts: Bounds, stops: Bounds) -> None:
        """
        Make the rows of many ranges zeros.

        Those past the end take no time: an array grows by zeros.
        """
        order = starts.argsort()
        begins, ends = coalesce(starts[order], stops[order])
        held = self._length
        for begin, end in zip(begins.tolist(), np.minimum(ends, held).tolist(), strict=True):
            for first in range(begin, end, _MOST_BLANK):
                rows = min(_MOST_BLANK, end - first)
                self._overwrite(first, np.zeros((rows, *self._width), dtype=self._dtype))
        last = int(ends[-1]) if len(ends) else 0
        if last > held:
            self._align(last, np.zeros((0, *self._width), dtype=self._dtype))
        if self._checksums is not None:
            for first, stop in zip(starts.tolist(), stops.tolist(), strict=True):
                self._checksums.zeros_written(self._column, first, stop - first)

    def empty(self) -> None:
        """Remove all rows."""
        self._note_dropped(0)
        self._waiting, self._waiting_bytes, self._length = [], 0, 0
        if self._array is not None:
            self._array.resize(0)

    def drop(self) -> None:
        """Remove the array; the next rows create it again."""
        self._note_dropped(0)
        self._waiting, self._waiting_bytes = [], 0
        stored, self._array, self._length = self._array is not None, None, 0
        if stored:
            self._parent().delete(self._name)
        self._dtype = self._kinds[0]

    def _find(self) -> ArrayWriter | None:
        group = self._group
        if self._collection is not None:
            if self._collection not in group:
                return None
            group = group.group(self._collection)
        try:
            return group.array(self._name)
        except NodeNotFoundError:
            return None

    def _parent(self) -> GroupWriter:
        if self._collection is None:
            return self._group
        return self._group.require_group(self._collection)

    def _create(self, name: str, rows: Rows, expected: int = 0) -> ArrayWriter:
        self._width = rows.shape[1:]
        array = self._parent().create_array(name, rows, expected=expected)
        for each, value in self._attributes.items():
            array.attributes.set(each, value)
        return array

    def _align(self, first: int, rows: Rows) -> ArrayWriter:
        """The array, as long as the first of these rows needs."""
        self.write_out()
        array = self._array
        if array is None:
            array = self._array = self._create(self._name, rows[:0], first + len(rows))
        if first != self._length:
            if first < self._length and self._checksums is not None:
                self._checksums.cut(self._column, first, array.read)
            array.resize(first)
            self._length = first
        return array

    def _note_dropped(self, first: int) -> None:
        if self._checksums is not None:
            self._checksums.dropped(self._column, first)

    def _fitting(self, rows: Rows) -> Rows:
        """The rows in the dtype of the array, which is widened if they need it."""
        if rows.dtype == self._dtype:
            return rows
        if len(self._kinds) > 1 and rows.size:
            low, high = min_max(rows)
            if not _holds(self._dtype, low, high):
                self._widen(next(kind for kind in self._kinds if self._suits(kind, low, high)))
        return rows.astype(self._dtype)

    def _suits(self, kind: DType, low: int, high: int) -> bool:
        return _holds(kind, low, high) and bool(np.can_cast(self._dtype, kind))

    def _widen(self, dtype: DType) -> None:
        """Rewrite the array in pieces; twice, as nothing can be renamed."""
        self.write_out()
        self._dtype = dtype
        if self._array is None:
            return
        held, parent = self._array, self._parent()
        room = self._length * int(np.prod(self._width, dtype=np.int64)) * dtype.itemsize
        if room <= _MOST_AT_ONCE:
            rows = held.read().astype(dtype)
            parent.delete(self._name)
            self._array = self._create(self._name, rows)
            return
        temporary = f"{self._name}.wider"
        self._copy(held, temporary)
        parent.delete(self._name)
        self._array = self._copy(parent.array(temporary), self._name)
        parent.delete(temporary)

    def _copy(self, source: ArrayReader, name: str) -> ArrayWriter:
        width = int(np.prod(self._width, dtype=np.int64))
        step = max(1, _MOST_AT_ONCE // (max(1, width) * self._dtype.itemsize))
        target = self._create(name, np.zeros((0, *self._width), self._dtype), self._length)
        for start in range(0, self._length, step):
            stop = min(start + step, self._length)
            target.append(source.read(start, stop).astype(self._dtype))
        return target


@cache
def _limits(kind: DType) -> tuple[int, int]:
    limits = np.iinfo(kind)
    return int(limits.min), int(limits.max)


def _holds(kind: DType, low: int, high: int) -> bool:
    if kind.kind == "b":
        return low >= 0 and high <= 1
    if kind.kind not in "iu":
        return True
    least, most = _limits(kind)
    return least <= low and high <= most


def narrowed(
    columns: Sequence[AnyArray], kinds: Sequence[DType], bounds: tuple[int, int]
) -> AnyArray:
    """
    Columns of integers side by side, in the first dtype that holds them.

    :param columns: (n,) each, n > 0; copied, as what they are parts of may be large.
    :param kinds: the narrowest first; the last holds them all.
    :param bounds: none of the integers is less or greater.
    """
    kind = kinds[0]
    if not _holds(kind, *bounds):
        lows, highs = zip(*map(min_max, columns), strict=True)
        kind = next(kind for kind in kinds if _holds(kind, min(lows), max(highs)))
    rows = np.empty((len(columns[0]), len(columns)), dtype=kind)
    for i, column in enumerate(columns):
        rows[:, i] = column
    return rows


def merge(pieces: tuple[AnyArray, ...], rows: AnyArray) -> tuple[AnyArray, ...]:
    """Pieces of one array with rows added; there stay few pieces, and little is copied."""
    while pieces and len(pieces[-1]) < 2 * len(rows):
        rows = np.concatenate((pieces[-1], rows))
        pieces = pieces[:-1]
    return (*pieces, rows)
