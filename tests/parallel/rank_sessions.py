"""Scopes, readers beside a writer and the state counter on ranks; run by ``test_mpi.py``."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import pytest
from bsb import LabellingError, Storage
from numpy.testing import assert_array_equal

from tests.parallel.engine import ENGINE
from tests.parallel.ranks import (
    MAIN,
    RANK,
    RANKS,
    cells,
    chunk,
    meet,
    ordered,
    signed,
)

TURNS = 12
ROWS = 5
WRITES_A_SCOPE = 4
SECONDS_TO_SEE_ALL = 30.0


class GaveUpError(Exception):
    """Raised inside a scope on purpose."""


def test_the_storages_are_of_the_engine_and_layout_of_this_run(
    storage: Storage,
) -> None:
    assert ENGINE == storage.format
    assert os.environ.get("BSB_HDF5_LAYOUT", "columnar") == storage._engine.layout


def write_in_scope(storage: Storage, placed: Any, turn: int) -> None:
    with storage.write_scope():
        for write in range(WRITES_A_SCOPE):
            placed.append_data(
                chunk(0), positions=signed(RANK, turn * WRITES_A_SCOPE + write, ROWS)
            )


def test_readers_see_whole_appends_while_the_main_rank_writes(storage: Storage) -> None:
    placed = cells(storage)
    if MAIN:
        for turn in range(TURNS):
            rows = signed(RANK, turn, ROWS)
            placed.append_data(chunk(turn % 3), positions=rows, additional={"turn": rows[:, 1]})
    else:
        watch_grow(storage, placed, total=TURNS * ROWS)
    meet()
    assert TURNS * ROWS == len(placed)


def test_small_calls_are_logged_and_seen_by_all_ranks(storage: Storage) -> None:
    placed = cells(storage)
    if MAIN:
        placed.append_data(chunk(0), positions=signed(RANKS, 0, ROWS))
    meet()
    for turn in range(TURNS):
        placed.append_data(chunk(RANK), positions=signed(RANK, turn, ROWS))
        logs = storage._engine.layout == "columnar" and ENGINE == "hdf5"
        meet()
        assert logs == os.path.exists(f"{storage._engine.root}.staged")
        meet()
        assert ROWS * (1 + RANKS * (turn + 1)) == len(placed)
        meet()
    assert TURNS == len(placed.load_positions()[placed.load_positions()[:, 0] == RANK]) // ROWS


def watch_grow(storage: Storage, placed: Any, total: int) -> None:
    """Read until everything is there: the count never falls, and no append is seen in part."""
    seen = 0
    give_up = time.monotonic() + SECONDS_TO_SEE_ALL
    while seen < total:
        assert time.monotonic() < give_up, f"still {seen} of {total} cells"
        with storage.read_scope():
            found = len(placed)
            if found:
                positions = placed.load_positions()
                assert (found, 3) == positions.shape
                assert_array_equal(placed.load_additional("turn"), positions[:, 1])
        assert found % ROWS == 0
        assert found >= seen
        seen = found


def test_ranks_hold_read_scopes_at_the_same_time(storage: Storage) -> None:
    placed = cells(storage)
    if MAIN:
        placed.append_data(chunk(0), positions=signed(0, 0, ROWS))
    meet()
    with storage.read_scope():
        # Nobody gets beyond this unless every rank is inside its scope.
        meet()
        assert_array_equal(placed.load_positions(), signed(0, 0, ROWS))
        meet()


def test_write_scopes_of_ranks_follow_one_another(storage: Storage) -> None:
    placed = cells(storage)
    for turn in range(TURNS):
        write_in_scope(storage, placed, turn)
    meet()
    rows_a_scope = WRITES_A_SCOPE * ROWS
    scopes = placed.load_positions().reshape(-1, rows_a_scope, 3)
    assert RANKS * TURNS == len(scopes)
    # One rank wrote all rows of a scope, and no other rank wrote in between.
    assert_array_equal(np.ptp(scopes[:, :, 0], axis=1), 0)
    assert_array_equal(np.ptp(scopes[:, :, 1] // WRITES_A_SCOPE, axis=1), 0)


def test_a_write_scope_is_seen_whole_or_not_at_all(storage: Storage) -> None:
    placed = cells(storage)
    total = TURNS * WRITES_A_SCOPE * ROWS
    if MAIN:
        for turn in range(TURNS):
            write_in_scope(storage, placed, turn)
    else:
        seen = 0
        give_up = time.monotonic() + SECONDS_TO_SEE_ALL
        while seen < total:
            assert time.monotonic() < give_up, f"still {seen} of {total} cells"
            seen = len(placed)
            assert seen % (WRITES_A_SCOPE * ROWS) == 0
    meet()


@pytest.mark.parametrize("failing", range(2))
def test_a_scope_that_fails_on_one_rank_stores_nothing_of_that_scope(
    storage: Storage, failing: int
) -> None:
    placed = cells(storage)
    for turn in range(TURNS):
        if failing == RANK:
            with pytest.raises(GaveUpError), storage.write_scope():
                placed.append_data(chunk(0), positions=signed(RANK, turn, ROWS))
                raise GaveUpError
        else:
            placed.append_data(chunk(0), positions=signed(RANK, turn, ROWS))
    meet()
    others = [rank for rank in range(RANKS) if rank != failing]
    kept = [signed(rank, turn, ROWS) for rank in others for turn in range(TURNS)]
    assert_array_equal(ordered(placed.load_positions()), np.concatenate(kept))


def test_a_call_that_fails_on_one_rank_leaves_the_lock_to_the_others(storage: Storage) -> None:
    placed = cells(storage)
    for turn in range(TURNS):
        with pytest.raises(LabellingError):
            placed.label(["nobody"], [10_000])
        placed.append_data(chunk(RANK), positions=signed(RANK, turn, ROWS))
    meet()
    assert RANKS * TURNS * ROWS == len(placed)


def test_the_state_moves_once_for_each_scope_of_each_rank(storage: Storage) -> None:
    placed = cells(storage)
    before = storage._engine.state_id
    meet()
    for turn in range(TURNS):
        write_in_scope(storage, placed, turn)
    meet()
    assert before + RANKS * TURNS == storage._engine.state_id


def test_the_state_stays_where_it_is_while_ranks_read(storage: Storage) -> None:
    placed = cells(storage)
    if MAIN:
        placed.append_data(chunk(0), positions=signed(0, 0, ROWS))
    meet()
    before = storage._engine.state_id
    meet()
    for _ in range(TURNS):
        with storage.read_scope():
            placed.load_positions()
        len(placed)
    meet()
    assert before == storage._engine.state_id
