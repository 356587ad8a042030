"""Exclusion between the threads of a process."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import LockTimeoutError
from ..platform import after_fork_in_child
from .deadline import POLL_INTERVAL, Deadline, OnSlow

# Seconds that readers hold back for writers.
_COURTESY = 1.0


class ReadWriteLock:
    """
    Many readers or one writer among the threads of a process.

    A writer that waits holds off new readers for a while, so that its turn comes; not for
    longer, as a reader that is in may wait for one that comes.

    :param location: of the store, for messages.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        # An object that is collected as garbage meanwhile may release the lock in this thread.
        mutex = threading.RLock()
        self._changed = threading.Condition(mutex)
        # perf: small sessions; a ``with`` statement takes twice as long.
        self._enter, self._leave = mutex.acquire, mutex.release
        self._readers = 0
        self._writer: threading.Thread | None = None
        # Writers that wait, and all threads that do.
        self._writers_waiting = self._waiting = 0

    def acquire_shared(self, limit: float, on_slow: OnSlow) -> None:
        """
        Hold off writers, until :meth:`release`.

        :param limit: seconds to wait.
        :param on_slow: called once, with the seconds waited so far, when it takes long.
        :raises LockTimeoutError: it took longer than the limit.
        """
        self._enter()
        try:
            if self._writer is not None or self._writers_waiting:
                deadline = Deadline(limit, on_slow)
                self._wait_for(self._is_quiet, deadline, _COURTESY)
                self._await(lambda: self._writer is None, deadline)
            self._readers += 1
        finally:
            self._leave()

    def acquire_exclusive(self, limit: float, on_slow: OnSlow) -> None:
        """
        Hold off everybody else, until :meth:`release`.

        Parameters and errors as for :meth:`acquire_shared`.
        """
        self._enter()
        try:
            if self._writer is not None or self._readers:
                self._await_exclusively(Deadline(limit, on_slow))
            self._writer = threading.current_thread()
        finally:
            self._leave()

    def release(self) -> None:
        """Let the others go on; whoever holds the lock calls this once."""
        self._enter()
        try:
            if self._writer is None:
                self._readers -= 1
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
        limit = deadline.limit
        if not self._wait_for(free, deadline, limit):
            holder = f"thread '{self._writer.name}'" if self._writer else f"{self._readers} readers"
            raise LockTimeoutError(
                f"'{self._location}' was held by {holder} of this process for {limit} seconds",
                location=self._location,
                limit=limit,
            )


_LOCKS: dict[str, ReadWriteLock] = {}
_LOCKS_MUTEX = threading.Lock()


def lock_for(identity: str, location: str) -> ReadWriteLock:
    """
    The lock of a store, the same for all who open it in this process.

    :param identity: of the store.
    :param location: of the store, for messages.
    """
    found = _LOCKS.get(identity)
    if found is None:
        with _LOCKS_MUTEX:
            found = _LOCKS.setdefault(identity, ReadWriteLock(location))
    return found


def _reset_in_child() -> None:
    """The threads that held a lock do not exist in a forked child."""
    global _LOCKS_MUTEX  # noqa: PLW0603
    _LOCKS_MUTEX = threading.Lock()
    _LOCKS.clear()


after_fork_in_child(_reset_in_child)
