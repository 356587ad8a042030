"""Networks as directories."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Collection

from ...errors import (
    NotANetworkError,
    SessionAbortedError,
    StoreError,
)
from ...platform import open_descriptor
from ...transactions.deadline import OnSlow, ignore_slow
from ..files.errors import system_error
from ..files.locking import lock_file
from ..files.names import checked_path, hidden_path, target_of
from ..native.drafts import give_name, rename_within
from .errors import Translated, absent, taken
from .folders import (
    LOCK_FILE,
    copy_foreign,
    foreign_in,
    is_free,
    is_vacated,
    occupy,
    remove_node,
    remove_own,
    size_of,
    sweep,
    vacate,
)
from .held import LockHandle
from .locations import Location, Tag, Target
from .manifest import read_manifest
from .objects import ObjectFile, no_follow, path_in, write_again, write_object
from .paths import MANIFEST, Kind

_EVERYBODY = stat.S_IRWXU | stat.S_IRWXG | stat.S_IRWXO
_READ = 0o444
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


def folder_mode(mode: int) -> int:
    """The mode of a folder in which users who may read its files can find them."""
    return mode | (mode & _READ) >> 2


class LocalLocation(Location):
    """A path."""

    def __init__(self, path: str) -> None:
        super().__init__(os.path.abspath(checked_path(path)))
        # The path without links, as far as it is known.
        self._real = ""

    @property
    def identity(self) -> str:
        # perf: load the positions of a chunk; to resolve all links of a path takes longer.
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(self.root), os.lstat(self._real)):
                return f"zarr:{self._real}"
        self._real = os.path.realpath(self.root)
        return f"zarr:{self._real}"

    def exists(self) -> bool:
        # A link that leads to nothing is a place where a network can be made.
        return os.path.exists(self.root) and not is_vacated(self.root)

    @property
    def mode(self) -> int:
        with Translated(self.title):
            return stat.S_IMODE(os.stat(self.root).st_mode)


class DirectoryLocation(LocalLocation, Target):
    """
    A directory.

    A file is replaced by renaming a complete one, so a killed program leaves only complete files.
    Nothing is flushed to the disk: the system may lose the last writes if the machine stops.

    :param limit: seconds to wait for other programs.
    :param on_slow: called once if the wait is long.
    """

    is_shared = True

    def __init__(self, path: str, limit: float, on_slow: OnSlow) -> None:
        super().__init__(path)
        self._limit = limit
        self._on_slow = on_slow
        # Keys of folders to which no link leads.
        self._checked: set[str] = set()

    def get(self, key: str) -> bytes | None:
        file = self.open(key)
        if file is None:
            return None
        with file, Translated(self.title):
            return file.read(0, file.size)

    def open(self, key: str) -> ObjectFile | None:
        with Translated(self.title):
            try:
                return ObjectFile(path_in(self.root, key, self._checked))
            except (FileNotFoundError, NotADirectoryError):
                return None

    def put(self, key: str, data: bytes) -> None:
        with Translated(self.title):
            write_object(path_in(self.root, key, self._checked), data)

    def put_again(self, key: str, text: bytes) -> None:
        with Translated(self.title):
            write_again(path_in(self.root, key, self._checked), text)

    def size(self) -> int:
        with Translated(self.title):
            return size_of(self.root)

    def fetch(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        # A session begins.
        self._checked.clear()
        data = self.get(MANIFEST)
        if data is None and self.exists():
            raise NotANetworkError(
                f"'{self.root}' is not a zarr network: it has no {MANIFEST}", location=self.root
            )
        if data is None:
            raise absent(self.root)
        # The content is its own tag: the times of files are too coarse to tell commits apart.
        return None if data == known else (data, data)

    def at(self, tag: Tag) -> DirectoryLocation:
        return self

    def begin(self) -> DirectoryLocation:
        return self

    def check(self, known: Tag | None) -> None:
        if self.fetch(known) is not None:
            raise SessionAbortedError(
                f"another program changed '{self.root}' during this write session, which is not"
                " stored",
                location=self.root,
            )

    def replace(self, manifest: bytes, known: Tag | None) -> Tag:
        self.put(MANIFEST, manifest)
        return manifest

    def lock(self, *, exclusive: bool) -> LockHandle:
        path = path_in(self.root, LOCK_FILE)
        if not os.path.exists(path):
            # No file is made in the directory of something else.
            found = self.fetch(None)
            read_manifest(found[0] if found else b"", self.root)
        while True:
            with self._open_lock(path, exclusive=exclusive) as held:
                if held.is_closed:
                    return held
                held.safe = lock_file(
                    held.descriptor,
                    self.root,
                    exclusive=exclusive,
                    limit=self._limit,
                    on_slow=self._on_slow,
                    switch=None,
                )
                # Another program may have moved or removed the directory meanwhile.
                with contextlib.suppress(OSError):
                    if os.path.samestat(os.fstat(held.descriptor), os.lstat(path)):
                        return held.kept()

    def _open_lock(self, path: str, *, exclusive: bool) -> LockHandle:
        try:
            return LockHandle(open_descriptor(path, os.O_RDWR | os.O_CREAT | no_follow()))
        except FileNotFoundError as error:
            raise absent(self.root) from error
        except OSError as error:
            if exclusive or error.errno not in _DENIED:
                raise system_error(error, self.root) from error
        with contextlib.suppress(OSError):
            return LockHandle(open_descriptor(path, os.O_RDONLY | no_follow()))
        return LockHandle()

    def sweep(self, used: Collection[str]) -> None:
        with Translated(self.title):
            sweep(self.root, used)
            occupy(self.root)

    def is_free(self, path: str, kind: Kind) -> bool:
        with Translated(self.title):
            return is_free(self.root, path, kind)

    def remove_node(self, path: str) -> None:
        with Translated(self.title):
            remove_node(self.root, path)

    def build(self, mode: int | None = None) -> NewDirectory:
        if self.exists():
            raise taken(self.root)
        return NewDirectory(self.root, mode)

    def rename(self, target: Location) -> bool:
        if not isinstance(target, DirectoryLocation) or is_vacated(target.root):
            return False
        return rename_within(self.root, target_of(target.root))

    def foreign(self) -> list[str]:
        with Translated(self.title):
            return foreign_in(self.root)

    def copy_foreign(self, target: Target) -> bool:
        if not isinstance(target, NewDirectory):
            return False
        with Translated(self.title):
            copy_foreign(self.root, target.root)
        return True

    def remove(self) -> None:
        with Translated(self.title):
            path = os.path.realpath(self.root)
            if foreign_in(path):
                self._vacate(path)
                return
            # For others it disappears at once, however long the deletion takes.
            gone = hidden_path(path, "gone")
            os.rename(path, gone)
            if os.path.islink(self.root):
                os.unlink(self.root)
            try:
                remove_own(gone, keep_lock=False)
                if os.path.exists(gone) and not foreign_in(gone):
                    # Groups without arrays, of which some could not be removed at first.
                    shutil.rmtree(gone)
            except OSError as error:
                raise self._left_over(error, f"'{gone}' can't be deleted", "delete it") from error
            if os.path.exists(gone):
                # Another program created something there meanwhile.
                os.rename(gone, path)

    def _vacate(self, path: str) -> None:
        """Remove the network from a folder that holds more."""
        vacate(path)
        try:
            remove_own(path, keep_lock=True)
        except OSError as error:
            raise self._left_over(
                error,
                f"some can't be deleted ('{error.filename}')",
                "it is deleted when a network is made there",
            ) from error

    def _left_over(self, error: OSError, what: str, then: str) -> StoreError:
        return type(system_error(error, self.root))(
            f"'{self.root}' is removed, but of what it held, {what}: {error.strerror}; {then}",
            location=self.root,
            errno=error.errno,
        )


class NewDirectory(DirectoryLocation):
    """A directory that gets its name when it is complete."""

    is_shared = False

    def __init__(self, target: str, mode: int | None) -> None:
        self._target = target_of(target)
        self._mode = mode
        super().__init__(hidden_path(self._target, "new"), 0, ignore_slow)
        self.title = self._target
        try:
            os.mkdir(self.root, 0o777 if mode is None else mode | stat.S_IRWXU)
        except OSError as error:
            raise system_error(error, target) from error

    def check(self, known: Tag | None) -> None:
        """Do nothing: no other program knows the place."""

    def replace(self, manifest: bytes, known: Tag | None) -> Tag:
        tag = super().replace(manifest, known)
        if self._mode is not None:
            # The umask reduced the mode when the folder was created.
            with Translated(self._target):
                os.chmod(self.root, self._mode)
        if is_vacated(self._target):
            self._move_in()
        else:
            give_name(self.root, self._target)
        return tag

    def _move_in(self) -> None:
        """Move what was built into a folder that a network was removed from, the manifest last."""
        with (
            DirectoryLocation(self._target, 0, ignore_slow).lock(exclusive=True),
            Translated(self._target),
        ):
            if not is_vacated(self._target):
                raise taken(self._target)
            # A removal may have left some of its arrays behind.
            remove_own(self._target, keep_lock=True)
            names = self._names()
            for name in names:
                if os.path.lexists(os.path.join(self._target, name)):
                    raise taken(os.path.join(self._target, name))
            if self._mode is not None:
                # Users without read permission for the original must not be able to read the copy.
                held = stat.S_IMODE(os.stat(self._target).st_mode)
                os.chmod(self._target, held & (self._mode | ~_EVERYBODY))
            try:
                for name in names:
                    os.rename(os.path.join(self.root, name), os.path.join(self._target, name))
            except BaseException:
                with contextlib.suppress(OSError):
                    remove_own(self._target, keep_lock=True)
                raise
            occupy(self._target)

    def _names(self) -> list[str]:
        """The files that were built, the manifest last."""
        names = [name for name in os.listdir(self.root) if name != LOCK_FILE]
        return sorted(names, key=lambda name: name == MANIFEST)

    def discard(self) -> None:
        if self.exists():
            self.remove()

    def remove(self) -> None:
        # All of it was made here.
        with Translated(self.title):
            shutil.rmtree(self.root)
