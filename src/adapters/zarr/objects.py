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

from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, SuffixByteRequest

from ...platform import Buffer, give_other_name, open_descriptor, write_some
from .folders import no_follow, read_whole

PARTIAL = "partial"


def read_object(path: str, byte_range: ByteRequest | None) -> bytes | None:
    """The content of a file, or a part of it; None if the file does not exist."""
    try:
        descriptor = open_descriptor(path, os.O_RDONLY | no_follow())
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return None
        start, stop = bounds_of(byte_range, status.st_size)
        return read_whole(descriptor, start, stop)
    finally:
        os.close(descriptor)


def bounds_of(byte_range: ByteRequest | None, size: int) -> tuple[int, int]:
    """Where a part of an object of some bytes begins and ends."""
    if byte_range is None:
        return 0, size
    if isinstance(byte_range, RangeByteRequest):
        return byte_range.start, min(byte_range.end, size)
    if isinstance(byte_range, OffsetByteRequest):
        return byte_range.offset, size
    assert isinstance(byte_range, SuffixByteRequest)
    return max(0, size - byte_range.suffix), size


def write_object(path: str, data: Buffer, *, exclusive: bool = False) -> None:
    """
    Make or replace a file, whole or not at all.

    :param exclusive: do not replace one.
    :raises FileExistsError: ``exclusive``, and there is one.
    """
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    stem = os.path.splitext(name)[0]
    partial = os.path.join(folder, f"{stem}.{uuid.uuid4().hex}.{PARTIAL}")
    try:
        _write(partial, memoryview(data).cast("B"))
        if exclusive:
            give_other_name(partial, path)
        else:
            os.replace(partial, path)
    except BaseException:
        # One that can't be removed is swept later.
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise


def _write(path: str, data: memoryview) -> None:
    descriptor = open_descriptor(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        done = 0
        while done < len(data):
            done += write_some(descriptor, data[done:], done)
    finally:
        os.close(descriptor)
