"""Networks in zarr stores: directories, zip archives to read, and object stores by URL."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

import attrs

from ...errors import StorageError
from ...platform import LOCKS_MISSING, before_renaming, can_lock
from ...ports.store import Capabilities, Capability
from ...transactions.deadline import OnSlow, ignore_slow
from .errors import require, taken
from .held import LockHandle
from .local import ArchiveLocation, DirectoryLocation
from .locations import Location, Tag
from .manifest import Manifest, make_manifest, read_manifest
from .rewrite import SnapshotRewrite

if TYPE_CHECKING:
    from .arrays import Arrays
    from .session import ZarrCreationSession, ZarrReadSession, ZarrWriteSession

_READ = 0o444


class ZarrStore:
    """
    The place of one network.

    :param root: path of a directory or of a ``.zip``, or a URL.
    :param limit: seconds to wait for other programs.
    :param on_slow: called once, when it takes long.
    :raises InputError: the root is a URL with credentials in it.
    """

    _CAPABILITIES: ClassVar[Capabilities] = Capabilities(
        locking=True,
        parallel=True,
        persistent=True,
        writable=True,
        repackable=True,
        threads=True,
        notes={
            Capability.LOCKING: "Programs exclude each other in directories; remote networks have"
            " no locks, so only one program at a time may write there.",
            Capability.WRITABLE: "Directories and remote networks can be changed;"
            " zip archives are read.",
            Capability.SNAPSHOTS: "In directories, readers and writers wait for each other; whoever"
            " reads a remote network while it is changed may get an error, and no mixture.",
        },
    )

    def __init__(
        self,
        root: str | os.PathLike[str],
        limit: float = 600.0,
        on_slow: OnSlow = ignore_slow,
    ) -> None:
        self._directory = partial(DirectoryLocation, limit=limit, on_slow=on_slow)
        self._location = self._location_of(root)
        # The state that was seen last, its tag, and its arrays as far as they were opened.
        self._seen: tuple[Manifest, Tag, Arrays] | None = None
        # The state that was found, or left, without remains of killed sessions.
        self._swept = ""

    def _location_of(self, root: str | os.PathLike[str]) -> Location:
        text = os.fsdecode(root)
        if text.startswith("file://"):
            text = url2pathname(urlsplit(text).path)
        if "://" in text:
            from .remote import RemoteLocation

            return RemoteLocation(text)
        return ArchiveLocation(text) if text.endswith(".zip") else self._directory(text)

    @property
    def capabilities(self) -> Capabilities:
        notes, in_directory = self._CAPABILITIES.notes, "://" not in self.location
        if not can_lock():
            notes = {**notes, Capability.LOCKING: LOCKS_MISSING}
        return attrs.evolve(
            self._CAPABILITIES,
            locking=in_directory and can_lock(),
            persistent=not self.location.startswith("memory://"),
            writable=not isinstance(self._location, ArchiveLocation),
            notes=notes,
        )

    @property
    def location(self) -> str:
        return self._location.root

    @property
    def identity(self) -> str:
        return self._location.identity

    def exists(self) -> bool:
        return self._location.exists()

    def recognizes(self) -> bool:
        try:
            found = self._location.fetch(None)
            return found is not None and read_manifest(found[0], self.location) is not None
        except StorageError:
            return False

    def mode(self) -> int | None:
        return self._location.file_mode

    def create(self, *, mode: int | None = None) -> ZarrCreationSession:
        require("zarr", "zarr")
        from .session import ZarrCreationSession

        # Who may read a folder may look for files in it.
        of_folder = None if mode is None else mode | (mode & _READ) >> 2
        return ZarrCreationSession(self._location.build(of_folder))

    def open_read(self, *, locking: bool = True) -> ZarrReadSession:
        require("zarr", "zarr")
        from .session import ZarrReadSession

        with self._location.lock(exclusive=False) if locking else LockHandle() as held:
            manifest, _, arrays = self._current()
            return ZarrReadSession(arrays, manifest, held.handed_over())

    def open_write(self) -> ZarrWriteSession:
        require("zarr", "zarr")
        from .session import ZarrWriteSession

        with self._location.lock(exclusive=True) as held:
            manifest, tag, arrays = self._current()
            if held.safe and self._swept != manifest.generation:
                self._location.sweep({*manifest.paths(), *manifest.stale})
                self._swept = manifest.generation
            return ZarrWriteSession(arrays, (manifest, tag), held.handed_over(), self._committed)

    def rewrite(self, *, compress: bool = False) -> SnapshotRewrite:
        return SnapshotRewrite(self)

    def let_go(self) -> None:
        self._seen = None
        self._location.let_go()

    def foreign(self) -> tuple[str, ...]:
        return tuple(self._location.foreign())

    def size(self) -> int:
        require("zarr", "zarr")
        return int(self._location.sync(self._location.store.getsize_prefix, self._location.base))

    def copy(self, target: str) -> None:
        with self._location.lock(exclusive=False):
            self._copy_to(self._free(target))

    def move(self, target: str) -> None:
        with self._location.lock(exclusive=True) as held:
            self._current()
            location = self._free(target)
            before_renaming(held.close)
            if not self._location.rename(location):
                # The copy is complete before the original goes.
                self._copy_to(location)
                self._location.remove()
        self._seen = None

    def remove(self) -> None:
        with self._location.lock(exclusive=True) as held:
            self._current()
            before_renaming(held.close)
            self._location.remove()
        self._seen = None

    def _free(self, target: str) -> Location:
        location = self._location_of(target)
        if location.exists():
            raise taken(location.root)
        return location

    def _copy_to(self, location: Location) -> None:
        manifest, _, arrays = self._current()
        building = location.build(self._location.mode)
        try:
            for key in arrays.keys(manifest.tree):
                building.put(key, arrays.object(key))
            building.replace(make_manifest(manifest.generation, manifest.tree, []).data, None)
        finally:
            building.discard()

    def _current(self) -> tuple[Manifest, Tag, Arrays]:
        """The committed state, read again if another program changed it."""
        from .arrays import Arrays

        seen = self._seen
        found = self._location.fetch(seen[1] if seen else None)
        if found is not None:
            manifest = read_manifest(found[0], self.location)
            seen = self._seen = manifest, found[1], Arrays(self._location)
        assert seen is not None
        return seen

    def _committed(self, result: tuple[Manifest, Tag] | None) -> None:
        seen = self._seen
        self._seen = (*result, seen[2]) if result and seen else None
        self._swept = result[0].generation if result else ""
