"""
The lock that programs take on a file, shared to read and exclusive to write.

The system releases the locks of a process that dies. On POSIX systems this is the lock that HDF5
programs use (``flock``), and for HDF5 files ``HDF5_USE_FILE_LOCKING`` works as documented by the
HDF5 library, which looks at it where it opens a file: ``FALSE`` or ``0`` disables locks, and
``BEST_EFFORT``, the default here, continues without locks on filesystems that have none.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from functools import partial
from typing import Self
from weakref import WeakSet

from ...platform import (
    LockAttempt,
    after_fork_in_child,
    lock_holders,
    locked_descriptors,
    try_lock,
    unlock,
)
from ...transactions.deadline import Deadline, OnSlow, waits_for_itself
from .errors import system_error
from .turnstile import Turnstile, lets_pass

HDF5_SWITCH = "HDF5_USE_FILE_LOCKING"
"""The environment variable that turns the locks of HDF5 files off."""
_WARN_AFTER = 1.0
# Seconds between two attempts: while the lock is likely to be free soon, and later.
_FIRST_INTERVAL, _SHORT_INTERVAL, _LONGEST_INTERVAL = 0.0002, 0.001, 0.02
# perf: 2 processes append, rows a second / 1 process; opening a network that another program
# changed takes several times as long as appending to it, so a program that writes all the time
# makes some appends between two attempts.
_WRITER_INTERVAL = 0.005
# Limits the delay after a release to a third of the time waited.
_GROWTH = 1.5
_SHORT_WAIT = 2.0
# Seconds that a reader stays in the queue behind a writer.
_COURTESY = 5.0
# Seconds after which a thread looks whether it waits for itself.
_LOOK_AFTER = 0.1
_OWN_FILE = "close the file, or pass it as 'handle' to the operations that are to use it"


def lock_file(
    descriptor: int,
    location: str,
    *,
    exclusive: bool,
    limit: float,
    on_slow: OnSlow,
    switch: str | None = HDF5_SWITCH,
) -> bool:
    """
    Wait for the lock on an open file; closing the file releases it.

    :param limit: seconds to wait.
    :param on_slow: called once if the wait is long.
    :param switch: the environment variable that disables locks, if there is one.
    :returns: whether the file is locked; False where locks are disabled or not supported.
    :raises LockTimeoutError: other programs held the lock for longer, or this process holds it and
        has no other thread that could release it.
    """
    if switch is not None and is_switched_off(switch):
        return False
    attempt = LockAttempt.BUSY
    if exclusive or lets_pass(descriptor):
        try:
            attempt = try_lock(descriptor, exclusive=exclusive)
        except OSError as error:
            raise system_error(error, location) from error
    if attempt is LockAttempt.BUSY:
        turnstile = Turnstile(descriptor)
        holders = partial(_holders, descriptor)
        deadline = Deadline(location, limit, on_slow, holders, warn_after=_WARN_AFTER)
        try:
            attempt = _wait_in_line(turnstile, descriptor, location, deadline, exclusive=exclusive)
        finally:
            turnstile.leave()
    if attempt is not LockAttempt.LOCKED:
        return False
    _LOCKED_IN[descriptor] = threading.get_ident()
    return True


def _wait_in_line(
    turnstile: Turnstile, descriptor: int, location: str, deadline: Deadline, *, exclusive: bool
) -> LockAttempt:
    is_checked = False
    interval = _FIRST_INTERVAL
    while True:
        # A reader with the lock may wait for one in the queue (another thread), so look at both.
        is_next = turnstile.enter(exclusive=exclusive)
        if is_next or (not exclusive and deadline.waited > _COURTESY):
            attempt = _try_lock(descriptor, location, exclusive=exclusive)
            if attempt is not LockAttempt.BUSY:
                return attempt
        if deadline.is_over:
            raise deadline.expired(holders=lock_holders(descriptor))
        if not is_checked and deadline.waited > _LOOK_AFTER:
            is_checked = True
            _check_other_holders(descriptor, location, exclusive=exclusive)
        time.sleep(interval)
        deadline.poll()
        longest = _WRITER_INTERVAL if exclusive else _SHORT_INTERVAL
        if deadline.waited > _SHORT_WAIT:
            longest = _LONGEST_INTERVAL
        interval = min(_GROWTH * interval, longest)


def is_switched_off(switch: str | None) -> bool:
    """Whether an environment variable turns locks off."""
    return switch is not None and os.environ.get(switch, "").upper() in ("FALSE", "0")


def close_file(descriptor: int, *, locked: bool = True) -> None:
    """Close a file and release its lock, which a forked child would hold on to otherwise."""
    try:
        if locked:
            unlock(descriptor)
    finally:
        os.close(descriptor)


class HeldDescriptor:
    """
    An open and locked file, which is closed once: at the end of a block, or before.

    A forked child leaves it to its parent, which would lose the lock if it were released there.

    :param descriptor: descriptor of the file.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.is_closed = self.is_inherited = self._is_kept = False
        _HELD.add(self)

    def close(self) -> None:
        """Close the file and release its lock."""
        if not self.is_closed:
            self.is_closed = True
            close_file(self.descriptor)

    def abandon(self) -> None:
        """Close the file of a parent process, whose lock stays."""
        self.is_inherited = True
        if not self.is_closed:
            self.is_closed = True
            # Another thread of the parent may have been about to close it.
            with contextlib.suppress(OSError):
                os.close(self.descriptor)

    def kept(self) -> Self:
        """The same, which the end of the block does not close any more, but an error does."""
        self._is_kept = True
        return self

    def __enter__(self) -> Self:
        self._is_kept = False
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None or not self._is_kept:
            self.close()


_HELD: WeakSet[HeldDescriptor] = WeakSet()


def _abandon_in_child() -> None:
    for held in list(_HELD):
        held.abandon()


after_fork_in_child(_abandon_in_child)


def _try_lock(descriptor: int, location: str, *, exclusive: bool) -> LockAttempt:
    try:
        return try_lock(descriptor, exclusive=exclusive)
    except OSError as error:
        raise system_error(error, location) from error


def _holders(descriptor: int) -> list[str]:
    """The holders of the lock on a file, for messages; empty if the system does not know them."""
    known = {os.getpid(): " (this one)", os.getppid(): " (which started this one)"}
    return [f"process {pid}{known.get(pid, '')}" for pid in lock_holders(descriptor)]


def _check_other_holders(descriptor: int, location: str, *, exclusive: bool) -> None:
    """
    Check that another thread or process can release the lock on a file.

    This thread may hold it under another name of the file (a hard link).

    :raises LockTimeoutError: only this thread could.
    """
    own = os.getpid()
    if own not in (holders := lock_holders(descriptor)):
        return
    here = threading.get_ident()
    alone = threading.active_count() == 1 and holders == [own]
    if any(
        (alone or _LOCKED_IN.get(each) == here) and (exclusive or excludes)
        for each, excludes in locked_descriptors(descriptor).items()
    ):
        raise waits_for_itself(location, "an open file", _OWN_FILE)


# The thread that locked each descriptor last; some may be unlocked, or closed, by now.
_LOCKED_IN: dict[int, int] = {}
# The locks that a child inherits belong to its parent.
after_fork_in_child(_LOCKED_IN.clear)
