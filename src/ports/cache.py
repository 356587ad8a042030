"""The cache of what was read from a store, from one session to the next."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Protocol, TypeAlias

Key: TypeAlias = Hashable


class CacheView(Protocol):
    """The cache as one session sees it: values that are valid for the version that it sees."""

    def get(self, key: Key, /) -> Any:
        """The value if it is valid for what the session sees; None otherwise."""

    def get_stale(self, key: Key, /) -> Any:
        """The value, of whatever version; None if there never was one."""

    def put(self, key: Key, value: object, /) -> None:
        """Keep a value that is valid for what the session sees, or will have stored."""

    def invalidate(self, key: Key, /) -> None:
        """Drop the value of a key."""
