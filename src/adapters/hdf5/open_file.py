"""An open HDF5 file, and the stamp that identifies its state."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TypeAlias

from h5py import h5f, h5fd, h5i, h5p
from h5py._objects import phil

from ...errors import (
    ChangedMeanwhileError,
    NotANetworkError,
    ReadOnlyError,
    SessionClosedError,
    StorageError,
    StoreError,
)
from ...platform import set_times, unlock
from ..files.locking import close_file
from .arrays import PIECE_SLOTS
from .atomic.atomic_file import AtomicFile
from .context import Context, OpenObjects, check_free
from .errors import as_ours, translated
from .h5_types import H5Object

Stamp: TypeAlias = tuple[int, int, int, int, int]

# Seconds within which two changes of a file can have the same time on some filesystem.
_COARSEST_CLOCK = 2.0
# Filesystems with finer times than this distinguish those that commits of this package set.
_MILLISECOND = 1_000_000
# Bytes that HDF5 may cache of each array: some small pieces.
# perf: append 50 cells; of what it holds it writes whole pieces, and of larger ones a few rows.
_MOST_HELD = 32 * 1024
# Seconds between two looks whether HDF5 is in use.
_LOOK_INTERVAL = 0.005


class OpenFile:
    """
    An HDF5 file, open over a descriptor that it closes.

    :param flags: of HDF5, to read or to write.
    :param locked: whether the descriptor holds the lock of the file.
    :param durable: whether its commits are to survive a power cut.
    :raises NotANetworkError: it is not an HDF5 file.
    :raises ChangedMeanwhileError: another program changed it meanwhile, as it is not locked.
    """

    def __init__(
        self, location: str, descriptor: int, flags: int, *, locked: bool, durable: bool
    ) -> None:
        self.location = location
        self.descriptor = descriptor
        self.locked = locked
        self.writable = flags == h5f.ACC_RDWR
        self._objects = OpenObjects()
        # Whether locks were switched off when it was opened.
        self.is_lockless = False
        try:
            self._seen = _stamp(descriptor)
            with translated(location):
                self.content = AtomicFile.open(descriptor, writable=self.writable, durable=durable)
            self._translated = translated(location, self.content)
            self.id = _open(self.content, location, flags)
        except BaseException as error:
            changed = isinstance(error, StoreError) and self._is_overtaken
            close_file(descriptor, locked=locked)
            if changed:
                raise ChangedMeanwhileError(
                    f"'{location}' was changed while it was opened without a lock",
                    location=location,
                ) from error
            raise
        try:
            self._cut_surplus()
            self.stamp = self._tell_apart()
        except BaseException:
            self.close()
            raise

    def _cut_surplus(self) -> None:
        """
        Cut off what a killed session added past the end that HDF5 knows.

        Else what is written there would wait in memory, as if it replaced content of the file.
        """
        # Without a lock, another program may be adding it now.
        if self.writable and self.locked:
            with self._calling_hdf5():
                # HDF5 knows where the end is.
                h5f.flush(self.id)
                self.content.cut_surplus()

    def context(self) -> Context:
        """The context of a new session."""
        return Context(self.location, self.content, self._objects, self._translated)

    def _calling_hdf5(self) -> translated:
        check_free(self.location)
        return self._translated

    def _tell_apart(self) -> Stamp | None:
        """The stamp, or None if the file may have changed, or could change unnoticed."""
        if self._is_overtaken:
            # HDF5 may have cached parts of two states, so the file is never current.
            return None
        self._seen = _stamp(self.descriptor)
        return _distinct_stamp(self._seen) if self.locked or not self.writable else None

    @property
    def _is_overtaken(self) -> bool:
        """Whether another program changed the file while it was opened to be read."""
        return not self.locked and not self.writable and not self.is_current

    @property
    def is_current(self) -> bool:
        """Whether the file is what it was when it was opened, or used last."""
        return self._seen == _stamp(self.descriptor)

    def is_as_it_was(self, path: str) -> bool:
        """Whether a path still refers to the file, unchanged since its last use."""
        if self.stamp is None:
            return False
        try:
            return self._seen == _stamp_of(os.stat(path))
        except OSError:
            return False

    def commit(self) -> None:
        """
        Apply the changes.

        On any error the file is what it was, and this object is closed.
        """
        try:
            with self._calling_hdf5():
                h5f.flush(self.id)
                self.content.commit()
        except BaseException:
            self.close()
            raise
        self.stamp = None
        # All is stored, even if the system does not say what the state of the file is now.
        with contextlib.suppress(OSError):
            self._seen, self.stamp = _give_new_stamp(self.descriptor)

    def count_writes(self) -> int:
        """How often HDF5 has written, with what it held in memory; -1 if it can't write."""
        try:
            with self._calling_hdf5():
                h5f.flush(self.id)
        except StorageError:
            return -1
        return self.content.writes

    def put_down(self) -> bool:
        """
        End a session that changed nothing, or committed.

        :returns: whether the file can be used again; it is closed otherwise.
        """
        # What changed while it was read without a lock is not used again: see `is_as_it_was`.
        is_safe = self.stamp is not None and (self.locked or not self.writable)
        if not is_safe or not self.content.is_untouched:
            self.close()
            return False
        if self.locked:
            self.locked = False
            unlock(self.descriptor)
        return True

    def check_unchanged(self) -> None:
        """
        Check what a session read whose objects others could use.

        :raises StoreIOError: the system failed to read some of it.
        :raises ReadOnlyError: they changed it.
        """
        with self._calling_hdf5():
            if self.writable:
                h5f.flush(self.id)
        if self.writable and not self.content.is_untouched:
            raise ReadOnlyError(
                f"'{self.location}' was changed within a session that only reads; none of it is"
                " stored"
            )

    def close(self) -> None:
        """Close the file, and undo what was not committed."""
        changed = self.writable and not self.content.is_untouched
        try:
            self.shut()
            if changed:
                self.content.rollback()
        finally:
            close_file(self.descriptor, locked=self.locked)

    def shut(self) -> None:
        """
        Close the file in HDF5 alone, even while in use, without changing it.

        Its lock stays until the process ends: a thread may be applying a journal.
        """
        # HDF5 writes when it closes a file, which must not reach the file any more.
        self.content.refuse_writes()
        self._objects.clear()
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            close_hdf5(self.id)

    def abandon(self) -> None:
        """Leave the file, and its lock, to the parent process."""
        if self.writable:
            self.content.refuse_writes(
                SessionClosedError("the session belongs to the process that began it")
            )
        self.writable = self.locked = False


