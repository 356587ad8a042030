"""How long one waits for others, and what is done meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

import attrs

from .interrupts import raise_held

# Seconds between two looks around.
NAP = 0.2
# Longer than readers hold back for writers.
_WARN_AFTER = 2.0

# Is told once, with the seconds waited so far, when it takes long.
OnSlow: TypeAlias = Callable[[float], None]


@attrs.frozen
class Waiting:
    """
    How ranks wait for each other.

    :param limit: seconds.
    :param on_slow: is told once, with the seconds waited so far, when it takes long.
    :param location: of the network, for messages.
    """

    limit: float
    on_slow: OnSlow
    location: Callable[[], str]


class Patience:
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
