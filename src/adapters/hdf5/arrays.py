"""Arrays of an HDF5 file, through h5py's low-level calls."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Protocol

import numpy as np
from h5py import h5a, h5d, h5i, h5p, h5s
from numpy.typing import NDArray

from ...errors import CorruptNetworkError, StoreIOError
from ...ports.arrays import AnyArray, DType
from ..native.arrays import Array, ArrayWriter
from .attributes import Hdf5Attributes, Hdf5AttributesWriter, native_type
from .context import Context, OpenObject
from .h5_types import H5Object
from .places import RowPlaces

# HDF5 stores growable arrays in pieces of equal size: as large as the first rows, between
# these limits.
_LEAST_BYTES = 512
_MOST_BYTES = 64 * 1024
# Bytes of a compressed array that HDF5 may cache: some of the largest pieces.
_MOST_UNPACKED_BYTES = 128 * 1024
PIECE_SLOTS = 31
"""Places for pieces of an array in memory; a prime."""
# An array of more pieces than this is rewritten in larger ones.
_MOST_PIECES = 64

# Finding the positions of rows takes as long as this many reads, and one more per so many bytes.
_FEW_READS = 8
_BYTES_OF_A_READ = 512 * 1024

# Rows of more than this many bytes, and more than this many times the size of the file, are
# implausible: no filter of HDF5 compresses real values so tightly.
_MOST_UNQUESTIONED = 1 << 30
_MOST_PACKED = 4096

# HDF5 decompresses whole chunks. They may have this many bytes, times what was asked for, or times
# the size of the file.
_MOST_OF_PIECE = 1 << 25
_MOST_SURPLUS = 4
_MOST_UNPACKED = 8

# The level of zlib; higher levels save almost nothing.
_EFFORT = 1


def _of_compressed() -> H5Object:
    """How HDF5 opens a compressed array: it unpacks its pieces once, and holds them in memory."""
    properties = h5p.create(h5p.DATASET_ACCESS)
    # Arrays stay open, so the caches of all of them add up.
    properties.set_chunk_cache(PIECE_SLOTS, _MOST_UNPACKED_BYTES, 0.75)
    return properties


COMPRESSED = _of_compressed()


class Hdf5Array(Array):
    """A dataset of numbers, to read."""

    def __init__(self, member: OpenObject, name: str, context: Context) -> None:
        self._member = member
        self._name = name
        self._context = context

    @property
    def _id(self) -> H5Object:
        return self._member.id

    @property
    def shape(self) -> tuple[int, ...]:
        shape = self._member.shape
        # Callers may change it through objects of h5py.
        if shape is None or self._context.shared:
            with self._context.translated():
                shape = self._member.shape = self._id.shape
        return shape

    @property
    def dtype(self) -> DType:
        dtype = self._member.dtype
        if dtype is None:
            with self._context.translated():
                dtype = self._member.dtype = self._id.dtype
        return dtype

    @property
    def attributes(self) -> Hdf5Attributes:
        return Hdf5Attributes(self._member, self._context)

    @property
    def stored_bytes(self) -> int:
        with self._context.translated():
            return int(self._id.get_storage_size())

    def _read(self, start: int, stop: int) -> AnyArray:
        with self._context.translated():
            rows = self._room(stop - start)
            self._check_piece(rows.nbytes)
            if rows.size and len(rows) == self.shape[0]:
                self._id.read(h5s.ALL, h5s.ALL, rows, native_type(rows.dtype))
            elif rows.size:
                where = self._rows(start, rows.shape)
                self._id.read(_space(rows.shape), where, rows, native_type(rows.dtype))
            return rows

    def _read_merged(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> AnyArray:
        total = int((last - first).sum())
        if len(first) > 1 or (total and self._admit_place(total)):
            with self._context.translated():
                places, content = self._places(), self._context.source
                if places is not None and content is not None:
                    self._check_claim((total, *self.shape[1:]), self.dtype)
                    return places.read(content, first, last)
        return super()._read_merged(first, last)

    def _admit_place(self, rows: int) -> bool:
        """
        Count a read of rows that follow each other, and say whether it is made below HDF5.

        There it takes half the time, once it is known where the rows lie, which takes as long to
        find as many reads through HDF5.
        """
        member = self._member
        if member.places is not None or rows * self._row_bytes > _MOST_BYTES:
            return True
        member.reads += 1
        return member.reads > _FEW_READS + self.shape[0] * self._row_bytes // _BYTES_OF_A_READ

    def _places(self) -> RowPlaces | None:
        """Where the rows lie; None if that is not known, or HDF5 may hold what was written."""
        if self._context.source is None:
            return None
        if self._member.places is None:
            self._member.places = RowPlaces.find(self._id, self.shape, self.dtype)
        return self._member.places if self._member.places.are_known else None

    def check_claim(self) -> None:
        """
        Check that there may be as many values as the dataset says.

        :raises CorruptNetworkError: the file is too small for them.
        """
        self._check_claim(self.shape, self.dtype)

    def _check_claim(self, shape: tuple[int, ...], dtype: DType) -> None:
        """
        Check that there may be as many values as the dataset says.

        Only of the rows that are read: others may never have been written, and take no space.
        """
        claimed = prod(shape) * dtype.itemsize
        if claimed <= _MOST_UNQUESTIONED:
            return
        held = h5i.get_file_id(self._id).get_filesize()
        if claimed > _MOST_PACKED * held:
            raise CorruptNetworkError(
                f"'{self._name}' claims to hold {claimed} bytes, in a file of {held}"
            )

    def _check_piece(self, asked: int) -> None:
        """
        Check that HDF5 need not unpack far more than is asked for, and than the file holds.

        :param asked: bytes.
        """
        if self._member.piece_bytes is None:
            properties = self._id.get_create_plist()
            is_packed = properties.get_layout() == h5d.CHUNKED and properties.get_nfilters()
            values = prod(properties.get_chunk()) if is_packed else 0
            self._member.piece_bytes = values * self.dtype.itemsize
        piece = self._member.piece_bytes
        if piece <= _MOST_OF_PIECE or piece <= _MOST_SURPLUS * asked:
            return
        held = h5i.get_file_id(self._id).get_filesize()
        if piece > _MOST_UNPACKED * held:
            raise CorruptNetworkError(
                f"'{self._name}' is stored in pieces of {piece} bytes, in a file of {held};"
                f" {asked} bytes were to be read"
            )

    def _room(self, rows: int) -> AnyArray:
        """
        Room for rows of the dataset.

        :raises CorruptNetworkError: the dataset does not hold rows of numbers, or not so many.
        """
        shape, dtype = self.shape, self.dtype
        if not shape or dtype.kind not in "biuf":
            raise CorruptNetworkError(
                f"'{self._name}' has shape {shape} and dtype '{dtype}';"
                " an array consists of rows of numbers"
            )
        asked = rows, *shape[1:]
        self._check_claim(asked, dtype)
        try:
            return np.empty(asked, dtype=dtype)
        except MemoryError as error:
            raise StoreIOError(
                f"there is not enough memory for rows of '{self._name}': {error}"
            ) from error

    @property
    def _row_bytes(self) -> int:
        return prod(self.shape[1:]) * self.dtype.itemsize

    def _rows(self, start: int, shape: tuple[int, ...]) -> H5Object:
        # perf: append 50 cells; h5py takes longer to make a space than to select from it.
        space = self._member.space
        if space is None or self._context.shared:
            space = self._member.space = self._id.get_space()
        space.select_hyperslab((start,) + (0,) * (len(shape) - 1), shape)
        return space


class DatasetParent(Protocol):
    """The group that an array is in."""

    def replace_dataset(
        self, name: str, member: OpenObject, rows: AnyArray, /, *, expected: int
    ) -> None:
        """Replace an array by a new growable dataset, for all users of the array."""


class Hdf5ArrayWriter(Hdf5Array, ArrayWriter):
    """A dataset that can be changed."""

    def __init__(
        self, member: OpenObject, name: str, context: Context, group: DatasetParent
    ) -> None:
        super().__init__(member, name, context)
        self._group = group

    @property
    def attributes(self) -> Hdf5AttributesWriter:
        return Hdf5AttributesWriter(self._member, self._context)

    def _places(self) -> None:
        return None

    def _append(self, rows: AnyArray) -> None:
        held, context = self.shape[0], self._context
        context.changes += 1
        with context.translated():
            self._set_length(held + len(rows))
            self._write(held, rows)

    def _overwrite(self, start: int, rows: AnyArray) -> None:
        self._context.changes += 1
        with self._context.translated():
            self._write(start, rows)

    def _cut(self, rows: int) -> None:
        self._extend(rows)

    def _extend(self, rows: int) -> None:
        self._context.changes += 1
        with self._context.translated():
            self._set_length(rows)

    def _set_length(self, rows: int) -> None:
        """Set the length; rewrite the array in larger pieces if there would be too many."""
        shape = self.shape
        # Looked at when the length passes a power of two: it costs as much as an append.
        if rows.bit_length() > shape[0].bit_length() and self._is_in_too_many_pieces(rows):
            self._rewrite(self.read(), rows)
        else:
            self._set_shape((rows, *shape[1:]))

    def _set_shape(self, shape: tuple[int, ...]) -> None:
        member = self._member
        member.shape = member.places = None
        member.reads = 0
        member.id.set_extent(shape)
        member.shape = shape
        if member.space is not None:
            member.space.set_extent_simple(shape)

    def _write(self, start: int, rows: AnyArray) -> None:
        if rows.size:
            data, shape = np.ascontiguousarray(rows), rows.shape
            self._member.id.write(
                _space(shape), self._rows(start, shape), data, native_type(data.dtype)
            )

    def _is_in_too_many_pieces(self, rows: int) -> bool:
        # The h5py objects of callers would still refer to the old dataset.
        if self._context.shared or self._context.source is None:
            return False
        properties = self._id.get_create_plist()
        if properties.get_layout() != h5d.CHUNKED or h5a.get_num_attrs(self._id):
            return False
        piece = properties.get_chunk()
        size = int(prod(piece)) * self.dtype.itemsize
        return size < _MOST_BYTES and rows > _MOST_PIECES * piece[0]

    def _rewrite(self, held: AnyArray, length: int) -> None:
        self._group.replace_dataset(self._name, self._member, held[:0], expected=length // 4)
        self._set_shape((length, *held.shape[1:]))
        self._write(0, held)


def storage_of(
    data: AnyArray, *, growable: bool, expected: int, compress: bool
) -> tuple[H5Object, tuple[int, ...] | None]:
    """
    How HDF5 is to store a new array.

    :param data: its first rows.
    :returns: properties for its creation, and the most that it may grow to, if it may.
    """
    properties = h5p.create(h5p.DATASET_CREATE)
    properties.set_obj_track_times(False)
    if not growable:
        return properties, None
    # HDF5 has no pieces without values, so an axis of length 0 must be able to grow.
    width = data.shape[1:]
    properties.set_chunk((_piece_rows(data, expected), *(max(1, n) for n in width)))
    if compress and data.dtype.kind in "iu":
        # Filters that every HDF5 library has.
        properties.set_shuffle()
        properties.set_deflate(_EFFORT)
    return properties, (h5s.UNLIMITED, *(length or h5s.UNLIMITED for length in width))


def _piece_rows(data: AnyArray, expected: int) -> int:
    row = max(1, prod(data.shape[1:])) * data.dtype.itemsize
    wanted = max(len(data), expected) * row
    return max(1, -(-min(max(wanted, _LEAST_BYTES), _MOST_BYTES) // row))


@lru_cache(maxsize=512)
def _space(shape: tuple[int, ...]) -> H5Object:
    """A space that covers an array in memory; cached, as HDF5 is slow to make one."""
    return h5s.create_simple(shape)
