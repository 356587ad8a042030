"""Sessions on HDF5 files."""

from __future__ import annotations

import os
from typing import Any

from h5py import h5f, h5fd, h5g, h5p

from ...errors import NotANetworkError
from .arrays import Hdf5Group, Hdf5GroupWriter
from .context import Context
from .errors import as_ours, translated
from .locking import close_file
from .overlay import OverlayFile
from .paths import give_name, remove_temporary, temporary_path


class OpenFile:
    """
    An HDF5 file, open over a descriptor that it closes.

    :param flags: of HDF5, to read or to write.
    :param locked: whether the descriptor holds the lock of the file.
    :raises NotANetworkError: it is no HDF5 file.
    """

    def __init__(self, location: str, descriptor: int, flags: int, *, locked: bool) -> None:
        self._descriptor = descriptor
        self._locked = locked
        self._writable = flags == h5f.ACC_RDWR
        self.overlay = OverlayFile(descriptor)
        self.context = Context(location, self.overlay)
        try:
            self.id = _open(self.overlay, location, flags)
        except BaseException:
            self._let_go()
            raise

    def close(self, *, commit: bool) -> None:
        """Close the file, and let its changes take effect if nothing is wrong with them."""
        try:
            with self.context.translated():
                # Even the close writes, so that the pages are complete only after it.
                self.id.close()
                if commit:
                    self.overlay.commit()
        except BaseException:
            commit = False
            raise
        finally:
            try:
                if self._writable and not commit:
                    self.overlay.rollback()
            finally:
                self._let_go()

    def _let_go(self) -> None:
        close_file(self._descriptor, locked=self._locked)


class Hdf5ReadSession:
    """
    An open file.

    :param descriptor: of the file; the session closes it.
    """

    def __init__(self, location: str, descriptor: int, *, locked: bool) -> None:
        self._file = OpenFile(location, descriptor, h5f.ACC_RDONLY, locked=locked)

    @property
    def root(self) -> Hdf5Group:
        with self._file.context.translated():
            return Hdf5Group(h5g.open(self._file.id, b"/"), self._file.context)

    @property
    def version(self) -> None:
        """Not told apart."""

    def close(self) -> None:
        self._file.close(commit=False)


class Hdf5AdoptedSession:
    """
    A file that a caller opened and will close: its changes are the caller's.

    :param id_: of the open HDF5 file.
    """

    def __init__(self, id_: Any, context: Context) -> None:
        self._id = id_
        self._context = context

    @property
    def root(self) -> Hdf5GroupWriter:
        with self._context.translated():
            return Hdf5GroupWriter(h5g.open(self._id, b"/"), self._context)

    @property
    def changes(self) -> int:
        return self._context.changes

    @property
    def version(self) -> None:
        """Not told apart."""

    def commit(self) -> None:
        """Nothing: the caller's close stores the changes."""

    def rollback(self) -> None:
        """Nothing: HDF5 can't undo what it was told."""


class Hdf5WriteSession(Hdf5AdoptedSession):
    """
    An open file whose changes take effect at the commit.

    :param descriptor: of the file; the session closes it.
    """

    def __init__(self, location: str, descriptor: int) -> None:
        self._file = OpenFile(location, descriptor, h5f.ACC_RDWR, locked=True)
        super().__init__(self._file.id, self._file.context)

    def commit(self) -> None:
        self._file.close(commit=bool(self.changes))

    def rollback(self) -> None:
        self._file.close(commit=False)


class Hdf5CreationSession(Hdf5AdoptedSession):
    """A new file, which gets its name at the commit."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._temporary = temporary_path(path)
        with translated(path):
            id_ = h5f.create(os.fsencode(self._temporary), fapl=_access(None))
        super().__init__(id_, Context(path))

    def commit(self) -> None:
        try:
            with translated(self._path):
                self._id.close()
                give_name(self._temporary, self._path)
        finally:
            remove_temporary(self._temporary)

    def rollback(self) -> None:
        try:
            with translated(self._path):
                self._id.close()
        finally:
            remove_temporary(self._temporary)


def _access(file: OverlayFile | None) -> Any:
    properties = h5p.create(h5p.FILE_ACCESS)
    # A close ends the session, whatever of the file is still referred to.
    properties.set_fclose_degree(h5f.CLOSE_STRONG)
    # Objects in the format of HDF5 1.8: it has no limit on the size of attributes, and
    # unlike that of 1.10 no mark in the file that a killed writer leaves behind.
    properties.set_libver_bounds(h5f.LIBVER_V18, h5f.LIBVER_LATEST)
    if file is not None:
        properties.set_fileobj_driver(h5fd.fileobj_driver, file)
    return properties


def _open(file: OverlayFile, location: str, flags: int) -> Any:
    """The id of an open HDF5 file."""
    if not file.seek(0, os.SEEK_END):
        # HDF5 would take it for a file that is about to be made.
        raise NotANetworkError(f"'{location}' is an empty file", location=location)
    try:
        opened = h5f.open(repr(file).encode(), flags, fapl=_access(file))
        file.raise_error()
        return opened
    except (OSError, RuntimeError, ValueError) as error:
        if file.error is not None:
            raise as_ours(file.error, location) from error
        raise NotANetworkError(
            f"'{location}' is no HDF5 file, or a damaged one: {error}", location=location
        ) from error
