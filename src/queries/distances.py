"""How far connections reach."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from ..connectivity_set import ConnectivitySet
from ..core.validation import as_floats
from ..errors import InputError
from ..placement_set import PlacementSet
from ..transactions.interrupts import without_interrupts
from ..transactions.session import Session
from .degrees import check_choice
from .networks import check_connectivity_set, placement_set_of, session_on
from .populations import Numbers, load_positions
from .streams import Piece, Stream, stream_of

_BY = ("synapses", "pairs")
# 1 GiB of counts.
_MOST_BINS = 1 << 27


@attrs.frozen(eq=False)
class Distances:
    """
    A histogram of the distances (um) between the positions of connected cells.

    :param edges: (k + 1,) um, ascending. A bin includes its lower edge, the last bin both.
    :param counts: (k,) connections, or pairs, in each bin.
    :param outside: connections, or pairs, outside of all bins.
    :param without_position: connections, or pairs, without a distance, as a cell has no finite
        position.
    :param mean: mean of all distances (um), in a bin or not; NaN if there are none.
    :param sd: population standard deviation (um), likewise.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    outside: int
    without_position: int
    mean: float
    sd: float


@without_interrupts
def distances(
    connections: ConnectivitySet,
    *,
    bins: int | Sequence[float] | NDArray[np.float64] = 50,
    pre: PlacementSet | None = None,
    post: PlacementSet | None = None,
    by: str = "synapses",
    progress: bool | None = None,
) -> Distances:
    """
    Distances between the positions of connected cells, as a histogram.

    NetPyNE has it as the variable ``dist_3D`` of connectivity rules; with bluepysnap, it is
    computed from the positions of the nodes.

    :param bins: edges (um), or a number of equal bins from 0 to the longest possible distance
        between the bounding boxes of the presynaptic and the postsynaptic cells.
    :param pre: keep only connections from these cells, under their filters.
    :param post: keep only connections to these cells, under their filters.
    :param by: ``synapses`` counts connections; ``pairs`` counts each pair of cells once.
    :param progress: whether to show a progress bar on stderr; by default, only on a terminal.
    :returns: the histogram. All positions are in memory at a time, the connections are not.
    :raises InputError: not a connectivity set, cells of another type or storage, a wrong ``by``, or
        no bins.
    :raises CorruptNetworkError: a connection refers to a cell that does not exist.
    """
    check_choice("by", by, _BY)
    check_connectivity_set(connections)
    with session_on(connections._engine) as session:
        asked = stream_of([connections], pre, post, session, progress)
        sides = ((connections.pre_type_name, pre), (connections.post_type_name, post))
        at = [_positions(connections, name, cells, session) for name, cells in sides]
        return _tallied(asked, at[0], at[1], _edges(bins, *at), by)


@attrs.define(eq=False)
class _Tally:
    """Sums over the distances seen so far."""

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    seen: int = 0
    missing: int = 0
    # Sums of the distances, and of their squared differences from the mean (Chan et al. 1983).
    mean: float = 0.0
    squares: float = 0.0

    def add(self, lengths: NDArray[np.float64]) -> None:
        placed = lengths[np.isfinite(lengths)]
        self.missing += len(lengths) - len(placed)
        if not len(placed):
            return
        self.counts += np.histogram(placed, self.edges)[0]
        mean, count = float(placed.mean()), len(placed)
        squares = float(((placed - mean) ** 2).sum())
        total = self.seen + count
        shift = mean - self.mean
        self.squares += squares + shift * shift * self.seen * count / total
        self.mean += shift * count / total
        self.seen = total

    def result(self) -> Distances:
        mean, sd = math.nan, math.nan
        if self.seen:
            mean, sd = self.mean, math.sqrt(self.squares / self.seen)
        outside = self.seen - int(self.counts.sum())
        return Distances(self.edges, self.counts, outside, self.missing, mean, sd)


def _tallied(
    asked: Stream,
    pre: NDArray[np.float64],
    post: NDArray[np.float64],
    edges: NDArray[np.float64],
    by: str,
) -> Distances:
    tally = _Tally(edges, np.zeros(len(edges) - 1, dtype=np.int64))
    for piece in asked.pieces("out"):
        for sources, targets in _cells(piece, asked.post.size, by):
            tally.add(np.linalg.norm(pre[sources] - post[targets], axis=1))
    return tally.result()


def _cells(piece: Piece, width: int, by: str) -> Iterator[tuple[Numbers, Numbers]]:
    if by == "synapses":
        yield from (cut.numbers() for cut in piece.cuts())
    else:
        yield np.divmod(np.unique(piece.pair_keys()), max(width, 1))


def _positions(
    connections: ConnectivitySet, name: str, cells: PlacementSet | None, session: Session
) -> NDArray[np.float64]:
    if cells is not None:
        return load_positions(cells, session)
    if not session.network.holds("placement", name):
        return np.empty((0, 3))
    return load_positions(placement_set_of(connections._engine, name), session)


def _edges(
    bins: int | Sequence[float] | NDArray[np.float64],
    pre: NDArray[np.float64],
    post: NDArray[np.float64],
) -> NDArray[np.float64]:
    if isinstance(bins, int | np.integer) and not isinstance(bins, bool):
        if not 1 <= bins <= _MOST_BINS:
            raise InputError(
                f"bins must be edges, or a number from 1 to {_MOST_BINS:,}, not {bins}", asked=bins
            )
        return np.linspace(0.0, _longest(pre, post), int(bins) + 1)
    edges = as_floats(bins, "bins")
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():  # noqa: PLR2004
        raise InputError(
            f"bins must be a number of bins, or two or more ascending edges, not {bins!r}",
            asked=bins,
        )
    return edges


def _longest(pre: NDArray[np.float64], post: NDArray[np.float64]) -> float:
    """The longest distance between points of the boxes around either side."""
    placed = [each[np.isfinite(each).all(axis=1)] for each in (pre, post)]
    if not all(map(len, placed)):
        return 1.0
    first, second = placed
    reach = np.maximum(
        second.max(axis=0) - first.min(axis=0), first.max(axis=0) - second.min(axis=0)
    )
    # Slightly more, as the distances are rounded.
    return float(np.linalg.norm(reach)) * (1 + 1e-12) or 1.0
