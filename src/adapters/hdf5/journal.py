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
from itertools import pairwise

import attrs

_MAGIC = b"bsb-hdf5 journal"
_VERSION = 2
# Magic, version, size of a page, size of the file before and after, number of pages.
_HEADER = struct.Struct("<16sIIQQQ")
# Number of the page, bytes of it; then a checksum per sector of what it replaces.
_PAGE = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")
# No file is larger.
_MOST_BYTES = 2**63 - 1
# Disks write so many bytes whole.
_SECTOR = 512
# Buffers that the system takes in one call.
_MOST_AT_ONCE = 1024


@attrs.frozen(eq=False)
class Page:
    """
    A piece of a file that is to be replaced.

    :param number: of the page in the file.
    :param before: checksums of what it holds, one per sector.
    :param data: what it will hold.
    """

    number: int
    before: Sequence[int]
    data: bytes | bytearray | memoryview

    @classmethod
    def replacing(
        cls, number: int, held: bytes | bytearray, data: bytes | bytearray | memoryview
    ) -> Page:
        """One that replaces these bytes by as many others."""
        return cls(number, [zlib.crc32(each) for each in _sectors(held)], data)

    def fits(self, held: bytes) -> bool:
        """Whether each sector holds what was to be replaced, or what is to replace it."""
        # Of a page that the commit cuts, there may be less.
        sectors = zip(_sectors(held), self.before, _sectors(self.data), strict=False)
        return all(
            zlib.crc32(sector) == before or sector == data[: len(sector)]
            for sector, before, data in sectors
        )


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

    def _parts(self) -> Iterator[bytes | bytearray | memoryview]:
        sizes = (self.page_size, self.base_size, self.size, len(self.pages))
        header = _HEADER.pack(_MAGIC, _VERSION, *sizes)
        checksum = zlib.crc32(header)
        yield header
        for page in self.pages:
            head = _PAGE.pack(page.number, len(page.data))
            head += struct.pack(f"<{len(page.before)}I", *page.before)
            checksum = zlib.crc32(page.data, zlib.crc32(head, checksum))
            yield head
            yield page.data
        yield _CHECKSUM.pack(checksum)

    def belongs_to(self, descriptor: int) -> bool:
        """
        Whether it is of this file: each sector holds what was to be replaced, or what is to
        replace it.
        """
        if not self._is_sound or os.fstat(descriptor).st_size < min(self.base_size, self.size):
            return False
        return all(self._fits(page, descriptor) for page in self.pages)

    @property
    def _is_sound(self) -> bool:
        """Whether it has pages, which ascend and lie within what the file held."""
        ends = [page.number * self.page_size + len(page.data) for page in self.pages]
        return (
            len(ends) > 0
            and max(self.base_size, self.size) <= _MOST_BYTES
            and max(ends) <= self.base_size
            and all(0 < len(page.data) <= self.page_size for page in self.pages)
            and all(one.number < other.number for one, other in pairwise(self.pages))
        )

    def _fits(self, page: Page, descriptor: int) -> bool:
        return page.fits(os.pread(descriptor, len(page.data), page.number * self.page_size))

    def apply(self, descriptor: int, *, durable: bool = False) -> None:
        """Finish the commit. To do it twice does no harm."""
        for page in self.pages:
            _write_at(descriptor, memoryview(page.data), page.number * self.page_size)
        os.ftruncate(descriptor, self.size)
        if durable:
            os.fsync(descriptor)


def read_journal(path: str) -> Journal | None:
    """The side file at a path; None if there is none, or one that is incomplete or foreign."""
    content = _content(path)
    if len(content) < _HEADER.size + _CHECKSUM.size or not content.startswith(_MAGIC):
        return None
    body = content[: -_CHECKSUM.size]
    if _CHECKSUM.unpack(content[-_CHECKSUM.size :]) != (zlib.crc32(body),):
        return None
    _, version, page_size, base_size, size, count = _HEADER.unpack_from(body)
    if version != _VERSION:
        return None
    try:
        pages = _read_pages(body, count)
    except struct.error:
        return None
    return Journal(page_size, base_size, size, pages)


def _read_pages(body: bytes, count: int) -> list[Page]:
    pages, place = [], _HEADER.size
    for _ in range(count):
        number, length = _PAGE.unpack_from(body, place)
        place += _PAGE.size
        before = struct.unpack_from(f"<{-(-length // _SECTOR)}I", body, place)
        place += _CHECKSUM.size * len(before)
        pages.append(Page(number, before, body[place : place + length]))
        place += length
    return pages


def _content(path: str) -> bytes:
    """Of a file; nothing if there is none, or something else."""
    try:
        # Opening a pipe would wait for somebody at its other end.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return b""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        with open(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def _sectors(data: bytes | bytearray | memoryview) -> list[memoryview]:
    view = memoryview(data)
    return [view[i : i + _SECTOR] for i in range(0, len(view), _SECTOR)]


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
