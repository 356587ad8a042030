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
import struct
import zlib
from collections.abc import Iterator, Sequence

import attrs

_MAGIC = b"bsb-hdf5 journal"
_VERSION = 1
# Magic, version, size of a page, size of the file before and after, number of pages.
_HEADER = struct.Struct("<16sIIQQQ")
# Number of the page, bytes of it, checksum of what it replaces.
_PAGE = struct.Struct("<QII")
_CHECKSUM = struct.Struct("<I")
# Disks write so many bytes whole.
_SECTOR = 512
# Buffers that the system takes in one call.
_MOST_AT_ONCE = 1024


@attrs.frozen(eq=False)
class Page:
    """
    A piece of a file that is to be replaced.

    :param number: of the page in the file.
    :param before: checksum of what it holds.
    :param data: what it will hold.
    """

    number: int
    before: int
    data: bytes | bytearray | memoryview


@attrs.frozen(eq=False)
class Journal:
    """
    What a commit does to a file.

    :param page_size: bytes of a page.
    :param base_size: of the file when the session began.
    :param size: of the file after the commit.
    """

    page_size: int
    base_size: int
    size: int
    pages: Sequence[Page]

    def write(self, path: str, *, durable: bool) -> None:
        """
        Store it; it counts once its last byte is there.

        :param durable: make sure that it survives a power cut.
        """
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        try:
            _write_all(descriptor, list(self._parts()))
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if durable:
            sync_folder(path)

    def _parts(self) -> Iterator[bytes | bytearray | memoryview]:
        sizes = (self.page_size, self.base_size, self.size, len(self.pages))
        header = _HEADER.pack(_MAGIC, _VERSION, *sizes)
        checksum = zlib.crc32(header)
        yield header
        for page in self.pages:
            head = _PAGE.pack(page.number, len(page.data), page.before)
            checksum = zlib.crc32(page.data, zlib.crc32(head, checksum))
            yield head
            yield page.data
        yield _CHECKSUM.pack(checksum)

    def belongs_to(self, descriptor: int) -> bool:
        """
        Whether it is of this file: each page holds what was to be replaced, or what is to
        replace it, be it in part after a power cut.
        """
        if os.fstat(descriptor).st_size < min(self.base_size, self.size):
            return False
        return all(self._fits(page, descriptor) for page in self.pages)

    def _fits(self, page: Page, descriptor: int) -> bool:
        held = os.pread(descriptor, len(page.data), page.number * self.page_size)
        return zlib.crc32(held) == page.before or _agree_in_part(held, bytes(page.data))

    def apply(self, descriptor: int, *, durable: bool) -> None:
        """Finish the commit. To do it twice does no harm."""
        for page in self.pages:
            _write_at(descriptor, memoryview(page.data), page.number * self.page_size)
        os.ftruncate(descriptor, self.size)
        if durable:
            os.fsync(descriptor)


def read_journal(path: str) -> Journal | None:
    """The side file at a path; None if there is none, or one that is incomplete or foreign."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return None
    if len(content) < _HEADER.size + _CHECKSUM.size or not content.startswith(_MAGIC):
        return None
    body = content[: -_CHECKSUM.size]
    if _CHECKSUM.unpack(content[-_CHECKSUM.size :]) != (zlib.crc32(body),):
        return None
    _, version, page_size, base_size, size, count = _HEADER.unpack_from(body)
    if version != _VERSION:
        return None
    pages, place = [], _HEADER.size
    for _ in range(count):
        number, length, before = _PAGE.unpack_from(body, place)
        place += _PAGE.size
        pages.append(Page(number, before, body[place : place + length]))
        place += length
    return Journal(page_size, base_size, size, pages)


def _agree_in_part(held: bytes, data: bytes) -> bool:
    sectors = range(0, len(data), _SECTOR)
    return held == data or any(
        any(data[i : i + _SECTOR]) and held[i : i + _SECTOR] == data[i : i + _SECTOR]
        for i in sectors
    )


def finish_commit(path: str, descriptor: int, *, durable: bool) -> None:
    """
    Finish the commit that was interrupted, or drop what is left of one that never was.

    :param path: of the side file, which is gone afterwards.
    :param descriptor: of the network's file, writable and locked.
    """
    if not os.path.lexists(path):
        return
    journal = read_journal(path)
    if journal is not None and journal.belongs_to(descriptor):
        journal.apply(descriptor, durable=durable)
    remove_journal(path)


def remove_journal(path: str) -> None:
    """Delete a side file, if it is there."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(path)


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


def _write_all(descriptor: int, parts: list[bytes | bytearray | memoryview]) -> None:
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
