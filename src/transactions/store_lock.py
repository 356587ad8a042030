"""The lock on a store: among the threads of a process, and among the ranks of a program."""

from __future__ import annotations

from contextlib import AbstractContextManager
from threading import Thread
from typing import TypeAlias

import attrs

from ..platform import Forks
from ..ports.lock import Lock
from .deadline import OnSlow, ignore_slow
from .read_write_lock import lock_for


@attrs.define
class LockSettings:
    """
    How sessions are opened.

    :param read_only: take no locks on the store, and refuse to write.
    :param limit: seconds to wait for other threads.
    :param on_slow: called once if the wait is long.
    """

    read_only: bool = False
    limit: float = 600.0
    on_slow: OnSlow = ignore_slow


Hold: TypeAlias = tuple[Thread, AbstractContextManager[None] | None]
"""The thread that has acquired a lock, and its hold on the other ranks."""


class StoreLock:
    """
    The lock on a store, which several sessions may hold.

    :param identity: of the store.
    :param location: of the store, for messages.
    :param ranks: excludes the other ranks; None if there are none, or the store excludes them.
    """

    __slots__ = ("_forks", "_identity", "_ranks", "_settings", "_threads")

    def __init__(
        self, identity: str, location: str, ranks: Lock | None, settings: LockSettings
    ) -> None:
        self._forks = Forks.count
        self._identity = identity
        self._ranks = ranks
        self._settings = settings
        # Lookups find it for as long as it is referenced.
        self._threads = lock_for(identity, location)

    def is_of(self, identity: str) -> bool:
        """Whether it is the lock of a store, and not of the parent of this process."""
        return self._identity == identity and self._forks == Forks.count

    def acquire(self, *, exclusive: bool, ranks: bool = True) -> Hold:
        """
        Wait for the lock.

        :param exclusive: exclude all others, and not only writers.
        :param ranks: hold off other ranks too.
        :returns: what to release.
        :raises LockTimeoutError: other threads, or ranks, took longer than the limit.
        """
        settings, threads = self._settings, self._threads
        acquire = threads.acquire_exclusive if exclusive else threads.acquire_shared
        thread = acquire(settings.limit, settings.on_slow)
        if self._ranks is None or not ranks:
            return thread, None
        try:
            hold = self._ranks.exclusive() if exclusive else self._ranks.shared()
            hold.__enter__()
        except BaseException:
            threads.release(thread)
            raise
        return thread, hold

    def release(self, hold: Hold) -> None:
        """Release the lock; its holder calls this once."""
        thread, of_ranks = hold
        try:
            if of_ranks is not None:
                # An error of the block is not for a lock to judge.
                of_ranks.__exit__(None, None, None)
        finally:
            self._threads.release(thread)
