"""Waiting for others, with an end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

import attrs

from .interrupts import raise_pending

POLL_INTERVAL = 0.2
"""Seconds between two looks at what is waited for."""
# Longer than readers hold back for writers.
_WARN_AFTER = 2.0

OnSlow: TypeAlias = Callable[[float], None]
"""Called once, with the seconds waited so far, when a wait takes long."""


@attrs.frozen
class WaitPolicy:
    """
    How the ranks of a program wait for each other.

    :param limit: seconds.
    :param on_slow: called once, with the seconds waited so far, when it takes long.
    :param location: of the network, for messages.
    """

    limit: float
    on_slow: OnSlow
    location: Callable[[], str]


class Deadline:
    """
    The end of a wait.

    :param limit: seconds from now.
    :param warn_after: seconds after which ``on_slow`` is called.
    """

    __slots__ = ("_on_slow", "_start", "_warn_after", "limit")

    def __init__(self, limit: float, on_slow: OnSlow, *, warn_after: float | None = None) -> None:
        self.limit = limit
        self._start = time.monotonic()
        self._on_slow: OnSlow | None = on_slow
        self._warn_after = _WARN_AFTER if warn_after is None else warn_after

    @property
    def is_over(self) -> bool:
        return self.remaining(self.limit) <= 0

    def remaining(self, limit: float) -> float:
        """Seconds until ``limit`` seconds have passed, or those of the deadline."""
        return min(limit, self.limit) - self.waited

    def poll(self) -> None:
        """
        What is due between two looks: the call of ``on_slow``, and an interrupt that came.

        :raises KeyboardInterrupt: it came while an operation was under way.
        """
        raise_pending()
        if self._on_slow is not None and self.waited > self._warn_after:
            on_slow, self._on_slow = self._on_slow, None
            on_slow(self.waited)

    @property
    def waited(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._start
