"""Connections in pieces of bounded size, with their cells as numbers under the filters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import attrs
import numpy as np

from ..connectivity_set import ConnectivitySet
from ..core.batches import ReadTask, plan_reads
from ..core.connectivity import Perspective
from ..core.layouts.protocols import ConnectivityReader
from ..core.statistics import ChunkCounts
from ..errors import InputError
from ..placement_set import PlacementSet
from ..transactions.interrupts import call_pending
from ..transactions.session import Session
from .networks import check_connectivity_set, session_on
from .populations import Numbers, Population
from .progress import count_done, progress_bar

# Connections that are read at once, unless there are more in one block. Layouts unpack them into 48
# bytes each, a part of them at a time.
_MOST = 1_000_000
# Rows whose numbers fit into the cache of a processor.
_CUT = 1 << 16


@attrs.frozen(eq=False)
class Piece:
    """
    The connections of some blocks, of which no other piece has any.

    :param near: population of the local cells; ``far`` of the global ones.
    """

    part: Perspective
    near: Population
    far: Population

    def cuts(self) -> Iterator[Piece]:
        """
        The same connections in smaller pieces, several of which may belong to one block.

        Counting connection by connection takes two thirds of the time this way.
        """
        rows, part = len(self.part.local_locations), self.part
        for low in range(0, rows, _CUT):
            high = min(low + _CUT, rows)
            first = int(part.starts.searchsorted(low, side="right")) - 1
            last = int(part.starts.searchsorted(high, side="left"))
            yield Piece(
                Perspective(
                    part.direction,
                    part.local_chunks[first:last],
                    part.global_chunks[first:last],
                    part.starts[first : last + 1].clip(low, high) - low,
                    part.local_locations[low:high],
                    part.global_locations[low:high],
                ),
                self.near,
                self.far,
            )

    def numbers(self) -> tuple[Numbers, Numbers]:
        """Numbers of the local and of the global cells that the filters keep on both sides."""
        near, far = self._near(), self._far()
        kept = self._kept(near, far)
        return (near, far) if kept is None else (near[kept], far[kept])

    def ranks(self) -> Iterator[tuple[int, Numbers]]:
        """
        The ranks, within their chunk, of the local cells of each local chunk.

        Left out are connections with global cells that the filters leave out; those of the local
        side are not looked at.
        """
        kept = self._far() >= 0 if self.far.numbers is not None else None
        cells = self.part.local_locations[:, 0]
        for chunk, _, rows in self.part.by_local_chunk():
            yield chunk, cells[rows] if kept is None else cells[rows][kept[rows]]

    def kept(self) -> Numbers | slice:
        """Which rows the filters keep."""
        mask = self._kept(self._near(), self._far())
        return slice(None) if mask is None else np.flatnonzero(mask)

    def pair_keys(self) -> Numbers:
        """A number for each connection that stands for its local and global cell."""
        near, far = self.numbers()
        return near * max(self.far.size, 1) + far

    def _near(self) -> Numbers:
        part = self.part
        sizes = np.diff(part.starts)
        return self.near.number(part.local_chunks, sizes, part.local_locations[:, 0])

    def _far(self) -> Numbers:
        part = self.part
        sizes = np.diff(part.starts)
        return self.far.number(part.global_chunks, sizes, part.global_locations[:, 0])

    def _kept(self, near: Numbers, far: Numbers) -> np.ndarray | None:
        masks = [
            numbers >= 0
            for population, numbers in ((self.near, near), (self.far, far))
            if population.numbers is not None
        ]
        return np.logical_and.reduce(masks) if masks else None


@attrs.frozen(eq=False)
class Stream:
    """
    The connections between two populations, of one connectivity set or of several.

    :param progress: whether to show a bar; None where stderr is a terminal.
    :param with_points: whether branches and points are asked for; without, locations may be
        (n, 1).
    """

    sources: tuple[ConnectivityReader, ...]
    pre: Population
    post: Population
    progress: bool | None = None
    with_points: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether no filter leaves out a cell."""
        return self.pre.numbers is None and self.post.numbers is None

    def near_far(self, direction: str) -> tuple[Population, Population]:
        """The populations of the local and of the global side."""
        return (self.post, self.pre) if direction == "inc" else (self.pre, self.post)

    def pieces(self, direction: str) -> Iterator[Piece]:
        """All connections, by local chunk."""
        for batch in self.batches(direction):
            yield from batch

    def batches(self, direction: str) -> Iterator[Iterator[Piece]]:
        """
        All connections by local chunk, in batches that fit into memory.

        No pair of cells is in two batches, nor in two pieces of one set's batch.
        """
        near, far = self.near_far(direction)
        sizes = ChunkCounts.united([source.local_sizes(direction) for source in self.sources])
        sizes = sizes.select(near.kept_chunks())
        title = ", ".join(source.tag for source in self.sources)
        with progress_bar(sizes.total, title, self.progress) as bar:
            for task in plan_reads(direction, sizes, partial(self._blocks, direction), _MOST):
                call_pending()
                yield self._read(task, near, far)
                rows = self._size(task, sizes)
                bar.update(rows)
                count_done(rows)

    def _blocks(self, direction: str, local: int) -> ChunkCounts:
        return ChunkCounts.united([source.block_sizes(direction, local) for source in self.sources])

    def _read(self, task: ReadTask, near: Population, far: Population) -> Iterator[Piece]:
        for source in self.sources:
            for part in task.read(source, cells_only=not self.with_points):
                yield Piece(part, near, far)

    def _size(self, task: ReadTask, sizes: ChunkCounts) -> int:
        if task.globals_ is None:
            return sizes.among(task.locals_).total
        return self._blocks(task.direction, int(task.locals_[0])).among(task.globals_).total


