"""What the root group of a network says of all of it, in every layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...errors import CorruptNetworkError, SetNotFoundError, ShapeError
from ...ports.arrays import AttributeWriter, GroupWriter
from ..chunk_id import UNKNOWN_SIZE, normalize_size
from ..network import Network
from ..recollection import Memory, Recollection
from ..statistics import NetworkTotals
from .documents import interpreting, read_json, write_json

_SIZE, _VERSIONS, _PROVENANCE = (("root", part) for part in ("size", "versions", "provenance"))
_STATE = "state_id"


class RootedNetwork:
    """
    What the root of a network says, in every layout.

    :param root: group of the network.
    :param memory: what is remembered of it.
    """

    # Names of the groups that hold the parts.
    _parts: ClassVar[Mapping[str, str]]
    # As of RootAttributes.
    _state_apart: ClassVar[bool]

    def __init__(self, root: GroupWriter, memory: Memory | None) -> None:
        self._root = root
        self.memory = memory or Recollection().at(None)
        self._attributes = RootAttributes(root.attributes, self.memory, apart=self._state_apart)
        self.changes = 0

    def place(self, part: str, *names: str) -> str:
        return "/".join(["", self._parts[part], *names])

    def touch(self) -> None:
        """Count a change that is about to be made."""
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


def count_totals(network: Network) -> NetworkTotals:
    """The totals of a network, from those of its sets."""
    totals = NetworkTotals()
    for name in network.placement_names():
        counts = network.placement(name).counts()
        for chunk, placed in zip(counts.ids.tolist(), counts.counts.tolist(), strict=True):
            totals.add(chunk, placed=placed)
    for tag in network.connectivity_tags():
        for chunk, (incoming, outgoing) in network.connectivity(tag).chunk_totals().items():
            totals.add(chunk, incoming=incoming, outgoing=outgoing)
    totals.changed = False
    return totals


class RootAttributes:
    """
    Chunk size, versions and provenance of a network.

    :param attributes: of the root group.
    :param apart: whether the state id has an attribute of its own, which costs less to advance
        than the document that it stands in otherwise.
    """

    def __init__(self, attributes: AttributeWriter, memory: Memory, *, apart: bool) -> None:
        self._attributes = attributes
        self._memory = memory
        self._apart = apart

    @property
    def chunk_size(self) -> NDArray[np.float64]:
        known: NDArray[np.float64] | None = self._memory.recall(_SIZE)
        if known is None:
            known = self._read_chunk_size()
            self._memory.note(_SIZE, known)
        return known.copy()

    def set_chunk_size(self, size: NDArray[np.float64]) -> None:
        self._attributes.set("chunk_size", size)
        self._memory.note(_SIZE, np.array(size))

    def forget_chunk_size(self) -> None:
        self._attributes.delete("chunk_size")
        self._memory.forget(_SIZE)

    def _read_chunk_size(self) -> NDArray[np.float64]:
        stored = self._attributes.get("chunk_size")
        if stored is None:
            return UNKNOWN_SIZE
        try:
            return normalize_size(stored)
        except (ShapeError, ValueError, TypeError) as error:
            raise CorruptNetworkError(f"the stored chunk size is {stored!r}") from error

    @property
    def versions(self) -> tuple[str | None, str | None]:
        known: tuple[str | None, str | None] | None = self._memory.recall(_VERSIONS)
        if known is None:
            found = (self._attributes.get(name) for name in ("bsb_version", "bsb_hdf5_version"))
            bsb, engine = found
            if not all(each is None or isinstance(each, str) for each in (bsb, engine)):
                raise CorruptNetworkError(f"the stored versions are {bsb!r} and {engine!r}")
            known = (bsb, engine)
            self._memory.note(_VERSIONS, known)
        return known

    def set_versions(self, bsb: str, engine: str) -> None:
        if self.versions != (bsb, engine):
            self._attributes.set("bsb_version", bsb)
            self._attributes.set("bsb_hdf5_version", engine)
            self._memory.note(_VERSIONS, (bsb, engine))

    @property
    def provenance(self) -> dict[str, Any]:
        known: dict[str, Any] | None = self._memory.recall(_PROVENANCE)
        if known is None:
            known = self._read_provenance()
            self._memory.note(_PROVENANCE, known)
        return {**known}

    def _read_provenance(self) -> dict[str, Any]:
        bundle = read_json(self._attributes, "bsb_provenance")
        state = self._attributes.get(_STATE) if self._apart and bundle else None
        if state is not None:
            with interpreting(_STATE):
                bundle[_STATE] = int(state)
        return bundle

    def set_provenance(self, bundle: Mapping[str, Any]) -> None:
        rest = {key: value for key, value in bundle.items() if key != _STATE}
        if not self._apart:
            write_json(self._attributes, "bsb_provenance", bundle)
        else:
            held = self.provenance
            held.pop(_STATE, None)
            if held != rest:
                write_json(self._attributes, "bsb_provenance", rest)
            if _STATE in bundle:
                self._attributes.set(_STATE, int(bundle[_STATE]))
        self._memory.note(_PROVENANCE, {**bundle})


def not_found(kind: str, name: str, known: tuple[str, ...]) -> SetNotFoundError:
    """
    The error for a set that does not exist.

    :param kind: ``placement`` or ``connectivity``.
    :param known: names of those that do.
    """
    choices = ", ".join(f"'{each}'" for each in known) or "none"
    return SetNotFoundError(
        f"the {kind} set '{name}' does not exist; there is: {choices}", asked=name, valid=known
    )
