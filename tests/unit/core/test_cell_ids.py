"""Numbers of cells: which are valid, and what they are among some chunks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bsb_hdf5.core.cell_ids import SelectedCells, as_cell_ids, to_local_ids
from bsb_hdf5.core.statistics import ChunkCounts
from bsb_hdf5.errors import (
    CellIdError,
    InputError,
)
from tests.unit.core.cells import (
    LabelsByChunk,
    cells_of,
    chunk_filters,
    ids_of,
    placements,
    selects,
)


@given(placements, chunk_filters, st.data())
@settings(max_examples=60)
def test_ids_of_the_whole_set_become_ids_of_some_chunks(
    by_chunk: LabelsByChunk, chunks: list[int] | None, draw: Any
) -> None:
    everything = cells_of(by_chunk)
    counts = ChunkCounts.of({chunk: len(cells) for chunk, cells in by_chunk.items()})
    ids = draw.draw(st.lists(st.sampled_from(range(len(everything))))) if everything else []
    local = [cell for cell in everything if selects(cell, chunks, None)]
    expected = [local.index(everything[i]) for i in ids if everything[i] in local]
    found = to_local_ids(np.array(ids, dtype=np.int64), counts, ids_of(chunks))
    assert expected == found.tolist()


@pytest.mark.parametrize("ids", [[-1], [3], [0, 1, 99]])
def test_ids_of_no_cell_are_refused(ids: list[int]) -> None:
    with pytest.raises(CellIdError, match=f"none has the id {ids[-1]};"):
        as_cell_ids(ids, 3, "granule")


def test_of_many_ids_of_no_cell_the_first_ten_are_reported() -> None:
    with pytest.raises(CellIdError, match="20 of 21 ids") as caught:
        as_cell_ids([0, *range(3, 23)], 3, "granule")
    assert list(range(3, 13)) == caught.value.fields["asked"]


@pytest.mark.parametrize("ids", [[[0]], 0, [0.5], [np.nan], ["a"]])
def test_ids_are_a_list_of_whole_numbers(ids: Any) -> None:
    with pytest.raises(InputError):
        as_cell_ids(ids, 3, "granule")


@pytest.mark.parametrize("in_order", [False, True])
@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.data())
@settings(max_examples=60)
def test_cells_are_numbered_among_those_of_their_chunks(
    in_order: bool, counts: list[int], draw: Any
) -> None:
    cells = [(chunk, rank) for chunk, count in enumerate(counts) for rank in range(count)]
    ids = draw.draw(st.lists(st.sampled_from(range(len(cells))))) if cells else []
    ids = sorted(ids) if in_order else ids
    held, found = SelectedCells(ChunkCounts.of(dict(enumerate(counts)))).within(ids, "cell")
    touched = {cells[number][0] for number in ids}
    if touched:
        assert sorted(touched) == held.ids.tolist()
    among = [cell for cell in cells if cell[0] in touched]
    assert [cells[number] for number in ids] == [among[number] for number in found.tolist()]
