"""Which connections of a set are read, how many they are, and how their cells are numbered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import attrs
import numpy as np

from .chunk_id import Ids
from .connectivity import DIRECTIONS, Perspective
from .layouts.protocols import ConnectivityReader, PlacementReader
from .rows import Locations
from .statistics import ChunkCounts


@attrs.frozen(eq=False)
class CellNumbers:
    """
    How cells are numbered: by rank in their chunk, after the cells of the chunks before it.

    :param local: cells of the chunks of the local side; cells of other chunks keep their rank.
    :param far: likewise, of the global side.
    """

    local: ChunkCounts
    far: ChunkCounts

    def apply(self, part: Perspective) -> None:
        """Number the cells of connections that name them by rank."""
        sizes = np.diff(part.starts)
        for cells, chunks, locations in (
            (self.local, part.local_chunks, part.local_locations),
            (self.far, part.global_chunks, part.global_locations),
        ):
            locations[:, 0] += cells.offsets_among(chunks).repeat(sizes)


@attrs.frozen(eq=False)
class ConnectionSelection:
    """
    The connections of a set that run from some chunks to some.

    :param direction: ``inc`` or ``out``: from which side they are seen, and ordered.
    :param locals_: ids of the local chunks, ascending; None for all.
    :param globals_: likewise, of the global chunks.
    """

    direction: str
    locals_: Ids | None = None
    globals_: Ids | None = None

    def numbers(self, pre: PlacementReader, post: PlacementReader, *, within: bool) -> CellNumbers:
        """
        How the cells are numbered.

        :param within: count the cells of the selected chunks only, where chunks are selected.
        """
        local, far = (post, pre) if self.direction == "inc" else (pre, post)
        chosen = (self.locals_, self.globals_) if within else (None, None)
        return CellNumbers(local.counts().select(chosen[0]), far.counts().select(chosen[1]))

    def count(self, source: ConnectivityReader) -> int:
        """How many connections there are, by what is stored about them."""
        held = source.local_sizes(self.direction).select(self.locals_)
        if self.globals_ is None:
            return held.total
        if self.locals_ is None and not source.mirrored:
            other = next(each for each in DIRECTIONS if each != self.direction)
            return source.local_sizes(other).select(self.globals_).total
        blocks = (source.block_sizes(self.direction, local) for local in held.ids.tolist())
        return sum(each.select(self.globals_).total for each in blocks)

    def load(
        self, source: ConnectivityReader, find_numbers: Callable[[], CellNumbers]
    ) -> tuple[Locations, Locations]:
        """
        All of them.

        :param find_numbers: called where there are any.
        :returns: (n, 3) presynaptic and (n, 3) postsynaptic locations.
        """
        sizes = source.local_sizes(self.direction).select(self.locals_)
        parts = source.read_locals(self.direction, sizes.ids, self.globals_)
        near, far = _gathered(numbered(parts, find_numbers), sizes.total)
        return (far, near) if self.direction == "inc" else (near, far)


def numbered(
    parts: Iterable[Perspective], find_numbers: Callable[[], CellNumbers]
) -> Iterator[Perspective]:
    """Connections whose cells are numbered; nothing is looked up for none."""
    numbers: CellNumbers | None = None
    for part in parts:
        if len(part.local_locations):
            numbers = numbers or find_numbers()
            numbers.apply(part)
        yield part


def _gathered(parts: Iterable[Perspective], expected: int) -> tuple[Locations, Locations]:
    """
    Local and global locations, one piece after the other.

    :param expected: rows; a classic file may hold more than it counts.
    """
    near, far = (np.empty((expected, 3), dtype=np.int64) for _ in range(2))
    done = 0
    for part in parts:
        stop = done + len(part.local_locations)
        if stop > len(near):
            more = np.empty((stop, 3), dtype=np.int64)
            near, far = (np.concatenate((each[:done], more)) for each in (near, far))
        near[done:stop], far[done:stop] = part.local_locations, part.global_locations
        done = stop
    return near[:done], far[:done]
