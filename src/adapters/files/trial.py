"""Whether the locks of a filesystem keep the ranks of a program apart, found out by trying."""

from __future__ import annotations

import contextlib
import os
import tempfile

from ...platform import LockAttempt, open_descriptor, try_lock
from ...ports.communicator import Communicator
from .locking import close_file, is_switched_off


def locks_exclude_ranks(folder: str, ranks: Communicator, switch: str | None) -> bool:
    """
    :guilabel:`collective` Whether no rank gets the lock of a file that another rank holds.

    Not on filesystems without locks, nor where each node has locks of its own.

    :param folder: folder in which a file is made, locked on rank 0, and removed.
    :param switch: the environment variable that turns locks off, if there is one.
    """
    held: list[tuple[int, str]] = []

    def lock_on_main() -> str | None:
        with contextlib.suppress(OSError):
            descriptor, path = tempfile.mkstemp(".trial", ".bsb-hdf5-", folder)
            held.append((descriptor, path))
            if try_lock(descriptor, exclusive=True) is LockAttempt.LOCKED:
                return path
        return None

    try:
        path = ranks.on_main(lock_on_main)
        return ranks.all_true(
            lambda: (
                not is_switched_off(switch)
                and path is not None
                and (ranks.rank == 0 or _is_locked(path))
            )
        )
    finally:
        for descriptor, path in held:
            close_file(descriptor)
            with contextlib.suppress(OSError):
                os.unlink(path)


def _is_locked(path: str) -> bool:
    descriptor = open_descriptor(path, os.O_RDWR)
    attempt = LockAttempt.UNSUPPORTED
    try:
        attempt = try_lock(descriptor, exclusive=True)
    finally:
        close_file(descriptor, locked=attempt is LockAttempt.LOCKED)
    return attempt is LockAttempt.BUSY
