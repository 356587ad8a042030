"""The indices of edges by node, as libsonata lays them out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...core.chunk_id import Ids
from ...transactions.interrupts import call_pending
from .columns import Array, Group

# Edges whose nodes are read at once, and runs that are sorted in memory.
_PIECE = 1 << 20
_MOST_RUNS = 1 << 22
Runs = tuple[Ids, Ids, Ids]


def write_index(population: Group, name: str, nodes: Array, count: int) -> None:
    """
    Write an index of edges.

    Of each node, ``node_id_to_ranges`` has the range of rows of ``range_to_edge_id`` that are its
    own; each of these is a range of edges that follow each other.

    :param name: ``source_to_target`` or ``target_to_source``.
    :param nodes: the node of each edge on the side that the index starts from.
    :param count: nodes of that side.
    """
    runs = np.zeros(count, dtype=np.int64)
    for ids, _, _ in _runs(nodes):
        runs += np.bincount(ids, minlength=count)
    ends = np.cumsum(runs)
    group = population.create_group(f"indices/{name}")
    ranges = np.stack([ends - runs, ends], axis=1).astype(np.uint64)
    group.create_dataset("node_id_to_ranges", data=ranges)
    total = int(ends[-1]) if count else 0
    target = group.create_dataset("range_to_edge_id", (total, 2), np.uint64)
    first = 0
    while first < count:
        done = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _MOST_RUNS, side="right")))
        if ends[last - 1] > done:
            target[done : int(ends[last - 1])] = _ranges_of(nodes, first, last)
        first = last


def _ranges_of(nodes: Array, first: int, last: int) -> NDArray[np.uint64]:
    """The ranges of edges of some nodes, by node."""
    parts = []
    for run in _runs(nodes):
        kept = (run[0] >= first) & (run[0] < last)
        parts.append(np.stack([each[kept] for each in run]))
    ids, begins, ends = np.concatenate(parts, axis=1)
    order = np.argsort(ids, kind="stable")
    return np.stack([begins[order], ends[order]], axis=1).astype(np.uint64)


def _runs(nodes: Array) -> Iterator[Runs]:
    """Edges of one node that follow each other: its number, the first, and the one after."""
    size = len(nodes)
    for first in range(0, size, _PIECE):
        call_pending()
        last = min(first + _PIECE, size)
        # A run that crosses the edge of a piece is two, which costs nothing to speak of.
        ids = nodes[first:last].astype(np.int64)
        begins = np.append(0, np.flatnonzero(np.diff(ids)) + 1)
        yield ids[begins], begins + first, np.append(begins[1:], len(ids)) + first
