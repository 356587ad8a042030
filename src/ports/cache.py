"""What is kept of a store from one of its sessions to the next."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Protocol, TypeAlias

Key: TypeAlias = Hashable


class CacheView(Protocol):
    """What one session sees of the cache: values that are true of the version that it sees."""

    def get(self, key: Key, /) -> Any:
        """The value if it is true of what the session sees; None otherwise."""

    def get_stale(self, key: Key, /) -> Any:
        """The value, whatever version it was true of; None if there never was one."""

    def put(self, key: Key, value: object, /) -> None:
        """Keep a value that is true of what the session sees, or will have stored."""

    def invalidate(self, key: Key, /) -> None:
        """Drop the value of a key."""
