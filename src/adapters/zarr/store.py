"""
A network as a zarr store: a directory, a zip archive, or objects below a URL.

Programs keep out of each other's way by a lock in the directory. Below a URL there are no
locks: there, a write session whose network was changed by another program since it began fails
at its commit, unless both are at their commits at the same time; so one program at a time should
write to a remote network. An archive is only read.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ...errors import StorageError
from .archive import ArchivePlace
from .commit import remove_leftovers
from .depot import Depot, pack_key, require_zarr
from .directory import DirectoryPlace
from .errors import incomplete, taken
from .locking import Patience
from .manifest import Manifest, is_manifest, read_manifest, write_manifest
from .objects import Objects, Tag
from .places import Held, Nothing, Place
from .session import ZarrCreationSession, ZarrReadSession, ZarrWriteSession

CAPABILITIES = {
    "locks": "Programs exclude each other in directories; remote networks have no locks, so only"
    " one program at a time may write there.",
    "writing": "Directories and remote networks can be changed; zip archives are read.",
}
"""What the store can't do everywhere, a sentence each."""


def place_of(root: str | os.PathLike[str], patience: Patience) -> Place:
    """
    What a root stands for.

    :param root: a path, one that ends in ``.zip``, or a URL.
    """
    text = os.fsdecode(root)
    if text.startswith("file://"):
        text = url2pathname(urlsplit(text).path)
    if "://" in text:
        from .remote import RemotePlace

        return RemotePlace(text)
    return ArchivePlace(text) if text.endswith(".zip") else DirectoryPlace(text, patience)


class ZarrStore:
    """
    The place of one network.

    :param root: path of a directory or of a ``.zip``, or a URL.
    :param patience: how long to wait for other programs.
    :raises InputError: the root is a URL with credentials in it.
    """

    capabilities = CAPABILITIES

    def __init__(self, root: str | os.PathLike[str], patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._place = place_of(root, self._patience)
        self._depot = Depot(self._place.objects)
        # The state that was seen last, and its tag.
        self._seen: tuple[Manifest, Tag] | None = None

    @property
    def location(self) -> str:
        return self._place.location

    @property
    def identity(self) -> str:
        return self._place.identity

    def exists(self) -> bool:
        return self._place.exists()

    def recognizes(self) -> bool:
        try:
            found = self._place.objects.fetch(None)
        except StorageError:
            return False
        return found is not None and is_manifest(found[0])

    def create(self) -> ZarrCreationSession:
        require_zarr()
        return ZarrCreationSession(self._place.build())

    def open_read(self, *, locking: bool = True) -> ZarrReadSession:
        require_zarr()
        held: Held = self._place.lock(exclusive=False) if locking else Nothing()
        try:
            return ZarrReadSession(self._depot, self._current()[0], held)
        except BaseException:
            held.release()
            raise

    def open_write(self) -> ZarrWriteSession:
        require_zarr()
        self._place.check_writable()
        held = self._place.lock(exclusive=True)
        try:
            manifest, tag = self._current()
            remove_leftovers(self._place.objects, manifest)
            return ZarrWriteSession(self._depot, manifest, tag, held, self._committed)
        except BaseException:
            held.release()
            raise

    def adopt(self, handle: Any) -> tuple[ZarrWriteSession, bool] | None:
        return None

    def copy(self, target: str) -> None:
        held = self._place.lock(exclusive=False)
        try:
            self._copy_to(self._free_target(target))
        finally:
            held.release()

    def move(self, target: str) -> None:
        held = self._place.lock(exclusive=True)
        try:
            self._current()
            place = self._free_target(target)
            if not self._place.rename(place):
                # The copy is complete before the original goes.
                self._copy_to(place)
                self._place.remove()
        finally:
            held.release()
        self._committed(None)

    def remove(self) -> None:
        held = self._place.lock(exclusive=True)
        try:
            self._current()
            self._place.remove()
        finally:
            held.release()
        self._committed(None)

    def _free_target(self, target: str) -> Place:
        place = place_of(target, self._patience)
        if place.exists():
            raise taken(place.location)
        return place

    def _copy_to(self, place: Place) -> None:
        manifest, _ = self._current()
        building = place.build()
        try:
            _copy_objects(manifest, self._place.objects, building.objects)
            kept = Manifest(manifest.generation, manifest.root, manifest.packs)
            building.publish(write_manifest(kept))
        finally:
            building.release()

    def _current(self) -> tuple[Manifest, Tag]:
        """The committed state, read anew if somebody changed it."""
        seen = self._seen
        found = self._place.objects.fetch(seen[1] if seen else None)
        if found is not None:
            data, tag = found
            seen = self._seen = read_manifest(data, self.location), tag
        assert seen is not None
        return seen

    def _committed(self, result: tuple[Manifest, Tag] | None) -> None:
        self._seen = result


def _copy_objects(manifest: Manifest, source: Objects, target: Objects) -> None:
    keys = [pack_key(name) for name in manifest.packs]
    for grid, rows in manifest.grids().values():
        keys += [grid.metadata_key, *map(grid.shard_key, range(grid.shards(rows)))]

    def copy(key: str) -> None:
        data = source.get(key)
        if data is None:
            raise incomplete(source.location, key)
        target.put(key, data)

    Depot(source if source.remote else target).each(copy, keys)
