"""
HDF5 files that stay open between sessions.

HDF5 reads the headers of groups and arrays anew in each file that it opens. So a file is
kept open when a session ends, without its lock, and used again by the next session that
finds it as it was left.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import weakref
from collections import OrderedDict, deque
from typing import Any, TypeAlias

from h5py import h5f, h5fd, h5p

from ...errors import NotANetworkError, SessionClosedError
from ...platform import after_fork_in_child, set_modification_time, unlock
from ..files.locking import close_file
from .atomic.journal import read_journal
from .atomic.overlay import OverlayFile
from .context import Context, Members
from .errors import as_ours, translated

Stamp: TypeAlias = tuple[int, int, int, int, int]

# Seconds within which two changes of a file can have the same time on some filesystem.
_COARSEST_CLOCK = 2.0
# Files kept open, over all stores of the process.
_MOST_KEPT = 4
# What HDF5 may hold in memory of each array: some of the largest pieces that are written.
_PIECE_SLOTS, _PIECE_BYTES = 31, 128 * 1024
# Times that this process gave to files: they tell apart what was written.
_OWN_STAMPS: deque[Stamp] = deque(maxlen=64)


class OpenFile:
    """
    An HDF5 file, open over a descriptor that it closes.

    :param flags: of HDF5, to read or to write.
    :param locked: whether the descriptor holds the lock of the file.
    :param durable: whether its commits are to survive a power cut.
    :raises NotANetworkError: it is no HDF5 file.
    """

    def __init__(
        self, location: str, descriptor: int, flags: int, *, locked: bool, durable: bool
    ) -> None:
        self.location = location
        self._durable = durable
        self.descriptor = descriptor
        self.locked = locked
        self.writable = flags == h5f.ACC_RDWR
        self.overlay = OverlayFile(descriptor)
        self._members = Members()
        try:
            self._read_through()
            self.id = _open(self.overlay, location, flags)
        except BaseException:
            close_file(descriptor, locked=locked)
            raise
        try:
            self._cut_surplus()
        except BaseException:
            self.roll_back()
            raise
        self.stamp = _distinct_stamp(descriptor) if locked else None
        _OPEN.add(self)

    def _read_through(self) -> None:
        """What can't be finished, as the file may not be written, is read as if it were."""
        with translated(self.location):
            journal = None if self.writable else read_journal(self.descriptor)
        if journal is not None:
            self.overlay.lay(journal)

    def _cut_surplus(self) -> None:
        """
        What a session that was killed had added, however much, is past the end for HDF5.

        It would be overwritten in memory first, as if it were of the file.
        """
        # Without a lock, somebody may be adding it now.
        if self.writable and self.locked:
            with self.context().translated():
                # HDF5 tells where the end is.
                h5f.flush(self.id)
                self.overlay.cut_surplus()

    def context(self) -> Context:
        """For a new session."""
        return Context(self.location, self.overlay, self._members)

    def is_as_it_was(self) -> bool:
        """Whether nobody changed the file since it was used last; it must be locked."""
        return self.stamp is not None and self.stamp == _stamp(self.descriptor)

    def commit(self) -> None:
        """
        Let the changes take effect.

        On any error the file is what it was, and this object is closed.
        """
        try:
            with self.context().translated():
                h5f.flush(self.id)
                self.overlay.commit(durable=self._durable)
        except BaseException:
            self.roll_back()
            raise
        self.stamp = _stamp_anew(self.descriptor)

    def roll_back(self) -> None:
        """Undo the changes, and close the file."""
        try:
            self._shut()
            if self.writable:
                self.overlay.rollback()
        finally:
            self._let_go()

    def put_down(self) -> bool:
        """
        End a session that changed nothing, or committed.

        :returns: whether the file can be used again; it is closed otherwise.
        """
        if not self.overlay.is_untouched:
            self.roll_back()
            return False
        if self.stamp is None or not self.locked:
            self.discard()
            return False
        self.locked = False
        unlock(self.descriptor)
        return True

    def discard(self) -> None:
        """Close a file that was put down. Whatever it is now, it is not changed."""
        self._shut()
        self._let_go()

    def abandon(self) -> None:
        """Neither write to the file again, nor unlock it: that is for the process it is of."""
        if self.writable:
            self.overlay.refuse_writes(
                SessionClosedError("the session belongs to the process that began it")
            )
        self.writable = self.locked = False

    def _shut(self) -> None:
        # HDF5 writes when it closes a file; nobody wants that any more.
        self.overlay.refuse_writes()
        self._members.clear()
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            self.id.close()

    def _let_go(self) -> None:
        close_file(self.descriptor, locked=self.locked)


