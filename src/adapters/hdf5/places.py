"""
The positions of the rows of a dataset in the file.

HDF5 reads whole chunks, through its cache and with a callback to the file for each, which takes
many times as long as reading rows at a known position.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, starmap
from math import prod
from typing import Any, Protocol

import attrs
import numpy as np
from h5py import h5d, h5i, h5t
from numpy.typing import NDArray

from ...core.ranges import Bounds, rows_of_ranges
from ...core.rows import Lengths
from ...ports.arrays import AnyArray, DType
from .h5_types import H5Object

# Short ranges with fewer bytes between them are read together, with the bytes between.
_NEAR = 2 * 1024
# Ranges of this many bytes on average are not short.
_LONG = 256
# Bytes between ranges are read into a buffer of about this size.
_BUFFER = 1024 * 1024


class Content(Protocol):
    """The file below HDF5."""

    error: BaseException | None

    def read_extents(
        self,
        view: memoryview,
        begins: Sequence[int],
        ends: Sequence[int],
        targets: Sequence[int],
        /,
    ) -> None:
        """Read parts of the file into places of a buffer, as HDF5 would find them."""


@attrs.frozen(eq=False)
class RowPlaces:
    """
    Where the rows of a dataset lie.

    :param edges: (k + 1,) first row of each run of rows that lie together, and the end.
    :param shifts: (k,) where row 0 of each run would begin in the file; empty if that is not known.
    :param dtype: dtype of the values, as they are in the file.
    :param width: shape of a row.
    """

    edges: NDArray[np.int64]
    shifts: NDArray[np.int64]
    dtype: DType
    width: tuple[int, ...]
    _row_bytes: int = attrs.field(init=False)

    @_row_bytes.default
    def _count_row_bytes(self) -> int:
        return self.dtype.itemsize * prod(self.width)

    @classmethod
    def find(cls, id_: H5Object, shape: tuple[int, ...], dtype: DType) -> RowPlaces:
        """Of a dataset to which nothing was written since the file was opened or flushed."""
        pieces = _pieces(id_, shape, dtype) if shape[0] else None
        if pieces is None:
            nothing = np.zeros(0, dtype=np.int64)
            return cls(nothing, nothing, dtype, shape[1:])
        rows, offsets = pieces
        firsts = np.arange(len(offsets)) * rows
        shifts = offsets - firsts * (dtype.itemsize * prod(shape[1:]))
        new = np.append(True, shifts[1:] != shifts[:-1])
        edges = np.append(firsts[new], len(offsets) * rows)
        return cls(edges, shifts[new], dtype, shape[1:])

    @property
    def are_known(self) -> bool:
        return len(self.shifts) > 0

    def read(self, content: Content, starts: Bounds, stops: Bounds) -> AnyArray:
        """
        The rows of some ranges, one after the other.

        :param starts: (k,) first rows, within the dataset; ``stops`` (k,) those after the last.
        """
        if len(starts) == 1:
            rows = self._read_run(content, int(starts[0]), int(stops[0]))
            if rows is not None:
                return rows
        lengths = stops - starts
        targets = lengths.cumsum()
        rows = np.empty((int(targets[-1]), *self.width), dtype=self.dtype)
        targets -= lengths
        if len(starts) > 1 and np.count_nonzero(starts[1:] < starts[:-1]):
            # Adjacent ranges are read together, in whatever order they were requested.
            order = starts.argsort(kind="stable")
            starts, stops, targets = starts[order], stops[order], targets[order]
        if rows.nbytes >= _LONG * len(starts):
            self._fill(content, rows, starts, stops, targets)
        else:
            self._fill_grouped(content, rows, starts, stops, targets)
        return rows

    def _read_run(self, content: Content, start: int, stop: int) -> AnyArray | None:
        """The rows of one range; None if they do not lie together."""
        # perf: load a chunk; it takes half the time of the search for many ranges.
        run = int(self.edges.searchsorted(start, side="right")) - 1
        if stop > self.edges[run + 1]:
            return None
        rows = np.empty((stop - start, *self.width), dtype=self.dtype)
        size, shift = self._row_bytes, int(self.shifts[run])
        view = rows.reshape(-1).view(np.uint8).data
        content.read_extents(view, (start * size + shift,), (stop * size + shift,), (0,))
        return rows

    def _fill_grouped(
        self, content: Content, rows: AnyArray, starts: Bounds, stops: Bounds, targets: Bounds
    ) -> None:
        """
        Read short ranges with what lies between them, and copy them to their places.

        :param starts: ascending; ``targets`` as for :meth:`_fill`.
        """
        firsts = self._firsts_of_groups(starts, stops)
        lasts = np.append(firsts[1:], len(starts))
        begins, ends = starts[firsts], stops[lasts - 1]
        sizes = ends - begins
        for groups in self._batches(sizes):
            held = sizes[groups]
            buffer = np.empty((int(held.sum()), *self.width), dtype=self.dtype)
            places = held.cumsum() - held
            self._fill(content, buffer, begins[groups], ends[groups], places)
            some = slice(firsts[groups.start], lasts[groups.stop - 1])
            shifts = (places - begins[groups]).repeat(lasts[groups] - firsts[groups])
            wanted = rows_of_ranges(starts[some] + shifts, stops[some] + shifts)
            lengths = stops[some] - starts[some]
            rows[rows_of_ranges(targets[some], targets[some] + lengths)] = buffer[wanted]

    def _firsts_of_groups(self, starts: Bounds, stops: Bounds) -> NDArray[np.int64]:
        """
        Which ranges begin a group of such as are read together.

        :param starts: ascending.
        """
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

    def _fill(
        self, content: Content, rows: AnyArray, starts: Bounds, stops: Bounds, targets: Bounds
    ) -> None:
        """
        Read ranges, none of them empty, into an array.

        :param targets: (k,) where in the array each range begins.
        """
        size = self._row_bytes
        runs = self.edges.searchsorted(starts, side="right") - 1
        ends = self.edges.searchsorted(stops) - 1
        if not np.array_equal(runs, ends):
            # The separate parts of a range.
            counts = ends - runs + 1
            runs = rows_of_ranges(runs, ends + 1)
            firsts = np.maximum(starts.repeat(counts), self.edges[runs])
            targets = (targets - starts).repeat(counts) + firsts
            starts, stops = firsts, np.minimum(stops.repeat(counts), self.edges[runs + 1])
        shifts = self.shifts[runs]
        extents = (starts * size + shifts, stops * size + shifts, targets * size)
        view = rows.reshape(-1).view(np.uint8).data
        content.read_extents(view, *(each.tolist() for each in extents))


def _pieces(
    id_: H5Object, shape: tuple[int, ...], dtype: DType
) -> tuple[int, NDArray[np.int64]] | None:
    """Rows of a piece, and where each begins; None if the values are not there as they are read."""
    file, properties = h5i.get_file_id(id_), id_.get_create_plist()
    as_read = dtype.kind in "iuf" and h5t.py_create(dtype) == id_.get_type()
    # HDF5 is inconsistent about whether positions include the user block.
    if not as_read or file.get_create_plist().get_userblock():
        return None
    if properties.get_layout() == h5d.CONTIGUOUS:
        rows, begin = shape[0], id_.get_offset()
        offsets = None if begin is None else np.array([begin], dtype=np.uint64)
    else:
        rows, offsets = _chunks(id_, shape, properties)
    size = rows * prod(shape[1:]) * dtype.itemsize
    # A damaged file may contain any position.
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
    found: list[Any] = []
    # HDF5 loses an error that is raised while it iterates.
    id_.chunk_iter(found.append)
    pieces = sorted((each.chunk_offset[0], each.byte_offset) for each in found)
    first_rows, offsets = np.array(pieces, dtype=np.uint64).T
    whole = np.array_equal(first_rows, np.arange(count) * rows)
    return rows, offsets if whole else None
