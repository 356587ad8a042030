"""Rows and byte strings, from and to the objects of a place."""

from __future__ import annotations

import importlib.util
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import attrs
import numpy as np
from numpy.typing import NDArray

from ...core.ranges import rows_of_ranges
from ...errors import CorruptNetworkError, StoreError
from .errors import incomplete, translated
from .metadata import encoded_metadata
from .objects import PACKS, Objects, Span
from .tree import ArrayNode, Grid, stored_form
from .values import Blob, PackedPlace

T = TypeVar("T")
R = TypeVar("R")
Bounds = NDArray[np.int64]

KEPT = 64 << 10
"""Bytes of a byte string that stays in memory once it was read or stored."""

_AT_ONCE = 8
_NEEDED = ("zarr", "numcodecs", "google_crc32c")


def require_zarr() -> None:
    """
    Check that zarr is installed, and with it the codecs of its arrays.

    :raises StoreError: it is not.
    """
    missing = [package for package in _NEEDED if not _installed(package)]
    if missing:
        raise StoreError(
            f"the engine 'zarr' needs {' and '.join(missing)}, not installed here;"
            " install with: pip install 'bsb-hdf5[zarr]'",
            found=missing,
        )


@cache
def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def pack_key(pack: str) -> str:
    """The key of a pack."""
    return f"{PACKS}/{pack}"


class Depot:
    """
    What the manifest refers to.

    :param objects: of the place.
    """

    def __init__(self, objects: Objects) -> None:
        self.objects = objects

    def read_stored(self, node: ArrayNode, start: int, stop: int) -> NDArray[Any]:
        """Rows below the base of an array."""
        if stop <= start:
            return np.zeros((0, *node.width), dtype=node.dtype)
        if node.grid is None:
            return self._small(node)[start:stop].copy()
        from .shards import read_shard

        grid = node.grid

        def read(piece: Piece) -> NDArray[Any]:
            return read_shard(self.objects, grid, piece.shard, piece.start, piece.stop)

        with translated(self.objects.location), self._found():
            parts = self.each(read, _pieces(grid, start, stop))
        rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return _restored(rows, node)

    def read_pieces(self, node: ArrayNode, starts: Bounds, stops: Bounds) -> NDArray[Any]:
        """Rows below the base of an array, of ranges in any order."""
        if node.grid is None:
            return self._small(node)[rows_of_ranges(starts, stops)]
        first, last = _covers(starts, stops, node.grid.chunk_rows)
        parts = [
            self.read_stored(node, int(start), int(stop))
            for start, stop in zip(first, last, strict=True)
        ]
        if len(parts) == 1 and len(starts) == 1:
            return parts[0]
        if not parts:
            return np.zeros((0, *node.width), dtype=node.dtype)
        offsets = np.cumsum(last - first) - (last - first)
        cover = np.searchsorted(first, starts, side="right") - 1
        shift = offsets[np.maximum(cover, 0)] - first[np.maximum(cover, 0)]
        rows = rows_of_ranges(starts + shift, stops + shift)
        return np.asarray(np.concatenate(parts)[rows])

    def write_rows(self, node: ArrayNode, start: int, rows: NDArray[Any]) -> None:
        """
        Store rows of an array from one on, and what tells zarr its length.

        :param start: the length that is committed, or below it by no more than rows that are
            written as they were.
        """
        from .shards import write_shard

        grid = node.grid
        assert grid is not None
        stored = np.ascontiguousarray(rows, dtype=node.dtype)
        if stored_form(node.dtype, node.width)[1] != node.width:
            stored = _as_bytes(stored)

        def write(piece: Piece) -> None:
            below = piece.shard * grid.shard_rows - start
            part = stored[below + piece.start : below + piece.stop]
            write_shard(self.objects, grid, piece.shard, piece.start, part)

        stop = start + len(stored)
        with translated(self.objects.location), self._found():
            self.each(write, _pieces(grid, start, stop))
        self.objects.put_description(grid.metadata_key, encoded_metadata(grid, stop))

    def each(self, action: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Do something with each of some items, several at once where each takes long."""
        if not self.objects.remote or len(items) == 1:
            return [action(item) for item in items]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(action, items))

    @contextmanager
    def _found(self) -> Iterator[None]:
        try:
            yield
        except LookupError as error:
            raise incomplete(self.objects.location, str(error.args[0])) from error

    def claim(self, grid: Grid) -> bool:
        """Whether an array may be put there; see :meth:`.objects.Objects.claim`."""
        return self.objects.claim(grid.metadata_key, encoded_metadata(grid, 0))

    def load(self, blob: Blob) -> bytes:
        """The content of a blob."""
        if blob.data is not None:
            return blob.data
        assert blob.place is not None
        data = self._unpacked(blob.place)
        if len(data) <= KEPT:
            blob.data = data
        return data

    def _unpacked(self, place: PackedPlace) -> bytes:
        span = Span(place.start, place.start + place.stored)
        stored = self.load_stored(place.pack, span)
        if place.stored == place.size:
            return stored
        try:
            data = zlib.decompress(stored)
        except zlib.error as error:
            raise self._damaged(place) from error
        if len(data) != place.size:
            raise self._damaged(place)
        return data

    def load_stored(self, pack: str, span: Span) -> bytes:
        """A piece of a pack, as it is."""
        assert span.stop is not None
        if span.stop == span.start:
            return b""
        data = self.objects.get(pack_key(pack), span)
        if data is None or len(data) != span.stop - span.start:
            raise incomplete(self.objects.location, pack_key(pack))
        return data

    def _damaged(self, place: PackedPlace) -> CorruptNetworkError:
        return CorruptNetworkError(
            f"the pack '{place.pack}' of '{self.objects.location}' is damaged",
            location=self.objects.location,
        )

    def _small(self, node: ArrayNode) -> NDArray[Any]:
        data = self.load(node.blob) if node.blob is not None else b""
        return np.frombuffer(data, dtype=node.dtype).reshape(node.base, *node.width)


@attrs.frozen
class Piece:
    """Rows of one object, counted from its first row."""

    shard: int
    start: int
    stop: int


def _pieces(grid: Grid, start: int, stop: int) -> list[Piece]:
    """The rows of an array, object by object."""
    size = grid.shard_rows
    return [
        Piece(shard, max(start - shard * size, 0), min(stop - shard * size, size))
        for shard in range(start // size, grid.shards(stop))
    ]


def _as_bytes(rows: NDArray[Any]) -> NDArray[np.uint8]:
    flat = np.frombuffer(rows.tobytes(), dtype=np.uint8)
    return flat.reshape(*rows.shape, rows.dtype.itemsize)


def _restored(stored: Any, node: ArrayNode) -> NDArray[Any]:
    rows = np.asarray(stored)
    if stored_form(node.dtype, node.width)[1] == node.width:
        return np.asarray(rows.astype(node.dtype, copy=False))
    shape = rows.shape[:-1]
    return np.frombuffer(rows.tobytes(), dtype=node.dtype).reshape(shape).copy()


def _covers(starts: Bounds, stops: Bounds, gap: int) -> tuple[Bounds, Bounds]:
    """
    Few ranges, ascending and apart, that hold all of some ranges.

    :param gap: rows that are read in vain rather than by another read.
    """
    kept = stops > starts
    order = np.argsort(starts[kept], kind="stable")
    starts, stops = starts[kept][order], stops[kept][order]
    if not len(starts):
        return starts, stops
    reach = np.maximum.accumulate(stops)
    new = np.append(True, starts[1:] > reach[:-1] + gap)
    return starts[new], reach[np.append(new[1:], True)]