def close_hdf5(file: H5Object) -> None:
    """
    Close a file in HDF5, whatever else refers to it.

    Handles that were given to callers, and variables in the traceback of an error, may share its
    id. HDF5 would keep the file open for them, and crash when it closes the file after Python.
    """
    with phil:
        for _ in range(h5i.get_ref(file) - 1 if file.valid else 0):
            h5i.dec_ref(file)
        file.close()


def keep_hdf5(limit: float) -> bool:
    """
    Keep other threads from calling HDF5 from now on.

    :param limit: seconds to wait for a call in progress.
    :returns: whether no call is in progress any more.
    """
    end = time.monotonic() + limit
    while not phil.acquire(False):
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK_INTERVAL)
    return True


def _stamp(descriptor: int) -> Stamp:
    return _stamp_of(os.fstat(descriptor))


def _stamp_of(status: os.stat_result) -> Stamp:
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _distinct_stamp(stamp: Stamp) -> Stamp | None:
    """The stamp, or None if it is so recent that a further change could leave it the same."""
    modified, changed = stamp[-2:]
    # A commit gives the file a later time. What other programs write makes both times equal.
    if modified != changed and modified % _MILLISECOND:
        return stamp
    age = time.time_ns() - max(modified, changed)
    return stamp if age > _COARSEST_CLOCK * 1e9 else None


def _give_new_stamp(descriptor: int) -> tuple[Stamp, Stamp | None]:
    """
    Set a unique modification time on a changed file.

    The system's own times are coarse: two changes in a row can get the same.

    :returns: what identifies its state from now on; the second is None if the system or the
        filesystem does not support this.
    """
    before = os.fstat(descriptor)
    now = max(time.time_ns(), before.st_mtime_ns + 1)
    is_set = set_times(descriptor, before.st_atime_ns, now)
    stamp = _stamp(descriptor)
    return stamp, stamp if is_set and stamp[-2] == now else None


def access_properties(file: AtomicFile | None) -> H5Object:
    """The properties with which HDF5 opens or creates a file."""
    properties = h5p.create(h5p.FILE_ACCESS)
    # A close ends the session, even if objects of the file are still referenced.
    properties.set_fclose_degree(h5f.CLOSE_STRONG)
    # Objects in the format of HDF5 1.8: it has no limit on the size of attributes, and
    # unlike that of 1.10 no mark in the file that a killed writer leaves behind.
    # Arrays stay open, so the caches of all of them add up.
    properties.set_cache(0, PIECE_SLOTS, _MOST_HELD, 0.75)
    properties.set_libver_bounds(h5f.LIBVER_V18, h5f.LIBVER_LATEST)
    if file is not None:
        properties.set_fileobj_driver(h5fd.fileobj_driver, file)
    return properties


def _open(file: AtomicFile, location: str, flags: int) -> H5Object:
    """The id of an open HDF5 file."""
    check_free(location)
    file.seek(0, os.SEEK_END)
    if not file.tell():
        # HDF5 treats an empty file as one that is being created.
        raise NotANetworkError(f"'{location}' is an empty file", location=location)
    try:
        opened = h5f.open(repr(file).encode(), flags, fapl=access_properties(file))
    except (OSError, RuntimeError, ValueError) as error:
        if file.error is not None:
            raise as_ours(file.error, location) from error
        raise NotANetworkError(
            f"'{location}' is not an HDF5 file, or is damaged: {error}", location=location
        ) from error
    if file.error is not None:
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            close_hdf5(opened)
        raise as_ours(file.error, location)
    return opened
