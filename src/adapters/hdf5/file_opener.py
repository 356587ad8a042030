"""The file that a path names, opened, locked, and cleaned up after sessions that were killed."""

from __future__ import annotations

import contextlib
import os
import stat

import attrs

from ...errors import NotANetworkError, StoreError
from ...platform import is_named, open_descriptor
from ...transactions.deadline import OnSlow, ignore_slow
from ..files.errors import system_error
from ..files.locking import HDF5_SWITCH, close_file, lock_file
from .atomic.atomic_file import AtomicFile
from .atomic.signature import is_hdf5
from .errors import translated
from .paths import remove_temporary_names


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


class FileOpener:
    """
    Opens the file of one path.

    :param path: path of the file.
    """

    def __init__(self, path: str, settings: Hdf5Settings) -> None:
        self._path = path
        self._settings = settings

    def is_hdf5(self) -> bool:
        """Whether there is an HDF5 file that can be opened."""
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

    def was_interrupted(self) -> bool:
        """Whether the file ends in the journal of a commit that no program is completing."""
        try:
            descriptor = self._descriptor(os.O_RDONLY)
        except StoreError:
            return False
        locked = False
        try:
            locked = self.lock(descriptor, exclusive=False, limit=0.0)
            with translated(self._path):
                return locked and is_hdf5(descriptor) and AtomicFile.was_interrupted(descriptor)
        except StoreError:
            # A program that commits now has a journal there, too.
            return False
        finally:
            close_file(descriptor, locked=locked)

    def open(
        self, flags: int, *, exclusive: bool = False, locking: bool = True
    ) -> tuple[int, bool]:
        """
        Open the file, and wait for its lock.

        :param flags: as of ``os.open``.
        :param locking: False to open it without a lock.
        :returns: a descriptor, and whether it holds the lock.
        """
        looked = False
        while True:
            descriptor = self._descriptor(flags)
            interrupted = False
            try:
                if not locking:
                    return descriptor, False
                locked = self.lock(descriptor, exclusive=exclusive)
                # Another program may have moved or removed the file during the wait.
                named = is_named(descriptor, self._path)
                if flags == os.O_RDWR:
                    if named:
                        self._settle(descriptor)
                elif locked and not looked:
                    # Without locks, the writer may still be applying its own journal.
                    with translated(self._path):
                        interrupted = AtomicFile.was_interrupted(descriptor)
                if named and not interrupted:
                    return descriptor, locked
            except BaseException:
                close_file(descriptor)
                raise
            close_file(descriptor)
            if interrupted:
                looked = True
                self._settle_if_possible()

    def lock(
        self,
        descriptor: int,
        *,
        exclusive: bool,
        limit: float | None = None,
        switch: str | None = HDF5_SWITCH,
    ) -> bool:
        """
        Wait for the lock of the file.

        :param limit: seconds to wait; by default, those of the settings.
        :param switch: the environment variable that disables locks, if there is one.
        :returns: whether it is locked; errors as for :func:`.lock_file`.
        """
        return lock_file(
            descriptor,
            self._path,
            exclusive=exclusive,
            limit=self._settings.lock_limit if limit is None else limit,
            on_slow=self._settings.on_slow,
            switch=switch,
        )

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
                locked = self.lock(descriptor, exclusive=True, limit=0.0)
                if locked:
                    self._settle(descriptor)
            finally:
                close_file(descriptor, locked=locked)

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
