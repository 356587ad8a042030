"""Which cells are connected, and by how many synapses."""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import NDArray

from ..connectivity_set import ConnectivitySet
from ..placement_set import PlacementSet
from ..transactions.interrupts import without_interrupts
from .degrees import Mean
from .streams import stream


@attrs.frozen(eq=False)
class Pairs:
    """
    Pairs of connected cells, sorted by presynaptic, then by postsynaptic cell.

    :param pre: (n,) numbers of the presynaptic cells, counted under the filters.
    :param post: (n,) numbers of the postsynaptic cells, likewise.
    :param synapses: (n,) connections from the one to the other, 1 or more.
    """

    pre: NDArray[np.int64]
    post: NDArray[np.int64]
    synapses: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pre)


@without_interrupts
def pairs(
    connections: ConnectivitySet,
    *,
    pre: PlacementSet | None = None,
    post: PlacementSet | None = None,
    progress: bool | None = None,
) -> Pairs:
    """
    The pairs of connected cells.

    bluepysnap calls it ``edges.iter_connections(return_edge_count=True)``.

    :param pre: keep only connections from these cells, under their filters.
    :param post: keep only connections to these cells, under their filters.
    :param progress: whether to show a progress bar on stderr; by default, only on a terminal.
    :returns: the pairs, which take 24 bytes each.
    :raises InputError: not a connectivity set, or cells of another type or storage.
    :raises CorruptNetworkError: a connection refers to a cell that does not exist.
    """
    nothing = np.zeros(0, dtype=np.int64)
    keys, synapses = [nothing], [nothing]
    with stream(connections, pre, post, progress) as asked:
        width = max(asked.post.size, 1)
        for piece in asked.pieces("out"):
            found = np.unique(piece.pair_keys(), return_counts=True)
            keys.append(found[0])
            synapses.append(found[1])
    every, counts = np.concatenate(keys), np.concatenate(synapses)
    # The connections of the chunk were read in several pieces.
    if (every[1:] < every[:-1]).any():
        order = np.argsort(every, kind="stable")
        every, counts = every[order], counts[order]
    return Pairs(*np.divmod(every, width), counts)


@without_interrupts
def synapses_per_pair(
    connections: ConnectivitySet,
    *,
    pre: PlacementSet | None = None,
    post: PlacementSet | None = None,
    progress: bool | None = None,
) -> Mean:
    """
    Mean and standard deviation of the connections from one cell to another.

    bluepysnap users take the mean of the counts of
    ``edges.iter_connections(return_edge_count=True)``.

    :returns: the mean over the pairs of cells that are connected.

    Parameters and errors as for :func:`pairs`. The pairs are not kept in memory.
    """
    total = squares = count = 0
    with stream(connections, pre, post, progress) as asked:
        for piece in asked.pieces("out"):
            synapses = np.unique(piece.pair_keys(), return_counts=True)[1]
            count += len(synapses)
            total += int(synapses.sum())
            squares += int((synapses * synapses).sum())
    over = f"connected pairs of '{connections.tag}'"
    if not count:
        return Mean(math.nan, math.nan, 0, over)
    # In integers, so that nothing cancels.
    variance = (count * squares - total * total) / (count * count)
    return Mean(total / count, math.sqrt(variance), count, over)