class FilePool:
    """The open files of all stores of the process that no session uses, one a store."""

    def __init__(self) -> None:
        self._files: OrderedDict[int, OpenFile] = OrderedDict()
        # Python may find a store to be gone, and drop its file, while it is held.
        self._lock = threading.RLock()

    def serve(self, store: object) -> None:
        """Close what is kept for a store when it is gone, at the latest when Python ends."""
        weakref.finalize(store, self.drop, id(store))

    def take(self, store: object) -> OpenFile | None:
        """The file kept for a store, if any; nobody else gets it."""
        with self._lock:
            return self._files.pop(id(store), None)

    def keep(self, store: object, file: OpenFile) -> None:
        """Keep a file that was put down; the one kept longest may have to go."""
        if sys.is_finalizing():
            # Nobody would close it any more before the parts of Python that it needs are gone.
            file.discard()
            return
        with self._lock:
            surplus = [self._files.pop(id(store), None)]
            self._files[id(store)] = file
            if len(self._files) > _MOST_KEPT:
                surplus.append(self._files.popitem(last=False)[1])
        for each in surplus:
            if each is not None:
                each.discard()

    def drop(self, key: int) -> None:
        """Close what is kept for the store of that id."""
        with self._lock:
            file = self._files.pop(key, None)
        if file is not None:
            file.discard()

    def leave_to_parent(self) -> None:
        """A forked child shares the descriptors of its parent, and the locks on them."""
        self._lock = threading.RLock()
        _OF_PARENT.extend(self._files.values())
        self._files.clear()


# Files that are open in this process, kept or not.
_OPEN: weakref.WeakSet[OpenFile] = weakref.WeakSet()
# What HDF5 has open in a forked child: closing it there is for the end of the process.
_OF_PARENT: list[OpenFile] = []
FILE_POOL = FilePool()


def _reset_in_child() -> None:
    """In a forked child: files, and the locks on them, are its parent's."""
    for file in list(_OPEN):
        file.abandon()
    FILE_POOL.leave_to_parent()


after_fork_in_child(_reset_in_child)


def _stamp(descriptor: int) -> Stamp:
    status = os.fstat(descriptor)
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def _distinct_stamp(descriptor: int) -> Stamp | None:
    """The stamp, unless a change that follows could leave it the same."""
    stamp = _stamp(descriptor)
    age = time.time_ns() - max(stamp[-2:])
    return stamp if stamp in _OWN_STAMPS or age > _COARSEST_CLOCK * 1e9 else None


def _stamp_anew(descriptor: int) -> Stamp | None:
    """
    Give a file that was changed a time of its own.

    The system's own times are coarse: two changes in a row can have the same.

    :returns: None where the system or the filesystem does not do that.
    """
    status = os.fstat(descriptor)
    now = max(time.time_ns(), status.st_mtime_ns + 1)
    if not set_modification_time(descriptor, now):
        return None
    stamp = _stamp(descriptor)
    if stamp[-2] != now:
        return None
    _OWN_STAMPS.append(stamp)
    return stamp


def access_properties(file: OverlayFile | None) -> Any:
    """How HDF5 is to open a file, or make one."""
    properties = h5p.create(h5p.FILE_ACCESS)
    # A close ends the session, whatever of the file is still referred to.
    properties.set_fclose_degree(h5f.CLOSE_STRONG)
    # Objects in the format of HDF5 1.8: it has no limit on the size of attributes, and
    # unlike that of 1.10 no mark in the file that a killed writer leaves behind.
    # Arrays stay open; what each may hold of its pieces adds up.
    properties.set_cache(0, _PIECE_SLOTS, _PIECE_BYTES, 0.75)
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
        opened = h5f.open(repr(file).encode(), flags, fapl=access_properties(file))
        file.raise_error()
        return opened
    except (OSError, RuntimeError, ValueError) as error:
        if file.error is not None:
            raise as_ours(file.error, location) from error
        raise NotANetworkError(
            f"'{location}' is no HDF5 file, or a damaged one: {error}", location=location
        ) from error
