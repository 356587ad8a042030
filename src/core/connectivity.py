"""
Connections: from locations on selected cells to blocks between chunks.

A location is a cell, a branch and a point on it; (-1, -1) as branch and point stands for
a cell without morphology. A block holds the connections from one presynaptic to one
postsynaptic chunk. Seen from the postsynaptic side a connection is incoming (``inc``),
from the presynaptic side outgoing (``out``); the near side is called local, the far one
global.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import attrs
import numpy as np
from numpy.typing import NDArray

from ..errors import DirectionError, DirectionTypeError, LengthError, LocationError, ShapeError
from .cell_ids import SelectedCells
from .chunk_id import Ids
from .min_max import minimum
from .rows import Locations
from .statistics import ChunkCounts
from .validation import as_integers

DIRECTIONS = ("inc", "out")
# Of the whole numbers from 0 up that int64 holds.
_KEY_BITS = 63
# The branch and the point of a location on a cell without morphology.
_NO_POINT = -1


def check_direction(direction: object) -> str:
    """
    The direction.

    :raises DirectionError: it is neither ``inc`` nor ``out``.
    """
    if not isinstance(direction, str) or direction not in DIRECTIONS:
        kind = DirectionError if isinstance(direction, str) else DirectionTypeError
        raise kind(f"a direction must be 'inc' or 'out', not {direction!r}", asked=direction)
    return str(direction)


def as_locations(locations: object, what: str) -> Locations:
    """
    Locations as given by a caller.

    :param locations: (n, 3) whole numbers, or (n,) cells without morphology.
    :returns: (n, 3) int64; perhaps those given, so not to be changed, nor kept.
    :raises InputError: another shape, or no whole numbers.
    :raises LocationError: numbers below 0 other than a branch and point of -1 and -1.
    """
    values = as_integers(locations, what, copy=False)
    if values.ndim == 1:
        points = np.full((len(values), 3), -1, dtype=np.int64)
        points[:, 0] = values
        values = points
    elif values.size == 0 and values.ndim == 2 and len(values) <= 1:  # noqa: PLR2004
        values = np.zeros((0, 3), dtype=np.int64)
    if values.ndim != 2 or values.shape[1] != 3:  # noqa: PLR2004
        raise ShapeError(
            f"{what} must have shape (n, 3) or (n,), not {values.shape}", found=values.shape
        )
    _check_signs(values, what)
    return values


def _check_signs(values: Locations, what: str) -> None:
    least = minimum(values) if values.size else 0
    if least >= 0:
        return
    if least == -1 and minimum(values[:, 0]) >= 0:
        # Below 0 where one of them is and the other is not.
        differing = values[:, 1] ^ values[:, 2]
        if minimum(differing) >= 0:
            return
    negative = values < 0
    bad = negative[:, 0] | (negative[:, 1] != negative[:, 2]) | (values < -1).any(axis=1)
    raise LocationError(
        f"{what} must be a cell, branch and point from 0 up, or -1 for both branch and point;"
        f" {int(bad.sum())} of {len(values)} are not, the first is {values[bad][0].tolist()}",
        asked=values[bad][:10].tolist(),
    )


def check_pairs(pre: Locations, post: Locations) -> None:
    """
    Check that locations pair up.

    :raises LengthError: they don't.
    """
    if len(pre) != len(post):
        raise LengthError(
            f"{len(pre)} presynaptic and {len(post)} postsynaptic locations do not pair up:"
            " each connection needs one of each",
            found=(len(pre), len(post)),
        )


@attrs.frozen(eq=False)
class Side:
    """
    The cells that one side of the connections refers to.

    :param name: name of the placement set.
    :param role: ``source`` or ``destination``, for messages.
    :param cells: the cells that the first column of the locations counts.
    """

    name: str
    role: str
    cells: SelectedCells

    def check(self, locations: Locations) -> None:
        """
        Check that every location is on a cell.

        :raises LocationError: a location is not on a cell.
        """
        size = len(self.cells)
        outside = locations[:, 0] >= size
        if outside.any():
            raise LocationError(
                f"{self.role} cell {locations[outside][0, 0]} does not exist in '{self.name}'"
                f" ({size} cells); {int(outside.sum())} of {len(locations)} locations are out of"
                " range",
                asked=locations[outside][:10].tolist(),
                valid=size,
            )

    def locate(self, locations: Locations) -> tuple[Ids, Locations]:
        """Per location the id of its chunk, and the location within the chunk."""
        chunk, rank = self.cells.locate(locations[:, 0])
        local = locations.copy()
        local[:, 0] = rank
        return self.cells.counts.ids[chunk], local


@attrs.frozen(eq=False)
class Perspective:
    """
    Blocks seen from one side, ordered by local chunk, then by global chunk.

    :param local_chunks: (k,) ids, ascending; ``global_chunks`` ascending within each.
    :param starts: (k + 1,) first row of each block, and the end.
    """

    direction: str
    local_chunks: Ids
    global_chunks: Ids
    starts: NDArray[np.int64]
    local_locations: Locations
    global_locations: Locations

    def by_local_chunk(self) -> Iterator[tuple[int, slice, slice]]:
        """Each local chunk, the range of its blocks, and of their rows."""
        if not len(self.local_chunks):
            return
        edges = np.flatnonzero(np.diff(self.local_chunks)) + 1
        bounds = [0, *edges.tolist(), len(self.local_chunks)]
        for first, last in pairwise(bounds):
            rows = slice(int(self.starts[first]), int(self.starts[last]))
            yield int(self.local_chunks[first]), slice(first, last), rows

    def problem(self) -> str | None:
        """Why some rows are not connections between cells; None if all are."""
        for locations in (self.local_locations, self.global_locations):
            if locations.min(initial=0) < _NO_POINT:
                return f"locations are below {_NO_POINT}"
            if locations[:, 0].min(initial=0) < 0:
                return "the ranks of cells are below 0"
        return None


def batches(sizes: ChunkCounts, most: int) -> Iterator[Ids]:
    """
    Local chunks, as many at a time as have at most so many connections; never none.

    :param sizes: connections per local chunk.
    """
    ends = np.cumsum(sizes.counts)
    first = 0
    while first < len(ends):
        before = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + most, side="right")))
        yield sizes.ids[first:last]
        first = last


@attrs.frozen(eq=False, slots=False)
class Blocks:
    """
    Connections, each with the chunks it runs between.

    :param pre_chunks: (n,) ids; ``post_chunks`` likewise.
    :param pre: (n, 3) locations within the presynaptic chunk; ``post`` likewise.
    :param one: whether they are known to be a single block.
    """

    pre_chunks: Ids
    post_chunks: Ids
    pre: Locations
    post: Locations
    one: bool = False

    @classmethod
    def between(cls, pre_chunk: int, post_chunk: int, pre: Locations, post: Locations) -> Blocks:
        """One block."""
        return cls(
            np.array([pre_chunk], dtype=np.int64).repeat(len(pre)),
            np.array([post_chunk], dtype=np.int64).repeat(len(post)),
            pre,
            post,
            one=True,
        )

    def __len__(self) -> int:
        return len(self.pre)

    def by_cell(self) -> Blocks:
        """The same connections, by rank of the postsynaptic, then of the presynaptic cell."""
        order = _order(self.post[:, 0], self.pre[:, 0])
        if order is None:
            return self
        # The chunks of a single block are the same in any order.
        chunks = (self.pre_chunks, self.post_chunks)
        pre_chunks, post_chunks = chunks if self.one else (each[order] for each in chunks)
        # perf: connect 500,000; `take` copies rows of three in a quarter of the time of indexing.
        pre, post = self.pre.take(order, axis=0), self.post.take(order, axis=0)
        return Blocks(pre_chunks, post_chunks, pre, post, self.one)

    def seen(self, direction: str) -> Perspective:
        """The blocks from one side; connections of a block keep their order."""
        if direction == "inc":
            local, global_ = (self.post_chunks, self.post), (self.pre_chunks, self.pre)
        else:
            local, global_ = (self.pre_chunks, self.pre), (self.post_chunks, self.post)
        if self.one:
            ends = np.array([0, len(self)])
            return Perspective(direction, local[0][:1], global_[0][:1], ends, local[1], global_[1])
        order = np.lexsort((global_[0], local[0]))
        local_chunks, global_chunks = local[0][order], global_[0][order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (np.diff(local_chunks) != 0) | (np.diff(global_chunks) != 0)
        first = np.flatnonzero(new)
        return Perspective(
            direction,
            local_chunks[first],
            global_chunks[first],
            np.append(first, len(order)),
            local[1].take(order, axis=0),
            global_[1].take(order, axis=0),
        )


def demultiplex(pre: Side, post: Side, src: Locations, dest: Locations) -> Blocks:
    """
    Sort connections between selected cells into their chunks.

    :param src: (n, 3) locations on the cells of ``pre``; ``dest`` on those of ``post``.
    :raises LengthError: the locations don't pair up.
    :raises LocationError: one of them is on no cell.
    """
    check_pairs(src, dest)
    pre.check(src)
    post.check(dest)
    pre_chunks, pre_local = pre.locate(src)
    post_chunks, post_local = post.locate(dest)
    one = len(src) > 0 and pre.cells.in_one_chunk and post.cells.in_one_chunk
    return Blocks(pre_chunks, post_chunks, pre_local, post_local, one)


@attrs.frozen(eq=False)
class ConnectionPlan:
    """
    Connections sorted into blocks, which stays true while the cells are numbered as they were.

    :param pre: the cells that the presynaptic locations count; ``post`` likewise.
    """

    pre: SelectedCells
    post: SelectedCells
    blocks: Blocks

    @classmethod
    def make(
        cls, pre: Side, post: Side, src: Locations, dest: Locations, *, by_cell: bool
    ) -> ConnectionPlan:
        """
        Plan to store connections.

        :param by_cell: whether those of a block are sorted by cell; parameters and errors
            otherwise as for :func:`demultiplex`.
        """
        blocks = demultiplex(pre, post, src, dest)
        return cls(pre.cells, post.cells, blocks.by_cell() if by_cell else blocks)

    def holds_for(self, pre: SelectedCells, post: SelectedCells) -> bool:
        """Whether the cells are numbered as they were when it was made."""
        return self.pre.equals(pre) and self.post.equals(post)


def _order(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """
    The stable order by ``first``, then by ``second``: that of ``np.lexsort((second, first))``.

    :param first: (n,) whole numbers from 0 up; ``second`` likewise.
    :returns: (n,) indices; None if the numbers are in order.
    """
    count = len(first)
    if count < 2:  # noqa: PLR2004
        return None
    bits = [int(each).bit_length() for each in (first.max(), second.max(), count - 1)]
    if sum(bits) > _KEY_BITS:
        return np.lexsort((second, first))
    keys = (first << bits[1]) | second
    if (keys[1:] >= keys[:-1]).all():
        return None
    # perf: connect 500,000; keys that end in their index sort twenty times faster than by lexsort.
    keys <<= bits[2]
    keys |= np.arange(count)
    keys.sort()
    keys &= (1 << bits[2]) - 1
    return keys
