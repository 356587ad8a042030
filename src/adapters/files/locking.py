"""
The lock that programs take on a file: ``flock``, shared to read, exclusive to write.

The system frees the lock of a process that dies. It is the lock that HDF5 programs take, and
for their files ``HDF5_USE_FILE_LOCKING`` is honoured as the HDF5 library documents it:
``FALSE`` or ``0`` takes no locks, ``BEST_EFFORT`` goes on where a filesystem has none. The
latter is what happens here by default.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import fcntl
import os
import time
from collections.abc import Callable

from ...core.interrupts import raise_held
from ...errors import LockTimeoutError
from .errors import system_error

# Filesystems without locks (524 is Linux' ENOTSUPP), and media that are read-only.
_NO_LOCKS = frozenset((errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, 524, errno.EROFS))
_BUSY = frozenset((errno.EAGAIN, errno.EACCES))
_WARN_AFTER = 1.0
_LONGEST_NAP = 0.05


def lock_file(
    descriptor: int,
    location: str,
    *,
    exclusive: bool,
    limit: float,
    on_slow: Callable[[float], None],
    switch: str | None = "HDF5_USE_FILE_LOCKING",
) -> bool:
    """
    Wait for the lock on an open file; closing the file gives it back.

    :param limit: seconds to wait.
    :param on_slow: is told once, with the seconds waited so far, when it takes long.
    :param switch: the environment variable that turns locks off, if there is one.
    :returns: whether there is a lock, which others respect too.
    :raises LockTimeoutError: others held it for longer.
    """
    if switch is not None and os.environ.get(switch, "").upper() in ("FALSE", "0"):
        return False
    operation = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
    start = time.monotonic()
    nap, warned = 0.0005, False
    while (locked := _try_lock(descriptor, operation, location)) is Attempt.BUSY:
        waited = time.monotonic() - start
        if waited > limit:
            raise _timeout(descriptor, location, limit)
        if waited > _WARN_AFTER and not warned:
            warned = True
            on_slow(waited)
        time.sleep(nap)
        raise_held()
        nap = min(2 * nap, _LONGEST_NAP)
    return locked is Attempt.LOCKED


def close_file(descriptor: int, *, locked: bool = True) -> None:
    """Close a file and give its lock back, which a forked child would keep otherwise."""
    try:
        if locked:
            unlock_file(descriptor)
    finally:
        os.close(descriptor)


def unlock_file(descriptor: int) -> None:
    """Give the lock of a file back, which stays open."""
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)


class Attempt(enum.Enum):
    """What comes of an attempt to lock a file."""

    LOCKED = enum.auto()
    BUSY = enum.auto()
    NO_LOCKS = enum.auto()


def _try_lock(descriptor: int, operation: int, location: str) -> Attempt:
    try:
        fcntl.flock(descriptor, operation)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return Attempt.NO_LOCKS
        if error.errno in _BUSY:
            return Attempt.BUSY
        raise system_error(error, location) from error
    return Attempt.LOCKED


def _timeout(descriptor: int, location: str, limit: float) -> LockTimeoutError:
    holders = _holders(descriptor)
    who = f" by process {', '.join(map(str, holders))}" if holders else ""
    return LockTimeoutError(
        f"'{location}' is locked{who}; gave up after {limit} seconds",
        location=location,
        limit=limit,
        holders=holders,
    )


def _holders(descriptor: int) -> list[int]:
    """Processes that hold a lock on the file, where the system tells."""
    status = os.fstat(descriptor)
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        with open("/proc/locks", encoding="ascii") as locks:
            rows = [line.split() for line in locks]
    except OSError:
        return []
    # "1: FLOCK ADVISORY WRITE 1234 08:01:5678 0 EOF"; those that wait have a "->".
    return sorted({int(row[4]) for row in rows if len(row) > 5 and row[5] == device})  # noqa: PLR2004
