"""The lock on a store: among the threads of a process, and among the ranks of a program."""

from __future__ import annotations

from contextlib import AbstractContextManager
from threading import Thread

import attrs

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


class StoreLock:
    """
    One hold on a store.

    :param identity: of the store.
    :param location: of the store, for messages.
    :param ranks: excludes the other ranks; None if there are none, or the store excludes them.
    """

    __slots__ = (
        "_identity",
        "_location",
        "_rank_hold",
        "_ranks",
        "_settings",
        "_thread",
        "_threads",
    )

    def __init__(
        self, identity: str, location: str, ranks: Lock | None, settings: LockSettings
    ) -> None:
        self._identity = identity
        self._location = location
        self._ranks = ranks
        self._settings = settings

    def acquire(self, *, exclusive: bool, ranks: bool = True) -> None:
        """
        Wait for the lock.

        :param exclusive: exclude all others, and not only writers.
        :param ranks: hold off other ranks too.
        :raises LockTimeoutError: other threads, or ranks, took longer than the limit.
        """
        settings = self._settings
        # Kept after its release, too: lookups find it for as long as it is referenced.
        self._threads = threads = lock_for(self._identity, self._location)
        acquire = threads.acquire_exclusive if exclusive else threads.acquire_shared
        self._thread: Thread | None = acquire(settings.limit, settings.on_slow)
        self._rank_hold: AbstractContextManager[None] | None = None
        if not ranks or self._ranks is None:
            return
        try:
            hold = self._ranks.exclusive() if exclusive else self._ranks.shared()
            hold.__enter__()
        except BaseException:
            self.release()
            raise
        self._rank_hold = hold

    def release(self) -> None:
        """Release the lock; calling it again does nothing."""
        thread, self._thread = self._thread, None
        try:
            if self._rank_hold is not None:
                hold, self._rank_hold = self._rank_hold, None
                # An error of the block is not for a lock to judge.
                hold.__exit__(None, None, None)
        finally:
            if thread is not None:
                self._threads.release(thread)
