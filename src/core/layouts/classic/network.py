"""The root of a network in the classic layout."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from ....errors import SetExistsError
from ....ports.arrays import GroupWriter
from ....ports.cache import CacheView
from ...names import check_name
from ...statistics import NetworkTotals
from ..documents import interpreting, read_json, write_json
from ..files import StoredFiles
from ..root import RootedNetwork, count_totals, not_found
from .connectivity import ClassicConnectivity
from .morphologies import ClassicMorphologies
from .placement import ClassicPlacement

_PARTS = ("placement", "connectivity", "files", "morphologies")
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
        for part in _PARTS:
            root.require_group(part)
        return cls(root)

    def owns(self, names: Sequence[str]) -> bool:
        return not names or (len(names) == 1 and names[0] in _NEEDED)

    def touch(self) -> None:
        """Count a change that is about to be made."""
        # What has no totals yet is counted, which must be before it changes.
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

    def placement_names(self) -> tuple[str, ...]:
        return self._root.group("placement").names()

    def placement(self, name: str) -> ClassicPlacement:
        if name not in self._placements:
            sets = self._root.group("placement")
            if name not in sets:
                raise not_found("placement", name, sets.names())
            self._placements[name] = ClassicPlacement(sets.group(name), name, self)
        return self._placements[name]

    def create_placement(self, name: str, *, created_at: str) -> None:
        sets = self._root.group("placement")
        if check_name(name, "placement set") in sets:
            raise SetExistsError(f"the placement set '{name}' exists", asked=name)
        self.touch()
        ClassicPlacement.create(sets.require_group(name), name, created_at)

    def remove_placement(self, name: str) -> None:
        self.placement(name).clear(None)
        del self._placements[name]
        self.cache.invalidate(("placement", name))
        self._root.group("placement").delete(name)

    def connectivity_tags(self) -> tuple[str, ...]:
        return self._root.group("connectivity").names()

    def connectivity(self, tag: str) -> ClassicConnectivity:
        if tag not in self._connectivities:
            sets = self._root.group("connectivity")
            if tag not in sets:
                raise not_found("connectivity", tag, sets.names())
            self._connectivities[tag] = ClassicConnectivity(sets.group(tag), tag, self)
        return self._connectivities[tag]

    def create_connectivity(self, tag: str, pre: str, post: str, *, created_at: str) -> None:
        sets = self._root.group("connectivity")
        if check_name(tag, "connectivity set") in sets:
            raise SetExistsError(f"the connectivity set '{tag}' exists", asked=tag)
        self.touch()
        ClassicConnectivity.create(sets.require_group(tag), tag, pre, post, created_at)

    def remove_connectivity(self, tag: str) -> None:
        self.connectivity(tag).clear(None)
        del self._connectivities[tag]
        self.cache.invalidate(("connectivity", tag))
        self._root.group("connectivity").delete(tag)

    def clear_placement(self) -> None:
        self.touch()
        self._forget("placement")
        self._placements.clear()
        self._replace("placement")
        self._forget_chunk_size()
        self.totals.forget_placement()

    def clear_connectivity(self) -> None:
        self.touch()
        self._forget("connectivity")
        self._connectivities.clear()
        self._replace("connectivity")
        self.totals.forget_connectivity()

    @cached_property
    def morphologies(self) -> ClassicMorphologies:
        return ClassicMorphologies(self._root, self)

    @cached_property
    def files(self) -> StoredFiles:
        return StoredFiles(self._root)

    def flush(self) -> None:
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

    def _forget(self, part: str) -> None:
        for name in self._root.group(part).names() if part in self._root else ():
            self.cache.invalidate((part, name))

    def _replace(self, part: str) -> None:
        if part in self._root:
            self._root.delete(part)
        self._root.require_group(part)
