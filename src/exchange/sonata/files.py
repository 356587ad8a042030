"""HDF5 files of SONATA, in which errors of the system are noted and named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np
from h5py import h5f, h5fd, h5p

from ...errors import CorruptNetworkError
from ...platform import open_descriptor, read_some, write_some

MAGIC = np.uint32(0x0A7A)
VERSION = np.array([0, 1], dtype=np.uint32)
File: TypeAlias = Any
"""A file of h5py, which has no types."""


class _Noting:
    """
    A file below HDF5 that notes the first error, and writes nothing after it.

    HDF5's own drivers leave its state broken where a write fails as a file is closed, and the
    process may crash later.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._position = 0
        self.error: BaseException | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = os.fstat(self._descriptor).st_size if whence == os.SEEK_END else 0
        self._position = offset + (self._position if whence == os.SEEK_CUR else size)
        return self._position

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """Do nothing: there is no buffer."""

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill the buffer; there are zeros where nothing was written."""
        view, done = memoryview(buffer).cast("B"), 0
        try:
            while done < len(view):
                part = read_some(self._descriptor, len(view) - done, self._position + done)
                if not part:
                    break
                view[done : done + len(part)] = part
                done += len(part)
        except BaseException as error:
            self._note(error)
        view[done:] = bytes(len(view) - done)
        self._position += len(view)
        return len(view)

    def write(self, data: bytes | memoryview) -> int:
        view, done = memoryview(data).cast("B"), 0
        try:
            while done < len(view) and self.error is None:
                # The system may write less than it is given.
                done += write_some(self._descriptor, view[done:], self._position + done)
        except BaseException as error:
            self._note(error)
        self._position += len(view)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        size = self._position if size is None else size
        try:
            if self.error is None:
                os.ftruncate(self._descriptor, size)
        except BaseException as error:
            self._note(error)
        return size

    def check(self) -> None:
        """Raise the error that was noted, if any."""
        if self.error is not None:
            raise self.error

    def _note(self, error: BaseException) -> None:
        if self.error is None:
            self.error = error


def _properties(below: _Noting) -> Any:
    """
    The properties with which HDF5 opens or creates a file.

    Variables of a traceback, which h5py.File has, would keep them until Python has gone, which
    HDF5 needs to close them.
    """
    properties = h5p.create(h5p.FILE_ACCESS)
    properties.set_fclose_degree(h5f.CLOSE_STRONG)
    properties.set_fileobj_driver(h5fd.fileobj_driver, below)
    return properties


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[File]:
    descriptor = open_descriptor(str(path), flags)
    below = _Noting(descriptor)
    name = os.fsencode(path)
    try:
        if flags & os.O_CREAT:
            made = h5f.create(name, fapl=_properties(below))
        else:
            made = h5f.open(name, h5f.ACC_RDONLY, fapl=_properties(below))
        with h5py.File(made) as file:
            yield file
    except Exception:
        # The file below may be the cause.
        below.check()
        raise
    finally:
        os.close(descriptor)
    below.check()


@contextmanager
def new_file(path: Path) -> Iterator[File]:
    """
    A file of SONATA to fill.

    :raises OSError: the system failed to write it.
    """
    with _opened(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC) as file:
        file.attrs["magic"] = MAGIC
        file.attrs["version"] = VERSION
        yield file


@contextmanager
def open_file(path: Path) -> Iterator[File]:
    """
    A file of SONATA to read.

    :raises CorruptNetworkError: it is no file of HDF5.
    :raises OSError: the system failed to read it.
    """
    if not h5py.is_hdf5(path):
        raise CorruptNetworkError(f"'{path}' is not an HDF5 file")
    with _opened(path, os.O_RDONLY) as file:
        yield file
