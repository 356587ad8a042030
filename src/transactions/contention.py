"""Whether several programs write to one store at once, so that logging calls pays."""

from __future__ import annotations

import time
from collections import deque

from .versioned_cache import Version

# So many times within so many seconds, another program wrote between two sessions of this one. Each
# may make many sessions before the next has its turn.
_TIMES, _SECONDS = 3, 1.0


class Contention:
    """How often other programs write between the sessions in which this one does."""

    def __init__(self) -> None:
        self._left: Version = None
        self._overtaken: deque[float] = deque(maxlen=_TIMES)
        self._is_high = False

    def begin(self, version: Version) -> bool:
        """
        A session that writes has begun.

        :param version: version of the store.
        :returns: whether another program has written several times within the last second.
        """
        if version != self._left and self._left is not None:
            now = time.monotonic()
            self._overtaken.append(now)
            first = self._overtaken[0]
            self._is_high = len(self._overtaken) == _TIMES and now - first < _SECONDS
        elif self._is_high:
            self._is_high = time.monotonic() - self._overtaken[-1] < _SECONDS
        return self._is_high

    def commit(self, version: Version) -> None:
        """It has stored a version."""
        self._left = version
