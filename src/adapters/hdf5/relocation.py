"""Copying, moving and removing the file of a network, and the log of calls beside it."""

from __future__ import annotations

import errno
import os

from ...errors import StoreAccessError, StoreIOError
from ...platform import before_renaming
from ..files.locking import HeldDescriptor, close_file
from ..native.drafts import give_name, sync_name
from ..native.store import free_path
from .call_log import Hdf5CallLog
from .errors import translated
from .file_opener import FileOpener, Hdf5Settings
from .file_pool import FilePool
from .paths import copy_file, remove_temporary


class Relocation:
    """
    Copies, moves and removes the file of one path.

    :param path: path of the file.
    :param opener: opens and locks it.
    :param calls: the log beside it, which goes where the file goes.
    :param pool: may keep it open.
    """

    def __init__(
        self,
        path: str,
        settings: Hdf5Settings,
        opener: FileOpener,
        calls: Hdf5CallLog,
        pool: FilePool,
    ) -> None:
        self._path = path
        self._settings = settings
        self._opener = opener
        self._calls = calls
        self._pool = pool

    def copy(self, target: str) -> None:
        path = free_path(target)
        descriptor, _ = self._opener.open(os.O_RDONLY)
        try:
            log = self._calls.copy(path)
            try:
                copy_file(descriptor, path, durable=self._settings.durable)
            except BaseException:
                if log is not None:
                    remove_temporary(log)
                raise
        finally:
            close_file(descriptor)

    def move(self, target: str) -> None:
        path, log = free_path(target), self._calls.path
        self._calls.check_free(path)
        with self._open_alone() as held:
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
            self._calls.move(log, path)

    def _move_across(self, held: HeldDescriptor, path: str) -> None:
        """Move to another filesystem: the copy is complete before the original goes."""
        if held.is_closed:
            held = self._open_alone()
        with held:
            copy_file(held.descriptor, path, durable=True)
            before_renaming(held.close)
            with translated(self._path):
                try:
                    os.unlink(os.path.realpath(self._path))
                except OSError:
                    # With two networks, it would be unclear which is the current one.
                    remove_temporary(path)
                    raise
                if os.path.islink(self._path):
                    os.unlink(self._path)

    def _rename(self, path: str) -> None:
        # If the path is a link, its target is moved, and the link is removed.
        file = os.path.realpath(self._path)
        give_name(file, path)
        if os.path.islink(self._path):
            try:
                os.unlink(self._path)
            except OSError:
                give_name(path, file)
                raise

    def remove(self) -> None:
        with self._open_alone() as held:
            before_renaming(held.close)
            log = self._calls.path
            with translated(self._path):
                os.unlink(self._path)
            self._calls.discard(log)

    def _open_alone(self) -> HeldDescriptor:
        """The file, with the only lock on it, as it is about to be moved or removed."""
        try:
            # Network filesystems grant such a lock only on files open for writing.
            descriptor, _ = self._opener.open(os.O_RDWR, exclusive=True)
        except (StoreAccessError, StoreIOError):
            # A file that may not be written, or not be finished on a full disk, may still go.
            descriptor, _ = self._opener.open(os.O_RDONLY, exclusive=True)
        self._pool.drop_named(self._path)
        return HeldDescriptor(descriptor)
