"""A network in an HDF5 file."""

from __future__ import annotations

import os
import stat
import weakref
from collections.abc import Callable
from typing import Any

import attrs
import h5py
from h5py import h5f

from ...errors import HandleError, StoreAccessError, StoreExistsError
from ...platform import LOCKS_MISSING, can_lock
from ...ports.store import Capabilities, Capability
from ..files.locking import HDF5_SWITCH, is_switched_off
from ..files.names import MODE_OF_FILE, checked_path
from .call_log import Hdf5CallLog
from .context import Context
from .errors import translated
from .file_opener import FileOpener, Hdf5Settings
from .file_pool import FILE_POOL, FilePool
from .open_file import OpenFile
from .relocation import Relocation
from .rewriting import Hdf5RewriteSession
from .session import (
    Hdf5AdoptedSession,
    Hdf5CreationSession,
    Hdf5ReadSession,
    Hdf5WriteSession,
)

_LOCKS_SOMEWHERE = "On filesystems without locks, programs do not exclude each other."
_SCHEME = "hdf5:"


@attrs.frozen
class _Identity:
    """
    The identity of the file that a path names.

    :param device: device of the file, and ``file`` its number there.
    :param path: without links.
    :param text: the identity.
    """

    device: int
    file: int
    path: str
    text: str

    def is_at_path(self, status: os.stat_result) -> bool:
        """Whether the path still names the file."""
        try:
            return os.path.samestat(os.stat(self.path), status)
        except OSError:
            return False


