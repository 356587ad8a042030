"""The root of a network in the classic layout."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import SetExistsError
from ....ports.arrays import GroupWriter
from ...names import check_name
from ...recollection import Memory, Recollection
from ...statistics import NetworkTotals
from ..documents import interpreting, read_json, write_json
from ..files import StoredFiles
from ..root import RootAttributes, not_found
from .connectivity import ClassicConnectivity
from .morphologies import ClassicMorphologies
from .placement import ClassicPlacement

_PARTS = ("placement", "connectivity", "files", "morphologies")


class ClassicNetwork:
    """A stored network, for the duration of a session."""

    layout = "classic"

    def __init__(self, root: GroupWriter, memory: Memory | None = None) -> None:
        self._root = root
        self.memory = memory or Recollection().at(None)
        self._attributes = RootAttributes(root.attributes, self.memory, apart=False)
        self._placements: dict[str, ClassicPlacement] = {}
        self._connectivities: dict[str, ClassicConnectivity] = {}
        self._totals: NetworkTotals | None = None
        self.changes = 0

    @classmethod
    def create(cls, root: GroupWriter) -> ClassicNetwork:
        """Prepare an empty root group."""
        for part in _PARTS:
            root.require_group(part)
        return cls(root)

    def touch(self) -> None:
        """Count a change that is about to be made."""
        # What has no totals yet is counted, which must be before it changes.
        self._load_totals()
        self.changes += 1

    @property
    def chunk_size(self) -> NDArray[np.float64]:
        return self._attributes.chunk_size

    def set_chunk_size(self, size: NDArray[np.float64]) -> None:
        self.touch()
        self._attributes.set_chunk_size(size)

    @property
    def versions(self) -> tuple[str | None, str | None]:
        return self._attributes.versions

    def set_versions(self, bsb: str, engine: str) -> None:
        self._attributes.set_versions(bsb, engine)

    @property
    def provenance(self) -> dict[str, Any]:
        return self._attributes.provenance

    def set_provenance(self, bundle: Mapping[str, Any]) -> None:
        self._attributes.set_provenance(bundle)

    @property
    def totals(self) -> NetworkTotals:
        return self._load_totals()

    def _load_totals(self) -> NetworkTotals:
        if self._totals is None:
            known: NetworkTotals | None = self.memory.recall("totals")
            self._totals = self._read_totals() if known is None else known
        return self._totals

    def _read_totals(self) -> NetworkTotals:
        if self._root.attributes.get("chunks") is None:
            return self._count()
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
        self.memory.forget(("placement", name))
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
        self.memory.forget(("connectivity", tag))
        self._root.group("connectivity").delete(tag)

    def clear_placement(self) -> None:
        self.touch()
        self._forget("placement")
        self._placements.clear()
        self._replace("placement")
        self._attributes.forget_chunk_size()
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
            self.memory.note("totals", self._totals)

    def _count(self) -> NetworkTotals:
        """Networks of early versions have no totals."""
        totals = NetworkTotals()
        for name in self.placement_names():
            counts = self.placement(name).counts()
            for chunk, placed in zip(counts.ids.tolist(), counts.counts.tolist(), strict=True):
                totals.add(chunk, placed=placed)
        for tag in self.connectivity_tags():
            for chunk, (incoming, outgoing) in self.connectivity(tag).chunk_totals().items():
                totals.add(chunk, incoming=incoming, outgoing=outgoing)
        totals.changed = False
        return totals

    def _forget(self, part: str) -> None:
        for name in self._root.group(part).names() if part in self._root else ():
            self.memory.forget((part, name))

    def _replace(self, part: str) -> None:
        if part in self._root:
            self._root.delete(part)
        self._root.require_group(part)
