"""
The objects of zarr's sharded arrays: encoded and decoded here, without zarr's own machinery.

That costs milliseconds a call for its event loop and its threads; here a call takes as long as
its compression and its files. The format is that of the specification of zarr 3: chunks, each
compressed by itself, in any order; at the end an index of their offsets and sizes, and its
CRC-32C. An index entry of all ones is a chunk of zeros that is not stored. Along all dimensions
but the first, a chunk holds everything.
"""

from __future__ import annotations

from typing import Any

import google_crc32c
import numpy as np
from numcodecs.blosc import Blosc
from numpy.typing import NDArray

from .metadata import COMPRESSION_LEVEL, COMPRESSOR
from .objects import Objects, Span
from .tree import Grid

Index = NDArray[np.uint64]

_ABSENT = np.uint64(2**64 - 1)
_CHECKSUM_BYTES = 4
_OFFSET, _SIZE = 0, 1


def read_shard(objects: Objects, grid: Grid, shard: int, start: int, stop: int) -> NDArray[Any]:
    """
    Rows of one object.

    :param start: first row, counted from the first one of the object; ``stop`` after the last.
    :raises LookupError: there is no such object.
    :raises ValueError: it is damaged.
    """
    key = grid.shard_key(shard)
    index = _read_index(_got(objects, key, Span(-_index_bytes(grid))), grid)
    first, last = start // grid.chunk_rows, -(-stop // grid.chunk_rows)
    wanted = index[first:last]
    stored = wanted[wanted[:, _OFFSET] != _ABSENT]
    begin, end = _extent(stored)
    data = _got(objects, key, Span(begin, end)) if end > begin else b""
    if len(data) != end - begin:
        raise ValueError(f"'{key}' ends before byte {end}")
    rows = np.zeros((stop - start, *grid.width), dtype=grid.dtype)
    for number, entry in enumerate(wanted, first):
        if entry[_OFFSET] == _ABSENT:
            continue
        offset = int(entry[_OFFSET]) - begin
        chunk = _decode(data[offset : offset + int(entry[_SIZE])], grid)
        below = number * grid.chunk_rows
        low, high = max(start, below), min(stop, below + grid.chunk_rows)
        rows[low - start : high - start] = chunk[low - below : high - below]
    return rows


def write_shard(objects: Objects, grid: Grid, shard: int, start: int, rows: NDArray[Any]) -> None:
    """
    Store rows of one object, and no others after them.

    :param start: first row, counted from the first one of the object; those before are kept.
    """
    chunks: list[bytes] = []
    if start:
        chunks, partial = _kept(objects, grid, shard, start)
        rows = np.concatenate((partial, rows))
    for low in range(0, len(rows), grid.chunk_rows):
        chunks.append(_encode(rows[low : low + grid.chunk_rows], grid))
    objects.put(grid.shard_key(shard), b"".join((*chunks, _write_index(chunks, grid))))


def _kept(objects: Objects, grid: Grid, shard: int, start: int) -> tuple[list[bytes], NDArray[Any]]:
    """The chunks before a row as they are, and the rows of the one it lies in."""
    key = grid.shard_key(shard)
    data = _got(objects, key, None)
    index = _read_index(data[-_index_bytes(grid) :], grid)
    full, rest = divmod(start, grid.chunk_rows)
    chunks = []
    for offset, size in index[: full + (rest > 0)].tolist():
        if offset + size > len(data):
            raise ValueError(f"'{key}' ends before byte {offset + size}")
        chunks.append(data[offset : offset + size])
    if not rest:
        return chunks, np.zeros((0, *grid.width), dtype=grid.dtype)
    return chunks[:-1], _decode(chunks[-1], grid)[:rest]


def _got(objects: Objects, key: str, span: Span | None) -> bytes:
    data = objects.get(key, span)
    if data is None:
        raise LookupError(key)
    return data


def _index_bytes(grid: Grid) -> int:
    return 16 * (grid.shard_rows // grid.chunk_rows) + _CHECKSUM_BYTES


def _read_index(data: bytes, grid: Grid) -> Index:
    if len(data) != _index_bytes(grid):
        raise ValueError(f"an object of '{grid.path}' is shorter than its index")
    body, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    if google_crc32c.value(body) != int.from_bytes(checksum, "little"):
        raise ValueError(f"the index of an object of '{grid.path}' is damaged")
    return np.frombuffer(body, dtype="<u8").reshape(-1, 2)


def _write_index(chunks: list[bytes], grid: Grid) -> bytes:
    index = np.full((grid.shard_rows // grid.chunk_rows, 2), _ABSENT, dtype="<u8")
    sizes = np.array([len(chunk) for chunk in chunks], dtype="<u8")
    index[: len(chunks), _SIZE] = sizes
    index[: len(chunks), _OFFSET] = np.cumsum(sizes) - sizes
    body = index.tobytes()
    return body + int(google_crc32c.value(body)).to_bytes(_CHECKSUM_BYTES, "little")


def _extent(stored: Index) -> tuple[int, int]:
    if not len(stored):
        return 0, 0
    return int(stored[:, _OFFSET].min()), int((stored[:, _OFFSET] + stored[:, _SIZE]).max())


def _encode(rows: NDArray[Any], grid: Grid) -> bytes:
    chunk = np.zeros((grid.chunk_rows, *grid.width), dtype=_little(grid))
    chunk[: len(rows)] = rows
    shuffle = Blosc.SHUFFLE if chunk.itemsize > 1 else Blosc.NOSHUFFLE
    return bytes(Blosc(COMPRESSOR, COMPRESSION_LEVEL, shuffle).encode(chunk))


def _decode(data: bytes, grid: Grid) -> NDArray[Any]:
    decoded = Blosc().decode(data)
    return np.frombuffer(decoded, dtype=_little(grid)).reshape(grid.chunk_rows, *grid.width)


def _little(grid: Grid) -> np.dtype[Any]:
    return np.dtype(grid.dtype).newbyteorder("<")
