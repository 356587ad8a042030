"""
A cache of results that stay valid between the sessions of a store.

A store distinguishes its versions, so that what was read or computed from one of them need not
be read again while no other program changes the store.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, TypeAlias

from ..platform import Forks
from ..ports.cache import Key

Version: TypeAlias = Hashable | None


class _Epoch:
    """
    Versions of a store that followed one another and were all known here.

    :param version: the last of them.
    """

    __slots__ = ("version",)

    def __init__(self, version: Version) -> None:
        self.version = version


# Of values that belong to no version that can be distinguished from others.
_NO_EPOCH = _Epoch(None)
_NEVER_SEEN = object()
_NOTHING: tuple[_Epoch, Any] = (_NO_EPOCH, None)


class VersionedCache:
    """Values by key, each with the epoch of the store that it belongs to."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._forks = Forks.count
        self._entries: dict[Key, tuple[_Epoch, Any]] = {}
        self._latest = self._blank()

    def _blank(self) -> VersionView:
        """For a session whose version can't be distinguished from others."""
        return VersionView(self._entries, _NO_EPOCH, _NEVER_SEEN)

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
            self._latest = latest = VersionView(self._entries, _Epoch(version), version)
        return latest

    def advance(self, before: Version, after: Version) -> None:
        """
        Note that a session which began at one version committed another.

        What it changed, the session put or invalidated; so the rest is still true.
        """
        latest = self._latest
        if latest.version == before != after:
            latest.epoch.version = after
            known = after is not None
            self._latest = (
                VersionView(self._entries, latest.epoch, after) if known else self._blank()
            )

    def clear(self) -> None:
        """Drop all values: a session put some and was then rolled back."""
        self._entries.clear()
        # What is put late belongs to what is over.
        self._latest = self._blank()


class VersionView:
    """
    The view of one session (:class:`.CacheView`), until one commits another version.

    :param epoch: of what is true of what the session sees.
    :param version: that the session sees: the object that the epoch holds.
    """

    __slots__ = ("_entries", "epoch", "version")

    def __init__(
        self, entries: dict[Key, tuple[_Epoch, Any]], epoch: _Epoch, version: object
    ) -> None:
        self._entries = entries
        self.epoch = epoch
        self.version = version

    def get(self, key: Key) -> Any:
        """The value if it is valid for what the session sees; None otherwise."""
        epoch, value = self._entries.get(key, _NOTHING)
        return value if epoch is self.epoch and epoch.version is self.version else None

    def get_stale(self, key: Key) -> Any:
        """The value, whichever version it was valid for; None if there never was one."""
        return self._entries.get(key, _NOTHING)[1]

    def put(self, key: Key, value: object) -> None:
        """Keep a value that holds for what the session sees, or will have stored."""
        epoch = self.epoch
        self._entries[key] = (epoch if epoch.version is self.version else _NO_EPOCH, value)

    def invalidate(self, key: Key) -> None:
        """Drop the value of a key."""
        self._entries.pop(key, None)