@contextmanager
def stream(
    connections: ConnectivitySet,
    pre: PlacementSet | None,
    post: PlacementSet | None,
    progress: bool | None = None,
    *,
    with_points: bool = False,
) -> Iterator[Stream]:
    """
    The connections of a set between two populations, within one session.

    :param pre: presynaptic cells under their filters; by default, all. ``post`` likewise.
    :param with_points: whether branches and points are asked for.
    :raises InputError: no connectivity set, or the cells have another type, or belong to
        another storage.
    """
    check_connectivity_set(connections)
    with session_on(connections._engine) as session:
        yield stream_of([connections], pre, post, session, progress, with_points=with_points)


def stream_of(
    connections: Sequence[ConnectivitySet],
    pre: PlacementSet | None,
    post: PlacementSet | None,
    session: Session,
    progress: bool | None = None,
    *,
    with_points: bool = False,
) -> Stream:
    """
    The connections of sets between the same two types of cells.

    Parameters and errors as for :func:`stream`.
    """
    first = connections[0]
    return Stream(
        tuple(session.network.connectivity(each.tag) for each in connections),
        population_of(first, "presynaptic", first.pre_type_name, pre, session),
        population_of(first, "postsynaptic", first.post_type_name, post, session),
        progress,
        with_points,
    )


def population_of(
    connections: ConnectivitySet,
    side: str,
    name: str,
    cells: PlacementSet | None,
    session: Session,
) -> Population:
    """
    The cells of a side of a connectivity set.

    :raises InputError: the cells have another type, or belong to another storage.
    """
    if cells is None:
        return Population.of_type(name, [connections], session)
    if not isinstance(cells, PlacementSet):
        raise InputError(f"the {side} cells must be a PlacementSet, not {cells!r}", asked=cells)
    if cells._engine.sessions.store.identity != session.identity:
        raise InputError(f"the {side} cells '{cells.tag}' are of another storage")
    if not session.network.is_same(cells.tag, name):
        raise InputError(
            f"the {side} cells of '{connections.tag}' are of type '{name}', not '{cells.tag}'",
            asked=cells.tag,
            valid=name,
        )
    return Population.of(cells, session)
