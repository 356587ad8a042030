"""
The queue of waiters for the lock on a file.

The lock itself (``flock``) has no order: any waiter that tries while it is free gets it, so
overlapping readers can starve a writer. A program that finds the lock held therefore queues: it
locks one byte far past the end of the file, exclusively to write and shared to read, until it has
the lock. Later readers wait for a queued writer, which gets the lock after the reads that were open
when it asked. Programs that don't know this protocol use the lock alone.
"""

from __future__ import annotations

from ...platform import LockAttempt, is_byte_locked, try_lock_byte, unlock_byte

# No file is that long, and HDF5 locks no bytes.
_OFFSET = 1 << 62


def lets_pass(descriptor: int) -> bool:
    """Whether no writer is queued for the lock on an open file."""
    return not is_byte_locked(descriptor, _OFFSET)


class Turnstile:
    """
    The place of one open file in the queue.

    :param descriptor: descriptor of the file.
    """

    __slots__ = ("_descriptor", "_entered")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._entered = False

    def enter(self, *, exclusive: bool) -> bool:
        """Try to become the next in the queue; True also where the system has no queue."""
        if not self._entered:
            attempt = try_lock_byte(self._descriptor, _OFFSET, exclusive=exclusive)
            if attempt is LockAttempt.BUSY:
                return False
            self._entered = attempt is LockAttempt.LOCKED
        return True

    def leave(self) -> None:
        """Leave the queue, so that the next one can enter; calling it again does nothing."""
        if self._entered:
            self._entered = False
            unlock_byte(self._descriptor, _OFFSET)
