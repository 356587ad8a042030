"""
Shards: the files or objects that hold the rows of an array, in chunks that are compressed apart.

A shard is zarr's ``sharding_indexed``: chunks, compressed by blosc and followed by a CRC-32C, and
at the end an index of where each chunk is, with a CRC-32C too. Between the two it says how many of
its rows were written, which zarr skips: a copy that was made while another program wrote may have
the metadata of one state and the shards of an earlier one.

They are read and written here, as zarr takes some hundred times as long for a chunk. No chunk
decompresses to more than its rows.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ...ports.arrays import AnyArray
from .metadata import Grid

# Versions, flags and item size; then the decompressed size, block size and compressed size.
_BLOSC = struct.Struct("<4BIII")
_COUNT = struct.Struct("<Q")
_CRC = struct.Struct("<I")
_ENTRY = 16
_ABSENT = (1 << 64) - 1
# Chunks that are read at a time.
_TOGETHER = 16


class Parts(Protocol):
    """An object that is read in parts."""

    @property
    def size(self) -> int: ...

    def read(self, start: int, stop: int, /) -> bytes: ...

    def close(self) -> None: ...


class Whole:
    """An object that was read whole."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, start: int, stop: int) -> bytes:
        return self._data[start:stop]

    def close(self) -> None:
        """Do nothing: there is nothing open."""


class Packed(NamedTuple):
    """Chunks as they are stored, one after the other, and the length of each."""

    data: bytes
    lengths: list[int]

    @classmethod
    def of(cls, chunks: Sequence[bytes]) -> Packed:
        return cls(b"".join(chunks), [len(chunk) for chunk in chunks])


class Shard:
    """
    A shard to be read.

    :param key: what to call it in messages.
    :raises ValueError: it is damaged.
    """

    def __init__(self, parts: Parts, grid: Grid, key: str) -> None:
        self._parts, self._grid, self._key = parts, grid, key
        length = grid.pieces * _ENTRY + _CRC.size
        start = max(0, parts.size - length - (_COUNT.size if grid.counted else 0))
        tail = parts.read(start, parts.size)
        index = tail[-length:]
        if len(index) != length or not _is_intact(index):
            raise ValueError(f"the index of the shard '{key}' is damaged")
        self._entries = np.frombuffer(index[: -_CRC.size], "<u8").reshape(-1, 2)
        self.rows = _COUNT.unpack_from(tail)[0] if grid.counted else grid.shard

    def read(self, start: int, stop: int, out: AnyArray) -> None:
        """
        Read rows.

        :param out: where they are put.
        :raises ValueError: they are damaged, or not there.
        """
        if stop > self.rows:
            raise ValueError(
                f"the shard '{self._key}' holds {self.rows} rows and {stop} are expected; it may"
                " have been copied while it was written"
            )
        chunk = self._grid.chunk
        pieces = range(start // chunk, -(-stop // chunk))
        for i in range(0, len(pieces), _TOGETHER):
            some = pieces[i : i + _TOGETHER]
            for piece, data in zip(some, self._packed(some), strict=True):
                first = piece * chunk
                low, high = max(start, first), min(stop, first + chunk)
                target = out[low - start : high - start]
                if high - low == chunk:
                    self._decode(piece, data, target)
                else:
                    whole = np.empty((chunk, *out.shape[1:]), out.dtype)
                    self._decode(piece, data, whole)
                    target[:] = whole[low - first : high - first]

    def beginning(self, pieces: int) -> Packed:
        """
        The first chunks as they are stored; each has a checksum for its readers.

        :raises ValueError: they are not there.
        """
        starts, stops = self._places(range(pieces))
        if pieces and not starts[0] and (starts[1:] == stops[:-1]).all():
            # perf: append 400 cells; most shards are one run of chunks.
            return Packed(self._parts.read(0, int(stops[-1])), (stops - starts).tolist())
        return Packed.of(self._packed(range(pieces)))

    def _places(self, pieces: range) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Where chunks begin and end."""
        entries = self._entries[pieces.start : pieces.stop]
        starts, stops = entries[:, 0], entries[:, 0] + entries[:, 1]
        # A chunk that is absent begins, or ends, past any end.
        lacking = (stops > self._parts.size) | (stops < starts)
        if lacking.any():
            piece = pieces[int(lacking.argmax())]
            raise ValueError(f"the shard '{self._key}' lacks its chunk {piece}")
        return starts, stops

    def _packed(self, pieces: range) -> list[bytes]:
        """Chunks as they are stored, read at once where they lie one after the other."""
        starts, stops = (each.tolist() for each in self._places(pieces))
        if starts[1:] != stops[:-1]:
            return [self._parts.read(*place) for place in zip(starts, stops, strict=True)]
        data = self._parts.read(starts[0], stops[-1]) if starts else b""
        first = starts[0] if starts else 0
        return [data[a - first : b - first] for a, b in zip(starts, stops, strict=True)]

    def _decode(self, piece: int, data: bytes, out: AnyArray) -> None:
        if not _is_intact(data):
            raise ValueError(f"chunk {piece} of the shard '{self._key}' is damaged")
        if len(data) < _BLOSC.size or _BLOSC.unpack_from(data)[4] != out.nbytes:
            raise ValueError(f"a chunk of {out.nbytes} bytes is compressed as one of another size")
        if out.nbytes:
            from numcodecs import blosc

            blosc.decompress(data[: -_CRC.size], out)


def make_shard(before: Packed, rows: AnyArray, grid: Grid) -> bytes:
    """
    A shard.

    :param before: what it begins with.
    :param rows: those after the chunks, from the first row of the next chunk on.
    """
    after = Packed.of(list(_packed(rows, grid)))
    lengths = np.array([*before.lengths, *after.lengths], np.uint64)
    entries = np.full((grid.pieces, 2), _ABSENT, "<u8")
    entries[: len(lengths), 0] = np.cumsum(lengths) - lengths
    entries[: len(lengths), 1] = lengths
    count = _COUNT.pack(len(before.lengths) * grid.chunk + len(rows)) if grid.counted else b""
    return b"".join((before.data, after.data, count, _with_check(entries.tobytes())))


def _packed(rows: AnyArray, grid: Grid) -> Iterator[bytes]:
    from numcodecs import blosc

    for start in range(0, len(rows), grid.chunk):
        piece = rows[start : start + grid.chunk]
        if len(piece) < grid.chunk:
            rest = np.zeros((grid.chunk - len(piece), *grid.width), grid.dtype)
            piece = np.concatenate((piece, rest))
        # For a single block, blosc starts no threads, which forked processes would lack.
        yield _with_check(blosc.compress(piece, b"lz4", 1, blosc.SHUFFLE, piece.nbytes))


def _with_check(data: bytes) -> bytes:
    import google_crc32c

    return data + _CRC.pack(google_crc32c.value(data))


def _is_intact(data: bytes) -> bool:
    import google_crc32c

    if len(data) < _CRC.size:
        return False
    return bool(_CRC.unpack(data[-_CRC.size :])[0] == google_crc32c.value(data[: -_CRC.size]))
