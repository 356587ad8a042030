"""
The side file of a commit: what it will overwrite, complete before the first byte is.

A process that is killed while it overwrites leaves the side file, and whoever opens the
network next finishes the commit from it. A side file that is incomplete was not begun to be
applied: the network is what it was, and the side file is dropped.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import zlib
from collections.abc import Iterator, Sequence

import attrs

_MAGIC = b"bsb-hdf5 journal"
_VERSION = 3
# Magic, version, size of the file before and after, number of pieces.
_HEADER = struct.Struct("<16sIQQQ")
# Where the piece begins, bytes of it; then a checksum per sector of what it replaces.
_PIECE = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
# No file is larger.
_MOST_BYTES = 2**63 - 1
# Disks write so many bytes whole.
SECTOR = 512
# Buffers that the system takes in one call.
_MOST_AT_ONCE = 1024


@attrs.frozen(eq=False)
class Piece:
    """
    A piece of a file that is to be replaced.

    :param start: of its first byte in the file, that of a sector.
    :param before: checksums of what it holds, one per sector.
    :param data: what it will hold.
    """

    start: int
    before: Sequence[int]
    data: bytes

    @classmethod
    def replacing(cls, start: int, held: bytes, data: bytes) -> Piece:
        """One that replaces these bytes by as many others."""
        return cls(start, [zlib.crc32(each) for each in _sectors(held)], data)

    def fits(self, held: bytes) -> bool:
        """Whether each sector holds what was to be replaced, or what is to replace it."""
        # Of a piece that the commit cuts, there may be less.
        sectors = zip(_sectors(held), self.before, _sectors(self.data), strict=False)
        return all(
            zlib.crc32(sector) == before or sector == data[: len(sector)]
            for sector, before, data in sectors
        )


@attrs.frozen(eq=False)
class Journal:
    """
    What a commit does to a file.

    :param base_size: of the file when the session began.
    :param size: of the file after the commit.
    """

    base_size: int
    size: int
    pieces: Sequence[Piece]

    def write(self, path: str, *, durable: bool) -> None:
        """
        Store it; it counts once its last byte is there.

        :param durable: make sure that it survives a power cut.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(path, flags, 0o666)
        try:
            _write_all(descriptor, list(self._parts()))
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if durable:
            sync_folder(path)

    def _parts(self) -> Iterator[bytes]:
        sizes = (self.base_size, self.size, len(self.pieces))
        header = _HEADER.pack(_MAGIC, _VERSION, *sizes)
        checksum = zlib.crc32(header)
        yield header
        for piece in self.pieces:
            head = _PIECE.pack(piece.start, len(piece.data))
            head += struct.pack(f"<{len(piece.before)}I", *piece.before)
            checksum = zlib.crc32(piece.data, zlib.crc32(head, checksum))
            yield head
            yield piece.data
        yield _CHECKSUM.pack(checksum)

    def belongs_to(self, descriptor: int) -> bool:
        """
        Whether it is of this file: each sector holds what was to be replaced, or what is to
        replace it.
        """
        if not self._is_sound or os.fstat(descriptor).st_size < min(self.base_size, self.size):
            return False
        return all(self._fits(piece, descriptor) for piece in self.pieces)

    @property
    def _is_sound(self) -> bool:
        """Whether it has pieces, which ascend and lie within what the file held."""
        starts = [piece.start for piece in self.pieces]
        ends = [piece.start + len(piece.data) for piece in self.pieces]
        return (
            len(ends) > 0
            and max(self.base_size, self.size) <= _MOST_BYTES
            and max(ends) <= self.base_size
            and all(start < end for start, end in zip(starts, ends, strict=True))
            and all(end <= start for end, start in zip(ends, starts[1:], strict=False))
        )

    def _fits(self, piece: Piece, descriptor: int) -> bool:
        return piece.fits(os.pread(descriptor, len(piece.data), piece.start))

    def apply(self, descriptor: int, *, durable: bool = False) -> None:
        """Finish the commit. To do it twice does no harm."""
        for piece in self.pieces:
            _write_at(descriptor, memoryview(piece.data), piece.start)
        os.ftruncate(descriptor, self.size)
        if durable:
            os.fsync(descriptor)


