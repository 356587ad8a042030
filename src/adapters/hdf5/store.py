"""A network in an HDF5 file."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import uuid
from collections.abc import Callable
from typing import Any

import attrs
import h5py
from h5py import h5f, h5fd, h5g, h5p

from ...errors import HandleError, NotANetworkError, StoreError, StoreExistsError, StoreIOError
from .arrays import Hdf5Group, Hdf5GroupWriter
from .context import Context
from .errors import system_error, translated
from .locking import lock_file
from .overlay import OverlayFile

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


@attrs.define
class Hdf5Settings:
    """
    How files are opened.

    :param lock_limit: seconds to wait for other programs.
    :param on_slow: is told once, with the seconds waited, when a lock takes long.
    """

    lock_limit: float = 600.0
    on_slow: Callable[[float], None] = lambda waited: None


def _access(file: OverlayFile | None) -> Any:
    properties = h5p.create(h5p.FILE_ACCESS)
    properties.set_fclose_degree(h5f.CLOSE_STRONG)
    # Objects in the format of HDF5 1.8: it has no limit on the size of attributes, and
    # unlike that of 1.10 no mark in the file that a killed writer leaves behind.
    properties.set_libver_bounds(h5f.LIBVER_V18, h5f.LIBVER_LATEST)
    if file is not None:
        properties.set_fileobj_driver(h5fd.fileobj_driver, file)
    return properties


class Hdf5ReadSession:
    """An open file."""

    def __init__(self, location: str, descriptor: int) -> None:
        self._descriptor = descriptor
        self._file = OverlayFile(descriptor)
        self.context = Context(location, self._file)
        self._id = _open(self._file, location, h5f.ACC_RDONLY)

    @property
    def root(self) -> Hdf5Group:
        return Hdf5Group(h5g.open(self._id, b"/"), self.context)

    def close(self) -> None:
        try:
            _close(self._id)
        finally:
            os.close(self._descriptor)


class Hdf5WriteSession:
    """An open file whose changes take effect at the commit."""

    def __init__(self, location: str, descriptor: int) -> None:
        self._descriptor = descriptor
        self._file = OverlayFile(descriptor)
        self.context = Context(location, self._file)
        self._id = _open(self._file, location, h5f.ACC_RDWR)

    @property
    def root(self) -> Hdf5GroupWriter:
        return Hdf5GroupWriter(h5g.open(self._id, b"/"), self.context)

    @property
    def changes(self) -> int:
        return self.context.changes

    def commit(self) -> None:
        try:
            with self.context.translated():
                # Even the close writes, so that the pages are complete only after it.
                _close(self._id)
                if self.changes:
                    self._file.commit()
        except BaseException:
            self._file.rollback()
            raise
        finally:
            os.close(self._descriptor)

    def rollback(self) -> None:
        try:
            with self.context.translated():
                _close(self._id)
        finally:
            self._file.rollback()
            os.close(self._descriptor)


class Hdf5CreationSession:
    """A new file, which gets its name at the commit."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._temporary = _temporary_path(path)
        self.context = Context(path)
        with translated(path):
            self._id = h5f.create(os.fsencode(self._temporary), fapl=_access(None))

    @property
    def root(self) -> Hdf5GroupWriter:
        return Hdf5GroupWriter(h5g.open(self._id, b"/"), self.context)

    @property
    def changes(self) -> int:
        return self.context.changes

    def commit(self) -> None:
        try:
            with translated(self._path):
                _close(self._id)
                _rename(self._temporary, self._path)
        except BaseException:
            _remove(self._temporary)
            raise

    def rollback(self) -> None:
        try:
            _close(self._id)
        finally:
            _remove(self._temporary)


class Hdf5AdoptedSession:
    """A file that a caller opened and will close."""

    def __init__(self, id_: Any, location: str) -> None:
        self._id = id_
        self.context = Context(location)

    @property
    def root(self) -> Hdf5GroupWriter:
        return Hdf5GroupWriter(h5g.open(self._id, b"/"), self.context)

    @property
    def changes(self) -> int:
        return self.context.changes

    def commit(self) -> None:
        """The file is the caller's."""

    def rollback(self) -> None:
        """The file is the caller's."""


