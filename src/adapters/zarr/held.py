"""What a session holds of a network in a folder, and what becomes of it in forked children."""

from __future__ import annotations

import contextlib
import os
from typing import Self
from weakref import WeakSet

from ...errors import SessionClosedError
from ...platform import after_fork_in_child
from ..files.locking import close_file


class LockHandle:
    """
    An open and locked file, or nothing where there are no locks.

    :param descriptor: of the file.
    """

    safe = False
    """Whether it keeps other programs away."""

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = descriptor
        self._is_inherited = self._is_kept = False
        _HELD.add(self)

    def kept(self) -> Self:
        """The lock, which the end of the block does not release any more."""
        self._is_kept = True
        return self

    @property
    def is_inherited(self) -> bool:
        """Whether this process was forked since, so that what is held is its parent's."""
        return self._is_inherited

    def check(self, location: str) -> None:
        """
        Check that the lock belongs to this process.

        :raises SessionClosedError: it belongs to its parent.
        """
        if self._is_inherited:
            raise SessionClosedError(
                f"the session on '{location}' belongs to the process that began it;"
                " open the network again in the forked process"
            )

    def close(self) -> None:
        """Release the lock, once."""
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            close_file(descriptor)

    def abandon(self) -> None:
        """Leave the lock to the parent process, which would lose it if it were released here."""
        descriptor, self.descriptor = self.descriptor, None
        self._is_inherited = True
        if descriptor is not None:
            # Another thread may have been about to hand it over.
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def __enter__(self) -> Self:
        self._is_kept = False
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None or not self._is_kept:
            self.close()


_HELD: WeakSet[LockHandle] = WeakSet()


def _abandon_in_child() -> None:
    for handle in list(_HELD):
        handle.abandon()


after_fork_in_child(_abandon_in_child)
