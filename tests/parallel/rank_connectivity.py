"""Ranks that write connections at the same time; run by ``test_mpi.py``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bsb import Storage
from numpy.testing import assert_array_equal

from bsb_hdf5 import connection_ends
from tests.parallel.ranks import MAIN, RANK, RANKS, Rows, cells, chunk, meet, ordered

TURNS = 12
ROWS = 3
CELLS_A_CHUNK = RANKS * TURNS * ROWS


def locations(rank: int, turn: int) -> Rows:
    """Point neuron locations on cells that no other rank or turn connects."""
    first = (rank * TURNS + turn) * ROWS
    points = np.full((ROWS, 3), -1)
    points[:, 0] = np.arange(first, first + ROWS)
    return points


def connected(storage: Storage) -> Any:
    """A set between two types with cells in chunks 0 to 3."""
    placed = {name: cells(storage, name) for name in ("pre", "post")}
    if MAIN:
        for x in range(4):
            for cells_of_type in placed.values():
                cells_of_type.append_data(chunk(x), positions=np.zeros((CELLS_A_CHUNK, 3)))
    meet()
    types = (placed["pre"].cell_type, placed["post"].cell_type)
    connections = storage._ConnectivitySet.require(storage._engine, *types, "pre_to_post")
    meet()
    return connections


def pairs(connections: Any, direction: str, pre: int, post: int) -> Rows:
    """The presynaptic and postsynaptic locations of one block, seen from either side."""
    if direction == "out":
        sides = connections.load_block_connections("out", chunk(pre), chunk(post))
    else:
        sides = connections.load_block_connections("inc", chunk(post), chunk(pre))[::-1]
    return ordered(np.column_stack(sides))


def test_connections_that_ranks_write_to_blocks_of_their_own_are_all_kept(storage: Storage) -> None:
    connections = connected(storage)
    for turn in range(TURNS):
        here = locations(RANK, turn)
        connections.chunk_connect(chunk(RANK), chunk(2 + turn % 2), here, here)
    meet()
    for rank in range(RANKS):
        for side in range(2):
            written = np.concatenate([locations(rank, turn) for turn in range(side, TURNS, 2)])
            for direction in ("inc", "out"):
                stored = pairs(connections, direction, rank, 2 + side)
                assert_array_equal(stored, np.column_stack([written, written]))
    assert RANKS * TURNS * ROWS == len(connections)


def test_connections_that_ranks_write_to_one_block_are_all_kept(storage: Storage) -> None:
    connections = connected(storage)
    for turn in range(TURNS):
        here = locations(RANK, turn)
        connections.chunk_connect(chunk(0), chunk(1), here, here[::-1])
    meet()
    written = [
        np.column_stack([locations(rank, turn), locations(rank, turn)[::-1]])
        for rank in range(RANKS)
        for turn in range(TURNS)
    ]
    for direction in ("inc", "out"):
        assert_array_equal(pairs(connections, direction, 0, 1), ordered(np.concatenate(written)))
    assert RANKS * TURNS * ROWS == len(connections)


def test_connections_over_several_chunks_from_every_rank_are_all_kept(storage: Storage) -> None:
    connections = connected(storage)
    pre, post = (cells(storage, name) for name in ("pre", "post"))
    total = 4 * CELLS_A_CHUNK
    for turn in range(TURNS):
        sources, targets = ids(RANK, turn, total)
        connections.connect(pre, post, sources, targets)
    meet()
    written = np.concatenate(
        [np.column_stack(ids(rank, turn, total)) for rank in range(RANKS) for turn in range(TURNS)]
    )
    assert_array_equal(ordered(of_the_sets(connections)), ordered(written))


def test_connections_that_were_sorted_before_others_placed_cells_are_all_kept(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_ends, "_PLANNED_APART", 1)
    connections = connected(storage)
    pre, post = (cells(storage, name) for name in ("pre", "post"))
    total = 4 * CELLS_A_CHUNK
    for turn in range(TURNS):
        # The last ones: the cells before keep their numbers.
        (pre, post)[turn % 2].append_data(chunk(3), positions=np.zeros((1, 3)))
        connections.connect(pre, post, *ids(RANK, turn, total))
    meet()
    written = np.concatenate(
        [np.column_stack(ids(rank, turn, total)) for rank in range(RANKS) for turn in range(TURNS)]
    )
    assert_array_equal(ordered(of_the_sets(connections)), ordered(written))


def of_the_sets(connections: Any) -> Rows:
    """All connections as the locations that ``connect`` took: cells count on over the chunks."""
    rows = []
    for _, pre_chunk, post_chunk, sides in connections.flat_iter_connections("out"):
        for side, x in zip(sides, (int(pre_chunk[0]), int(post_chunk[0])), strict=True):
            side[:, 0] += x * CELLS_A_CHUNK
        rows.append(np.column_stack(sides))
    return np.concatenate(rows)


def ids(rank: int, turn: int, total: int) -> tuple[Rows, Rows]:
    """Locations on cells from all over the set: the same whenever rank and turn are the same."""
    random = np.random.default_rng([rank, turn])
    sides = np.full((2, 20, 3), -1)
    sides[:, :, 0] = random.integers(total, size=(2, 20))
    return sides[0], sides[1]
