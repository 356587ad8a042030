"""How many bytes the parts of a network take."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import attrs

from ..core.layouts.nodes import ARRAY, DOCUMENT, GROUP, kind_of
from ..core.layouts.protocols import NetworkReader
from ..engine import StorageEngine
from ..ports.arrays import ArrayReader, GroupReader, StoredSize
from ..ports.store import Rewritable
from .networks import session_on

# The size of one array takes some 140 us. A classic file has an array per column and chunk.
_MOST_ARRAYS = 2_000
_DEEPEST = 64


@attrs.frozen
class Sizes:
    """
    The size of a network in bytes.

    :param total: the size of its file or folder; None if unknown.
    :param parts: the size of the arrays in each group at the root, by the name of the group; None
        if there are too many arrays to look at each.
    :param holes: rows that cells which were cleared or replaced left in the arrays of the columnar
        layout, and those that connections left.
    """

    total: int | None
    parts: dict[str, int] | None
    holes: tuple[int, int] = (0, 0)

    @property
    def rest(self) -> int | None:
        """Bytes of texts, tables of groups, and holes; None if it is unknown."""
        if self.total is None or self.parts is None:
            return None
        return max(0, self.total - sum(self.parts.values()))


def sizes(engine: StorageEngine) -> Sizes:
    """The size of a network and of its parts in bytes; no array is read."""
    store = engine.sessions.store
    total = store.size() if isinstance(store, Rewritable) else None
    with session_on(engine) as session:
        return Sizes(total, _parts(session.root), _holes(session.network))


def _holes(network: NetworkReader) -> tuple[int, int]:
    cells = sum(network.placement(name).holes for name in network.placement_names())
    connections = sum(network.connectivity(tag).holes for tag in network.connectivity_tags())
    return cells, connections


def _parts(root: GroupReader) -> dict[str, int] | None:
    parts: dict[str, int] = {}
    seen = 0
    for name in root.names():
        for size in _array_sizes(root, name, 0):
            seen += 1
            if seen > _MOST_ARRAYS:
                return None
            parts[name] = parts.get(name, 0) + size
    return parts


def _array_sizes(group: GroupReader, name: str, depth: int) -> Iterator[int]:
    kind = kind_of(group, name)
    if kind == ARRAY:
        yield _size(group.array(name))
    elif kind == DOCUMENT:
        yield 0
    elif kind == GROUP and depth < _DEEPEST:
        # Empty groups count too: a damaged file may contain endless groups.
        yield 0
        member = group.group(name)
        for each in member.names():
            yield from _array_sizes(member, each, depth + 1)


def _size(array: ArrayReader) -> int:
    if isinstance(array, StoredSize):
        return array.stored_bytes
    return prod(array.shape) * array.dtype.itemsize
