"""The root of a network in the classic layout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import ClassVar

from ....errors import SetExistsError
from ....ports.arrays import GroupWriter
from ....ports.cache import CacheView
from ...names import check_name
from ...paths import canonical, check_paths
from ...statistics import NetworkTotals
from ..documents import interpreting, read_json, write_json
from ..root import RootedNetwork, count_totals, not_found
from ..unknown import Unknown, unknown_below
from .columns import COLUMNS
from .connectivity import CONNECTIVITY, ClassicConnectivity
from .files import FILES, ClassicFiles
from .known import ROOT, is_part
from .local_blocks import blocks_key
from .morphologies import MORPHOLOGIES, ClassicMorphologies
from .paths import (
    Kind,
    find,
    locate,
    make_room,
    names_of,
    remove,
    unreadable_names,
)
from .placement import PLACEMENT, ClassicPlacement

_PARTS = ("placement", "connectivity", "files", "morphologies")
_KINDS = {
    "placement": PLACEMENT,
    "connectivity": CONNECTIVITY,
    "morphologies": MORPHOLOGIES,
    "files": FILES,
    "additional": COLUMNS,
}
# Those, and the metadata of the morphologies.
_NEEDED = frozenset((*_PARTS, "morphology_meta"))


class ClassicNetwork(RootedNetwork):
    """A stored network, for the duration of a session."""

    layout = "classic"
    chunk_groups = True
    _parts: ClassVar = {part: part for part in _PARTS}
    _state_apart = False

    def __init__(self, root: GroupWriter, cache: CacheView | None = None) -> None:
        super().__init__(root, cache)
        self._placements: dict[str, ClassicPlacement] = {}
        self._connectivities: dict[str, ClassicConnectivity] = {}
        self._totals: NetworkTotals | None = None

    @classmethod
    def create(cls, root: GroupWriter) -> ClassicNetwork:
        """Prepare an empty root group."""
        network = cls(root)
        network._make_parts()
        return network

    def unknown(self) -> Iterator[Unknown]:
        return unknown_below(self._root, ROOT)

    def owns(self, names: Sequence[str]) -> bool:
        return not names or (len(names) == 1 and names[0] in _NEEDED)

    def is_part(self, names: Sequence[str]) -> bool:
        return is_part(self._root, names)

    def unreadable_names(self, part: str) -> Iterator[str]:
        """
        The paths of what can't be read below the groups of a part, or is a link there.

        :raises CorruptNetworkError: its groups are without end.
        """
        if part in self._root:
            yield from unreadable_names(self._root.group(part), _KINDS[part])

    def check_names(self, part: str, names: Sequence[str]) -> None:
        kind = _KINDS[part]
        check_paths(names, kind.title, kind.own)

    def touch(self) -> None:
        """Count a change that is about to be made."""
        # Sets without totals are counted, which must happen before they change.
        self._load_totals()
        super().touch()

    @property
    def totals(self) -> NetworkTotals:
        return self._load_totals()

    def _load_totals(self) -> NetworkTotals:
        if self._totals is None:
            known: NetworkTotals | None = self.cache.get("totals")
            self._totals = self._read_totals() if known is None else known
        return self._totals

    def _read_totals(self) -> NetworkTotals:
        if self._root.attributes.get("chunks") is None:
            # Networks of early versions have no totals.
            return count_totals(self)
        document = read_json(self._root.attributes, "chunks")
        with interpreting("chunks"):
            return NetworkTotals.from_document(document)

    def holds(self, part: str, name: object) -> bool:
        names = self._names(part, _KINDS[part])
        # Else it may be another spelling of the path of one.
        return name in names or (isinstance(name, str) and canonical(name) in map(canonical, names))

    def is_same(self, name: str, other: str) -> bool:
        return canonical(name) == canonical(other)

    def placement_names(self) -> tuple[str, ...]:
        return self._names("placement", PLACEMENT)

    def placement(self, name: str) -> ClassicPlacement:
        path = canonical(name)
        found = self._placements.get(path)
        if found is None or (self._bypassed and not self.holds("placement", name)):
            self._placements.pop(path, None)
            group = self.group_of("placement", name)
            found = self._placements[path] = ClassicPlacement(group, name, self)
        return found

    def create_placement(self, name: str, *, created_at: str) -> None:
        group = self._new_group("placement", name)
        # Callers removed it without the network.
        self._placements.pop(canonical(name), None)
        ClassicPlacement.create(group, name, created_at)

    def remove_placement(self, name: str) -> None:
        self.placement(name).clear(None)
        del self._placements[canonical(name)]
        self.cache.invalidate(("placement", canonical(name)))
        remove(self._root.group("placement"), name, PLACEMENT)

    def connectivity_tags(self) -> tuple[str, ...]:
        return self._names("connectivity", CONNECTIVITY)

    def connectivity(self, tag: str) -> ClassicConnectivity:
        path = canonical(tag)
        found = self._connectivities.get(path)
        if found is None or (self._bypassed and not self.holds("connectivity", tag)):
            self._connectivities.pop(path, None)
            group = self.group_of("connectivity", tag)
            found = self._connectivities[path] = ClassicConnectivity(group, tag, self)
        return found

    def create_connectivity(self, tag: str, pre: str, post: str, *, created_at: str) -> None:
        group = self._new_group("connectivity", tag)
        self._connectivities.pop(canonical(tag), None)
        ClassicConnectivity.create(group, tag, pre, post, created_at)

    def remove_connectivity(self, tag: str) -> None:
        self.connectivity(tag).clear(None)
        del self._connectivities[canonical(tag)]
        self.cache.invalidate(("connectivity", canonical(tag)))
        remove(self._root.group("connectivity"), tag, CONNECTIVITY)

    def group_of(self, part: str, name: str) -> GroupWriter:
        """
        The group of a set.

        :param part: ``placement`` or ``connectivity``.
        :raises SetNotFoundError: there is none of that name.
        """
        kind, found = _KINDS[part], None
        if self.cache.get((part, canonical(name))) is not None:
            # A group with counts is a set.
            found = locate(self._root.group(part), name)
        elif part in self._root:
            found = find(self._root.group(part), name, kind)
        if found is None:
            raise not_found(part, name, self._names(part, kind))
        group, last = found
        return group.group(last)

    def _new_group(self, part: str, name: str) -> GroupWriter:
        kind = _KINDS[part]
        check_name(name, kind.title)
        if part in self._root and find(self._root.group(part), name, kind) is not None:
            raise SetExistsError(f"the {kind.title} '{name}' exists", asked=name)
        group, last = make_room(self._root.require_group(part), name, kind)
        self.touch()
        return group.require_group(last)

    def _names(self, part: str, kind: Kind) -> tuple[str, ...]:
        return names_of(self._root.group(part), kind) if part in self._root else ()

    def clear_placement(self) -> None:
        self.touch()
        self._forget("placement")
        self._placements.clear()
        self._drop("placement")
        self._forget_chunk_size()
        self.totals.forget_placement()

    def clear_connectivity(self) -> None:
        self.touch()
        self._forget("connectivity")
        self._connectivities.clear()
        self._drop("connectivity")
        self.totals.forget_connectivity()

    @cached_property
    def morphologies(self) -> ClassicMorphologies:
        return ClassicMorphologies(self._root, self)

    def unlist_morphology(self, name: str) -> None:
        for cell_type in self.placement_names():
            self.placement(cell_type).unlist_morphology(name)

    @cached_property
    def files(self) -> ClassicFiles:
        return ClassicFiles(self._root)

    def release(self) -> None:
        self._placements.clear()
        self._connectivities.clear()
        self.__dict__.pop("morphologies", None)

    def flush(self) -> None:
        self._make_parts()
        for cells in self._placements.values():
            cells.flush()
        for connections in self._connectivities.values():
            connections.flush()
        if "morphologies" in self.__dict__:
            self.morphologies.flush()
        if self._totals is not None and self._totals.changed:
            write_json(self._root.attributes, "chunks", self._totals.as_document())
            self._totals.changed = False
            self.cache.put("totals", self._totals)

    def _make_parts(self) -> None:
        """Make those that are missing, which bsb-hdf5 8.0.2 relies on."""
        for part in _PARTS:
            if part not in self._root:
                self._root.require_group(part)

    def _forget(self, part: str) -> None:
        for name in self._names(part, _KINDS[part]):
            self.cache.invalidate((part, canonical(name)))
            self.cache.invalidate(blocks_key(name))

    def _drop(self, part: str) -> None:
        """Delete all sets; a flush makes the part again."""
        if part in self._root:
            self._root.delete(part)
