"""The attributes of the root group of a network, in every layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...errors import CorruptNetworkError, SetNotFoundError, ShapeError
from ...ports.arrays import GroupWriter
from ...ports.cache import CacheView, Key
from ...ports.call_log import Mark
from ..chunk_id import UNKNOWN_SIZE, normalize_size
from ..json_types import Document, DocumentView
from ..statistics import NetworkTotals
from .documents import interpreting, read_json, write_json
from .protocols import NetworkReader

_SIZE, _VERSIONS, _PROVENANCE = (("root", part) for part in ("size", "versions", "provenance"))
_IDENTITY = "storage_id"
STATE = "state_id"


class _NoCache:
    """For a network that is not opened again: nothing is kept."""

    def get(self, key: Key) -> None:
        return None

    def get_stale(self, key: Key) -> None:
        return None

    def put(self, key: Key, value: object) -> None:
        """Drop it."""

    def invalidate(self, key: Key) -> None:
        """Nothing is kept."""


class RootedNetwork:
    """
    What the root of a network says, in every layout.

    :param root: group of the network.
    :param cache: what is remembered of it.
    """

    changes = 0
    mark: Mark | None = None
    _bypassed = False
    # Names of the groups that hold the parts.
    _parts: ClassVar[Mapping[str, str]]
    # Whether the state id has a separate attribute, which costs less to advance than the
    # document that it stands in otherwise.
    _state_apart: ClassVar[bool]

    def __init__(self, root: GroupWriter, cache: CacheView | None) -> None:
        self._root = root
        self.cache: CacheView = _NoCache() if cache is None else cache

    def place(self, part: str, *names: str) -> str:
        return "/".join(["", self._parts[part], *names])

    def bypass(self) -> None:
        """Note that callers may change what is stored past the network from now on."""
        self._bypassed = True
        self.cache = _NoCache()

    def touch(self) -> None:
        """Count a change that is about to be made."""
        self.changes += 1

    @property
    def chunk_size(self) -> NDArray[np.float64]:
        known: NDArray[np.float64] | None = self.cache.get(_SIZE)
        if known is None:
            known = self._read_chunk_size()
            self.cache.put(_SIZE, known)
        return known.copy()

    def _read_chunk_size(self) -> NDArray[np.float64]:
        stored = self._root.attributes.get("chunk_size")
        if stored is None:
            return UNKNOWN_SIZE
        try:
            return normalize_size(stored)
        except (ShapeError, ValueError, TypeError) as error:
            raise CorruptNetworkError(f"the stored chunk size is {stored!r}") from error

    def set_chunk_size(self, size: NDArray[np.float64]) -> None:
        self.touch()
        self._root.attributes.set("chunk_size", size)
        self.cache.put(_SIZE, np.array(size))

    def _forget_chunk_size(self) -> None:
        self._root.attributes.delete("chunk_size")
        self.cache.invalidate(_SIZE)

    @property
    def versions(self) -> tuple[str | None, str | None]:
        known: tuple[str | None, str | None] | None = self.cache.get(_VERSIONS)
        if known is None:
            attributes = self._root.attributes
            bsb, engine = attributes.get("bsb_version"), attributes.get("bsb_hdf5_version")
            if not all(each is None or isinstance(each, str) for each in (bsb, engine)):
                raise CorruptNetworkError(f"the stored versions are {bsb!r} and {engine!r}")
            known = (bsb, engine)
            self.cache.put(_VERSIONS, known)
        return known

    def set_versions(self, bsb: str, engine: str) -> None:
        if self.versions != (bsb, engine):
            attributes = self._root.attributes
            attributes.set("bsb_version", bsb)
            attributes.set("bsb_hdf5_version", engine)
            self.cache.put(_VERSIONS, (bsb, engine))

    @property
    def provenance(self) -> Document:
        return {**self._known_provenance()}

    def _known_provenance(self) -> Document:
        known: Document | None = self.cache.get(_PROVENANCE)
        if known is None:
            known = self._read_provenance()
            self.cache.put(_PROVENANCE, known)
        return known

    def _read_provenance(self) -> Document:
        attributes = self._root.attributes
        try:
            bundle = read_json(attributes, "bsb_provenance")
        except CorruptNetworkError:
            # As bsb-hdf5 8.0.2 does: what can't be read does not count. `verify` reports it.
            bundle = {}
        state = attributes.get(STATE) if self._state_apart and bundle else None
        if state is not None:
            with interpreting(STATE):
                bundle[STATE] = int(state)
        return bundle

    def set_provenance(self, bundle: DocumentView) -> None:
        attributes = self._root.attributes
        if not self._state_apart:
            write_json(attributes, "bsb_provenance", bundle)
        else:
            rest = {key: value for key, value in bundle.items() if key != STATE}
            held = self.provenance
            held.pop(STATE, None)
            if held != rest:
                write_json(attributes, "bsb_provenance", rest)
            if STATE in bundle:
                attributes.set(STATE, int(bundle[STATE]))
        self.cache.put(_PROVENANCE, {**bundle})

    def advance_state(self, sessions: int = 1) -> bool:
        known = self._known_provenance()
        if _IDENTITY not in known:
            return False
        try:
            state = int(known.get(STATE, 0)) + sessions
        except (ValueError, TypeError, OverflowError) as error:
            raise CorruptNetworkError(f"the stored state is {known[STATE]!r}") from error
        bundle = {**known, STATE: state}
        if self._state_apart:
            self._root.attributes.set(STATE, state)
        else:
            write_json(self._root.attributes, "bsb_provenance", bundle)
        self.cache.put(_PROVENANCE, bundle)
        return True


def count_totals(network: NetworkReader) -> NetworkTotals:
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


def not_found(kind: str, name: str, known: tuple[str, ...]) -> SetNotFoundError:
    """
    The error for a set that does not exist.

    :param kind: ``placement`` or ``connectivity``.
    :param known: names of those that do.
    """
    choices = ", ".join(f"'{each}'" for each in known) or "none"
    others = f"there {'are' if len(known) > 1 else 'is'}: {choices}"
    return SetNotFoundError(
        f"the {kind} set '{name}' does not exist; {others}", asked=name, valid=known
    )
