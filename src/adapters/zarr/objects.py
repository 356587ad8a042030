"""
The files of a folder as objects: read in part, and replaced whole.

They are read and written in the thread that asks, by calls of the system that are made here: an
error is that of one call, and a call that failed is not made later by a thread that starts then.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from typing import Self

from ...errors import CorruptNetworkError
from ...platform import Buffer, open_descriptor, read_some, write_some

_LEADS_OUT = re.compile(r"^/|(^|/)\.\.(/|$)|[\\\0]")


def path_in(root: str, key: str, checked: set[str] | None = None) -> str:
    """
    The path of a key in a folder, to which no link leads.

    :param root: the folder; a link may lead to it.
    :param key: names separated by slashes.
    :param checked: the keys of folders to which none leads; more are added.
    :raises CorruptNetworkError: it leads elsewhere.
    """
    if _LEADS_OUT.search(key):
        raise CorruptNetworkError(f"'{root}' names {key!r}, which leads out of it", location=root)
    above, _, last = key.rpartition("/")
    # perf: load the positions of a chunk; os.path.join takes ten times as long.
    if checked is not None and above in checked:
        path, names = f"{root}{os.sep}{above}", [last]
    else:
        path, names = root, key.split("/")
    for name in names:
        path = f"{path}{os.sep}{name}"
        if os.path.islink(path):
            raise CorruptNetworkError(
                f"'{path}' is a symbolic link within a network, which is not followed;"
                " replace it by what it leads to, if that belongs to the network",
                location=root,
            )
    if checked is not None and above:
        checked.add(above)
    return path


def no_follow() -> int:
    """The flag with which the system opens no links, if it has one."""
    return getattr(os, "O_NOFOLLOW", 0)


class ObjectFile:
    """
    A file, of which parts are read; a program that replaces it changes nothing of that.

    :raises FileNotFoundError: there is none.
    :raises CorruptNetworkError: it is not a regular file.
    """

    def __init__(self, path: str) -> None:
        self._descriptor = open_descriptor(path, os.O_RDONLY | no_follow())
        status = os.fstat(self._descriptor)
        self.size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise CorruptNetworkError(f"'{path}' is not a regular file", location=path)

    def read(self, start: int, stop: int) -> bytes:
        """Bytes of the file; fewer if it ends before."""
        parts: list[bytes] = []
        while start < stop:
            part = read_some(self._descriptor, stop - start, start)
            if not part:
                break
            parts.append(part)
            start += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write_object(path: str, data: Buffer) -> None:
    """Make or replace a file, whole or not at all."""
    folder, name = os.path.split(path)
    stem = os.path.splitext(name)[0]
    partial = os.path.join(folder, f"{stem}.{os.urandom(16).hex()}.partial")
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

    This takes less time, as filesystems write the content of a file to the disk when it takes the
    place of another. A file with other names, as copies may share it, is replaced all the same.
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
