"""Columns of the cells: aligned, and loaded for selected cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.core.cell_labels import change_labels
from bsb_hdf5.core.column_specs import POSITION, ColumnSpec, join
from bsb_hdf5.core.columns import align, load_additional, load_morphologies
from bsb_hdf5.core.layouts.classic.placement import ClassicPlacement
from bsb_hdf5.core.placement import append_additional
from bsb_hdf5.core.placement_rows import PlacementRows
from bsb_hdf5.core.selection import Selection
from bsb_hdf5.core.statistics import ChunkCounts
from bsb_hdf5.errors import (
    CorruptNetworkError,
    DataNotFoundError,
    LengthError,
)
from tests.unit.core.cells import stored
from tests.unit.memory import new_placement


def test_rows_of_chunks_are_joined_if_they_are_of_one_width() -> None:
    rows, lengths = join([np.ones((2, 3)), np.zeros((0, 5)), np.zeros((1, 3))], POSITION)
    assert ([[1.0] * 3] * 2 + [[0.0] * 3], [2, 0, 1]) == (rows.tolist(), lengths.tolist())
    with pytest.raises(CorruptNetworkError, match=r"'position' are of shape \(3,\) and \(5,\)"):
        join([np.ones((2, 3)), np.zeros((1, 5))], POSITION)


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 4)).map(lambda p: (min(p), max(p))),
        max_size=5,
    )
)
def test_rows_are_filled_up_to_one_per_cell(chunks: list[tuple[int, int]]) -> None:
    column = ColumnSpec("x", (), np.dtype(np.float64), -1.0)
    lengths = np.array([held for held, _ in chunks], dtype=np.int64)
    counts = ChunkCounts.of({i: cells for i, (_, cells) in enumerate(chunks)})
    expected: list[float] = []
    number = 0
    for held, cells in chunks:
        expected += [float(number + i) for i in range(held)] + [-1.0] * (cells - held)
        number += held
    rows = np.arange(float(number))
    assert expected == align(column, rows, lengths, counts).tolist()


def test_rows_past_the_last_cell_are_left_out() -> None:
    """An append that failed half-way in bsb-hdf5 8.0.2 leaves them."""
    counts = ChunkCounts.of({5: 2, 9: 1, 12: 2})
    rows = np.arange(7.0)
    assert [0, 1, 3, 5, 6] == align(_COLUMN, rows, np.array([3, 2, 2]), counts).tolist()
    assert [0, 1, 3, 4, -1] == align(_COLUMN, rows[:5], np.array([3, 1, 1]), counts).tolist()


_COLUMN = ColumnSpec("x", (), np.dtype(np.float64), -1.0)


def with_names(data: ClassicPlacement, chunk: int, names: list[str]) -> None:
    given_names = (sorted(set(names)), [sorted(set(names)).index(name) for name in names])
    rows = PlacementRows.of_cells(np.zeros((len(names), 3)), given_names, None, None)
    data.append(chunk, rows)


def test_morphologies_of_several_chunks_share_their_names() -> None:
    data = new_placement()
    with_names(data, 3, ["b", "a", "b"])
    with_names(data, 0, ["c", "a"])
    with_names(data, 3, ["c", "a"])
    found = load_morphologies(data, Selection().resolve(data))
    assert found is not None
    assert ["c", "a", "b", "a", "b", "c", "a"] == [found.names[i] for i in found.indices]
    assert sorted(found.names) == ["a", "b", "c"]


def test_morphologies_under_a_label_filter_are_those_of_its_cells() -> None:
    data = new_placement()
    with_names(data, 0, ["a", "b"])
    with_names(data, 3, ["c", "d"])
    change_labels(data, Selection().resolve(data), np.array([1, 2]), ["x"])
    found = load_morphologies(data, Selection(labels=["x"]).resolve(data))
    assert found is not None
    assert ["b", "c"] == [found.names[i] for i in found.indices]
    unlabelled = load_morphologies(data, Selection(labels=[]).resolve(data))
    assert unlabelled is not None
    assert ["a", "d"] == [unlabelled.names[i] for i in unlabelled.indices]


def test_cells_without_morphologies_have_none() -> None:
    assert load_morphologies(*_resolved(stored({0: [frozenset()]}))) is None
    assert load_morphologies(*_resolved(new_placement())) is None


def test_morphologies_of_some_of_the_cells_only_are_an_error() -> None:
    data = stored({0: [frozenset()] * 2})
    with_names(data, 3, ["a"])
    with pytest.raises(DataNotFoundError):
        load_morphologies(*_resolved(data))
    alone = load_morphologies(data, Selection(chunks=np.array([3])).resolve(data))
    assert alone is not None
    assert [0] == alone.indices.tolist()


def _resolved(data: ClassicPlacement) -> tuple[ClassicPlacement, Any]:
    return data, Selection().resolve(data)


def test_additional_data_have_a_row_for_each_cell_that_was_given_any() -> None:
    data = stored({0: [frozenset()] * 2, 3: [frozenset()] * 2, 65536: [frozenset()]})
    append_additional(data, "k", 0, np.array([5.0]))
    append_additional(data, "k", 3, np.array([6.0, 7.0]))
    assert [5.0, 6.0, 7.0] == load_additional(data, "k", Selection().resolve(data)).tolist()
    change_labels(data, Selection().resolve(data), np.array([1, 2, 4]), ["x"])
    labelled = Selection(labels=["x"]).resolve(data)
    assert [6.0] == load_additional(data, "k", labelled).tolist()
    unlabelled = Selection(labels=[]).resolve(data)
    assert [5.0, 7.0] == load_additional(data, "k", unlabelled).tolist()


def test_cells_before_the_first_with_additional_data_have_nan() -> None:
    data = stored({0: [frozenset()]})
    data.append(0, PlacementRows.of_cells(np.zeros((1, 3)), None, None, {"k": [5.0]}))
    found = load_additional(data, "k", Selection().resolve(data))
    assert [True, False] == np.isnan(found).tolist()
    assert 5.0 == found[1]


def test_additional_data_of_an_unknown_key_are_not_found() -> None:
    data = stored({0: [frozenset()]})
    append_additional(data, "known", 0, np.array([5.0]))
    with pytest.raises(DataNotFoundError, match=r"'unknown'.*'known'"):
        load_additional(data, "unknown", Selection().resolve(data))


def test_additional_data_beyond_the_cells_of_a_chunk_are_refused() -> None:
    data = stored({0: [frozenset()] * 3})
    append_additional(data, "k", 0, np.array([1.0, 2.0]))
    with pytest.raises(LengthError) as caught:
        append_additional(data, "k", 0, np.array([3.0, 4.0]))
    assert (2, 1) == (caught.value.fields["found"], caught.value.fields["valid"])
    append_additional(data, "k", 0, np.array([3.0]))
    assert [1.0, 2.0, 3.0] == load_additional(data, "k", Selection().resolve(data)).tolist()
    with pytest.raises(LengthError):
        append_additional(data, "k", 99, np.array([1.0]))
