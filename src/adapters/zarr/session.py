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
from collections.abc import Callable

import numpy as np

from ...errors import SessionAbortedError, StorageError, StoreExistsError
from .arrays import Arrays, new_path
from .event_loop import wait_until_idle
from .held import LockHandle
from .locations import Tag, Target
from .manifest import SMALL, Manifest, Node, make_manifest, new_group, pack, paths_of, walk
from .nodes import View, ZarrGroup, ZarrGroupWriter

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
    """

    def __init__(self, arrays: Arrays, held: LockHandle, before: Manifest) -> None:
        super().__init__(arrays, held)
        self.tree = before.draft()
        self.made: set[str] = set()
        self._taken = {*before.paths(), *before.stale}

    def gathered(self, names: tuple[str, ...], node: Node) -> None:
        if sum(part.nbytes for part in node["tail"]) > _MOST_GATHERED:
            self._store(names, node)

    def store(self) -> None:
        """Store all rows that were added or changed."""
        for names, node in walk(self.tree):
            if "tail" in node:
                self._store(names, node)

    def _store(self, names: tuple[str, ...], node: Node) -> None:
        base, rows = node.pop("base"), np.concatenate(node.pop("tail"), dtype=node["dtype"])
        if "path" not in node and rows.nbytes <= SMALL:
            node["content"] = pack(rows.tobytes())
            return
        node.pop("content", None)
        if "path" not in node:
            taken = {*self._taken, *self.made}
            node["path"] = new_path(names, taken, self.arrays.location.is_free)
            self.made.add(node["path"])
            self.arrays.create(node)
        if len(rows):
            self.arrays.extend(node, base, rows)


class ZarrWriteSession:
    """
    Changes in memory, or where no reader looks, until the commit.

    :param target: where the session stores; ``arrays`` are those there.
    :param seen: the manifest that the session begins with, and its tag.
    :param committed: called with the new manifest and its tag, or None if the state is unknown.
    """

    def __init__(
        self,
        target: Target,
        arrays: Arrays,
        seen: tuple[Manifest, Tag],
        held: LockHandle,
        committed: Callable[[tuple[Manifest, Tag] | None], None],
    ) -> None:
        self._manifest, self._tag = seen
        self._location = target
        self._held = held
        self._committed = committed
        self._draft = DraftView(arrays, held, self._manifest)
        # Whether the manifest that names what was made may have been put.
        self._uncertain = False

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
        draft.arrays.remove(before.stale)
        draft.store()
        stale = sorted({*before.paths(), *draft.made} - paths_of(draft.tree))
        after = make_manifest(uuid.uuid4().hex, draft.tree, stale)
        # A server may store it and fail to say so.
        self._uncertain = True
        self._manifest, self._tag = after, self._location.replace(after.data, self._tag)
        self._uncertain = False
        self._committed((self._manifest, self._tag))

    def _discard(self) -> None:
        """Remove what was stored, as far as the store still responds, and it is not a parent's."""
        leaves_remains = not self._location.undone_by_itself
        if leaves_remains and not self._uncertain and not self._held.is_inherited:
            # What zarr still writes would come after the removal.
            wait_until_idle()
            with contextlib.suppress(StorageError):
                self._draft.arrays.remove(self._draft.made)

    def rollback(self) -> None:
        if not self._draft.closed:
            self._discard()
        self._end()

    def _end(self) -> None:
        self._draft.closed = True
        self._held.close()


class ZarrCreationSession(ZarrWriteSession):
    """
    A new network, which is there once it is complete.

    :param location: where it is built.
    """

    def __init__(self, location: Target) -> None:
        seen = Manifest("", new_group(), []), None
        super().__init__(location, Arrays(location), seen, LockHandle(), lambda result: None)

    def _end(self) -> None:
        super()._end()
        if not self._held.is_inherited:
            self._location.discard()