class Hdf5Store:
    """
    The place of one network: a path.

    :param path: path of the file.
    :param pool: keeps the file open between sessions.
    """

    def __init__(
        self, path: str, settings: Hdf5Settings | None = None, pool: FilePool = FILE_POOL
    ) -> None:
        self._path = os.path.abspath(checked_path(path))
        self._settings = settings or Hdf5Settings()
        self._opener = FileOpener(self._path, self._settings)
        self._pool = pool
        self.calls = Hdf5CallLog(
            self._path, _place_of(self), self._settings.lock_limit, self._settings.on_slow
        )
        """The log of calls beside the file."""
        self._relocation = Relocation(
            self._path, self._settings, self._opener, self.calls, self._pool
        )
        self._identity: _Identity | None = None
        self._pool.serve(self)
        self._keep = self._pool.keeper(self)

    @property
    def capabilities(self) -> Capabilities:
        has_locks = can_lock()
        return Capabilities(
            locking=has_locks,
            parallel=True,
            persistent=True,
            writable=True,
            durable=True,
            repackable=True,
            threads=True,
            notes={Capability.LOCKING: _LOCKS_SOMEWHERE if has_locks else LOCKS_MISSING},
        )

    @property
    def location(self) -> str:
        return self._path

    @property
    def identity(self) -> str:
        # perf: load a chunk; resolving all links of a path takes longer than many sessions.
        try:
            status = os.stat(self._path)
        except (OSError, ValueError):
            return _SCHEME + os.path.realpath(self._path)
        known = self._identity
        # A link may lead to a file that was moved, and the link after it.
        if known is not None and (
            known.file == status.st_ino
            and known.device == status.st_dev
            and (known.path == self._path or known.is_at_path(status))
        ):
            return known.text
        path = os.path.realpath(self._path)
        self._identity = _Identity(status.st_dev, status.st_ino, path, _SCHEME + path)
        return self._identity.text

    def exists(self) -> bool:
        found = os.path.exists(self._path)
        if not found:
            self._pool.drop_gone()
        return found

    def recognizes(self) -> bool:
        return self._opener.is_hdf5()

    def mode(self) -> int:
        with translated(self._path):
            return stat.S_IMODE(os.stat(self._path).st_mode) & MODE_OF_FILE

    def create(self, *, mode: int | None = None) -> Hdf5CreationSession:
        if self.exists():
            raise StoreExistsError(f"'{self._path}' exists", location=self._path)
        return Hdf5CreationSession(self._path, durable=self._settings.durable, mode=mode)

    def open_read(self, *, locking: bool = True) -> Hdf5ReadSession:
        return Hdf5ReadSession(self._file(h5f.ACC_RDONLY, locking=locking), self._keep)

    def open_write(self) -> Hdf5WriteSession:
        return Hdf5WriteSession(self._file(h5f.ACC_RDWR), self._keep)

    def rewrite(self, *, compress: bool = False) -> Hdf5RewriteSession:
        held = self.open_write()
        if held.has_other_names:
            held.rollback()
            raise StoreAccessError(
                f"'{self._path}' has several names (hard links), and can't be rewritten under"
                " one of them; remove the others, or copy it",
                location=self._path,
            )
        # If the path is a link, its target is replaced.
        return Hdf5RewriteSession(os.path.realpath(self._path), held, compress=compress)

    def let_go(self) -> None:
        self._pool.drop(self)
        self.calls.forget()

    def hurry(self, limit: float) -> None:
        """Limit all later waits to this many seconds."""
        self._settings.lock_limit = min(limit, self._settings.lock_limit)
        self.calls.limit = self._settings.lock_limit

    def size(self) -> int:
        with translated(self._path):
            return os.path.getsize(self._path)

    def adopt(self, handle: Any) -> tuple[Hdf5AdoptedSession, bool] | None:
        if not isinstance(handle, h5py.Group) or not handle:
            return None
        file = handle.file
        if os.path.realpath(file.filename) != os.path.realpath(self._path):
            raise HandleError(
                f"the handle is of '{file.filename}', not of '{self._path}'", found=file.filename
            )
        return Hdf5AdoptedSession(file.id, Context(self._path)), file.mode == "r+"

    def copy(self, target: str) -> None:
        self._relocation.copy(target)

    def move(self, target: str) -> None:
        self._relocation.move(target)

    def remove(self) -> None:
        self._relocation.remove()

    def was_interrupted(self) -> bool:
        """Whether the file ends in the journal of a commit that no program is completing."""
        return self._opener.was_interrupted()

    def _file(self, flags: int, *, locking: bool = True) -> OpenFile:
        """The open and locked HDF5 file: that of an earlier session, or a new one."""
        writing = flags == h5f.ACC_RDWR
        kept = self._pool.take(self)
        if kept is not None:
            # Closing a writable file safely needs a lock.
            fits = (kept.writable or not writing) if locking else not kept.writable
            if fits and self._is_usable(kept, exclusive=writing, locking=locking):
                return kept
            kept.close()
        mode = os.O_RDWR if writing else os.O_RDONLY
        descriptor, locked = self._opener.open(mode, exclusive=writing, locking=locking)
        durable = self._settings.durable
        file = self._pool.open(self._path, descriptor, flags, locked=locked, durable=durable)
        # perf: load a chunk; reading the environment takes as long as a lock.
        file.is_lockless = not locked and is_switched_off(HDF5_SWITCH)
        return file

    def _is_usable(self, file: OpenFile, *, exclusive: bool, locking: bool) -> bool:
        """Lock the file of an earlier session; whether the path still names it, unchanged."""
        try:
            file.locked = (
                locking
                and not file.is_lockless
                and self._opener.lock(file.descriptor, exclusive=exclusive, switch=None)
            )
            safe = file.locked or not file.writable
            return safe and file.is_as_it_was(self._path)
        except BaseException:
            file.close()
            raise


def _place_of(store: Hdf5Store) -> Callable[[], str]:
    """
    Finds the file that the path of a store leads to.

    It holds no reference to the store, so that its file is closed once the last user drops it.
    """
    reference, path = weakref.ref(store), store.location

    def find() -> str:
        # perf: 2 ranks append, rows a second / 1 rank; resolving links takes longer than a call.
        found = reference()
        return os.path.realpath(path) if found is None else found.identity.removeprefix(_SCHEME)

    return find
