"""
The journal of a commit: the data that it will write, complete before the first byte is
overwritten.

The journal lies past the end of its own file, so that the two can't be separated. A process that is
killed while it overwrites leaves the journal there, and the next program that opens the network
finishes the commit from it. An incomplete journal was never applied: the network is unchanged, and
HDF5 cuts off the bytes past its end.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from ....platform import Buffer, read_at, read_into, write_at
from .pieces import Piece

_MAGIC = b"bsb-hdf5 journal"
_VERSION = 1
# An entry for each piece: where it begins, and how many bytes. Then their bytes. Then the size of
# the file before and after, where the journal begins, how many entries, the CRC-32 of all so
# far, magic and version; and the CRC-32 of that.
_ENTRY = np.dtype(("<i8", 2))
_TRAILER = struct.Struct("<QQQQI16sI")
_CHECKSUM = struct.Struct("<I")
_TAIL = _TRAILER.size + _CHECKSUM.size
# The most bytes of an entry. Sparse files can seem large at no cost, so at most this many bytes are
# read for each entry; entries themselves can't be zeros.
_MOST_OF_ENTRY = 1024
_FEW_ENTRIES = 8
# Entries that are read at a time, and bytes that are written at a time.
_MOST_ENTRIES = 1 << 16
_MOST_AT_ONCE = 1 << 22


class Pieces(Protocol):
    """Pieces of a file, in the order of their places."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Piece]: ...


class StoredPieces:
    """
    The pieces of a journal that was read, made one by one: there may be as many as bytes.

    :param entries: where each begins, and how many bytes it has: (count, 2), ascending.
    :param content: the bytes of all.
    """

    def __init__(self, entries: NDArray[np.int64], content: bytearray) -> None:
        self._starts, self._lengths = entries.T
        self._content = memoryview(content)
        self._ends = np.cumsum(self._lengths)

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[Piece]:
        return self._within(0, len(self))

    def lay_over(self, view: memoryview, start: int) -> None:
        """Replace what a buffer holds of the file from a position on by the pieces."""
        stop = start + len(view)
        # A piece that begins before it may extend into it.
        first = max(0, int(np.searchsorted(self._starts, start, "right")) - 1)
        last = int(np.searchsorted(self._starts, stop, "left"))
        for place, data in self._within(first, last):
            low, high = max(start, place), min(stop, place + len(data))
            if low < high:
                view[low - start : high - start] = data[low - place : high - place]

    def _within(self, first: int, last: int) -> Iterator[Piece]:
        for low in range(first, last, _MOST_ENTRIES):
            part = slice(low, min(low + _MOST_ENTRIES, last))
            columns = (self._starts, self._lengths, self._ends)
            for start, length, end in zip(*(each[part].tolist() for each in columns), strict=True):
                yield start, self._content[end - length : end]


