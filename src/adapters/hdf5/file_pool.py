"""
HDF5 files that stay open between sessions.

HDF5 reads the headers of groups and arrays again in each file that it opens. So a file stays
open when a session ends, without its lock, and is used again by the next session that finds it
unchanged.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterator
from functools import partial

from ...platform import after_fork_in_child, is_named
from ...transactions.ending import at_end_of_process
from ...transactions.interrupts import begin_uninterrupted, end_finalizer
from .atomic.atomic_file import AtomicFile
from .open_file import OpenFile, keep_hdf5

MOST_KEPT = 4
"""Files that a process keeps open between sessions, over all its stores."""


LOOK_INTERVAL = 1.0
"""Seconds after which a process looks again whether files that it keeps open were removed."""


# Seconds that a call of HDF5 in another thread may take when the process ends.
_LONGEST_CALL = 10.0


class FilePool:
    """
    The open files of all stores of the process: those that no session uses are kept, one a store.

    :param limit: files that are kept.
    """

    def __init__(self, limit: int = MOST_KEPT) -> None:
        self._limit = limit
        # Each change of it is one step to other threads, and to finalizers in this one. Those
        # that are kept longest come first.
        self._kept: dict[int, OpenFile] = {}
        # All that are open in this process, kept or used by a session.
        self._open: weakref.WeakSet[OpenFile] = weakref.WeakSet()
        self._looked = time.monotonic()
        # Files to close when HDF5 is not in use.
        self._postponed: list[OpenFile] = []
        # Files that HDF5 has open in a forked child, which the end of the process closes.
        self._inherited: list[OpenFile] = []
        # Whether the process is ending.
        self._is_over = False
        after_fork_in_child(self._reset_in_child)
        at_end_of_process(self._end)

    def serve(self, store: object) -> None:
        """Close the kept file of a store when the store is collected, or Python ends."""
        weakref.finalize(store, self._drop_for_gone, id(store))

    def open(
        self, location: str, descriptor: int, flags: int, *, locked: bool, durable: bool
    ) -> OpenFile:
        """Open a file; parameters and errors as for :class:`OpenFile`."""
        file = OpenFile(location, descriptor, flags, locked=locked, durable=durable)
        self._open.add(file)
        return file

    def take(self, store: object) -> OpenFile | None:
        """Remove the file of a store from the pool, and return it; None if it is absent."""
        while self._postponed:
            self._discard(self._postponed.pop())
        return self._kept.pop(id(store), None)

    def keeper(self, store: object) -> Callable[[OpenFile], None]:
        """A function that keeps unused files of a store, without a reference to the store."""
        return partial(self._keep, id(store))

    def _keep(self, key: int, file: OpenFile) -> None:
        """Keep a file; the one kept longest may be closed for it."""
        if self._is_over:
            # Later it could not be closed, as the parts of Python that this needs are gone by then.
            file.close()
            return
        kept = self._kept
        if kept:
            self._drop_gone_now_and_then()
        if kept.setdefault(key, file) is not file:
            # The file of a parallel session is kept already.
            file.close()
        elif len(kept) > self._limit:
            for longest in list(kept)[:1]:
                self._drop(longest)

    def drop(self, store: object) -> None:
        """Close what is kept for a store."""
        self._drop(id(store))

    def drop_named(self, path: str) -> None:
        """Close the kept file that a path names, whichever store it is kept for."""
        keys = [key for key, file in self._files_kept() if is_named(file.descriptor, path)]
        for key in keys:
            self._drop(key)

    def _drop_gone_now_and_then(self) -> None:
        # perf: append 50 cells; checking the names of the other files takes as long as a session.
        now = time.monotonic()
        if now - self._looked > LOOK_INTERVAL:
            self._looked = now
            self.drop_gone()

    def drop_gone(self) -> None:
        """Close files that were removed or replaced; they use disk space until then."""
        keys = [
            key for key, file in self._files_kept() if not is_named(file.descriptor, file.location)
        ]
        for key in keys:
            self._drop(key)

    def _drop_for_gone(self, key: int) -> None:
        begin_uninterrupted()
        try:
            self._drop(key)
        finally:
            end_finalizer()

    def _files_kept(self) -> Iterator[tuple[int, OpenFile]]:
        """The files that are kept; another thread or a finalizer may close some meanwhile."""
        for key in list(self._kept):
            file = self._kept.get(key)
            if file is not None:
                yield key, file

    def _drop(self, key: int) -> None:
        file = self._kept.pop(key, None)
        if file is not None:
            self._discard(file)

    def _discard(self, file: OpenFile) -> None:
        """Close a file, now or as soon as HDF5 is not in use: a finalizer may interrupt it."""
        if AtomicFile.is_called_back():
            self._postponed.append(file)
        else:
            file.close()

    def _end(self) -> None:
        """
        Close all files as the process ends, also those that daemon threads use.

        HDF5 would close them when Python, which it reads and writes by, is gone.
        """
        self._is_over = True
        if not keep_hdf5(_LONGEST_CALL):
            return
        for file in list(self._open):
            file.shut()

    def _reset_in_child(self) -> None:
        """A forked child shares the descriptors of its parent, and the locks on them."""
        for file in list(self._open):
            file.abandon()
        self._inherited.extend((*self._kept.values(), *self._postponed))
        self._postponed.clear()
        self._kept.clear()


FILE_POOL = FilePool()
"""The pool of this process; HDF5 has one table of open files per process."""
