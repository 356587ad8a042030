"""
Exclusion between programs that use one directory: ``flock`` on a file in it.

The system frees the lock of a program that dies. Where a filesystem has no locks, or the
file can't be made because the medium is read-only, there is none.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Callable

import attrs

from ...core.interrupts import raise_held
from ...errors import LockTimeoutError
from .errors import absent, system_error

LOCK_FILE = ".lock"

# Filesystems without locks (524 is Linux' ENOTSUPP), and media that are read-only.
_NO_LOCKS = frozenset((errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, 524, errno.EROFS))
_BUSY = frozenset((errno.EAGAIN, errno.EACCES))
_WARN_AFTER = 1.0
_LONGEST_NAP = 0.05


@attrs.frozen
class Patience:
    """
    How long to wait for other programs.

    :param limit: seconds.
    :param on_slow: is told once, with the seconds waited so far, when it takes long.
    """

    limit: float = 600.0
    on_slow: Callable[[float], None] = lambda waited: None


class DirectoryLock:
    """A lock that is held, until it is released."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back, which a forked child would keep otherwise."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)


def lock_directory(root: str, patience: Patience, *, exclusive: bool) -> DirectoryLock:
    """
    Wait for the lock of a directory.

    :raises LockTimeoutError: others held it for longer than the limit.
    :raises StoreNotFoundError: the directory is not there, or went while this waited.
    """
    path = os.path.join(root, LOCK_FILE)
    while True:
        descriptor = _open(path, root, exclusive=exclusive)
        if descriptor is None:
            return DirectoryLock(None)
        lock = DirectoryLock(descriptor)
        try:
            _wait(descriptor, root, patience, exclusive=exclusive)
            if _is_named(descriptor, path):
                return lock
        except BaseException:
            lock.release()
            raise
        # Somebody moved or removed the directory meanwhile.
        lock.release()


def _open(path: str, root: str, *, exclusive: bool) -> int | None:
    if not os.path.isdir(root):
        raise absent(root)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise absent(root) from error
        if exclusive or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise system_error(error, root) from error
    with contextlib.suppress(OSError):
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    return None


def _is_named(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def _wait(descriptor: int, location: str, patience: Patience, *, exclusive: bool) -> None:
    operation = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
    start = time.monotonic()
    nap, warned = 0.0005, False
    while not _try_lock(descriptor, operation, location):
        waited = time.monotonic() - start
        if waited > patience.limit:
            raise LockTimeoutError(
                f"'{location}' is locked; gave up after {patience.limit} seconds",
                location=location,
                limit=patience.limit,
            )
        if waited > _WARN_AFTER and not warned:
            warned = True
            patience.on_slow(waited)
        time.sleep(nap)
        raise_held()
        nap = min(2 * nap, _LONGEST_NAP)


def _try_lock(descriptor: int, operation: int, location: str) -> bool:
    try:
        fcntl.flock(descriptor, operation)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return True
        if error.errno in _BUSY:
            return False
        raise system_error(error, location) from error
    return True
