"""Arrays and documents: the methods of a backend, and defaults that are made of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...core.ranges import check_ranges, coalesce, take_ranges
from ...core.validation import as_numbers_of
from ...errors import DtypeError, ShapeError
from ...ports.arrays import AnyArray, AttributeReader, AttributeWriter, DType

# Ranges are read in one piece, and what lies between them is dropped, if all of it is at most this
# many times what was asked for, or this many bytes.
_MOST_SURPLUS = 4
_LEAST_HULL = 1 << 20
# Bytes of zeros that an array is extended with at a time.
_MOST_ZEROS = 1 << 24
# Kinds of dtypes: numbers, and texts, records and objects.
_NUMBERS = "biuf"
_NO_NUMBERS = "SUVO"


class Array(ABC):
    """
    Rows, to read.

    A backend reads one range of rows.
    """

    kind: ClassVar[str] = "array"

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Number of rows, and shape of each."""

    @property
    @abstractmethod
    def dtype(self) -> DType: ...

    @property
    @abstractmethod
    def attributes(self) -> AttributeReader: ...

    @abstractmethod
    def _read(self, start: int, stop: int, /) -> AnyArray:
        """
        Some rows, as a copy that the caller may change.

        :param start: first row; ``0 <= start < stop <= shape[0]``.
        """

    def read(self, start: int = 0, stop: int | None = None, /) -> AnyArray:
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        return self._read(start, stop) if start < stop else self._no_rows()

    def read_ranges(self, starts: NDArray[np.int64], stops: NDArray[np.int64], /) -> AnyArray:
        check_ranges(starts, stops, self.shape[0])
        return self._read_merged(*coalesce(starts, stops))

    def _read_merged(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> AnyArray:
        """The rows of ranges that are not empty, and of which none begins where the last ends."""
        if len(first) <= 1:
            return self._read(int(first[0]), int(last[0])) if len(first) else self._no_rows()
        total = int((last - first).sum())
        low, high = int(first.min()), int(last.max())
        hull = high - low
        if hull <= _MOST_SURPLUS * total or hull * _row_bytes(self._no_rows()) <= _LEAST_HULL:
            return take_ranges(self._read(low, high), first - low, last - low)
        return self._read_apart(first, last)

    def _read_apart(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> AnyArray:
        """The rows of ranges that lie far apart."""
        rows, end = self._room(int((last - first).sum())), 0
        for start, stop in zip(first.tolist(), last.tolist(), strict=True):
            rows[end : end + stop - start] = self._read(start, stop)
            end += stop - start
        return rows

    def _no_rows(self) -> AnyArray:
        return self._room(0)

    def _room(self, rows: int) -> AnyArray:
        """Room for rows of the array."""
        return np.empty((rows, *self.shape[1:]), dtype=self.dtype)


class ArrayWriter(Array):
    """
    Rows that can be changed.

    A backend adds rows at the end, and drops rows there. One that can overwrite rows in their
    place does so in ``_overwrite``; without, the rows from the first one on are written again. One
    that can add zeros without writing them does so in ``_extend``.
    """

    @property
    @abstractmethod
    def attributes(self) -> AttributeWriter: ...

    @abstractmethod
    def _append(self, rows: AnyArray, /) -> None:
        """
        Add rows at the end.

        :param rows: at least one, of the shape and dtype of the array.
        """

    @abstractmethod
    def _cut(self, rows: int, /) -> None:
        """
        Drop all rows but the first ones.

        :param rows: to keep, fewer than there are.
        """

    def append(self, rows: AnyArray, /) -> None:
        fitting = self._fitting(rows)
        if len(fitting):
            self._append(fitting)

    def write(self, start: int, rows: AnyArray, /) -> None:
        fitting, length = self._fitting(rows), self.shape[0]
        if start < 0 or start + len(fitting) > length:
            raise ShapeError(
                f"{len(fitting)} rows from row {start} on do not lie within the {length} rows of"
                " the array"
            )
        if len(fitting):
            self._overwrite(start, fitting)

    def resize(self, rows: int, /) -> None:
        length = self.shape[0]
        if rows < 0:
            raise ShapeError(f"an array can't have {rows} rows; it has {length}")
        if rows < length:
            self._cut(rows)
        elif rows > length:
            self._extend(rows)

    def _extend(self, rows: int, /) -> None:
        """Add rows of zeros, until there are as many as this."""
        empty, length = self._no_rows(), self.shape[0]
        width, most = empty.shape[1:], max(1, _MOST_ZEROS // max(1, _row_bytes(empty)))
        while length < rows:
            added = min(rows - length, most)
            self._append(np.zeros((added, *width), dtype=empty.dtype))
            length += added

    def _overwrite(self, start: int, rows: AnyArray, /) -> None:
        """Replace rows, which lie within the array, at least one."""
        rest = self.read(start + len(rows))
        self._cut(start)
        self._append(np.concatenate((rows, rest), dtype=self.dtype) if len(rest) else rows)

    def _fitting(self, rows: AnyArray) -> AnyArray:
        """
        Rows converted to the dtype of the array.

        :raises ShapeError: their shape does not fit the array.
        :raises DtypeError: the dtype can't hold them.
        """
        fitting, shape, dtype = np.asarray(rows), self.shape, self.dtype
        if not fitting.ndim or fitting.shape[1:] != shape[1:]:
            raise ShapeError(f"rows of shape {fitting.shape} don't fit an array of {shape}")
        return fitting if fitting.dtype == dtype else _converted(fitting, dtype)


def _converted(rows: AnyArray, dtype: DType) -> AnyArray:
    if rows.dtype.kind in _NUMBERS and dtype.kind in _NUMBERS:
        return as_numbers_of(dtype, rows, "the rows")
    if rows.dtype.kind in _NUMBERS and dtype.kind in _NO_NUMBERS:
        raise DtypeError(f"an array of '{dtype}' can't hold numbers", found=str(rows.dtype))
    try:
        return rows.astype(dtype)
    except (TypeError, ValueError) as error:
        raise DtypeError(f"an array of '{dtype}' can't hold the rows: {error}") from error


def _row_bytes(rows: AnyArray) -> int:
    return int(np.prod(rows.shape[1:])) * rows.itemsize


class Document(ABC):
    """A byte string, to read."""

    kind: ClassVar[str] = "document"

    @property
    @abstractmethod
    def attributes(self) -> AttributeReader: ...

    @abstractmethod
    def read(self) -> bytes:
        """The content, every byte of it."""


class DocumentWriter(Document):
    """A byte string that was written."""

    @property
    @abstractmethod
    def attributes(self) -> AttributeWriter: ...
