"""Networks in zarr stores: directories, zip archives to read, and object stores by URL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar
from urllib.request import url2pathname

import attrs

from ...errors import InputError, StorageError, UnknownContentError
from ...platform import LOCKS_MISSING, before_renaming, can_lock
from ...ports.services import NO_OPTIONS, ServiceOptions, without_credentials
from ...ports.store import Capabilities, Capability
from ...ports.versions import Expired, Version
from ...transactions.deadline import OnSlow, ignore_slow
from ...transactions.interrupts import call_pending
from ..files.names import MODE_OF_FILE
from .archives import ArchiveLocation
from .arrays import Arrays
from .errors import require, taken
from .held import LockHandle
from .local import DirectoryLocation, folder_mode
from .locations import Location, Objects, Tag, Target
from .manifest import Manifest, make_manifest, read_manifest
from .metadata import with_added
from .paths import MANIFEST
from .services import plain_url
from .session import (
    ZarrCreationSession,
    ZarrReadSession,
    ZarrRewriteSession,
    ZarrWriteSession,
)
from .tree import text_of

if TYPE_CHECKING:
    from .repository import RepositoryLocation

W = TypeVar("W", bound=ZarrWriteSession)


def _path_of(url: str) -> str:
    """The path that a URL of the scheme ``file`` names."""
    host, slash, path = url.removeprefix("file://").partition("/")
    if host not in ("", "localhost") or not slash or set(path) & set("?#"):
        shown = without_credentials(url)
        raise InputError(
            f"'{shown}' names no path of this machine: write file:///folder/net.zarr, with %3F for"
            " each ? and %23 for each # in it",
            asked=shown,
        )
    return url2pathname(f"/{path}")


class ZarrStore:
    """
    The place of one network.

    :param root: path of a directory or of a ``.zip``, or a URL.
    :param limit: seconds to wait for other programs.
    :param on_slow: called once if the wait is long.
    :param version: the version of a network in an object store to read, by id, tag or time; by
        default the last one.
    :param options: how the service of a URL is reached.
    :raises InputError: the root is a URL that contains credentials, or one of a file that names no
        path.
    """

    _CAPABILITIES: ClassVar[Capabilities] = Capabilities(
        locking=True,
        parallel=True,
        persistent=True,
        writable=True,
        repackable=True,
        threads=True,
        notes={
            Capability.LOCKING: "Programs exclude each other in directories; in object stores, if"
            " two commit at the same time, one is refused, and its call is repeated.",
            Capability.WRITABLE: "Directories and networks in object stores can be changed;"
            " zip archives and published networks are read.",
            Capability.SNAPSHOTS: "In directories, readers and writers wait for each other; in"
            " object stores a reader sees one version, whatever is committed meanwhile.",
        },
    )

    def __init__(
        self,
        root: str | os.PathLike[str],
        limit: float = 600.0,
        on_slow: OnSlow = ignore_slow,
        version: str | datetime | None = None,
        options: ServiceOptions | None = None,
    ) -> None:
        self._options = options or NO_OPTIONS
        self._directory = partial(DirectoryLocation, limit=limit, on_slow=on_slow)
        self._location = self._location_of(root, version)
        # The state that was seen last, its tag, and its arrays as far as they were opened.
        self._seen: tuple[Manifest, Tag, Arrays] | None = None
        # The last state that is known to have no remains of killed sessions.
        self._swept = ""

    def _location_of(
        self, root: str | os.PathLike[str], version: str | datetime | None = None
    ) -> Location:
        text = os.fsdecode(root)
        if "://" in text:
            text = plain_url(text)
            if not text.startswith("file://"):
                from .repository import location_of

                return location_of(text, version, self._options)
            text = _path_of(text)
        is_archive = text.lower().endswith(".zip")
        return ArchiveLocation(text) if is_archive else self._directory(text)

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
    def is_optimistic(self) -> bool:
        return self._location.is_optimistic

    @property
    def has_versions(self) -> bool:
        return self._location.is_optimistic

    def versions(self) -> list[Version]:
        return self._repository.versions()

    def tag(self, name: str, version: str | None) -> Version:
        return self._repository.tag(name, version)

    def expire(self, before: datetime) -> Expired:
        return self._repository.expire(before)

    @property
    def _repository(self) -> RepositoryLocation:
        from .repository import RepositoryLocation

        assert isinstance(self._location, RepositoryLocation)
        return self._location

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
        mode = self._location.mode
        return None if mode is None else mode & MODE_OF_FILE

    def create(self, *, mode: int | None = None) -> ZarrCreationSession:
        require("numcodecs", "zarr")
        of_folder = None if mode is None else folder_mode(mode)
        return ZarrCreationSession(self._location.build(of_folder))

    def open_read(self, *, locking: bool = True) -> ZarrReadSession:
        require("numcodecs", "zarr")
        with self._location.lock(exclusive=False) if locking else LockHandle() as held:
            manifest, _, arrays = self._current()
            return ZarrReadSession(arrays, manifest, held.kept())

    def open_write(self) -> ZarrWriteSession:
        return self._open_write(ZarrWriteSession)

    def rewrite(self, *, compress: bool = False) -> ZarrRewriteSession:
        return self._open_write(ZarrRewriteSession)

    def _open_write(self, kind: type[W]) -> W:
        require("numcodecs", "zarr")
        with self._location.lock(exclusive=True) as held:
            manifest, tag, target = self._begin()
            if held.safe and self._swept != manifest.generation:
                self._location.sweep({**manifest.kinds, **manifest.stale})
                self._follow(manifest, target)
                self._swept = manifest.generation
            return kind(target, (manifest, tag), held.kept(), self._committed)

    def _follow(self, manifest: Manifest, target: Target) -> None:
        """Store the metadata that a killed session left as they were before it."""
        for key, text in _changed_metadata(manifest, target).items():
            if (target.get(key) or b"").rstrip() != text:
                target.put(key, text)

    def let_go(self) -> None:
        self._seen = None
        self._location.let_go()

    def foreign(self) -> tuple[str, ...]:
        found = self._location.foreign()
        if found is None:
            listed = sorted(self._current()[0].foreign)
            found = [path for path in listed if path.rpartition("/")[0] not in listed]
        return tuple(found)

    def size(self) -> int | None:
        require("numcodecs", "zarr")
        return self._location.size()

    def copy(self, target: str) -> None:
        """
        Copy the network, and what other programs made in its folder.

        :raises UnknownContentError: other programs made something in it, and it is not in a folder.
        """
        with self._location.lock(exclusive=False):
            self._copy_to(self._free(target).build(self._location.mode))

    def publish(self, url: str, options: ServiceOptions | None = None) -> None:
        """
        Copy the network to a URL as a plain zarr group, which is only read from then on.

        What other programs made in its folder is left out.

        :param options: how the service is reached; as for this network by default.
        :raises StoreExistsError: there is something.
        """
        from .published import PublishedTarget

        target = PublishedTarget(plain_url(url), options or self._options)
        with self._location.lock(exclusive=False):
            target.claim()
            self._copy_to(target, leaves_foreign=True)

    def move(self, target: str) -> None:
        with self._location.lock(exclusive=True) as held:
            self._current()
            location = self._free(target)
            before_renaming(held.close)
            if not self._location.rename(location):
                # The copy is complete before the original is removed.
                self._copy_to(location.build(self._location.mode))
                self._location.remove()
        self._seen = None

    def remove(self) -> None:
        if not self._location.clear():
            with self._location.lock(exclusive=True) as held:
                self._current()
                before_renaming(held.close)
                self._location.remove()
        self._seen = None

    def _free(self, target: str) -> Location:
        location, own = self._location_of(target), self.location
        if "://" in own and location.root.startswith(f"{own}/"):
            # A repository takes what lies there for its own, and is removed with it.
            raise InputError(f"'{location.root}' lies within the network '{own}'", asked=target)
        if location.exists():
            raise taken(location.root)
        return location

    def _copy_to(self, building: Target, *, leaves_foreign: bool = False) -> None:
        try:
            manifest, _, arrays = self._current()
            if leaves_foreign or not self._copy_foreign(building):
                manifest = attrs.evolve(manifest, foreign={})
            changed = _changed_metadata(manifest, arrays.location)
            for key in (*_metadata_keys(manifest), *arrays.keys(manifest.tree)):
                # An incomplete copy is removed.
                call_pending()
                building.put(key, changed.get(key) or arrays.object(key))
            building.replace(_of_copy(manifest), None)
        finally:
            building.discard()

    def _copy_foreign(self, building: Target) -> bool:
        if self._location.copy_foreign(building):
            return True
        found = self.foreign()
        if found:
            raise UnknownContentError(
                f"'{self.location}' holds groups and arrays of other programs that a copy would"
                f" lack: {', '.join(map(repr, found))}. bsb_hdf5.convert copies the network without"
                " them if it is called with drop_unknown=True",
                location=self.location,
                found=list(found),
            )
        return False

    def _current(self) -> tuple[Manifest, Tag, Arrays]:
        """The committed state, read again if another program changed it."""
        seen = self._seen
        found = self._location.fetch(seen[1] if seen else None)
        if found is not None:
            seen = self._note(read_manifest(found[0], self.location), found[1])
        assert seen is not None
        return seen

    def _begin(self) -> tuple[Manifest, Tag, Target]:
        """The committed state, its tag, and where a session writes that begins with it."""
        target = self._location.begin()
        if target.tag is None:
            return *self._current()[:2], target
        seen = self._seen
        if seen is None or seen[1] != target.tag:
            data = target.get(MANIFEST) or b""
            seen = self._note(read_manifest(data, self.location), target.tag)
        return seen[0], seen[1], target

    def _note(self, manifest: Manifest, tag: Tag) -> tuple[Manifest, Tag, Arrays]:
        """Note a state that was seen."""
        self._seen = seen = manifest, tag, Arrays(self._location.at(tag))
        return seen

    def _committed(self, result: tuple[Manifest, Tag] | None) -> None:
        if result is None:
            self._seen = None
        else:
            self._note(*result)
        self._swept = result[0].generation if result else ""


def _changed_metadata(manifest: Manifest, stored: Objects) -> dict[str, bytes]:
    """
    The metadata of what the last session changed, by key, and what other programs added to them.

    If it was killed, those that are stored may be of the state before.
    """
    metadata, changed = {}, set(manifest.changed)
    for names, node in manifest.nodes:
        if node["path"] in changed:
            key = f"{node['path']}/{MANIFEST}"
            text = text_of(names[-1], node, manifest.session).encode("ascii")
            metadata[key] = with_added(text, stored.get(key) or b"")
    return metadata


def _metadata_keys(manifest: Manifest) -> Iterator[str]:
    """The keys of the metadata of groups and arrays."""
    paths = {*manifest.kinds}
    # Groups that the first version of the format did not name lie above arrays.
    paths |= {path[:i] for path in paths for i, letter in enumerate(path) if letter == "/"}
    return (f"{path}/{MANIFEST}" for path in sorted(paths))


def _of_copy(manifest: Manifest) -> bytes:
    """The manifest of a copy, in which nothing of an earlier state is left."""
    if manifest.is_old:
        return manifest.data
    copied = attrs.evolve(manifest, stale={}, changed=[])
    return make_manifest(copied).data