def read_journal(path: str, within: int = _MOST_BYTES) -> Journal | None:
    """
    The side file at a path; None if there is none, or one that is incomplete or foreign.

    :param within: bytes of the network's file: one that holds more than there is to replace is
        foreign, and not read.
    """
    content = _content(path, within)
    if len(content) < _HEADER.size + _CHECKSUM.size or not content.startswith(_MAGIC):
        return None
    body = content[: -_CHECKSUM.size]
    if _CHECKSUM.unpack(content[-_CHECKSUM.size :]) != (zlib.crc32(body),):
        return None
    _, version, base_size, size, count = _HEADER.unpack_from(body)
    if version != _VERSION:
        return None
    try:
        pieces = _read_pieces(body, count)
    except struct.error:
        return None
    return Journal(base_size, size, pieces)


def _read_pieces(body: bytes, count: int) -> list[Piece]:
    pieces, place = [], _HEADER.size
    for _ in range(count):
        start, length = _PIECE.unpack_from(body, place)
        place += _PIECE.size
        before = struct.unpack_from(f"<{-(-length // SECTOR)}I", body, place)
        place += _CHECKSUM.size * len(before)
        pieces.append(Piece(start, before, body[place : place + length]))
        place += length
    return pieces


def _content(path: str, within: int) -> bytes:
    """Of a side file; nothing if there is none, or something else."""
    try:
        # Opening a pipe would wait for somebody at its other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return b""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        with open(descriptor, "rb", closefd=False) as file:
            head = file.read(_HEADER.size)
            if os.fstat(descriptor).st_size > _most_bytes(head, within):
                return b""
            return head + file.read()
    finally:
        os.close(descriptor)


def _most_bytes(head: bytes, within: int) -> int:
    """What a side file with this header can take, all of it."""
    if len(head) < _HEADER.size:
        return 0
    count: int
    *_, count = _HEADER.unpack(head)
    # Each begins within the file, as what is cut off is not replaced before.
    sectors = -(-within // SECTOR)
    pieces = min(count, sectors) * _PIECE.size
    return _HEADER.size + pieces + sectors * (SECTOR + _CHECKSUM.size) + _CHECKSUM.size


def _sectors(data: bytes) -> list[bytes]:
    if len(data) <= SECTOR:
        return [data]
    return [data[i : i + SECTOR] for i in range(0, len(data), SECTOR)]


def finish_commit(path: str, descriptor: int, *, durable: bool) -> None:
    """
    Finish the commit that was interrupted, or drop what is left of one that never was.

    :param path: of the side file, which is gone afterwards.
    :param descriptor: of the network's file, writable and locked.
    """
    if not os.path.lexists(path):
        return
    journal = read_journal(path, os.fstat(descriptor).st_size)
    if journal is not None and journal.belongs_to(descriptor):
        journal.apply(descriptor, durable=durable)
    remove_journal(path)


def remove_journal(path: str) -> None:
    """Delete a side file, if it is there; one that can't be deleted is emptied."""
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(path)
    except OSError:
        # As another user's, in a folder where everybody deletes only what is his.
        os.close(os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW))


def sync_folder(path: str) -> None:
    """Make sure that the name of a file survives a power cut."""
    descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network filesystems have no such thing, and keep names by themselves.
        if error.errno not in (errno.EINVAL, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, parts: list[bytes]) -> None:
    place = 0
    for first in range(0, len(parts), _MOST_AT_ONCE):
        some = parts[first : first + _MOST_AT_ONCE]
        done = os.writev(descriptor, some)
        wanted = sum(map(len, some))
        if done < wanted:
            rest = b"".join(some)[done:]
            _write_at(descriptor, memoryview(rest), place + done)
            os.lseek(descriptor, place + wanted, os.SEEK_SET)
        place += wanted


def _write_at(descriptor: int, view: memoryview, start: int) -> None:
    done = 0
    while done < len(view):
        done += os.pwrite(descriptor, view[done:], start + done)
