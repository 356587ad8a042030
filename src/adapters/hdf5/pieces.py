"""Pieces of a file: what a commit replaces."""

from __future__ import annotations

import os
from typing import TypeAlias

Bytes: TypeAlias = bytes | bytearray | memoryview
# Where it begins in the file, and bytes.
Piece: TypeAlias = tuple[int, Bytes]

# What is not known more exactly than that takes less time to write than to compare.
_FEW_BYTES = 1024


def changed_part(held: bytes, data: bytes) -> slice:
    """
    From about the first to about the last byte in which two pieces of the same length differ.

    An empty slice if they don't.
    """
    if held == data:
        return slice(0, 0)
    if len(held) <= _FEW_BYTES:
        return slice(0, len(held))
    return slice(_equal_at_start(held, data), len(held) - _equal_at_end(held, data))


def _equal_at_start(held: bytes, data: bytes) -> int:
    # Two bytes objects are compared many at a time.
    low, high = 0, len(held)
    while high - low > _FEW_BYTES:
        middle = (low + high) // 2
        if held[low:middle] == data[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _equal_at_end(held: bytes, data: bytes) -> int:
    low, high = 0, len(held)
    while high - low > _FEW_BYTES:
        middle = (low + high) // 2
        if held[middle:high] == data[middle:high]:
            high = middle
        else:
            low = middle
    return len(held) - high


def read_at(descriptor: int, size: int, start: int) -> bytes:
    """Bytes of a file; fewer, where it ends."""
    data = os.pread(descriptor, size, start)
    while 0 < len(data) < size:
        more = os.pread(descriptor, size - len(data), start + len(data))
        if not more:
            break
        data += more
    return data


def read_into(descriptor: int, view: memoryview, start: int) -> int:
    """Fill a buffer from a file, as far as that goes; how many bytes there were."""
    done = 0
    while done < len(view):
        count = os.preadv(descriptor, [view[done:] if done else view], start + done)
        if not count:
            break
        done += count
    return done


def write_at(descriptor: int, data: Bytes, start: int) -> None:
    """Write all of some bytes to a place in a file."""
    done = os.pwrite(descriptor, data, start)
    while done < len(data):
        done += os.pwrite(descriptor, memoryview(data)[done:], start + done)
