"""Sessions on HDF5 files."""

from __future__ import annotations

import os
from collections.abc import Callable

from h5py import h5g

from ..files.names import target_of
from ..native.drafts import give_name, sync_name
from .context import Context, OpenObject
from .errors import translated
from .groups import Hdf5Group, Hdf5GroupWriter
from .h5_types import H5Object
from .new_file import NewFile
from .open_file import OpenFile, Stamp

# Receives the file when a session has ended.
Keeper = Callable[[OpenFile], None]


class Hdf5ReadSession:
    """
    An open file.

    :param keeper: gets the file at the end, to use it again.
    """

    def __init__(self, file: OpenFile, keeper: Keeper) -> None:
        self._file = file
        self._keeper = keeper
        self._context = file.context()

    @property
    def root(self) -> Hdf5Group:
        return Hdf5Group(_root(self._file.id, self._context), "", self._context)

    @property
    def version(self) -> Stamp | None:
        return self._file.stamp

    def is_current(self) -> bool:
        return self._file.locked or self._file.is_current

    def close(self) -> None:
        context, file = self._context, self._file
        if context.ended:
            return
        context.ended = True
        if context.shared:
            try:
                file.check_unchanged()
            finally:
                file.close()
        elif file.put_down():
            self._keeper(file)


class Hdf5AdoptedSession:
    """
    A file that a caller opened and will close: its changes are the caller's.

    :param id_: id of the open HDF5 file.
    """

    def __init__(self, id_: H5Object, context: Context) -> None:
        self._id = id_
        self._context = context

    @property
    def root(self) -> Hdf5GroupWriter:
        return Hdf5GroupWriter(_root(self._id, self._context), "", self._context)

    @property
    def changes(self) -> int:
        return self._context.changes

    @property
    def version(self) -> Stamp | None:
        """None: the caller may change the file without the session."""
        return None

    def commit(self) -> None:
        """Do nothing: the caller's close stores the changes."""

    def rollback(self) -> None:
        """Do nothing: HDF5 can't undo a change."""


class Hdf5WriteSession(Hdf5AdoptedSession):
    """
    An open file whose changes take effect at the commit.

    :param keeper: gets the file after the commit, to use it again.
    """

    def __init__(self, file: OpenFile, keeper: Keeper) -> None:
        self._file = file
        self._keeper = keeper
        super().__init__(file.id, file.context())

    @property
    def changes(self) -> int:
        changes = self._context.changes
        # What callers change by objects of h5py's is seen as it is written.
        return changes + self._file.count_writes() if self._context.shared else changes

    @property
    def version(self) -> Stamp | None:
        return self._file.stamp

    @property
    def has_other_names(self) -> bool:
        """Whether several paths name the file (hard links)."""
        return os.fstat(self._file.descriptor).st_nlink > 1

    @property
    def descriptor(self) -> int:
        """Of the file."""
        return self._file.descriptor

    @property
    def user_block(self) -> int:
        """Bytes at the beginning of the file that HDF5 leaves to others."""
        with self._context.translated():
            return int(self._file.id.get_create_plist().get_userblock())

    def commit(self) -> None:
        self._context.ended = True
        if self.changes:
            self._file.commit()
        if self._context.shared:
            # Objects of the session can't be used any more.
            self._file.close()
        elif self._file.put_down():
            self._keeper(self._file)

    def rollback(self) -> None:
        self._context.ended = True
        self._file.close()


class Hdf5CreationSession(Hdf5AdoptedSession):
    """
    A new file, which gets its name at the commit, when all of it is on the disk.

    :param durable: whether its name is to survive a power cut then.
    :param mode: which users may do what with it, from the start; None leaves that to the system.
    :param owner: user and group that it is to belong to; None leaves that to the system.
    :param user_block: bytes at its beginning that HDF5 leaves to others.
    """

    def __init__(
        self,
        path: str,
        *,
        durable: bool = False,
        mode: int | None = None,
        owner: tuple[int, int] | None = None,
        user_block: int = 0,
    ) -> None:
        # A link to a missing file gets its file.
        self._path = target_of(path)
        self._durable = durable
        self._file = NewFile(self._path, mode, owner, user_block)
        super().__init__(self._file.id, self._file.context)

    def commit(self) -> None:
        try:
            self._file.complete()
            self._publish()
        finally:
            self._file.discard()

    def _publish(self) -> None:
        """Rename the complete file to its final name."""
        with translated(self._path):
            give_name(self._file.temporary, self._path)
            if self._durable:
                sync_name(self._path)

    def rollback(self) -> None:
        self._file.discard()


def _root(file: H5Object, context: Context) -> OpenObject:
    guard = context.translated()
    found = context.objects.find("")
    if found is None:
        with guard:
            found = OpenObject("group", h5g.open(file, b"/"))
        context.objects.add("", found)
    return found
