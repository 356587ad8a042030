"""
A cache of results that stay valid between the sessions of a store.

A store distinguishes its versions, so that what was read or computed from one of them need not
be read again while no other program changes the store.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeAlias

from ..platform import Forks
from ..ports.cache import Key

Version: TypeAlias = Hashable | None

_NEVER_SEEN = object()


class VersionedCache:
    """Values by key, each of which is valid for one version of the store or for several."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._forks = Forks.count
        # The last values, whichever version they are valid for.
        self._values: dict[Key, Any] = {}
        self._latest = self._blank()

    def _blank(self) -> VersionView:
        """For a session whose version can't be distinguished from others."""
        view = VersionView(self._values, {}, _NEVER_SEEN)
        view.detach()
        return view

    def at(self, version: Version) -> VersionView:
        """The view of the cache for a session that sees this version."""
        if self._forks != Forks.count:
            # The parent of a forked child may yet roll back what one of its sessions put.
            self._begin()
        latest = self._latest
        if latest.version != version:
            if version is None:
                return self._blank()
            # Also if it is an older one: a session that sees that shares nothing with the others.
            self._latest = latest = VersionView(self._values, {}, version)
        return latest

    def advance(self, before: Version, after: Version) -> None:
        """
        Note that a session which began at one version committed another.

        What it changed, the session put or invalidated; so the rest is still true.
        """
        latest = self._latest
        if latest.version == before != after:
            self._latest = (
                self._blank() if after is None else VersionView(self._values, latest.valid, after)
            )
            latest.detach()

    def clear(self) -> None:
        """Drop all values: a session put some and was then rolled back."""
        self._values.clear()
        # What is put late belongs to what is over.
        self._latest = self._blank()


class VersionView:
    """
    The view of one session (:class:`.CacheView`), until one commits another version.

    :param values: the last values by key, of all views.
    :param valid: those of them that are valid for the version.
    :param version: the version that the session sees.
    """

    __slots__ = ("_is_detached", "_values", "get", "valid", "version")

    def __init__(self, values: dict[Key, Any], valid: dict[Key, Any], version: object) -> None:
        self._values = values
        self.valid = valid
        self.version = version
        self._is_detached = False
        # perf: load a chunk; a method takes several times as long as that of the dictionary.
        self.get: Callable[[Key], Any] = valid.get
        """The value if it is valid for what the session sees; None otherwise."""

    def detach(self) -> None:
        """Disable the cache: nothing in it, or put into it later, is valid."""
        self._is_detached = True
        self.get = _get_nothing

    def get_stale(self, key: Key) -> Any:
        """The value, whichever version it was valid for; None if there never was one."""
        return self._values.get(key)

    def put(self, key: Key, value: object) -> None:
        """Keep a value that holds for what the session sees, or will have stored."""
        self._values[key] = value
        if not self._is_detached:
            self.valid[key] = value

    def invalidate(self, key: Key) -> None:
        """Drop the value of a key."""
        self.valid.pop(key, None)
        self._values.pop(key, None)


def _get_nothing(_: Key) -> None:
    """For a view in which nothing is valid."""
