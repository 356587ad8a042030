"""Heaps of texts that HDF5 would read for ever are known before it does."""

from __future__ import annotations

import struct
import tempfile

import pytest

from bsb_hdf5.adapters.hdf5.atomic.atomic_file import AtomicFile
from bsb_hdf5.adapters.hdf5.atomic.heaps import is_endless
from bsb_hdf5.errors import CorruptNetworkError


def heap(*objects: tuple[int, int], size: int | None = None, rest: int = 0) -> memoryview:
    """A heap of objects: index, and size of what follows."""
    body = b""
    for index, length in objects:
        held = length - 16 if not index else -(-length // 8) * 8
        body += struct.pack("<HH4xQ", index, 1, length) + bytes(max(0, held))
    body += bytes(rest)
    whole = 16 + len(body) if size is None else size
    return memoryview(struct.pack("<4sB3xQ", b"GCOL", 1, whole) + body)


@pytest.mark.parametrize(
    ("content", "endless"),
    [
        (heap(), False),
        (heap((0, 0)), True),
        (heap((1, 8), (0, 0)), True),
        (heap((1, 9), (0, 0)), True),
        (heap((1, 0), (0, 0)), True),
        (heap((1, 1), (2, 17), (0, 0)), True),
        (heap((0, 16)), False),
        (heap((0, 32), (0, 0)), True),
        (heap((1, 8), (0, 16)), False),
        (heap((1, 8), (2, 9)), False),
        # Too little is left for an object.
        (heap((1, 8), rest=15), False),
        (heap((1, 8), rest=16), True),
        # The heap ends before.
        (heap((1, 8), (0, 0), size=40), False),
        (heap((1, 8), (0, 0), size=55), False),
        (heap((1, 8), (0, 0), size=56), True),
        (heap((1, 8), (0, 0), size=1 << 40), True),
        (memoryview(bytes(15)), False),
        (memoryview(b""), False),
    ],
)
def test_a_free_object_without_a_length_is_endless(content: memoryview, endless: bool) -> None:
    assert endless is is_endless(content)


def test_a_part_of_a_heap_says_what_it_holds() -> None:
    whole = heap((1, 8), (0, 0))
    assert is_endless(whole)
    for length in range(len(whole)):
        assert not is_endless(whole[:length])


def test_an_endless_heap_is_handed_to_hdf5_as_none() -> None:
    with tempfile.TemporaryFile() as disk:
        disk.write(heap((1, 8), (0, 0)))
        disk.flush()
        file = AtomicFile.open(disk.fileno(), writable=False, durable=False)
        buffer = bytearray(56)
        file.readinto(buffer)
    assert bytes(4) == bytes(buffer[:4])
    assert isinstance(file.error, CorruptNetworkError)
    assert "not terminated" in str(file.error)
