"""The lock on a store: among the threads of a process, and among the ranks of a program."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Thread
from typing import Protocol

import attrs

from ..ports.lock import Lock
from .deadline import OnSlow, ignore_slow
from .read_write_lock import ReadWriteLock


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


class StoreLock(Protocol):
    """The lock on a store: a :class:`ReadWriteLock`, or a :class:`RankedLock`."""

    def acquire_shared(self, limit: float, on_slow: OnSlow) -> Thread:
        """
        Wait for the lock, and hold off writers.

        :param limit: seconds to wait for other threads.
        :param on_slow: called once if the wait is long.
        :returns: the thread, for :meth:`release`.
        :raises LockTimeoutError: other threads, or ranks, took longer than the limit.
        """

    def acquire_exclusive(self, limit: float, on_slow: OnSlow) -> Thread:
        """Likewise, and exclude all others."""

    def release(self, thread: Thread) -> None:
        """Release the lock; its holder calls this once."""


class RankedLock:
    """
    One hold on a store, among the threads of a process and among the ranks of a program.

    :param threads: excludes the other threads.
    :param ranks: excludes the other ranks.
    """

    def __init__(self, threads: ReadWriteLock, ranks: Lock) -> None:
        self._threads = threads
        self._ranks = ranks

    def acquire_shared(self, limit: float, on_slow: OnSlow) -> Thread:
        thread = self._threads.acquire_shared(limit, on_slow)
        self._hold_ranks(self._ranks.shared, thread)
        return thread

    def acquire_exclusive(self, limit: float, on_slow: OnSlow) -> Thread:
        thread = self._threads.acquire_exclusive(limit, on_slow)
        self._hold_ranks(self._ranks.exclusive, thread)
        return thread

    def _hold_ranks(self, hold: Callable[[], AbstractContextManager[None]], thread: Thread) -> None:
        try:
            self._hold = hold()
            self._hold.__enter__()
        except BaseException:
            self._threads.release(thread)
            raise

    def release(self, thread: Thread) -> None:
        try:
            # The lock is released the same way after an error.
            self._hold.__exit__(None, None, None)
        finally:
            self._threads.release(thread)
