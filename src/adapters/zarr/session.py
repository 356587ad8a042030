"""
Sessions on a manifest, and on the arrays that it names.

What is new is stored where no committed state looks: in new zarr arrays, and in rows past the
committed length of those that grow. Then the manifest is put, which is the commit. Arrays that
it no longer names are removed by the next commit, so that sessions that still read the
previous state find it whole.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable

import numpy as np

from ...errors import SessionAbortedError, StorageError, StoreExistsError
from .arrays import Arrays
from .held import LockHandle
from .locations import Tag, Target
from .manifest import Manifest, make_manifest
from .metadata import new_grid, with_added
from .nodes import View, ZarrArrayWriter, ZarrGroup, ZarrGroupWriter
from .paths import MANIFEST, Kind, Places
from .tree import Node, copied, new_group, text_of, walk
from .values import attributes_of, bytes_of

# Rows that a session gathers before it stores them.
_MOST_GATHERED = 32 << 20


class ZarrReadSession:
    """A view of one state of the network."""

    def __init__(self, arrays: Arrays, manifest: Manifest, held: LockHandle) -> None:
        self._manifest = manifest
        self._view = View(arrays, held)
        self._held = held

    @property
    def root(self) -> ZarrGroup:
        self._view.check()
        return ZarrGroup(self._manifest.tree, self._view)

    @property
    def version(self) -> str:
        return self._manifest.generation

    def close(self) -> None:
        self._view.closed = True
        self._held.close()


class DraftView(View):
    """
    What the members of a write session share.

    :param before: the state that the session began with.
    :param tree: what is changed.
    """

    def __init__(self, target: Target, held: LockHandle, before: Manifest, tree: Node) -> None:
        super().__init__(Arrays(target), held)
        self._target = target
        self.tree = tree
        self.made: dict[str, Kind] = {}
        # The metadata that were stored already, by path.
        self.written: dict[str, str] = {}
        self._before = before
        self._places: Places | None = None

    def gathered(self, names: tuple[str, ...], node: Node) -> None:
        rows, *width = node["shape"]
        gathered = [rows - node["base"], *width]
        # perf: append 400 cells; there may be many parts, of which each append adds one.
        if bytes_of(np.dtype(node["dtype"]), gathered) > _MOST_GATHERED:
            self._store(names, node)

    def store(self) -> None:
        """Store all groups that are new, and all rows that were added or changed."""
        for names, node in walk(self.tree):
            if self._before.is_old and node["kind"] != "group" and "path" in node:
                # It lies where arrays of the first version of the format did.
                ZarrArrayWriter(node, self, names).detach()
            if "tail" in node:
                self._store(names, node)
            elif node["kind"] == "group" and names:
                self._path_of_group(names)

    def _store(self, names: tuple[str, ...], node: Node) -> None:
        base, rows = node.pop("base"), np.concatenate(node.pop("tail"), dtype=node["dtype"])
        is_new = "path" not in node
        if is_new:
            node["grid"] = new_grid(np.dtype(node["dtype"]), tuple(node["shape"][1:]))
            self._make(names, node, "array")
        for shards in self.arrays.extended(node, base, rows) if len(rows) else ():
            self._target.put_many(shards)

    def _path_of_group(self, names: tuple[str, ...]) -> str:
        """The path of a group, which is made, with its parents, if it has none."""
        if not names:
            return ""
        node = self.tree
        for name in names:
            node = node["members"][name]
        if "path" not in node:
            self._make(names, node, "group")
        return str(node["path"])

    def _make(self, names: tuple[str, ...], node: Node, kind: Kind) -> None:
        """Store the metadata of a new group or array at a path that is free."""
        above = self._path_of_group(names[:-1])
        if self._places is None:
            once = {**self._before.stale, **self._before.kinds}
            in_use = {each["path"] for _, each in walk(self.tree) if "path" in each}
            self._places = Places(in_use | {path for path in once if once[path] == "array"})
        node["path"] = self._places.new(above, names[-1], kind, self._target.is_free)
        self.made[node["path"]] = kind
        # It identifies the owner of what a killed session left.
        self._write(names[-1], node, self._target.put)

    def _write(self, name: str, node: Node, put: Callable[[str, bytes], None]) -> None:
        """Store the metadata of a group or array apart from the manifest."""
        text = text_of(name, node, self._before.session + 1)
        if self.written.get(node["path"]) != text:
            put(f"{node['path']}/{MANIFEST}", text.encode("ascii"))
            self.written[node["path"]] = text

    def remove(self, paths: Iterable[str]) -> None:
        """Delete groups and arrays, as far as they exist, and sessions made them."""
        for path in sorted(paths, key=len, reverse=True):
            self._target.remove_node(path)

    def write_changed(self, after: Manifest) -> None:
        """Store the metadata of what a state changed."""
        for names, node in after.nodes:
            if node["path"] in after.changed:
                self._write(names[-1], node, self._put_again)

    def _put_again(self, key: str, text: bytes) -> None:
        """Replace the metadata of a group or array, but not attributes that others set there."""
        if self._target.is_shared:
            found = self._target.get(key) or b""
            before = self._before.by_path.get(key.removesuffix(f"/{MANIFEST}"), {})
            # perf: append 400 cells; most are as the last session stored them.
            if found.rstrip() != before.get("text", "").encode("ascii"):
                stored = attributes_of(before.get("attributes", {}), {})
                text = with_added(text, found, stored)
        self._target.put_again(key, text)


class ZarrWriteSession:
    """
    Changes in memory, or where no reader looks, until the commit.

    :param target: where the session stores.
    :param seen: the manifest that the session begins with, and its tag.
    :param committed: called with the new manifest and its tag, or None if the state is unknown.
    """

    def __init__(
        self,
        target: Target,
        seen: tuple[Manifest, Tag],
        held: LockHandle,
        committed: Callable[[tuple[Manifest, Tag] | None], None],
    ) -> None:
        self._manifest, self._tag = seen
        self._location = target
        self._held = held
        self._committed = committed
        self._draft = DraftView(target, held, self._manifest, self._begin_with())
        # Whether the manifest that refers to the new objects may have been stored.
        self._uncertain = False

    def _begin_with(self) -> Node:
        """The tree that is changed."""
        return copied(self._manifest.tree)

    @property
    def root(self) -> ZarrGroupWriter:
        self._draft.check()
        return ZarrGroupWriter(self._draft.tree, self._draft)

    @property
    def version(self) -> str:
        return self._manifest.generation

    @property
    def changes(self) -> int:
        return self._draft.changes

    def commit(self) -> None:
        try:
            if self._draft.changes or not self._manifest.data:
                self._held.check(self._location.root)
                self._store()
        except BaseException as error:
            self._committed(None)
            # If another program was faster, some of what was made may be its own.
            if not isinstance(error, SessionAbortedError | StoreExistsError):
                self._discard()
            raise
        finally:
            self._end()

    def _store(self) -> None:
        draft, before = self._draft, self._manifest
        self._location.check(self._tag)
        draft.store()
        after = self._after()
        draft.remove(before.stale.keys() - after.kinds.keys())
        if not self._location.is_shared:
            # Readers have separate views, or open it when it is complete.
            draft.remove(after.stale)
            after.stale = {}
            draft.write_changed(after)
            after.changed = []
        after = make_manifest(after)
        # A server may store it and fail to answer.
        self._uncertain = True
        self._manifest, self._tag = after, self._location.replace(after.data, self._tag)
        self._uncertain = False
        draft.made = {}
        self._committed((self._manifest, self._tag))
        if self._location.is_shared:
            with contextlib.suppress(StorageError):
                # If this fails, the next session that writes does it.
                draft.write_changed(after)

    def _after(self) -> Manifest:
        draft, before = self._draft, self._manifest
        after = Manifest(
            uuid.uuid4().hex, draft.tree, foreign=before.foreign, session=before.session + 1
        )
        once = {**before.kinds, **draft.made}
        after.stale = {path: once[path] for path in sorted(once.keys() - after.kinds.keys())}
        after.changed = sorted(str(node["path"]) for _, node in after.nodes if node.get("changed"))
        return after

    def _discard(self) -> None:
        """Remove what was stored, as far as the store still responds, and it is not a parent's."""
        if self._location.is_shared and not self._uncertain and not self._held.is_inherited:
            with contextlib.suppress(StorageError):
                self._draft.remove(self._draft.made)

    def rollback(self) -> None:
        if not self._draft.closed:
            self._discard()
        self._end()

    def _end(self) -> None:
        self._draft.closed = True
        self._held.close()


class ZarrRewriteSession(ZarrWriteSession):
    """A new state of a network, beside a view of what was there."""

    @property
    def before(self) -> ZarrGroup:
        self._draft.check()
        return ZarrGroup(self._manifest.tree, self._draft)

    def _begin_with(self) -> Node:
        return new_group()

    def commit(self) -> None:
        self._draft.changes += 1
        super().commit()

    def _store(self) -> None:
        super()._store()
        if self._manifest.stale:
            # No reader uses the old content.
            super()._store()


class ZarrCreationSession(ZarrWriteSession):
    """
    A new network, which is there once it is complete.

    :param location: where it is built.
    """

    def __init__(self, location: Target) -> None:
        seen = Manifest("", new_group()), None
        super().__init__(location, seen, LockHandle(), lambda result: None)

    def _end(self) -> None:
        super()._end()
        if not self._held.is_inherited:
            self._location.discard()
