"""The hold of a session on a network: a lock in folders, and nothing elsewhere."""

from __future__ import annotations

from ...errors import SessionClosedError
from ..files.locking import HeldDescriptor

_NONE = -1


class LockHandle(HeldDescriptor):
    """
    An open and locked file, or nothing where there are no locks.

    :param descriptor: descriptor of the file.
    """

    safe = False
    """Whether it keeps other programs away."""

    def __init__(self, descriptor: int = _NONE) -> None:
        super().__init__(descriptor)
        self.is_closed = descriptor == _NONE

    def check(self, location: str) -> None:
        """
        Check that the lock belongs to this process.

        :raises SessionClosedError: it belongs to its parent.
        """
        if self.is_inherited:
            raise SessionClosedError(
                f"the session on '{location}' belongs to the process that began it;"
                " open the network again in the forked process"
            )
