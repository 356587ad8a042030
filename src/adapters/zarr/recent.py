"""
What was found of networks in services a moment ago, so that it need not be asked for again.

To open and load a network takes a dozen sessions, of which each would ask which state is the last.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

# Seconds after a network was opened in which the state that was found then counts as the last one.
_OPENING = 1.0
# Seconds in which stores at the same place share what was opened.
_RECENTLY = 5.0

_MUTEX = threading.Lock()
_CHANGES: Counter[str] = Counter()


def changes_at(root: str) -> int:
    """How often this process may have changed the network at a root."""
    return _CHANGES[root]


def note_change(root: str) -> None:
    """Note that this process may have changed the network at a root."""
    with _MUTEX:
        _CHANGES[root] += 1


class Looked:
    """
    When it was asked for the last state of a network.

    :param root: of the network, which is opened now.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._opened = time.monotonic()
        self._last = self._opened
        self._changes = changes_at(root)

    def note(self, changes: int) -> None:
        """
        Note that it was asked for.

        :param changes: the count of changes of this process before that.
        """
        self._last, self._changes = time.monotonic(), changes

    def is_recent(self, max_age: float | None) -> bool:
        """
        Whether the answer counts: nothing was changed here, and it is not too old.

        :param max_age: seconds; None to use it while the network is being opened.
        """
        if self._changes != changes_at(self._root):
            return False
        end = self._opened + _OPENING if max_age is None else self._last + max_age
        return time.monotonic() < end


class Recent(Generic[T]):
    """What was opened just now, by place."""

    def __init__(self) -> None:
        self._opened: dict[Hashable, tuple[float, T]] = {}

    def put(self, key: Hashable, value: T) -> None:
        """Keep something for a while."""
        now = time.monotonic()
        with _MUTEX:
            old = [each for each, (when, _) in self._opened.items() if now - when > _RECENTLY]
            for each in old:
                del self._opened[each]
            self._opened[key] = now, value

    def get(self, key: Hashable) -> T | None:
        """What was opened at a place; None if that was not just now."""
        found = self._opened.get(key)
        return None if found is None or time.monotonic() - found[0] > _RECENTLY else found[1]

    def drop(self, key: Hashable) -> None:
        """Forget what was opened at a place."""
        self._opened.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._opened.clear()
