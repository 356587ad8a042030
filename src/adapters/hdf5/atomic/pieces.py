"""Pieces of a file: what a commit replaces."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from ....platform import Buffer, read_some, read_some_into, write_some

# Position in the file, and bytes.
Piece: TypeAlias = tuple[int, Buffer]

# perf: append 50 cells; the search for what changed takes longer than to write it.
FEW_BYTES = 2048
"""Up to this size, pieces are written whole."""


def changed_part(held: bytes, data: bytes) -> slice:
    """
    From the first to the last byte in which two pieces of the same length differ.

    An empty slice if they don't; all of a small piece if they do.
    """
    if held == data:
        return slice(0, 0)
    if len(held) <= FEW_BYTES:
        return slice(0, len(held))
    differ = (np.frombuffer(held, np.uint8) != np.frombuffer(data, np.uint8)).tobytes()
    return slice(differ.find(1), differ.rfind(1) + 1)


def read_at(descriptor: int, size: int, start: int) -> bytes:
    """Bytes of a file; fewer if the file ends before."""
    data = read_some(descriptor, size, start)
    while 0 < len(data) < size:
        more = read_some(descriptor, size - len(data), start + len(data))
        if not more:
            break
        data += more
    return data


def read_into(descriptor: int, view: memoryview, start: int) -> int:
    """Fill a buffer from a file; returns the number of bytes that there were."""
    done = 0
    while done < len(view):
        count = read_some_into(descriptor, view[done:] if done else view, start + done)
        if not count:
            break
        done += count
    return done


def write_at(descriptor: int, data: Buffer, start: int) -> None:
    """Write all of some bytes to a place in a file."""
    done = write_some(descriptor, data, start)
    while done < len(data):
        done += write_some(descriptor, memoryview(data)[done:], start + done)
