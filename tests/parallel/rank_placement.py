"""Ranks that write cells and labels at the same time; run by ``test_mpi.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bsb import Storage
from numpy.testing import assert_array_equal

from tests.parallel.engine import ENGINE
from tests.parallel.ranks import (
    MAIN,
    RANK,
    RANKS,
    Rows,
    cell_type,
    cells,
    chunk,
    counts,
    meet,
    ordered,
    signed,
)

TURNS = 15
ROWS = 4


def of_all_ranks() -> Rows:
    return np.concatenate(
        [signed(rank, turn, ROWS) for rank in range(RANKS) for turn in range(TURNS)]
    )


def test_appends_of_ranks_to_chunks_of_their_own_are_all_kept(storage: Storage) -> None:
    placed = cells(storage)
    for turn in range(TURNS):
        placed.append_data(chunk(RANK, turn % 3), positions=signed(RANK, turn, ROWS))
    meet()
    for rank in range(RANKS):
        for column in range(3):
            expected = [signed(rank, turn, ROWS) for turn in range(column, TURNS, 3)]
            with placed.chunk_context([chunk(rank, column)]):
                assert_array_equal(placed.load_positions(), np.concatenate(expected))
    assert RANKS * TURNS * ROWS == len(placed)


def test_appends_of_ranks_to_one_chunk_are_all_kept(storage: Storage) -> None:
    placed = cells(storage)
    for turn in range(TURNS):
        placed.append_data(chunk(0), positions=signed(RANK, turn, ROWS))
    meet()
    assert_array_equal(ordered(placed.load_positions()), of_all_ranks())
    assert {int(chunk(0).id): RANKS * TURNS * ROWS} == counts(placed.get_chunk_stats())


def test_the_rows_of_one_append_stay_together_and_in_order(storage: Storage) -> None:
    placed = cells(storage)
    for turn in range(TURNS):
        placed.append_data(chunk(0), positions=signed(RANK, turn, ROWS))
    meet()
    appends = placed.load_positions().reshape(-1, ROWS, 3)
    assert_array_equal(np.ptp(appends[:, :, :2], axis=1), 0)
    assert_array_equal(appends[:, :, 2], np.tile(np.arange(ROWS), (RANKS * TURNS, 1)))
    for rank in range(RANKS):
        turns = appends[appends[:, 0, 0] == rank, 0, 1]
        assert_array_equal(turns, np.arange(TURNS))


def test_a_cell_keeps_its_own_additional_values(storage: Storage) -> None:
    placed = cells(storage)
    for turn in range(TURNS):
        rows = signed(RANK, turn, ROWS)
        written = {"signature": rows @ [10_000.0, 100.0, 1.0]}
        placed.append_data(chunk(turn % 2), positions=rows, additional=written)
    meet()
    assert RANKS * TURNS * ROWS == len(placed)
    signature = placed.load_positions() @ [10_000.0, 100.0, 1.0]
    assert_array_equal(placed.load_additional("signature"), signature)


def test_the_statistics_of_the_storage_count_what_every_rank_placed(storage: Storage) -> None:
    placed = cells(storage)
    for turn in range(TURNS):
        placed.append_data(chunk(turn % 5), positions=signed(RANK, turn, ROWS))
    meet()
    stats = storage.get_chunk_stats()
    cells_a_chunk = RANKS * TURNS * ROWS // 5
    expected = {int(chunk(x).id): cells_a_chunk for x in range(5)}
    assert expected == {int(chunk_id): stat["placed"] for chunk_id, stat in stats.items()}


def test_labels_that_ranks_give_to_cells_of_one_chunk_are_all_kept(storage: Storage) -> None:
    placed = cells(storage)
    if RANK == 0:
        placed.append_data(chunk(0), positions=np.zeros((10 * RANKS, 3)))
    meet()
    mine = np.arange(RANK, 10 * RANKS, RANKS)
    for cell in mine:
        placed.label([f"rank {RANK}", "any rank"], [cell])
    meet()
    for rank in range(RANKS):
        of_rank = np.arange(rank, 10 * RANKS, RANKS)
        assert_array_equal(placed.get_labelled([f"rank {rank}"]), of_rank)
    assert_array_equal(placed.get_labelled(["any rank"]), np.arange(10 * RANKS))


def test_placement_sets_that_ranks_make_at_once_all_exist(storage: Storage) -> None:
    for turn in range(5):
        storage.require_placement_set(cell_type(f"of rank {RANK} in turn {turn}"))
        storage.require_placement_set(cell_type(f"of all in turn {turn}"))
    meet()
    for turn in range(5):
        for owner in ["all", *(f"rank {rank}" for rank in range(RANKS))]:
            placed = storage.get_placement_set(cell_type(f"of {owner} in turn {turn}"))
            assert 0 == len(placed)


@pytest.mark.parametrize("writer", range(2))
def test_one_rank_may_write_alone(storage: Storage, writer: int) -> None:
    placed = cells(storage)
    if writer == RANK:
        for turn in range(TURNS):
            placed.append_data(chunk(turn % 2), positions=signed(RANK, turn, ROWS))
    meet()
    expected = [signed(writer, turn, ROWS) for turn in range(TURNS)]
    assert_array_equal(ordered(placed.load_positions()), np.concatenate(expected))


def test_ranks_require_a_set_that_is_empty_together(storage: Storage) -> None:
    required = storage._engine.require_placement_set(cell_type("required by all"))
    assert "required by all" == required.tag
    assert 0 == len(required)
    meet()
    required.append_data(chunk(RANK), positions=signed(RANK, 0, ROWS))
    meet()
    assert RANKS * ROWS == len(storage._engine.require_placement_set(required.cell_type))


def test_a_communicator_can_be_set_again(storage: Storage) -> None:
    placed = cells(storage)
    storage._engine.set_comm(storage._comm)
    placed.append_data(chunk(RANK), positions=signed(RANK, 0, ROWS))
    meet()
    assert RANKS * ROWS == len(placed)


def test_a_relative_root_is_meant_where_the_main_rank_works(
    shared_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shared_path / str(RANK)
    folder.mkdir()
    monkeypatch.chdir(folder)
    storage = Storage(ENGINE, "network")
    placed = cells(storage)
    placed.append_data(chunk(RANK), positions=signed(RANK, 0, 3))
    meet()
    assert 3 * RANKS == len(placed)
    storage.move("moved")
    assert 3 * RANKS == len(cells(storage))
    meet()
    assert (["moved"] if MAIN else []) == [each.name for each in folder.iterdir()]
