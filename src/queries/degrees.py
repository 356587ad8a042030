"""How many connections the cells have: degrees, convergence and divergence."""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import NDArray

from ..connectivity_set import ConnectivitySet
from ..errors import InputError
from ..placement_set import PlacementSet
from ..transactions.interrupts import without_interrupts
from .streams import Stream, stream

BY = ("synapses", "pairs")
OVER = ("all", "connected")


@attrs.frozen
class Mean:
    """
    A mean, and the values that it is the mean of.

    :param mean: the mean; NaN if there are no values.
    :param sd: population standard deviation (divided by ``n``); NaN if there are no values.
    :param n: number of values.
    :param over: what the values are, in words.
    """

    mean: float
    sd: float
    n: int
    over: str

    @classmethod
    def of(cls, values: NDArray[np.int64], over: str) -> Mean:
        """The mean of some numbers."""
        if not len(values):
            return cls(math.nan, math.nan, 0, over)
        return cls(float(values.mean()), float(values.std()), len(values), over)

    def __str__(self) -> str:
        return f"{self.mean:.4g} ± {self.sd:.4g} (over {self.n} {self.over})"


@without_interrupts
def in_degree(
    connections: ConnectivitySet,
    *,
    pre: PlacementSet | None = None,
    post: PlacementSet | None = None,
    by: str = "synapses",
    progress: bool | None = None,
) -> NDArray[np.int64]:
    """
    How many connections each postsynaptic cell receives.

    bluepysnap calls it ``edges.stats.convergence``; NetPyNE plots it as ``convergence`` of
    ``plotConn``.

    :param pre: count only connections from these cells, under their filters; by default, from all.
    :param post: the cells to answer for, under their filters; by default, all.
    :param by: ``synapses`` counts every connection that is stored; ``pairs`` counts each
        presynaptic cell once, which bluepysnap calls ``connections``.
    :param progress: whether to show a progress bar on stderr; by default, only on a terminal.
    :returns: (n,) a number for each cell that ``post`` keeps, in its order, zeros included.
    :raises InputError: not a connectivity set, cells of another type or storage, or a wrong ``by``.
    :raises CorruptNetworkError: a connection refers to a cell that does not exist.
    """
    return _degree(connections, pre, post, "inc", by, progress)


@without_interrupts
def out_degree(
    connections: ConnectivitySet,
    *,
    pre: PlacementSet | None = None,
    post: PlacementSet | None = None,
    by: str = "synapses",
    progress: bool | None = None,
) -> NDArray[np.int64]:
    """
    How many connections each presynaptic cell makes.

    bluepysnap calls it ``edges.stats.divergence``; NetPyNE plots it as ``divergence`` of
    ``plotConn``.

    :param pre: the cells to answer for, under their filters; by default, all.
    :param post: count only connections to these cells, under their filters; by default, to all.
    :returns: (n,) a number for each cell that ``pre`` keeps, in its order, zeros included.

    Other parameters and errors as for :func:`in_degree`.
    """
    return _degree(connections, pre, post, "out", by, progress)


@without_interrupts
def convergence(
    connections: ConnectivitySet,
    *,
    pre: PlacementSet | None = None,
    post: PlacementSet | None = None,
    by: str = "synapses",
    over: str = "all",
    progress: bool | None = None,
) -> Mean:
    """
    Mean and standard deviation of the in-degree.

    bluepysnap's ``edges.stats.convergence`` returns the values themselves, see
    :func:`in_degree`; NetPyNE's ``convergence`` divides by all postsynaptic cells, as ``all`` does.

    :param over: ``all`` postsynaptic cells that ``post`` keeps, or only the ``connected`` ones,
        which receive at least one connection.
    :returns: the mean, with its denominator in words.

    Other parameters and errors as for :func:`in_degree`.
    """
    degrees = in_degree(connections, pre=pre, post=post, by=by, progress=progress)
    return _mean(degrees, connections.post_type_name, over)


@without_interrupts
def divergence(
    connections: ConnectivitySet,
    *,
    pre: PlacementSet | None = None,
    post: PlacementSet | None = None,
    by: str = "synapses",
    over: str = "all",
    progress: bool | None = None,
) -> Mean:
    """
    Mean and standard deviation of the out-degree.

    bluepysnap's ``edges.stats.divergence`` returns the values themselves, see
    :func:`out_degree`; NetPyNE's ``divergence`` divides by all presynaptic cells, as ``all`` does.

    :param over: ``all`` presynaptic cells that ``pre`` keeps, or only the ``connected`` ones.
    :returns: the mean, with its denominator in words.

    Other parameters and errors as for :func:`in_degree`.
    """
    degrees = out_degree(connections, pre=pre, post=post, by=by, progress=progress)
    return _mean(degrees, connections.pre_type_name, over)


def _degree(
    connections: ConnectivitySet,
    pre: PlacementSet | None,
    post: PlacementSet | None,
    direction: str,
    by: str,
    progress: bool | None,
) -> NDArray[np.int64]:
    check_choice("by", by, BY)
    with stream(connections, pre, post, progress) as asked:
        return degrees_of(asked, direction, by)


def degrees_of(asked: Stream, direction: str, by: str) -> NDArray[np.int64]:
    """Connections, or cells connected with, of each cell of the local side."""
    if by == "pairs":
        return _partners(asked, direction)
    near, _ = asked.near_far(direction)
    # perf: in_degree; of all cells, so that those of a chunk are counted without a copy.
    degrees = np.zeros(near.whole.total, dtype=np.int64)
    for piece in asked.pieces(direction):
        for chunk, ranks in piece.ranks():
            first, found = near.tally(chunk, ranks)
            degrees[first : first + len(found)] += found
    return degrees if near.numbers is None else degrees[near.numbers >= 0]


def _partners(asked: Stream, direction: str) -> NDArray[np.int64]:
    near, far = asked.near_far(direction)
    degrees = np.zeros(near.size, dtype=np.int64)
    for piece in asked.pieces(direction):
        numbers = np.unique(piece.pair_keys()) // max(far.size, 1)
        if len(numbers):
            # The cells of a piece lie near each other, and need not all be counted each time.
            found = np.bincount(numbers - numbers[0])
            degrees[numbers[0] : numbers[0] + len(found)] += found
    return degrees


def _mean(degrees: NDArray[np.int64], name: str, over: str) -> Mean:
    check_choice("over", over, OVER)
    if over == "all":
        return Mean.of(degrees, f"cells of '{name}'")
    return Mean.of(degrees[degrees > 0], f"connected cells of '{name}'")


def check_choice(name: str, given: object, valid: tuple[str, ...]) -> None:
    """
    Check one of a few words.

    :raises InputError: it is another.
    """
    if not isinstance(given, str) or given not in valid:
        raise InputError(
            f"{name} must be {' or '.join(map(repr, valid))}, not {given!r}",
            asked=given,
            valid=valid,
        )
