"""Exclusion between the threads of a process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

from ..errors import LockTimeoutError
from .interrupts import raise_held

# Seconds.
_COURTESY = 1.0
_NAP = 0.2
# Longer than anybody holds back for courtesy.
_WARN_AFTER = 2.0

# Is told once, with the seconds waited so far, when it takes long.
OnSlow: TypeAlias = Callable[[float], None]


class _Patience:
    """
    Of one who waits.

    :param limit: seconds.
    """

    def __init__(self, limit: float, on_slow: OnSlow) -> None:
        self.limit = limit
        self._start = time.monotonic()
        self._on_slow = on_slow
        self._warned = False

    def left(self, limit: float) -> float:
        """Seconds until it has waited for so long, or to its own limit."""
        return min(limit, self.limit) - self._waited()

    def nap_is_over(self) -> None:
        """
        Look around between two naps.

        :raises KeyboardInterrupt: it was held up.
        """
        raise_held()
        if not self._warned and self._waited() > _WARN_AFTER:
            self._warned = True
            self._on_slow(self._waited())

    def _waited(self) -> float:
        return time.monotonic() - self._start


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

    def shared(self, limit: float, on_slow: OnSlow) -> AbstractContextManager[None]:
        """
        Hold off writers.

        :param limit: seconds to wait.
        :param on_slow: is told once, with the seconds waited so far, when it takes long.
        :raises LockTimeoutError: it took longer than the limit.
        """
        return _Turn(self._enter_shared, self._leave_shared, limit, on_slow)

    def exclusive(self, limit: float, on_slow: OnSlow) -> AbstractContextManager[None]:
        """Hold off everybody else; parameters and errors as for :meth:`shared`."""
        return _Turn(self._enter_exclusive, self._leave_exclusive, limit, on_slow)

    def _enter_shared(self, limit: float, on_slow: OnSlow) -> None:
        with self._changed:
            if not self._is_quiet():
                patience = _Patience(limit, on_slow)
                self._wait_for(self._is_quiet, patience, _COURTESY)
                self._await(lambda: self._writer is None, patience)
            self._readers += 1

    def _leave_shared(self) -> None:
        with self._changed:
            self._readers -= 1
            self._changed.notify_all()

    def _enter_exclusive(self, limit: float, on_slow: OnSlow) -> None:
        with self._changed:
            if not self._is_free():
                self._queue(_Patience(limit, on_slow))
            self._writer = threading.current_thread().name

    def _leave_exclusive(self) -> None:
        with self._changed:
            self._writer = None
            self._changed.notify_all()

    def _wait_for(self, free: Callable[[], bool], patience: _Patience, limit: float) -> bool:
        while not self._changed.wait_for(free, timeout=min(_NAP, patience.left(limit))):
            if patience.left(limit) <= 0:
                return False
            patience.nap_is_over()
        return True

    def _queue(self, patience: _Patience) -> None:
        self._waiting += 1
        try:
            self._await(self._is_free, patience)
        finally:
            self._waiting -= 1
            self._changed.notify_all()

    def _is_free(self) -> bool:
        return self._writer is None and not self._readers

    def _is_quiet(self) -> bool:
        return self._writer is None and not self._waiting

    def _await(self, free: Callable[[], bool], patience: _Patience) -> None:
        limit = patience.limit
        if not self._wait_for(free, patience, limit):
            holder = f"thread '{self._writer}'" if self._writer else f"{self._readers} readers"
            raise LockTimeoutError(
                f"'{self._location}' was held by {holder} of this process for {limit} seconds",
                location=self._location,
                limit=limit,
            )


class _Turn(AbstractContextManager[None]):
    """A turn at the gate."""

    def __init__(
        self,
        enter: Callable[[float, OnSlow], None],
        leave: Callable[[], None],
        limit: float,
        on_slow: OnSlow,
    ) -> None:
        self._enter = enter
        self._leave = leave
        self._limit = limit
        self._on_slow = on_slow

    def __enter__(self) -> None:
        self._enter(self._limit, self._on_slow)

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
