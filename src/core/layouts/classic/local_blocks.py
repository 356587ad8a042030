"""The blocks of a local chunk in the classic layout: their order, and where each begins."""

from __future__ import annotations

from functools import cached_property

import attrs
import numpy as np
from numpy.typing import NDArray

from ....errors import CorruptNetworkError
from ....ports.arrays import GroupReader, GroupWriter
from ...chunk_id import Ids, pack, unpack
from ...paths import canonical
from ...rows import Lengths
from ..documents import interpreting
from ..optional_verbs import read_integers, write_integers

ARRAYS = ("local_locs", "global_locs")
_ORDER = "chunk_list"
# Blocks of a set that are remembered.
_MOST_BLOCKS = 1 << 18


@attrs.frozen(eq=False, slots=False)
class LocalBlocks:
    """
    The blocks of a local chunk, in the order of their rows.

    :param chunks: (k,) ids of the global chunks.
    :param starts: (k,) first row of each.
    :param total: rows of all.
    """

    chunks: Ids
    starts: NDArray[np.int64]
    total: int

    @cached_property
    def sizes(self) -> Lengths:
        """Rows of each."""
        return np.append(self.starts[1:], self.total) - self.starts

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The blocks by global chunk."""
        return self.chunks.argsort(kind="stable")

    def find(self, globals_: Ids) -> tuple[NDArray[np.int64], Lengths]:
        """First row and number of rows of the existing blocks to some global chunks."""
        if not len(self.chunks):
            return np.zeros_like(globals_), np.zeros_like(globals_)
        ordered = self.chunks[self.order]
        at = ordered.searchsorted(globals_, side="right") - 1
        found = self.order[at]
        known = (at >= 0) & (ordered[at] == globals_)
        return np.where(known, self.starts[found], 0), np.where(known, self.sizes[found], 0)

    @classmethod
    def read(cls, group: GroupReader) -> LocalBlocks:
        """
        From the attributes of a group.

        :raises CorruptNetworkError: they contradict each other or the arrays.
        """
        total, other = (group.array(name).shape[0] for name in ARRAYS)
        if total != other:
            raise CorruptNetworkError(f"a chunk has {total} local and {other} global locations")
        chunks = read_order(group)
        starts = read_integers(group.attributes, [str(chunk) for chunk in chunks.tolist()])
        blocks = cls(chunks, starts, total)
        if (blocks.sizes < 0).any() or (len(starts) and starts[0] != 0):
            raise CorruptNetworkError(
                f"the blocks of a chunk begin at rows {starts[:10].tolist()} of {total}"
            )
        return blocks


class KnownBlocks:
    """The blocks of a set that were read, unless they take too much memory."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, int], LocalBlocks] = {}
        self._room = _MOST_BLOCKS

    def get(self, direction: str, local: int) -> LocalBlocks | None:
        """The blocks of a local chunk, if they were read."""
        return self._held.get((direction, local))

    def add(self, direction: str, local: int, blocks: LocalBlocks) -> None:
        """Remember the blocks of a local chunk."""
        if len(blocks.chunks) <= self._room:
            self._room -= len(blocks.chunks)
            self._held[direction, local] = blocks


def blocks_key(tag: str) -> tuple[str, str]:
    """The cache of the blocks of a set."""
    return "blocks", canonical(tag)


def read_order(group: GroupReader) -> Ids:
    """Ids of the global chunks of a local chunk, in the order of their rows."""
    order = group.attributes.get(_ORDER)
    if order is None:
        return np.zeros(0, dtype=np.int64)
    with interpreting(_ORDER):
        return pack(np.asarray(order).reshape(-1, 3))


def write_blocks(
    group: GroupWriter, starts: NDArray[np.int64], moved: Ids, *, order: Ids | None
) -> None:
    """
    Store where blocks begin.

    :param starts: first rows of the blocks of ``moved``.
    :param order: ids of all global chunks, in the order of their rows, if it changed.
    """
    if order is not None:
        group.attributes.set(_ORDER, unpack(order))
    names = map(str, moved.tolist())
    write_integers(group.attributes, dict(zip(names, starts.tolist(), strict=True)))
