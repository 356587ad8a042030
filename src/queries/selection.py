"""Finding the connections of some cells."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import ArrayLike

from ..connectivity_set import ConnectivitySet
from ..core.cell_ids import as_cell_ids
from ..core.rows import Locations
from ..placement_set import PlacementSet
from ..transactions.interrupts import without_interrupts
from .populations import Population
from .streams import Stream, stream


@attrs.frozen(eq=False)
class Connections:
    """
    Some connections of a set.

    :param pre: (n, 3) presynaptic cells, numbered under the filters, branches and points.
    :param post: (n, 3) postsynaptic cells, branches and points, likewise.
    """

    pre: Locations
    post: Locations

    def __len__(self) -> int:
        return len(self.pre)


@without_interrupts
def afferent(
    connections: ConnectivitySet,
    cells: ArrayLike,
    *,
    pre: PlacementSet | None = None,
    post: PlacementSet | None = None,
    progress: bool | None = None,
) -> Connections:
    """
    The connections to some cells.

    It reads only the connections of the chunks that these cells are in. The counterpart in
    bluepysnap is ``edges.afferent_edges``, which returns the ids of the connections.

    :param cells: (n,) numbers of postsynaptic cells, counted under the filters of ``post``, in any
        order. Repeated cells count once.
    :param pre: keep only connections from these cells, under their filters.
    :param post: the cells that ``cells`` numbers, under their filters; by default, all.
    :param progress: whether to show a progress bar on stderr; by default, only on a terminal.
    :returns: the connections, by postsynaptic, then by presynaptic chunk, then in stored order.
    :raises InputError: not a connectivity set, cells of another type or storage, or cells
        that are not whole numbers.
    :raises CellIdError: a cell that does not exist.
    :raises CorruptNetworkError: a connection refers to a cell that does not exist.
    """
    with stream(connections, pre, post, progress, with_points=True) as asked:
        chosen = _only(asked.post, cells, "postsynaptic cells")
        far, near = _read(attrs.evolve(asked, post=chosen), "inc")
    return Connections(far, near)


@without_interrupts
def efferent(
    connections: ConnectivitySet,
    cells: ArrayLike,
    *,
    pre: PlacementSet | None = None,
    post: PlacementSet | None = None,
    progress: bool | None = None,
) -> Connections:
    """
    The connections from some cells.

    The counterpart in bluepysnap is ``edges.efferent_edges``, which returns the ids of the
    connections.

    :param cells: (n,) numbers of presynaptic cells, counted under the filters of ``pre``, in any
        order. Repeated cells count once.
    :returns: the connections, by presynaptic, then by postsynaptic chunk, then in stored order.

    Other parameters and errors as for :func:`afferent`.
    """
    with stream(connections, pre, post, progress, with_points=True) as asked:
        chosen = _only(asked.pre, cells, "presynaptic cells")
        far, near = _read(attrs.evolve(asked, pre=chosen), "out")
    return Connections(near, far)


def _only(population: Population, cells: ArrayLike, what: str) -> Population:
    """Some of the cells of a population, which keep their numbers."""
    chosen = np.zeros(population.size, dtype=bool)
    chosen[as_cell_ids(cells, population.size, what)] = True
    numbers = population.numbers
    numbers = np.arange(population.size) if numbers is None else numbers
    kept = (numbers >= 0) & chosen[numbers] if population.size else np.zeros(len(numbers), bool)
    return attrs.evolve(population, numbers=np.where(kept, numbers, -1))


def _read(asked: Stream, direction: str) -> tuple[Locations, Locations]:
    """Global and local locations of the connections that the filters keep."""
    nothing = np.zeros((0, 3), dtype=np.int64)
    near, far = [nothing], [nothing]
    for piece in asked.pieces(direction):
        rows, part = piece.kept(), piece.part
        for found, locations, numbers in zip(
            (near, far),
            (part.local_locations, part.global_locations),
            piece.numbers(),
            strict=True,
        ):
            kept = locations[rows]
            kept[:, 0] = numbers
            found.append(kept)
    return np.concatenate(far), np.concatenate(near)
