"""
The positions of the rows of a dataset in the file.

HDF5 reads whole chunks, through its cache and with a callback to the file for each, which takes
many times as long as reading rows at a known position.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, starmap
from math import prod
from typing import Protocol

import attrs
import numpy as np
from h5py import h5d, h5i, h5t
from numpy.typing import NDArray

from ...core.ranges import Bounds, coalesce, rows_of_ranges, take_ranges
from ...core.rows import Lengths
from ...ports.arrays import AnyArray, DType
from .h5_types import H5Object

# Ranges with fewer bytes between them are read together.
_NEAR = 2 * 1024
# What lies between ranges is read into a buffer of about this many bytes.
_BUFFER = 1024 * 1024


class Content(Protocol):
    """The file below HDF5."""

    error: BaseException | None

    def read_extents(self, view: memoryview, begins: Sequence[int], ends: Sequence[int], /) -> None:
        """Fill a buffer with parts of the file, one after the other, as HDF5 would find them."""


@attrs.frozen(eq=False)
class RowPlaces:
    """
    Where the rows of a dataset lie.

    :param piece_rows: rows that lie together.
    :param offsets: (k,) where each piece begins in the file; empty if that is not known.
    :param dtype: of the values, as they are in the file.
    :param width: shape of a row.
    """

    piece_rows: int
    offsets: NDArray[np.int64]
    dtype: DType
    width: tuple[int, ...]

    @classmethod
    def find(cls, id_: H5Object, shape: tuple[int, ...], dtype: DType) -> RowPlaces:
        """Of a dataset to which nothing was written since the file was opened or flushed."""
        pieces = _pieces(id_, shape, dtype) if shape[0] else None
        found = (1, np.zeros(0, dtype=np.int64)) if pieces is None else pieces
        return cls(*found, dtype, shape[1:])

    @property
    def are_known(self) -> bool:
        return len(self.offsets) > 0

    def read(self, content: Content, starts: Bounds, stops: Bounds) -> AnyArray:
        """
        The rows of some ranges, one after the other.

        :param starts: (k,) first rows, within the dataset; ``stops`` (k,) those after the last.
        """
        rows = np.empty((int((stops - starts).sum()), *self.width), dtype=self.dtype)
        firsts = self._firsts_of_groups(starts, stops)
        if len(firsts) == len(starts):
            self._fill(content, rows, starts, stops)
            return rows
        lasts = np.append(firsts[1:], len(starts))
        begins, ends = starts[firsts], stops[lasts - 1]
        sizes = ends - begins
        done = 0
        for groups in self._batches(sizes):
            buffer = np.empty((int(sizes[groups].sum()), *self.width), dtype=self.dtype)
            self._fill(content, buffer, begins[groups], ends[groups])
            shifts = sizes[groups].cumsum() - sizes[groups] - begins[groups]
            shifts = shifts.repeat(lasts[groups] - firsts[groups])
            held = slice(firsts[groups.start], lasts[groups.stop - 1])
            part = take_ranges(buffer, starts[held] + shifts, stops[held] + shifts)
            rows[done : done + len(part)] = part
            done += len(part)
        return rows

    @property
    def _row_bytes(self) -> int:
        return self.dtype.itemsize * prod(self.width)

    def _firsts_of_groups(self, starts: Bounds, stops: Bounds) -> NDArray[np.int64]:
        """Which ranges begin a group of such as are read together."""
        gaps = starts[1:] - stops[:-1]
        apart = (gaps < 0) | (gaps > _NEAR // self._row_bytes)
        # A group is not much larger than the buffer, however many ranges lie near each other.
        parts = starts // max(1, _BUFFER // self._row_bytes)
        return np.append(0, np.flatnonzero(apart | (parts[1:] != parts[:-1])) + 1)

    def _batches(self, sizes: Lengths) -> Iterator[slice]:
        """As many groups at a time as fit into the buffer."""
        number = sizes.cumsum() // max(1, _BUFFER // self._row_bytes)
        edges = np.flatnonzero(number[1:] != number[:-1]) + 1
        yield from starmap(slice, pairwise([0, *edges.tolist(), len(sizes)]))

    def _fill(self, content: Content, rows: AnyArray, starts: Bounds, stops: Bounds) -> None:
        """Read ranges, none of them empty, into an array of as many rows."""
        begins, ends = self._extents(starts, stops)
        view = rows.reshape(-1).view(np.uint8).data
        content.read_extents(view, begins.tolist(), ends.tolist())

    def _extents(self, starts: Bounds, stops: Bounds) -> tuple[Bounds, Bounds]:
        """Where ranges of rows begin and end in the file, in as few parts as there are."""
        held = self.piece_rows
        first, last = starts // held, (stops - 1) // held
        pieces = rows_of_ranges(first, last + 1)
        counts = last - first + 1
        low = np.maximum(starts.repeat(counts), pieces * held)
        high = np.minimum(stops.repeat(counts), (pieces + 1) * held)
        begins = self.offsets[pieces] + (low - pieces * held) * self._row_bytes
        return coalesce(begins, begins + (high - low) * self._row_bytes)


def _pieces(
    id_: H5Object, shape: tuple[int, ...], dtype: DType
) -> tuple[int, NDArray[np.int64]] | None:
    """Rows of a piece, and where each begins; None if the values are not there as they are read."""
    file, properties = h5i.get_file_id(id_), id_.get_create_plist()
    as_read = dtype.kind in "iuf" and h5t.py_create(dtype) == id_.get_type()
    # HDF5 does not agree with itself on whether places count from the block before its own.
    if not as_read or file.get_create_plist().get_userblock():
        return None
    if properties.get_layout() == h5d.CONTIGUOUS:
        rows, begin = shape[0], id_.get_offset()
        offsets = None if begin is None else np.array([begin], dtype=np.uint64)
    else:
        rows, offsets = _chunks(id_, shape, properties)
    size = rows * prod(shape[1:]) * dtype.itemsize
    # A damaged file may name any place.
    if offsets is None or not size or int(offsets.max()) + size > file.get_filesize():
        return None
    return rows, offsets.astype(np.int64)


def _chunks(
    id_: H5Object, shape: tuple[int, ...], properties: H5Object
) -> tuple[int, NDArray[np.uint64] | None]:
    """Rows of a chunk, and where each begins; None if some are not stored, or packed."""
    if properties.get_layout() != h5d.CHUNKED or properties.get_nfilters():
        return 0, None
    rows, *width = properties.get_chunk()
    count = -(-shape[0] // rows)
    if tuple(width) != shape[1:] or id_.get_num_chunks() != count:
        return rows, None
    found: list[tuple[int, int]] = []
    id_.chunk_iter(lambda each: found.append((each.chunk_offset[0], each.byte_offset)))
    first_rows, offsets = np.array(sorted(found), dtype=np.uint64).T
    whole = np.array_equal(first_rows, np.arange(count) * rows)
    return rows, offsets if whole else None
