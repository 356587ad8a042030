"""Waits for others that end at a deadline."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs

from ..errors import LockTimeoutError
from .interrupts import call_pending

POLL_INTERVAL = 0.2
"""Seconds between two checks of what is waited for."""
# Longer than readers hold back for writers.
_WARN_AFTER = 2.0
# What a network that is waited for does.
_LOCKED = "is locked"


@attrs.frozen
class SlowWait:
    """
    A wait for the lock on a network that takes long.

    :param location: location of the network.
    :param holders: what holds the lock, as far as that is known: ``process 1234``.
    :param waited: seconds so far.
    :param limit: seconds after which the wait ends with an error.
    :param state: state of the network that is waited for, as a predicate.
    """

    location: str
    holders: tuple[str, ...]
    waited: float
    limit: float
    state: str = _LOCKED

    def __str__(self) -> str:
        end = "without limit" if math.isinf(self.limit) else f"for up to {self.limit:g} seconds"
        return (
            f"waiting {end} for '{self.location}', which {self.state}{_held_by(self.holders)};"
            f" {self.waited:.1f} seconds so far"
        )


OnSlow: TypeAlias = Callable[[SlowWait], object]
"""Called once when a wait takes long."""


def ignore_slow(wait: SlowWait) -> None:
    """Ignore a slow wait."""


@attrs.frozen
class WaitPolicy:
    """
    How the ranks of a program wait for each other.

    :param limit: seconds.
    :param on_slow: called once if the wait is long.
    :param location: location of the network, for messages.
    """

    limit: float
    on_slow: OnSlow
    location: Callable[[], str]


class _Waits(threading.local):
    begun = 0


_WAITS = _Waits()


def waits_begun() -> int:
    """How many waits this thread has begun so far."""
    return _WAITS.begun


class Deadline:
    """
    The end of a wait for a lock, or for a network that others change.

    :param location: location of the network, for messages.
    :param limit: seconds from now.
    :param holders: finds out what holds the lock, for messages.
    :param warn_after: seconds after which ``on_slow`` is called.
    :param state: state of the network, as a predicate, for messages.
    """

    __slots__ = ("_holders", "_location", "_on_slow", "_start", "_state", "_warn_after", "limit")

    def __init__(
        self,
        location: str,
        limit: float,
        on_slow: OnSlow,
        holders: Callable[[], Sequence[str]],
        *,
        warn_after: float | None = None,
        state: str = _LOCKED,
    ) -> None:
        self.limit = limit
        self._location = location
        self._holders = holders
        self._state = state
        self._start = time.monotonic()
        _WAITS.begun += 1
        self._on_slow: OnSlow | None = on_slow
        self._warn_after = _WARN_AFTER if warn_after is None else warn_after

    @property
    def is_over(self) -> bool:
        return self.remaining(self.limit) <= 0

    def remaining(self, limit: float) -> float:
        """Seconds left of ``limit`` seconds, or of the deadline if it ends before."""
        return min(limit, self.limit) - self.waited

    def poll(self) -> None:
        """
        Call ``on_slow`` if it is due, and the handlers of signals that came.

        :raises BaseException: what a handler raises, such as KeyboardInterrupt.
        """
        call_pending()
        if self._on_slow is not None and self.waited > self._warn_after:
            on_slow, self._on_slow = self._on_slow, None
            holders = tuple(self._holders())
            on_slow(SlowWait(self._location, holders, self.waited, self.limit, self._state))

    def expired(self, **fields: object) -> LockTimeoutError:
        """
        The error of a wait that reached its deadline.

        :param fields: of the error, beside ``location`` and ``limit``.
        """
        return LockTimeoutError(
            f"'{self._location}' {self._state}{_held_by(self._holders())};"
            f" gave up after {self.limit:g} seconds",
            location=self._location,
            limit=self.limit,
            **fields,
        )

    @property
    def waited(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._start


def waits_for_itself(location: str, holder: str, advice: str) -> LockTimeoutError:
    """
    The error of a wait that could never end.

    :param holder: the scope or file of this thread that holds the lock.
    :param advice: what to do, as an imperative.
    """
    return LockTimeoutError(
        f"'{location}' is locked by {holder} of this thread, which would wait for itself; {advice}",
        location=location,
        limit=0.0,
    )


def _held_by(holders: Sequence[str]) -> str:
    return f" by {' and '.join(holders)}" if holders else ""
