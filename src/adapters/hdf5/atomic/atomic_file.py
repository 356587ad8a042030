"""
A file whose changes take effect at a commit, whole or not at all.

This is the class that the rest of the adapter uses: the overlay that HDF5 writes to, and the
commit with its journal, are parts of it.
"""

from __future__ import annotations

import contextlib
import os

from .commit import Commit
from .extent import Extent
from .journal import finish_commit, has_journal, read_journal
from .overlay import OverlayFile


class AtomicFile(OverlayFile):
    """
    A file object for h5py's ``fileobj`` driver, whose changes are committed or rolled back.

    :param extent: of the open file.
    :param durable: whether its commits survive a power cut, and not only the end of the process.
    """

    def __init__(self, extent: Extent, *, durable: bool = False) -> None:
        super().__init__(extent)
        self._commit = Commit(extent, durable=durable)

    @classmethod
    def open(cls, descriptor: int, *, writable: bool, durable: bool = False) -> AtomicFile:
        """
        Begin with the file as it is.

        A commit that was interrupted is finished by :meth:`recover`. A file that is only read is
        shown as if that were done.

        :param descriptor: stays open when the file is done with.
        :param writable: whether the descriptor may be written to.
        """
        file = cls(Extent.of(descriptor), durable=durable)
        journal = None if writable else read_journal(descriptor)
        if journal is not None:
            file.show(journal)
        return file

    @classmethod
    def create(cls, descriptor: int) -> AtomicFile:
        """
        Begin with an empty file under a private name, to which everything is written directly.

        :meth:`complete` replaces the commit.
        """
        return cls(Extent(descriptor, 0, 0))

    def complete(self) -> None:
        """
        Make sure that all of a new file is on the disk.

        :raises BaseException: the error that was noted before.
        :raises OSError: it is not.
        """
        self.raise_error()
        # HDF5 may leave space at the end that it did not write to.
        os.ftruncate(self._extent.descriptor, self._extent.size)
        os.fsync(self._extent.descriptor)

    @staticmethod
    def was_interrupted(descriptor: int) -> bool:
        """Whether a file ends in the journal of a commit, complete or damaged."""
        return has_journal(descriptor)

    @staticmethod
    def recover(descriptor: int) -> None:
        """
        Finish the commit that was interrupted, if one was.

        :param descriptor: descriptor of the file, writable and locked.
        """
        finish_commit(descriptor)

    def commit(self) -> None:
        """
        Apply the changes, and set the new size of the file.

        :raises BaseException: an error recorded earlier, or one of the commit; the file is
            unchanged. If the system fails even to restore it, the journal stays, and the next
            program that opens the file finishes the commit. An interrupt after the last step
            does not undo the commit.
        """
        self.raise_error()
        self._commit.run(self.written())
        self.forget()

    def rollback(self) -> None:
        """Forget what was written, and cut off what was added."""
        self.forget()
        if self._commit.is_half_way:
            return
        # A rest that can't be cut off lies past the end of the file for HDF5.
        extent = self._extent
        with contextlib.suppress(OSError):
            if os.fstat(extent.descriptor).st_size > extent.base_size:
                os.ftruncate(extent.descriptor, extent.base_size)
