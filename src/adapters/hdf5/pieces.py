"""Pieces of a file: what a commit replaces."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

# Where it begins in the file, and bytes.
Piece: TypeAlias = tuple[int, bytes | bytearray | memoryview]

# Bytes that are compared as one: disks write so many whole.
_SECTOR = 512
_WORDS = _SECTOR // 8


def changed_parts(held: bytes | bytearray, data: bytes) -> Iterator[slice]:
    """
    Where two pieces of the same length differ, in steps of a few hundred bytes.

    Parts that follow each other come together.
    """
    whole = len(held) // _SECTOR
    before, after = (np.frombuffer(each, np.uint64, whole * _WORDS) for each in (held, data))
    changed = np.flatnonzero((before != after).reshape(-1, _WORDS).any(axis=1)).tolist()
    if held[whole * _SECTOR :] != data[whole * _SECTOR :]:
        changed.append(whole)
    first = 0
    for last, number in enumerate(changed, 1):
        if last == len(changed) or changed[last] != number + 1:
            yield slice(changed[first] * _SECTOR, min(len(held), (number + 1) * _SECTOR))
            first = last


def read_at(descriptor: int, view: memoryview, start: int) -> int:
    """Fill a buffer from a file, as far as that goes; how many bytes there were."""
    done = 0
    while done < len(view):
        count = os.preadv(descriptor, [view[done:] if done else view], start + done)
        if not count:
            break
        done += count
    return done


def write_at(descriptor: int, data: bytes | bytearray | memoryview, start: int) -> None:
    """Write all of some bytes to a place in a file."""
    done = os.pwrite(descriptor, data, start)
    while done < len(data):
        done += os.pwrite(descriptor, memoryview(data)[done:], start + done)
