"""Labels of selected cells, against a list of sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bsb_hdf5.core.cell_labels import change_labels, load_label_codes
from bsb_hdf5.core.selection import Selection
from bsb_hdf5.errors import (
    CellIdError,
    InputError,
)
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
from tests.unit.memory import changes_of


@given(placements, chunk_filters, label_filters, st.data())
@settings(max_examples=60)
def test_labels_change_on_the_cells_that_were_meant(
    by_chunk: LabelsByChunk, chunks: list[int] | None, labels: list[str] | None, draw: Any
) -> None:
    data, everything = stored(by_chunk), cells_of(by_chunk)
    numbers = [i for i, cell in enumerate(everything) if selects(cell, chunks, labels)]
    some = draw.draw(st.lists(st.sampled_from(range(len(numbers))))) if numbers else []
    changed = draw.draw(st.frozensets(st.sampled_from(["a", "new"])))
    remove = draw.draw(st.booleans())
    cells = Selection(ids_of(chunks), labels).resolve(data)
    change_labels(data, cells, np.array(some, dtype=np.int64), sorted(changed), remove=remove)
    expected = [set(cell.labels) for cell in everything]
    for number in {numbers[i] for i in some}:
        expected[number] = expected[number] - changed if remove else expected[number] | changed
    table, codes = data.label_sets().table, load_label_codes(data, data.counts())
    assert expected == [set(table[code]) for code in codes.tolist()]


def test_labels_of_no_cell_and_no_labels_store_nothing() -> None:
    data = stored({0: [frozenset()] * 2})
    before = changes_of(data)
    cells = Selection().resolve(data)
    change_labels(data, cells, np.array([], dtype=np.int64), ["a"])
    change_labels(data, cells, np.array([0]), [])
    change_labels(data, cells, np.array([0]), ["a"], remove=True)
    assert before == changes_of(data)


@pytest.mark.parametrize("chunks", [None, [0], [7]])
@pytest.mark.parametrize("labels", [None, ["x"]])
def test_cells_that_are_not_selected_are_not_labelled(
    chunks: list[int] | None, labels: list[str] | None
) -> None:
    data = stored({0: [frozenset({"x"})] * 2, 3: [frozenset()] * 3})
    kept = None if chunks is None else np.array(chunks)
    cells = Selection(kept, labels).resolve(data)
    before = load_label_codes(data, data.counts()).tolist()
    for wrong in ([-1], [0, len(cells)], [99]):
        with pytest.raises(CellIdError, match=f"none has the id {wrong[-1]};"):
            change_labels(data, cells, wrong, ["y"])
    with pytest.raises(InputError):
        change_labels(data, cells, [0.5], ["y"])
    change_labels(data, cells, [], ["y"])
    assert before == load_label_codes(data, data.counts()).tolist()
