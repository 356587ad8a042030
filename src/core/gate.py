"""Exclusion between the threads of a process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from ..errors import LockTimeoutError
from .interrupts import raise_held

# Seconds.
_COURTESY = 1.0
_NAP = 0.2


class Gate:
    """
    Many readers or one writer among the threads of a process.

    A writer that waits holds off new readers for a while, so that it gets its turn; not for
    longer, as a reader that is in may wait for one that comes.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self._changed = threading.Condition()
        self._readers = 0
        self._writer: str | None = None
        self._waiting = 0

    def shared(self, limit: float) -> AbstractContextManager[None]:
        """
        Hold off writers.

        :param limit: seconds to wait.
        :raises LockTimeoutError: it took longer.
        """
        return _Turn(self._enter_shared, self._leave_shared, limit)

    def exclusive(self, limit: float) -> AbstractContextManager[None]:
        """Hold off everybody else; parameters and errors as for :meth:`shared`."""
        return _Turn(self._enter_exclusive, self._leave_exclusive, limit)

    def _enter_shared(self, limit: float) -> None:
        with self._changed:
            if not self._is_quiet():
                self._wait_for(self._is_quiet, min(limit, _COURTESY))
                self._await(lambda: self._writer is None, limit)
            self._readers += 1

    def _leave_shared(self) -> None:
        with self._changed:
            self._readers -= 1
            self._changed.notify_all()

    def _enter_exclusive(self, limit: float) -> None:
        with self._changed:
            if not self._is_free():
                self._queue(limit)
            self._writer = threading.current_thread().name

    def _leave_exclusive(self) -> None:
        with self._changed:
            self._writer = None
            self._changed.notify_all()

    def _wait_for(self, free: Callable[[], bool], limit: float) -> bool:
        end = time.monotonic() + limit
        while not self._changed.wait_for(free, timeout=min(_NAP, end - time.monotonic())):
            if time.monotonic() >= end:
                return False
            raise_held()
        return True

    def _queue(self, limit: float) -> None:
        self._waiting += 1
        try:
            self._await(self._is_free, limit)
        finally:
            self._waiting -= 1
            self._changed.notify_all()

    def _is_free(self) -> bool:
        return self._writer is None and not self._readers

    def _is_quiet(self) -> bool:
        return self._writer is None and not self._waiting

    def _await(self, free: Callable[[], bool], limit: float) -> None:
        if not self._wait_for(free, limit):
            holder = f"thread '{self._writer}'" if self._writer else f"{self._readers} readers"
            raise LockTimeoutError(
                f"'{self._location}' was held by {holder} of this process for {limit} seconds",
                location=self._location,
                limit=limit,
            )


class _Turn(AbstractContextManager[None]):
    """A turn at the gate."""

    def __init__(
        self, enter: Callable[[float], None], leave: Callable[[], None], limit: float
    ) -> None:
        self._enter = enter
        self._leave = leave
        self._limit = limit

    def __enter__(self) -> None:
        self._enter(self._limit)

    def __exit__(self, *_: object) -> None:
        self._leave()


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
