"""Which cells a selection means, against a filtered list."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from bsb_hdf5.core.column_specs import POSITION
from bsb_hdf5.core.columns import load_column
from bsb_hdf5.core.selection import Selection
from tests.unit.core.cells import (
    LabelsByChunk,
    cells_of,
    chunk_filters,
    ids_of,
    label_filters,
    placements,
    selects,
    stored,
)


@given(placements, chunk_filters, label_filters)
@settings(max_examples=60)
def test_selected_cells_are_numbered_like_a_filtered_list(
    by_chunk: LabelsByChunk, chunks: list[int] | None, labels: list[str] | None
) -> None:
    data, everything = stored(by_chunk), cells_of(by_chunk)
    selected = [cell for cell in everything if selects(cell, chunks, labels)]
    cells = Selection(ids_of(chunks), labels).resolve(data)
    assert len(selected) == len(cells)
    assert [everything.index(cell) for cell in selected] == cells.global_ids(data.counts()).tolist()
    index, rank = cells.locate(np.arange(len(selected)))
    assert [cell.chunk for cell in selected] == cells.counts.ids[index].tolist()
    assert [cell.rank for cell in selected] == rank.tolist()
    positions = load_column(data, POSITION, cells)
    assert [[cell.chunk, cell.rank, 0] for cell in selected] == positions.tolist()
