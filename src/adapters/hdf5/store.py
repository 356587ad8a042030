"""A network in an HDF5 file."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import weakref
from collections.abc import Callable
from typing import Any

import attrs
import h5py
from h5py import h5f

from ...errors import (
    HandleError,
    NotANetworkError,
    StoreAccessError,
    StoreError,
    StoreExistsError,
    StoreIOError,
)
from ...platform import (
    LOCKS_MISSING,
    before_renaming,
    can_lock,
    is_named,
    open_descriptor,
)
from ...ports.store import Capabilities, Capability
from ...transactions.deadline import OnSlow, ignore_slow
from ..files.errors import system_error
from ..files.locking import (
    HDF5_SWITCH,
    HeldDescriptor,
    close_file,
    is_switched_off,
    lock_file,
)
from ..files.names import MODE_OF_FILE, checked_path
from .atomic.atomic_file import AtomicFile
from .atomic.signature import is_hdf5
from .call_log import Hdf5CallLog
from .context import Context
from .errors import translated
from .file_pool import FILE_POOL, FilePool
from .open_file import OpenFile
from .paths import copy_file, give_name, remove_temporary, remove_temporary_names, sync_name
from .rewriting import Hdf5RewriteSession
from .session import (
    Hdf5AdoptedSession,
    Hdf5CreationSession,
    Hdf5ReadSession,
    Hdf5WriteSession,
)

_LOCKS_SOMEWHERE = "On filesystems without locks, programs do not exclude each other."
_SCHEME = "hdf5:"


@attrs.define
class Hdf5Settings:
    """
    Options for opening files.

    :param lock_limit: seconds to wait for other programs.
    :param on_slow: called once if the wait for a lock is long.
    :param durable: whether stored data has to survive a power cut, and not only the end of the
        process.
    """

    lock_limit: float = 600.0
    on_slow: OnSlow = ignore_slow
    durable: bool = False


@attrs.frozen
class _Identity:
    """
    What tells the file of a path from all others.

    :param device: of the file, and ``file`` its number there.
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

    :param path: of the file.
    :param pool: keeps the file open between sessions.
    """

    def __init__(
        self, path: str, settings: Hdf5Settings | None = None, pool: FilePool = FILE_POOL
    ) -> None:
        self._path = os.path.abspath(checked_path(path))
        self._settings = settings or Hdf5Settings()
        self._pool = pool
        self.calls = Hdf5CallLog(
            self._path, _place_of(self), self._settings.lock_limit, self._settings.on_slow
        )
        """The log of calls beside the file."""
        self._identity: _Identity | None = None
        self._pool.serve(self)

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
        # perf: resolving all links of a path takes longer than many sessions.
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
        try:
            descriptor = self._descriptor(os.O_RDONLY)
        except StoreError:
            return False
        try:
            return is_hdf5(descriptor)
        except OSError:
            return False
        finally:
            close_file(descriptor)

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
        # Where the path is a link, the file that it leads to is replaced.
        return Hdf5RewriteSession(os.path.realpath(self._path), held, compress=compress)

    def let_go(self) -> None:
        self._pool.drop(self)
        self.calls.forget()

    def hurry(self, limit: float) -> None:
        """Wait for others for so many seconds at most, from now on."""
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
        path = self._free_target(target)
        descriptor, _ = self._open(os.O_RDONLY)
        try:
            self.calls.copy(path)
            copy_file(descriptor, path, durable=self._settings.durable)
        finally:
            close_file(descriptor)

    def move(self, target: str) -> None:
        path, log = self._free_target(target), self.calls.path
        with self._held_alone() as held:
            try:
                before_renaming(held.close)
                with translated(path):
                    self._rename(path)
                    if self._settings.durable:
                        sync_name(path)
            except StoreIOError as error:
                if error.fields.get("errno") != errno.EXDEV:
                    raise
                self._move_across(held, path)
            self.calls.move(log, path)

    def _move_across(self, held: HeldDescriptor, path: str) -> None:
        """Move to another filesystem: the copy is complete before the original goes."""
        if held.is_closed:
            held = self._held_alone()
        with held:
            copy_file(held.descriptor, path, durable=True)
            before_renaming(held.close)
            with translated(self._path):
                try:
                    os.unlink(os.path.realpath(self._path))
                except OSError:
                    # Of two networks, it would be unclear which is the current one.
                    remove_temporary(path)
                    raise
                if os.path.islink(self._path):
                    os.unlink(self._path)

    def _rename(self, path: str) -> None:
        # Where the path is a link, the file that it leads to moves, and the link goes.
        file = os.path.realpath(self._path)
        give_name(file, path)
        if os.path.islink(self._path):
            try:
                os.unlink(self._path)
            except OSError:
                give_name(path, file)
                raise

    def remove(self) -> None:
        with self._held_alone() as held:
            before_renaming(held.close)
            log = self.calls.path
            with translated(self._path):
                os.unlink(self._path)
            self.calls.discard(log)

    def _free_target(self, target: str) -> str:
        path = os.path.abspath(checked_path(target))
        if os.path.lexists(path):
            raise StoreExistsError(f"'{path}' exists", location=path)
        return path

    def _file(self, flags: int, *, locking: bool = True) -> OpenFile:
        """The open and locked HDF5 file: that of an earlier session, or a new one."""
        writing = flags == h5f.ACC_RDWR
        kept = self._pool.take(self)
        if kept is not None:
            # A file that may be written to is closed with care, for which a lock is needed.
            fits = (kept.writable or not writing) if locking else not kept.writable
            if fits and self._is_usable(kept, exclusive=writing, locking=locking):
                return kept
            kept.discard()
        mode = os.O_RDWR if writing else os.O_RDONLY
        descriptor, locked = self._open(mode, exclusive=writing, locking=locking)
        durable = self._settings.durable
        file = self._pool.open(self._path, descriptor, flags, locked=locked, durable=durable)
        # perf: small sessions; reading the environment takes as long as a lock.
        file.is_lockless = not locked and is_switched_off(HDF5_SWITCH)
        return file

    def _keep(self, file: OpenFile) -> None:
        self._pool.keep(self, file)

    def _is_usable(self, file: OpenFile, *, exclusive: bool, locking: bool) -> bool:
        """Lock the file of an earlier session; whether the path still names it, unchanged."""
        try:
            file.locked = (
                locking
                and not file.is_lockless
                and self._lock(file.descriptor, exclusive=exclusive, switch=None)
            )
            safe = file.locked or not file.writable
            return safe and file.is_as_it_was(self._path)
        except BaseException:
            file.discard()
            raise

    def was_interrupted(self) -> bool:
        """Whether the file ends in the journal of a commit that no program is completing."""
        try:
            descriptor = self._descriptor(os.O_RDONLY)
        except StoreError:
            return False
        locked = False
        try:
            locked = self._lock(descriptor, exclusive=False, limit=0.0)
            with translated(self._path):
                return locked and is_hdf5(descriptor) and AtomicFile.was_interrupted(descriptor)
        except StoreError:
            # A program that commits now has a journal there, too.
            return False
        finally:
            close_file(descriptor, locked=locked)

    def _open(
        self, flags: int, *, exclusive: bool = False, locking: bool = True
    ) -> tuple[int, bool]:
        """A descriptor of the file that the path names, and whether it holds the lock."""
        looked = False
        while True:
            descriptor = self._descriptor(flags)
            try:
                if not locking:
                    return descriptor, False
                locked = self._lock(descriptor, exclusive=exclusive)
                # Another program may have moved or removed the file during the wait.
                named = is_named(descriptor, self._path)
                if named and flags == os.O_RDWR:
                    self._settle(descriptor)
                # Without locks, the writer may still be applying its own journal.
                with translated(self._path):
                    interrupted = (
                        flags == os.O_RDONLY
                        and locked
                        and not looked
                        and AtomicFile.was_interrupted(descriptor)
                    )
                if named and not interrupted:
                    return descriptor, locked
            except BaseException:
                close_file(descriptor)
                raise
            close_file(descriptor)
            if interrupted:
                looked = True
                self._settle_if_possible()

    def _held_alone(self) -> HeldDescriptor:
        """A descriptor with the only lock on a file that is about to be moved or removed."""
        try:
            # Network filesystems grant such a lock only on files open for writing.
            descriptor, _ = self._open(os.O_RDWR, exclusive=True)
        except (StoreAccessError, StoreIOError):
            # A file that may not be written, or not be finished on a full disk, may still go.
            descriptor, _ = self._open(os.O_RDONLY, exclusive=True)
        self._pool.drop_named(self._path)
        return HeldDescriptor(descriptor)

    def _settle(self, descriptor: int) -> None:
        """Clean up after sessions that were killed."""
        with translated(self._path):
            # Any other file may end in what looks like a journal.
            if is_hdf5(descriptor):
                AtomicFile.recover(descriptor)
            if os.fstat(descriptor).st_nlink > 1:
                # Among its names may be that which it had as it was made.
                remove_temporary_names(descriptor, self._path)

    def _settle_if_possible(self) -> None:
        """
        Finish a commit that was interrupted, if the file may be written, and is free.

        Readers can do without it: others may be reading the file for long.
        """
        with contextlib.suppress(StoreError):
            descriptor = self._descriptor(os.O_RDWR)
            locked = False
            try:
                locked = self._lock(descriptor, exclusive=True, limit=0.0)
                if locked:
                    self._settle(descriptor)
            finally:
                close_file(descriptor, locked=locked)

    def _lock(
        self,
        descriptor: int,
        *,
        exclusive: bool,
        limit: float | None = None,
        switch: str | None = HDF5_SWITCH,
    ) -> bool:
        return lock_file(
            descriptor,
            self._path,
            exclusive=exclusive,
            limit=self._settings.lock_limit if limit is None else limit,
            on_slow=self._settings.on_slow,
            switch=switch,
        )

    def _descriptor(self, flags: int) -> int:
        try:
            # Opening a pipe does not wait for its other end.
            descriptor = open_descriptor(self._path, flags)
        except OSError as error:
            raise self._open_error(error) from error
        except ValueError as error:
            raise NotANetworkError(f"'{self._path}' is not a valid path: {error}") from error
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        close_file(descriptor)
        raise self._open_error(IsADirectoryError())

    def _open_error(self, error: OSError) -> StoreError:
        if isinstance(error, IsADirectoryError):
            message = f"'{self._path}' is a directory or device, not an HDF5 file"
            return NotANetworkError(message, location=self._path)
        return system_error(error, self._path)


def _place_of(store: Hdf5Store) -> Callable[[], str]:
    """
    Finds the file that the path of a store leads to.

    It does not refer to the store, which is gone once nobody else does: its file is closed then.
    """
    reference, path = weakref.ref(store), store.location

    def find() -> str:
        # perf: resolving all links takes longer than to append a call.
        found = reference()
        return os.path.realpath(path) if found is None else found.identity.removeprefix(_SCHEME)

    return find
