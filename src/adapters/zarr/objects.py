"""
The files of a folder as objects: read in part, and replaced whole.

They are read and written in the thread that asks, by calls of the system that are made here: an
error is that of one call, and a call that failed is not made later by a thread that starts then.
"""

from __future__ import annotations

import contextlib
import os
import stat
import uuid
from collections.abc import Iterator

from ...platform import Buffer, open_descriptor, write_some
from .folders import no_follow, read_whole

PARTIAL = "partial"


class ObjectFile:
    """
    A regular file, of which parts are read; a program that replaces it changes nothing of that.

    :raises FileNotFoundError: there is none.
    """

    def __init__(self, path: str) -> None:
        self._descriptor = open_descriptor(path, os.O_RDONLY | no_follow())
        status = os.fstat(self._descriptor)
        self.size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise FileNotFoundError(path)

    def read(self, start: int, stop: int) -> bytes:
        return read_whole(self._descriptor, start, stop)

    def close(self) -> None:
        os.close(self._descriptor)


@contextlib.contextmanager
def opened(path: str) -> Iterator[ObjectFile | None]:
    """A file, to read parts of it; None if it does not exist."""
    try:
        file = ObjectFile(path)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        yield None
        return
    try:
        yield file
    finally:
        file.close()


def write_object(path: str, data: Buffer) -> None:
    """Make or replace a file, whole or not at all."""
    folder, name = os.path.split(path)
    stem = os.path.splitext(name)[0]
    partial = os.path.join(folder, f"{stem}.{uuid.uuid4().hex}.{PARTIAL}")
    try:
        try:
            _write(partial, memoryview(data).cast("B"))
        except FileNotFoundError:
            os.makedirs(folder, exist_ok=True)
            _write(partial, memoryview(data).cast("B"))
        os.replace(partial, path)
    except BaseException:
        # One that can't be removed is swept later.
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise


def write_again(path: str, text: bytes) -> None:
    """
    Replace a small text, which may end with spaces, in one write.

    perf: filesystems write the content of a file to the disk when it takes the place of another.
    A file with other names, as copies may share it, is replaced all the same.
    """
    try:
        descriptor = open_descriptor(path, os.O_WRONLY | no_follow())
    except FileNotFoundError:
        write_object(path, text)
        return
    try:
        status = os.fstat(descriptor)
        is_alone = status.st_nlink == 1 and stat.S_ISREG(status.st_mode)
        if is_alone:
            write_some(descriptor, memoryview(text.ljust(status.st_size)), 0)
    finally:
        os.close(descriptor)
    if not is_alone:
        write_object(path, text)


def _write(path: str, data: memoryview) -> None:
    descriptor = open_descriptor(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        done = 0
        while done < len(data):
            done += write_some(descriptor, data[done:], done)
    finally:
        os.close(descriptor)
