"""Shards, byte by byte: chunks, how many rows there are, and an index, each with its checksum."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import google_crc32c
import numpy as np
import pytest
from numcodecs import blosc

from bsb_hdf5.adapters.zarr.metadata import Grid
from bsb_hdf5.adapters.zarr.shards import Packed, Shard, Whole, make_shard

GRID = Grid(np.dtype("<i4"), (2,), 4, 12, counted=True)
ROWS = np.arange(24, dtype="<i4").reshape(12, 2)
ABSENT = (1 << 64) - 1
NONE = Packed.of([])


def checked(data: bytes) -> bytes:
    return data + struct.pack("<I", google_crc32c.value(data))


def parts_of(data: bytes, grid: Grid = GRID) -> tuple[list[bytes], int | None, list[Any]]:
    """The chunks of a shard, its number of rows, and its index."""
    length = 16 * grid.pieces + 4
    index, rest = data[-length:], data[:-length]
    assert checked(index[:-4]) == index
    count = struct.unpack("<Q", rest[-8:])[0] if grid.counted else None
    entries = [pair for pair in struct.iter_unpack("<QQ", index[:-4]) if pair[0] != ABSENT]
    return [rest[start : start + size] for start, size in entries], count, entries


def shard_of(data: bytes, grid: Grid = GRID) -> Shard:
    return Shard(Whole(data), grid, "x/c/0")


def read(shard: Shard, start: int, stop: int) -> Any:
    out = np.full((stop - start, 2), -1, "<i4")
    shard.read(start, stop, out)
    return out


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("rows", range(1, 13))
def test_a_shard_holds_chunks_a_count_and_an_index(rows: int, counted: bool) -> None:
    grid = GRID._replace(counted=counted)
    data = make_shard(NONE, ROWS[:rows], grid)
    chunks, count, entries = parts_of(data, grid)
    assert (rows if counted else None) == count
    assert -(-rows // 4) == len(chunks)
    assert len(data) == sum(map(len, chunks)) + 8 * counted + 16 * 3 + 4
    assert [sum(map(len, chunks[:i])) for i in range(len(chunks))] == [each[0] for each in entries]
    for i, chunk in enumerate(chunks):
        assert checked(chunk[:-4]) == chunk
        held = np.frombuffer(blosc.decompress(chunk[:-4]), "<i4").reshape(4, 2)
        there = ROWS[4 * i : min(4 * i + 4, rows)]
        assert [*there.tolist(), *[[0, 0]] * (4 - len(there))] == held.tolist()
    assert (rows if counted else 12) == shard_of(data, grid).rows


@pytest.mark.parametrize("start", range(13))
def test_any_rows_are_read(start: int) -> None:
    shard = shard_of(make_shard(NONE, ROWS, GRID))
    for stop in range(start, 13):
        assert ROWS[start:stop].tolist() == read(shard, start, stop).tolist()


def test_chunks_stay_as_they_are_stored_where_rows_follow() -> None:
    before = shard_of(make_shard(NONE, ROWS[:8], GRID))
    data = make_shard(before.beginning(2), -ROWS[8:11], GRID)
    assert parts_of(make_shard(NONE, ROWS[:8], GRID))[0] == parts_of(data)[0][:2]
    after = shard_of(data)
    assert 11 == after.rows
    assert np.concatenate((ROWS[:8], -ROWS[8:11])).tolist() == read(after, 0, 11).tolist()
    with pytest.raises(ValueError, match="holds 11 rows and 12 are expected"):
        read(after, 11, 12)


def test_chunks_in_another_order_are_put_one_after_the_other() -> None:
    (first, second, third), _, _ = parts_of(WHOLE)
    index = struct.pack("<6Q", len(second), len(first), 0, len(second), ABSENT, ABSENT)
    turned = shard_of(second + first + struct.pack("<Q", 8) + checked(index))
    assert ROWS[:8].tolist() == read(turned, 0, 8).tolist()
    assert Packed.of([first, second]) == turned.beginning(2)
    assert Packed.of([first, second, third]) == shard_of(WHOLE).beginning(3)
    assert NONE == turned.beginning(0)
    with pytest.raises(ValueError, match="lacks its chunk 2"):
        turned.beginning(3)


def _entry(data: bytes, place: int, value: int) -> bytes:
    """The shard with another number in its index, and the checksum of that."""
    index = bytearray(data[-52:-4])
    index[8 * place : 8 * place + 8] = struct.pack("<Q", value)
    return data[:-52] + checked(bytes(index))


WHOLE = make_shard(NONE, ROWS, GRID)
DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "nothing": (lambda data: b"", "index .* is damaged"),
    "three bytes": (lambda data: data[-3:], "index .* is damaged"),
    "a cut index": (lambda data: data[-51:], "index .* is damaged"),
    "another index": (lambda data: data[:-10] + b"\1" + data[-9:], "index .* is damaged"),
    "another checksum": (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "index .* is damaged"),
    "no first chunk": (lambda data: _entry(data, 0, ABSENT), "lacks its chunk 0"),
    "a chunk past the end": (lambda data: _entry(data, 1, len(data) + 1), "lacks its chunk 0"),
    "a chunk of no bytes": (lambda data: _entry(data, 1, 0), "chunk 0 .* is damaged"),
    "a chunk elsewhere": (lambda data: _entry(data, 0, 1), "chunk 0 .* is damaged"),
    "bytes of a chunk": (lambda data: b"\0\0\0\0\0" + data[5:], "chunk 0 .* is damaged"),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damage_is_reported(damage: str) -> None:
    change, message = DAMAGED[damage]
    with pytest.raises(ValueError, match=message):
        read(shard_of(change(WHOLE)), 0, 1)


def test_a_damaged_chunk_stays_one_where_rows_follow() -> None:
    before = shard_of(b"\0\0\0\0\0" + WHOLE[5:])
    after = shard_of(make_shard(before.beginning(2), ROWS[8:11], GRID))
    assert ROWS[4:11].tolist() == read(after, 4, 11).tolist()
    with pytest.raises(ValueError, match=r"chunk 0 .* is damaged"):
        read(after, 0, 1)


def test_a_chunk_is_as_long_as_its_rows() -> None:
    for rows in (3, 5):
        wrong = checked(blosc.compress(np.zeros((rows, 2), "<i4"), b"lz4", 1, blosc.SHUFFLE))
        with pytest.raises(ValueError, match="as one of another size"):
            read(shard_of(make_shard(Packed.of([wrong]), ROWS[:1], GRID)), 0, 1)
    with pytest.raises(ValueError, match="as one of another size"):
        read(shard_of(make_shard(Packed.of([checked(bytes(11))]), ROWS[:1], GRID)), 0, 1)
