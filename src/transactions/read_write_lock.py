"""Exclusion between the threads of a process."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from functools import partial

from ..platform import after_fork_in_child
from .deadline import POLL_INTERVAL, Deadline, OnSlow, waits_for_itself

_ADVICE = (
    "end that scope first, or pass the session that it yields as 'handle': another task or context"
    " of a thread does not join its scopes"
)
# Seconds that readers hold back for writers.
_COURTESY = 1.0


class ReadWriteLock:
    """
    Many readers or one writer among the threads of a process.

    A writer that waits holds off new readers for a while, so that its turn comes; not for
    longer, as a reader that is in may wait for one that comes. A thread that would wait for itself
    is stopped at once.

    :param location: location of the store, for messages.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        # An object that is collected as garbage meanwhile may release the lock in this thread.
        mutex = threading.RLock()
        self._changed = threading.Condition(mutex)
        # perf: load a chunk; a ``with`` statement takes twice as long.
        self._enter, self._leave = mutex.acquire, mutex.release
        # How often each thread holds it.
        self._readers: dict[threading.Thread, int] = {}
        self._writer: threading.Thread | None = None
        # Writers that wait, and all threads that do.
        self._writers_waiting = self._waiting = 0

    def acquire_shared(self, limit: float, on_slow: OnSlow) -> threading.Thread:
        """
        Hold off writers, until :meth:`release`.

        :param limit: seconds to wait.
        :param on_slow: called once if the wait is long.
        :returns: the thread, for :meth:`release`.
        :raises LockTimeoutError: it took longer than the limit, or this thread is the one that
            excludes it.
        """
        thread = threading.current_thread()
        self._enter()
        try:
            if self._writer is not None or self._writers_waiting:
                self._check_other(self._writer is thread, "a write scope")
                deadline = self._deadline(limit, on_slow)
                self._wait_for(self._is_quiet, deadline, _COURTESY)
                self._await(lambda: self._writer is None, deadline)
            self._readers[thread] = self._readers.get(thread, 0) + 1
        finally:
            self._leave()
        return thread

    def acquire_exclusive(self, limit: float, on_slow: OnSlow) -> threading.Thread:
        """
        Exclude all others, until :meth:`release`.

        Parameters and errors as for :meth:`acquire_shared`.
        """
        thread = threading.current_thread()
        self._enter()
        try:
            if self._writer is not None or self._readers:
                self._check_other(self._writer is thread, "a write scope")
                self._check_other(thread in self._readers, "a read scope")
                self._await_exclusively(self._deadline(limit, on_slow))
            self._writer = thread
        finally:
            self._leave()
        return thread

    def release(self, thread: threading.Thread) -> None:
        """
        Release the lock; its holder calls this once.

        :param thread: the thread that acquired it.
        """
        self._enter()
        try:
            if self._writer is None:
                held = self._readers.pop(thread) - 1
                if held:
                    self._readers[thread] = held
            else:
                self._writer = None
            if self._waiting:
                self._changed.notify_all()
        finally:
            self._leave()

    def _wait_for(self, free: Callable[[], bool], deadline: Deadline, limit: float) -> bool:
        self._waiting += 1
        try:
            while not self._changed.wait_for(
                free, timeout=min(POLL_INTERVAL, deadline.remaining(limit))
            ):
                if deadline.remaining(limit) <= 0:
                    return False
                deadline.poll()
            return True
        finally:
            self._waiting -= 1

    def _await_exclusively(self, deadline: Deadline) -> None:
        self._writers_waiting += 1
        try:
            self._await(self._is_free, deadline)
        finally:
            self._writers_waiting -= 1
            self._changed.notify_all()

    def _is_free(self) -> bool:
        return self._writer is None and not self._readers

    def _is_quiet(self) -> bool:
        return self._writer is None and not self._writers_waiting

    def _await(self, free: Callable[[], bool], deadline: Deadline) -> None:
        if not self._wait_for(free, deadline, deadline.limit):
            raise deadline.expired()

    def _deadline(self, limit: float, on_slow: OnSlow) -> Deadline:
        return Deadline(self._location, limit, on_slow, self._holders)

    def _holders(self) -> list[str]:
        threads = list(self._readers) if self._writer is None else [self._writer]
        return [f"thread '{thread.name}' of this process" for thread in threads]

    def _check_other(self, holds: bool, scope: str) -> None:
        if holds:
            raise waits_for_itself(self._location, scope, _ADVICE)


# The locks of all stores in use in this process.
_LOCKS: dict[str, weakref.ref[ReadWriteLock]] = {}
# An object that is collected as garbage meanwhile may ask for a lock in this thread.
_LOCKS_MUTEX = threading.RLock()


def lock_for(identity: str, location: str) -> ReadWriteLock:
    """
    The lock of a store, shared by all its users in this process for as long as there are any.

    :param identity: identity of the store.
    :param location: location of the store, for messages.
    """
    # perf: load a chunk; a WeakValueDictionary takes five times as long.
    reference = _LOCKS.get(identity)
    found = None if reference is None else reference()
    return _new_lock(identity, location) if found is None else found


def _new_lock(identity: str, location: str) -> ReadWriteLock:
    with _LOCKS_MUTEX:
        reference = _LOCKS.get(identity)
        found = None if reference is None else reference()
        if found is None:
            # Another thread may have been faster.
            found = ReadWriteLock(location)
            _LOCKS[identity] = weakref.ref(found, partial(_forget, identity))
        return found


def _forget(identity: str, reference: weakref.ref[ReadWriteLock]) -> None:
    """Remove the lock of a store that is no longer in use, unless it is in use again."""
    with _LOCKS_MUTEX:
        if _LOCKS.get(identity) is reference:
            del _LOCKS[identity]


def _reset_in_child() -> None:
    """The threads that held a lock do not exist in a forked child."""
    global _LOCKS_MUTEX  # noqa: PLW0603
    _LOCKS_MUTEX = threading.RLock()
    _LOCKS.clear()


after_fork_in_child(_reset_in_child)
