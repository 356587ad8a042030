"""
How the changes of a session become those of the store.

What is new is stored where no committed state looks: in new objects, and in rows past the
committed length of arrays that grow. Then the manifest is put, which is the commit. What it
does not name any more is removed by the next commit, so that those who still read the state
before find it whole.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterable

import numpy as np

from ...errors import CorruptNetworkError, StorageError
from .depot import Depot
from .errors import overtaken
from .manifest import Manifest, write_manifest
from .naming import array_path
from .objects import PACKS, Objects, Tag
from .packing import Packing, pack, set_long_values_apart
from .tree import ArrayNode, Grid, GroupNode, Tail, grid, is_outgrown, walk
from .values import Blob

SMALL = 4096
"""Bytes of an array that is not worth objects of its own."""

# Rows that a session gathers before it stores those that fill whole objects.
_MOST_GATHERED = 64 << 20


class Changes:
    """
    The new objects of a session.

    :param depot: where they go.
    :param before: the state that the session began with.
    """

    def __init__(self, depot: Depot, before: Manifest) -> None:
        self._depot = depot
        self._before = before
        self._taken = {*before.grids(), *before.stale}
        self._made: list[str] = []
        self.packs: list[str] = []
        # Whether the manifest that names all this may have been put.
        self.uncertain = False

    def store_rows(self, names: tuple[str, ...], node: ArrayNode) -> None:
        """Store the tail of an array: with the manifest if it is small, else as objects."""
        tail = node.tail
        if tail is None:
            return
        if node.grid is None and tail.view.nbytes <= SMALL:
            node.blob, node.base, node.tail = Blob(tail.view.tobytes()), tail.length, None
            return
        if node.grid is not None and is_outgrown(node.grid, node.length):
            rows = np.concatenate((self._depot.read_stored(node, 0, node.base), tail.view))
            node.base, node.grid, tail = 0, None, Tail(rows, len(rows))
            node.tail = tail
        self._require_grid(names, node)
        if tail.length:
            self._depot.write_rows(node, node.base, tail.view)
        node.base, node.tail = node.length, None

    def store_early(self, names: tuple[str, ...], node: ArrayNode) -> None:
        """Store the rows that fill whole objects, if many have gathered."""
        tail = node.tail
        if tail is None or tail.view.nbytes < _MOST_GATHERED:
            return
        placed = self._require_grid(names, node)
        stop = node.length - node.length % placed.shard_rows
        count = stop - node.base
        if count > 0:
            self._depot.write_rows(node, node.base, tail.view[:count])
            rest = tail.view[count:].copy()
            node.base, node.tail = stop, Tail(rest, len(rest))

    def _require_grid(self, names: tuple[str, ...], node: ArrayNode) -> Grid:
        claimed = True
        while node.grid is None:
            path = array_path(names, self._taken, unique=not claimed)
            placed = grid(path, node.dtype, node.width, node.length)
            self._taken.add(placed.path)
            claimed = self._depot.claim(placed)
            if claimed:
                self._made.append(placed.path)
                self._depot.objects.announce(self._made)
                node.grid, node.blob = placed, None
        return node.grid

    def settle(self) -> None:
        """Forget what was announced, after the commit or once all is removed."""
        if self._made:
            self._depot.objects.settle()

    def discard(self) -> None:
        """Remove what was stored; as far as the place still answers."""
        if self.uncertain:
            return
        with contextlib.suppress(StorageError):
            self._depot.objects.delete(self.packs)
            for path in self._made:
                self._depot.objects.delete_below(path)
            self.settle()


def commit(
    root: GroupNode,
    token: object,
    changes: Changes,
    before: Manifest,
    depot: Depot,
    put: Callable[[bytes], Tag],
) -> tuple[Manifest, Tag]:
    """
    Store what a session changed.

    :param root: the group as the session left it; ``token`` marks the nodes it may have changed.
    :param put: puts the manifest.
    """
    packing = Packing(dict(before.packs))
    try:
        for names, node in list(walk(root)):
            if node.owner is token:
                set_long_values_apart(node.values)
                if isinstance(node, ArrayNode):
                    changes.store_rows(names, node)
        packing = pack(root, depot, before.packs, changes.packs)
        manifest = Manifest(uuid.uuid4().hex, root, packing.packs)
        manifest.stale = _stale(before, manifest)
        tag = _put(manifest, changes, depot.objects, put)
    except BaseException:
        packing.undo()
        raise
    with contextlib.suppress(StorageError):
        # It is committed, whatever happens now.
        changes.settle()
    return manifest, tag


def _put(
    manifest: Manifest, changes: Changes, objects: Objects, put: Callable[[bytes], Tag]
) -> Tag:
    data = write_manifest(manifest)
    changes.uncertain = True
    try:
        tag = put(data)
    except StorageError:
        # A server may have stored it and failed to say so.
        found = None
        with contextlib.suppress(StorageError):
            found = objects.fetch(None)
            changes.uncertain = False
        if found is not None and found[0] == data:
            return found[1]
        raise
    changes.uncertain = False
    return tag


def _stale(before: Manifest, after: Manifest) -> list[str]:
    packs = [f"{PACKS}/{name}" for name in before.packs if name not in after.packs]
    live = after.grids()
    return [*(path for path in before.grids() if path not in live), *packs]


def check_current(objects: Objects, tag: Tag) -> None:
    """
    Check that nobody committed since a session began.

    :raises SessionAbortedError: somebody did.
    """
    if objects.fetch(tag) is not None:
        raise overtaken(objects.location)


def remove_stale(objects: Objects, stale: Iterable[str]) -> None:
    """Remove arrays and packs."""
    packs = [path for path in stale if path.startswith(f"{PACKS}/")]
    objects.delete(packs)
    for path in stale:
        if not path.startswith(f"{PACKS}/"):
            objects.delete_below(path)


def remove_leftovers(objects: Objects, manifest: Manifest) -> None:
    """Remove what sessions that were killed had stored and not committed."""
    packs = {*manifest.packs, *(path.removeprefix(f"{PACKS}/") for path in manifest.stale)}
    announced = objects.leftovers(packs)
    if not announced:
        return
    used = {*manifest.grids(), *manifest.stale}
    for path in announced:
        if not path or {"", ".", ".."} & set(path.split("/")):
            raise CorruptNetworkError(f"'{objects.location}' announces an array at {path!r}")
        if path not in used:
            objects.delete_below(path)
    objects.settle()
