"""Sessions on a manifest, and what it refers to."""

from __future__ import annotations

from collections.abc import Callable

from .commit import Changes, check_current, commit, remove_stale
from .depot import Depot
from .manifest import Manifest
from .nodes import View, ZarrGroup, ZarrGroupWriter
from .objects import Tag
from .places import Building, Held
from .tree import ArrayNode, GroupNode


class ZarrReadSession:
    """A view of one state of the network."""

    def __init__(self, depot: Depot, manifest: Manifest, held: Held) -> None:
        self._manifest = manifest
        self._view = View(depot)
        self._held = held

    @property
    def root(self) -> ZarrGroup:
        self._view.check()
        return ZarrGroup(self._manifest.root, self._view)

    @property
    def version(self) -> str:
        return self._manifest.generation

    def close(self) -> None:
        self._view.closed = True
        self._held.release()


class Draft(View):
    """What the members of a write session share."""

    def __init__(self, depot: Depot, manifest: Manifest) -> None:
        super().__init__(depot)
        self.root = manifest.root.owned_by(self.token)
        self.stored = Changes(depot, manifest)

    def gathered(self, names: tuple[str, ...], node: ArrayNode) -> None:
        self.stored.store_early(names, node)


class ZarrWriteSession:
    """
    Changes in memory, or where no reader looks, until the commit.

    :param tag: of the manifest that the session began with.
    :param committed: is told the new manifest and its tag; None if it isn't known what is there.
    """

    def __init__(
        self,
        depot: Depot,
        manifest: Manifest,
        tag: Tag,
        held: Held,
        committed: Callable[[tuple[Manifest, Tag] | None], None],
    ) -> None:
        self._depot = depot
        self._manifest = manifest
        self._tag = tag
        self._held = held
        self._committed = committed
        self._draft = Draft(depot, manifest)

    @property
    def root(self) -> ZarrGroupWriter:
        self._draft.check()
        return ZarrGroupWriter(self._draft.root, self._draft)

    @property
    def version(self) -> str:
        return self._manifest.generation

    @property
    def changes(self) -> int:
        return self._draft.changes

    def commit(self) -> None:
        try:
            if self._draft.changes:
                self._store()
        except BaseException:
            self._committed(None)
            self._draft.stored.discard()
            raise
        finally:
            self._end()

    def _store(self) -> None:
        objects, draft = self._depot.objects, self._draft
        check_current(objects, self._tag)
        remove_stale(objects, self._manifest.stale)
        result = commit(
            draft.root,
            draft.token,
            draft.stored,
            self._manifest,
            self._depot,
            lambda data: objects.replace(data, self._tag),
        )
        self._manifest, self._tag = result
        self._committed(result)

    def rollback(self) -> None:
        if not self._draft.closed:
            self._draft.stored.discard()
        self._end()

    def _end(self) -> None:
        self._draft.closed = True
        self._held.release()


class ZarrCreationSession(ZarrWriteSession):
    """
    A new network, which is there once it is complete.

    :param building: where it is made.
    """

    def __init__(self, building: Building) -> None:
        empty = Manifest("", GroupNode())
        super().__init__(Depot(building.objects), empty, None, building, lambda result: None)
        self._building = building

    def commit(self) -> None:
        try:
            self._store()
        except BaseException:
            self._draft.stored.discard()
            raise
        finally:
            self._end()

    def _store(self) -> None:
        draft = self._draft
        self._manifest, self._tag = commit(
            draft.root,
            draft.token,
            draft.stored,
            self._manifest,
            self._depot,
            self._building.publish,
        )