class Hdf5Store:
    """
    The place of one network: a path.

    :param path: of the file.
    """

    def __init__(self, path: str, settings: Hdf5Settings | None = None) -> None:
        self._path = os.path.abspath(path)
        self._settings = settings or Hdf5Settings()

    @property
    def location(self) -> str:
        return self._path

    @property
    def identity(self) -> str:
        return f"hdf5:{os.path.realpath(self._path)}"

    def exists(self) -> bool:
        return os.path.exists(self._path)

    def recognizes(self) -> bool:
        try:
            descriptor = self._descriptor(os.O_RDONLY)
        except StoreError:
            return False
        try:
            return os.pread(descriptor, len(_SIGNATURE), 0) == _SIGNATURE
        except OSError:
            return False
        finally:
            os.close(descriptor)

    def create(self) -> Hdf5CreationSession:
        if self.exists():
            raise StoreExistsError(f"'{self._path}' exists", location=self._path)
        return Hdf5CreationSession(self._path)

    def open_read(self, *, locking: bool = True) -> Hdf5ReadSession:
        descriptor = self._open(os.O_RDONLY, locking=locking)
        try:
            return Hdf5ReadSession(self._path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    def open_write(self) -> Hdf5WriteSession:
        descriptor = self._open(os.O_RDWR, exclusive=True)
        try:
            return Hdf5WriteSession(self._path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    def adopt(self, handle: Any) -> tuple[Hdf5AdoptedSession, bool] | None:
        if not isinstance(handle, h5py.Group) or not handle:
            return None
        file = handle.file
        if os.path.realpath(file.filename) != os.path.realpath(self._path):
            raise HandleError(
                f"the handle is of '{file.filename}', not of '{self._path}'", found=file.filename
            )
        return Hdf5AdoptedSession(file.id, str(file.filename)), file.mode == "r+"

    def copy(self, target: str) -> None:
        path = self._free_target(target)
        descriptor = self._open(os.O_RDONLY)
        try:
            _copy(descriptor, path)
        finally:
            os.close(descriptor)

    def move(self, target: str) -> None:
        path = self._free_target(target)
        descriptor = self._open(os.O_RDONLY, exclusive=True)
        try:
            with translated(path):
                _rename(self._path, path)
        except StoreIOError as error:
            if error.fields.get("errno") != errno.EXDEV:
                raise
            # Another filesystem: the copy is complete before the original goes.
            _copy(descriptor, path)
            os.unlink(self._path)
        finally:
            os.close(descriptor)

    def remove(self) -> None:
        descriptor = self._open(os.O_RDONLY, exclusive=True)
        try:
            with translated(self._path):
                os.unlink(self._path)
        finally:
            os.close(descriptor)

    def _free_target(self, target: str) -> str:
        path = os.path.abspath(target)
        if os.path.lexists(path):
            raise StoreExistsError(f"'{path}' exists", location=path)
        return path

    def _open(self, flags: int, *, exclusive: bool = False, locking: bool = True) -> int:
        """A file descriptor, and the lock on what the path names."""
        while True:
            descriptor = self._descriptor(flags)
            try:
                if not locking:
                    return descriptor
                lock_file(
                    descriptor,
                    self._path,
                    exclusive=exclusive,
                    limit=self._settings.lock_limit,
                    on_slow=self._settings.on_slow,
                )
                if _is_named(descriptor, self._path):
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            # Somebody moved or removed the file while this one waited for its lock.
            os.close(descriptor)

    def _descriptor(self, flags: int) -> int:
        try:
            # Opening a pipe would wait for somebody at its other end.
            descriptor = os.open(self._path, flags | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise self._open_error(error) from error
        except ValueError as error:
            raise NotANetworkError(f"'{self._path}' is no path: {error}") from error
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        raise self._open_error(IsADirectoryError())

    def _open_error(self, error: OSError) -> StoreError:
        if isinstance(error, IsADirectoryError):
            message = f"'{self._path}' is a directory or device, not an HDF5 file"
            return NotANetworkError(message, location=self._path)
        return system_error(error, self._path)


def _open(file: OverlayFile, location: str, flags: int) -> Any:
    """The id of an open HDF5 file."""
    if not file.seek(0, os.SEEK_END):
        # HDF5 would take it for a file that is about to be made.
        raise NotANetworkError(f"'{location}' is an empty file", location=location)
    try:
        return h5f.open(repr(file).encode(), flags, fapl=_access(file))
    except (OSError, RuntimeError, ValueError) as error:
        if file.error is not None:
            raise system_error(file.error, location) from error
        raise NotANetworkError(
            f"'{location}' is no HDF5 file, or a damaged one: {error}", location=location
        ) from error


def _close(id_: Any) -> None:
    """Close a file, whatever of it is still open."""
    if id_.valid:
        id_.close()


def _temporary_path(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{uuid.uuid4().hex[:8]}.new")


def _remove(temporary: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)


def _is_named(descriptor: int, path: str) -> bool:
    """Whether the path still names the open file."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _rename(path: str, target: str) -> None:
    """Give a file another name, unless somebody took that name meanwhile."""
    try:
        os.link(path, target, follow_symlinks=False)
    except FileExistsError as error:
        raise StoreExistsError(f"'{target}' exists", location=target) from error
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        # A filesystem without hard links.
        os.rename(path, target)
    else:
        os.unlink(path)


def _copy(descriptor: int, path: str) -> None:
    """Copy an open file; the copy gets its name when it is complete."""
    temporary = _temporary_path(path)
    try:
        with translated(path), open(descriptor, "rb", closefd=False) as source:
            with open(temporary, "xb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            os.chmod(temporary, stat.S_IMODE(os.fstat(descriptor).st_mode))
            _rename(temporary, path)
    except BaseException:
        _remove(temporary)
        raise
