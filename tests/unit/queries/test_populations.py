"""Cells are numbered by chunk, and those that do not exist are named."""

from __future__ import annotations

import numpy as np
import pytest

from bsb_hdf5.core.statistics import ChunkCounts
from bsb_hdf5.errors import CorruptNetworkError
from bsb_hdf5.queries.populations import Numbers, Population

# Cells 0 and 1 are in chunk 1, the others in chunk 4.
CELLS = Population("golgi", ChunkCounts.of({1: 2, 4: 3}), 5, None)
FEWER = Population("golgi", CELLS.whole, 2, np.array([-1, 0, -1, -1, 1]))
NONE = Population("golgi", ChunkCounts.of({}), 0, None)


def array(values: list[int]) -> Numbers:
    return np.array(values, dtype=np.int64)


@pytest.mark.parametrize(
    ("chunks", "sizes", "ranks", "expected"),
    [
        ([1], [2], [1, 0], [1, 0]),
        ([4], [2], [2, 0], [4, 2]),
        ([1, 4], [1, 2], [1, 0, 2], [1, 2, 4]),
        ([4, 1, 4, 1], [0, 2, 1, 0], [0, 1, 2], [0, 1, 4]),
        ([9, 4], [0, 1], [1], [3]),
        ([4], [0], [], []),
        ([], [], [], []),
    ],
    ids=["first chunk", "last chunk", "both", "empty blocks", "one left", "empty", "none"],
)
def test_a_cell_has_the_number_after_those_of_earlier_chunks(
    chunks: list[int], sizes: list[int], ranks: list[int], expected: list[int]
) -> None:
    blocks = array(chunks), array(sizes), array(ranks)
    assert expected == CELLS.number(*blocks).tolist()
    kept = [{1: 0, 4: 1}.get(number, -1) for number in expected]
    assert kept == FEWER.number(*blocks).tolist()


@pytest.mark.parametrize(
    ("cells", "chunks", "ranks", "named"),
    [
        (CELLS, [1], [2], (2, 1, 2)),
        (CELLS, [1, 4], [1, 3], (3, 4, 3)),
        (CELLS, [1, 4], [2, 2], (2, 1, 2)),
        (CELLS, [0], [0], (0, 0, 0)),
        (CELLS, [9], [3], (3, 9, 0)),
        (NONE, [1], [0], (0, 1, 0)),
        (NONE, [1, 4], [0, 0], (0, 1, 0)),
        (CELLS, [4], [-1], (-1, 4, 3)),
        (CELLS, [1, 4], [1, -2], (-2, 4, 3)),
    ],
)
def test_a_cell_that_its_chunk_does_not_have_is_named(
    cells: Population, chunks: list[int], ranks: list[int], named: tuple[int, int, int]
) -> None:
    said = "a connection is on cell {} in chunk {} of 'golgi', which has {} cells there"
    with pytest.raises(CorruptNetworkError, match=said.format(*named)):
        cells.number(array(chunks), array([1] * len(chunks)), array(ranks))
    if len(chunks) == 1:
        with pytest.raises(CorruptNetworkError, match=said.format(*named)):
            cells.look_up(np.arange(cells.size), chunks[0], array(ranks))
        with pytest.raises(CorruptNetworkError, match=said.format(*named)):
            cells.tally(chunks[0], array(ranks))


def test_entries_of_a_table_are_those_of_the_cells_of_a_chunk() -> None:
    table = array([10, 11, 12, 13, 14])
    assert [11, 10] == CELLS.look_up(table, 1, array([1, 0])).tolist()
    assert [14, 12, 14] == CELLS.look_up(table, 4, array([2, 0, 2])).tolist()


def test_cells_of_a_chunk_are_counted_from_its_first_one_on() -> None:
    for chunk, ranks, first, counts in ((1, [1, 1], 0, [0, 2]), (4, [2, 0, 2], 2, [1, 0, 2])):
        found = CELLS.tally(chunk, array(ranks))
        assert (first, counts) == (found[0], found[1].tolist())
    assert (0, []) == (NONE.tally(1, array([]))[0], NONE.tally(1, array([]))[1].tolist())


def test_cells_that_filters_leave_out_are_in_no_chunk() -> None:
    assert CELLS.kept_chunks() is None
    assert [0, 0, 1, 1, 1] == CELLS.chunk_of_each().tolist()
    assert [0, 1] == FEWER.chunk_of_each().tolist()
    kept = FEWER.kept_chunks()
    assert kept is not None
    assert [1, 4] == kept.tolist()
