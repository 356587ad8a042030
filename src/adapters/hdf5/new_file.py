"""
An HDF5 file that is being made, and gets its name when all of it is on the disk.

HDF5 writes to it through a file of ours, as it does in sessions: a write that fails is noted there
and raised here. HDF5's own drivers leave its state broken at a write that fails as it closes a
file, and the process crashes later.
"""

from __future__ import annotations

import contextlib
import os
import stat
from weakref import WeakSet

from h5py import h5f, h5p

from ...errors import SessionClosedError, StoreAccessError
from ...platform import after_fork_in_child, give_owner, open_descriptor
from .atomic.atomic_file import AtomicFile
from .context import Context, check_free
from .errors import translated
from .h5_types import H5Object
from .open_file import access_properties, close_hdf5
from .paths import copy_content, remove_temporary, temporary_path


class NewFile:
    """
    A new HDF5 file under a temporary name.

    :param path: its future path, not a link.
    :param mode: which users may do what with it, from its first byte; None leaves that to the
        system.
    :param owner: user and group that it is to belong to; None leaves that to the system.
    :param user_block: bytes at its beginning that HDF5 leaves to others.
    :raises StoreAccessError: it can't be given to that owner.
    :raises StoreError: it can't be made.
    """

    def __init__(
        self,
        path: str,
        mode: int | None = None,
        owner: tuple[int, int] | None = None,
        user_block: int = 0,
    ) -> None:
        self._path = path
        self.temporary = temporary_path(path)
        self._id: H5Object = None
        self._is_inherited = False
        check_free(path)
        # Other users can't open the file before it has its owner.
        first = 0o666 if mode is None else mode if owner is None else mode & stat.S_IRWXU
        with translated(path):
            self._descriptor = open_descriptor(
                self.temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, first
            )
        self._content = AtomicFile.create(self._descriptor)
        self.context = Context(path, self._content)
        _OPEN.add(self)
        try:
            with translated(path, self._content):
                if owner is not None:
                    self._give_to(owner)
                if mode is not None:
                    # The umask reduced the mode when the file was created.
                    os.chmod(self.temporary, mode)
                self._id = _created(self._content, user_block)
        except BaseException:
            self.discard()
            raise

    def _give_to(self, owner: tuple[int, int]) -> None:
        try:
            give_owner(self._descriptor, owner)
        except OSError as error:
            raise StoreAccessError(
                f"'{self._path}' belongs to user {owner[0]} and group {owner[1]}, which this"
                " process can't give a new file to; do this as that user, or convert the network"
                " into another file",
                location=self._path,
                errno=error.errno,
            ) from error

    @property
    def id(self) -> H5Object:
        """Id of the open HDF5 file."""
        return self._id

    def fill_user_block(self, source: int, size: int) -> None:
        """
        Copy the user block of another file.

        :param source: descriptor of that file.
        """
        with translated(self._path):
            copy_content(source, self._descriptor, size)

    def complete(self) -> None:
        """
        Close the file when all of it is on the disk.

        :raises StoreError: it is not.
        """
        with translated(self._path):
            with translated(self._path, self._content):
                h5f.flush(self._id)
            with translated(self._path, self._content):
                self.context.objects.clear()
                close_hdf5(self._id)
            self._content.complete()
            self._close()

    def discard(self) -> None:
        """Close the file, as far as it is open, and remove it, if it has its temporary name."""
        self.context.ended = True
        try:
            # HDF5 writes when it closes a file.
            self._content.refuse_writes()
            self.context.objects.clear()
            with contextlib.suppress(OSError, RuntimeError, ValueError):
                if self._id is not None:
                    close_hdf5(self._id)
        finally:
            with contextlib.suppress(OSError):
                self._close()
            if not self._is_inherited:
                remove_temporary(self.temporary)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def abandon(self) -> None:
        """Leave the file to the parent process, which goes on to write it."""
        self._is_inherited = True
        self._content.refuse_writes(
            SessionClosedError("the session belongs to the process that began it")
        )


_OPEN: WeakSet[NewFile] = WeakSet()


def _abandon_in_child() -> None:
    for each in list(_OPEN):
        each.abandon()


after_fork_in_child(_abandon_in_child)


def _created(content: AtomicFile, user_block: int) -> H5Object:
    made = h5p.create(h5p.FILE_CREATE)
    made.set_obj_track_times(False)
    made.set_userblock(user_block)
    return h5f.create(repr(content).encode(), fcpl=made, fapl=access_properties(content))
