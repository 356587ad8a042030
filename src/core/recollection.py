"""
What is remembered of a store from one of its sessions to the next.

A store tells its versions apart, so that what was read or computed from one of them need not
be read again while nobody else changed the store.
"""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import Any

Key = Hashable
Version = Hashable | None


class Recollection:
    """Values by key, each with the version of the store that it was true of."""

    def __init__(self) -> None:
        self._entries: dict[Key, tuple[Version, Any]] = {}
        self._process = os.getpid()

    def at(self, version: Version) -> Memory:
        """What is remembered, to a session that sees this version."""
        if self._process != os.getpid():
            # The parent of a forked child may yet roll back what one of its sessions noted.
            self._entries, self._process = {}, os.getpid()
        return Memory(self._entries, version)

    def advance(self, before: Version, after: Version) -> None:
        """
        A session that began at one version committed another.

        What it changed, the session noted anew or forgot; so the rest is still true.
        """
        for key, (version, value) in list(self._entries.items()):
            if version is not None and version == before:
                self._entries[key] = (after, value)

    def forget(self) -> None:
        """Remember nothing: a session noted what was then rolled back."""
        self._entries.clear()


class Memory:
    """
    The view that one session has of what is remembered.

    :param version: that the session sees; None if the store can't tell.
    """

    def __init__(self, entries: dict[Key, tuple[Version, Any]], version: Version) -> None:
        self._entries = entries
        self._version = version

    def recall(self, key: Key) -> Any:
        """The value if it is true of what the session sees; None otherwise."""
        version, value = self._entries.get(key, (None, None))
        return value if version is not None and version == self._version else None

    def recall_outdated(self, key: Key) -> Any:
        """The value, whatever it was true of; None if there never was one."""
        return self._entries.get(key, (None, None))[1]

    def note(self, key: Key, value: Any) -> None:
        """Remember a value that is true of what the session sees, or will have stored."""
        self._entries[key] = (self._version, value)

    def forget(self, key: Key) -> None:
        """Remember nothing under a key."""
        self._entries.pop(key, None)