@attrs.frozen(eq=False, slots=False)
class Journal:
    """
    What a commit does to a file.

    :param base_size: size of the file when the session began.
    :param size: size of the file after the commit.
    :param pieces: that it will hold; they ascend, apart from each other, and end before the
        smaller of the two sizes.
    """

    base_size: int
    size: int
    pieces: Pieces

    @property
    def place(self) -> int:
        """Where it begins: past what the file held, and what it will hold."""
        return max(self.base_size, self.size)

    def write(self, descriptor: int) -> None:
        """Store it in the file; it counts once its last byte is there."""
        numbers: list[int] = []
        parts: list[Buffer] = [b""]
        for start, data in self.pieces:
            _add_entries(numbers, start, len(data))
            parts.append(data)
        parts[0] = struct.pack(f"<{len(numbers)}q", *numbers)
        place, checksum = self.place, 0
        if sum(map(len, parts)) <= _MOST_AT_ONCE:
            parts = [b"".join(parts)]
        for part in parts[:-1]:
            checksum = zlib.crc32(part, checksum)
            write_at(descriptor, part, place)
            place += len(part)
        trailer = self._trailer(len(numbers) // 2, zlib.crc32(parts[-1], checksum))
        write_at(descriptor, b"".join((parts[-1], trailer)), place)

    def _trailer(self, entries: int, checksum: int) -> bytes:
        sizes = self.base_size, self.size, self.place, entries
        trailer = _TRAILER.pack(*sizes, checksum, _MAGIC, _VERSION)
        return trailer + _CHECKSUM.pack(zlib.crc32(trailer))

    def withdraw(self, descriptor: int) -> None:
        """Invalidate it, as far as the system allows."""
        with contextlib.suppress(OSError):
            end = os.fstat(descriptor).st_size
            if end >= self.place + _TAIL:
                write_at(descriptor, bytes(_TAIL), end - _TAIL)

    def apply(self, descriptor: int) -> None:
        """Finish the commit; doing it twice does no harm."""
        for start, data in self.pieces:
            write_at(descriptor, data, start)
        # The session that began the commit may have promised to survive a power cut, so the journal
        # is removed only when the file no longer needs it.
        os.fsync(descriptor)
        os.ftruncate(descriptor, self.size)


@attrs.frozen(eq=False, slots=False)
class StoredJournal(Journal):
    """A journal that was read."""

    pieces: StoredPieces


def _add_entries(numbers: list[int], start: int, size: int) -> None:
    """Add where the entries of a piece begin, and how many bytes each has."""
    if size > _MOST_OF_ENTRY * _FEW_ENTRIES:
        lows = range(start, start + size - _MOST_OF_ENTRY, _MOST_OF_ENTRY)
        numbers.extend(chain.from_iterable(zip(lows, repeat(_MOST_OF_ENTRY))))
        done = len(lows) * _MOST_OF_ENTRY
        start, size = start + done, size - done
    # perf: append 50 cells; a loop over a few is faster than those of Python over many.
    while size > _MOST_OF_ENTRY:
        numbers += (start, _MOST_OF_ENTRY)
        start, size = start + _MOST_OF_ENTRY, size - _MOST_OF_ENTRY
    numbers += (start, size)


def has_journal(descriptor: int) -> bool:
    """Whether a file ends in a journal, damaged or not."""
    return _read_trailer(descriptor) is not None


def read_journal(descriptor: int) -> StoredJournal | None:
    """The journal at the end of a file; None if it is missing or damaged."""
    trailer = _read_trailer(descriptor)
    if trailer is None:
        return None
    base_size, size, place, count, checksum = trailer
    entries = _read_entries(descriptor, place, count)
    if entries is None or not _are_apart(entries, min(base_size, size)):
        return None
    size_of_content, begin = int(entries[:, 1].sum()), place + entries.nbytes
    if begin + size_of_content + _TAIL != os.fstat(descriptor).st_size:
        return None
    content = bytearray(size_of_content)
    read_into(descriptor, memoryview(content), begin)
    if zlib.crc32(content, zlib.crc32(entries.tobytes())) != checksum:
        return None
    return StoredJournal(base_size, size, StoredPieces(entries, content))


def _are_apart(entries: NDArray[np.int64], end: int) -> bool:
    """Whether pieces ascend, none reaches into the next, and none past the end."""
    starts, lengths = entries.T
    within = (lengths <= end - starts).all()
    return bool(within and (starts[:-1] + lengths[:-1] <= starts[1:]).all())


def _read_trailer(descriptor: int) -> tuple[int, int, int, int, int] | None:
    """Sizes, place, count and checksum of the journal that ends where the file ends."""
    length = os.fstat(descriptor).st_size
    tail = read_at(descriptor, _TAIL, length - _TAIL) if length >= _TAIL else b""
    if len(tail) < _TAIL or _MAGIC not in tail:
        return None
    if _CHECKSUM.unpack_from(tail, _TRAILER.size) != (zlib.crc32(tail[: _TRAILER.size]),):
        return None
    base_size, size, place, count, checksum, magic, version = _TRAILER.unpack_from(tail)
    fits = (
        (magic, version) == (_MAGIC, _VERSION)
        # A network may contain a whole file with a journal, as a stored file.
        and place == max(base_size, size)
        and 0 < count <= (length - place) // _ENTRY.itemsize
    )
    return (base_size, size, place, count, checksum) if fits else None


def _read_entries(descriptor: int, place: int, count: int) -> NDArray[np.int64] | None:
    """Starts and lengths of the pieces of a journal: (count, 2); None if they are invalid."""
    parts: list[NDArray[np.int64]] = []
    for first in range(0, count, _MOST_ENTRIES):
        part = np.zeros((min(count - first, _MOST_ENTRIES), 2), dtype="<i8")
        read_into(descriptor, part.reshape(-1).view(np.uint8).data, place + first * _ENTRY.itemsize)
        starts, lengths = part.T
        if (starts < 0).any() or (lengths < 1).any() or (lengths > _MOST_OF_ENTRY).any():
            return None
        parts.append(part)
    return np.concatenate(parts)


def finish_commit(descriptor: int) -> None:
    """
    Finish the commit that was interrupted, if one was.

    :param descriptor: descriptor of the network's file, writable and locked.
    """
    journal = read_journal(descriptor)
    if journal is not None:
        journal.apply(descriptor)
