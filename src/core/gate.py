"""Exclusion between the threads of a process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from ..errors import LockTimeoutError
from .patience import NAP, OnSlow, Patience

# Seconds that readers hold back for writers.
_COURTESY = 1.0


class Gate:
    """
    Many readers or one writer among the threads of a process.

    A writer that waits holds off new readers for a while, so that it gets its turn; not for
    longer, as a reader that is in may wait for one that comes.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        # What is collected as garbage meanwhile may leave the gate in the same thread.
        mutex = threading.RLock()
        self._changed = threading.Condition(mutex)
        # A ``with`` statement takes twice as long.
        self._acquire, self._release = mutex.acquire, mutex.release
        self._readers = 0
        self._writer: threading.Thread | None = None
        # Writers that wait, and all who do.
        self._queued = self._waiting = 0

    def enter_shared(self, limit: float, on_slow: OnSlow) -> None:
        """
        Hold off writers, until :meth:`leave_shared`.

        :param limit: seconds to wait.
        :param on_slow: is told once, with the seconds waited so far, when it takes long.
        :raises LockTimeoutError: it took longer than the limit.
        """
        self._acquire()
        try:
            if self._writer is not None or self._queued:
                patience = Patience(limit, on_slow)
                self._wait_for(self._is_quiet, patience, _COURTESY)
                self._await(lambda: self._writer is None, patience)
            self._readers += 1
        finally:
            self._release()

    def leave_shared(self) -> None:
        self._acquire()
        try:
            self._readers -= 1
            if self._waiting:
                self._changed.notify_all()
        finally:
            self._release()

    def enter_exclusive(self, limit: float, on_slow: OnSlow) -> None:
        """
        Hold off everybody else, until :meth:`leave_exclusive`.

        Parameters and errors as for :meth:`enter_shared`.
        """
        self._acquire()
        try:
            if self._writer is not None or self._readers:
                self._queue(Patience(limit, on_slow))
            self._writer = threading.current_thread()
        finally:
            self._release()

    def leave_exclusive(self) -> None:
        self._acquire()
        try:
            self._writer = None
            if self._waiting:
                self._changed.notify_all()
        finally:
            self._release()

    def _wait_for(self, free: Callable[[], bool], patience: Patience, limit: float) -> bool:
        self._waiting += 1
        try:
            while not self._changed.wait_for(free, timeout=min(NAP, patience.left(limit))):
                if patience.left(limit) <= 0:
                    return False
                patience.nap_is_over()
            return True
        finally:
            self._waiting -= 1

    def _queue(self, patience: Patience) -> None:
        self._queued += 1
        try:
            self._await(self._is_free, patience)
        finally:
            self._queued -= 1
            self._changed.notify_all()

    def _is_free(self) -> bool:
        return self._writer is None and not self._readers

    def _is_quiet(self) -> bool:
        return self._writer is None and not self._queued

    def _await(self, free: Callable[[], bool], patience: Patience) -> None:
        limit = patience.limit
        if not self._wait_for(free, patience, limit):
            holder = f"thread '{self._writer.name}'" if self._writer else f"{self._readers} readers"
            raise LockTimeoutError(
                f"'{self._location}' was held by {holder} of this process for {limit} seconds",
                location=self._location,
                limit=limit,
            )


_GATES: dict[str, Gate] = {}
_GATES_LOCK = threading.Lock()


def gate_of(identity: str, location: str) -> Gate:
    """
    The gate of a store, the same for all who open it in this process.

    :param identity: of the store.
    :param location: of the store, for messages.
    """
    found = _GATES.get(identity)
    if found is None:
        with _GATES_LOCK:
            found = _GATES.setdefault(identity, Gate(location))
    return found


def _start_anew() -> None:
    """In a forked child, nobody holds a gate: the threads that did are not there."""
    global _GATES_LOCK  # noqa: PLW0603
    _GATES_LOCK = threading.Lock()
    _GATES.clear()


os.register_at_fork(after_in_child=_start_anew)
