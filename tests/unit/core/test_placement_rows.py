"""Cells: rows as given by callers, and selections of cells against plain lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bsb_hdf5.core.cell_ids import as_cell_ids, to_local_ids
from bsb_hdf5.core.cell_labels import change_labels, load_label_codes
from bsb_hdf5.core.column_specs import POSITION, ColumnSpec
from bsb_hdf5.core.columns import align, load_additional, load_column, load_morphologies
from bsb_hdf5.core.layouts.classic.placement import ClassicPlacement
from bsb_hdf5.core.placement import append_additional
from bsb_hdf5.core.placement_rows import PlacementRows
from bsb_hdf5.core.selection import Selection
from bsb_hdf5.core.statistics import ChunkCounts
from bsb_hdf5.errors import (
    CellIdError,
    CorruptNetworkError,
    DataNotFoundError,
    DtypeError,
    InputError,
    InvalidNameError,
    LengthError,
    ShapeError,
)
from tests.unit.memory import changes_of, new_placement

CHUNKS = [0, 3, 65536, 2**40]


@attrs.frozen
class Cell:
    """What a test knows of a cell."""

    chunk: int
    rank: int
    labels: frozenset[str]


LabelsByChunk = dict[int, list[frozenset[str]]]

label_sets = st.frozensets(st.sampled_from(["a", "b"]))
placements = st.dictionaries(
    st.sampled_from(CHUNKS), st.lists(label_sets, max_size=4), min_size=1, max_size=4
)
chunk_filters = st.none() | st.lists(st.sampled_from([*CHUNKS, 99]), max_size=3)
label_filters = st.none() | st.lists(st.sampled_from(["a", "b", "unknown"]), max_size=2)


def cells_of(by_chunk: LabelsByChunk) -> list[Cell]:
    """All cells, in the order in which they are numbered."""
    return [
        Cell(chunk, rank, labels)
        for chunk in sorted(by_chunk)
        for rank, labels in enumerate(by_chunk[chunk])
    ]


def stored(by_chunk: LabelsByChunk) -> ClassicPlacement:
    """A set of these cells; the position of each is its chunk and rank."""
    data = new_placement()
    for chunk, cells in by_chunk.items():
        positions = [[chunk, rank, 0] for rank in range(len(cells))]
        data.require_chunk(chunk)
        data.append(chunk, PlacementRows.of_cells(positions, None, None, None))
    everything = cells_of(by_chunk)
    for label in ("a", "b"):
        ids = [i for i, cell in enumerate(everything) if label in cell.labels]
        change_labels(data, Selection().resolve(data), np.array(ids, dtype=np.int64), [label])
    return data


def ids_of(chunks: Iterable[int] | None) -> Any:
    return None if chunks is None else np.array(list(chunks), dtype=np.int64)


def selects(cell: Cell, chunks: list[int] | None, labels: list[str] | None) -> bool:
    """Whether a filter lets a cell pass: any of the labels, or for none, no label."""
    if chunks is not None and cell.chunk not in chunks:
        return False
    return labels is None or bool(cell.labels & set(labels)) or cell.labels == set(labels)


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


def test_labels_of_no_cell_and_no_labels_store_nothing() -> None:
    data = stored({0: [frozenset()] * 2})
    before = changes_of(data)
    cells = Selection().resolve(data)
    change_labels(data, cells, np.array([], dtype=np.int64), ["a"])
    change_labels(data, cells, np.array([0]), [])
    change_labels(data, cells, np.array([0]), ["a"], remove=True)
    assert before == changes_of(data)


# Rows as they are given


def test_cells_come_as_copies_of_what_was_given() -> None:
    positions, rotations, values = np.ones((2, 3)), np.ones((2, 3)), np.ones(2)
    rows = PlacementRows.of_cells(positions, (["m"], [0, 0]), rotations, {"k": values})
    for given_array in (positions, rotations, values):
        given_array[:] = -1
    assert [[1.0] * 3] * 2 == rows.positions.tolist()  # type: ignore[union-attr]
    assert [[1.0] * 3] * 2 == rows.rotations.tolist()  # type: ignore[union-attr]
    assert [1.0, 1.0] == rows.additional["k"].tolist()


def test_cells_with_morphology_are_rotated_by_nothing_if_nobody_says_otherwise() -> None:
    rows = PlacementRows.of_cells(np.zeros((2, 3)), (["m"], [0, 0]), None, None)
    assert [[0.0] * 3] * 2 == rows.rotations.tolist()  # type: ignore[union-attr]
    assert PlacementRows.of_cells(np.zeros((2, 3)), None, None, None).rotations is None


@pytest.mark.parametrize("positions", [[], np.zeros((0, 3)), np.zeros((0, 2)), [[]]])
def test_no_positions_are_no_cells(positions: Any) -> None:
    rows = PlacementRows.of_cells(positions, None, None, None)
    assert 0 == rows.count
    assert (0, 3) == rows.positions.shape  # type: ignore[union-attr]


@pytest.mark.parametrize("positions", [np.zeros((2, 2)), np.zeros(3), np.zeros((1, 3, 1)), 5.0])
def test_positions_of_another_shape_are_refused(positions: Any) -> None:
    with pytest.raises(ShapeError, match="positions"):
        PlacementRows.of_cells(positions, None, None, None)


@pytest.mark.parametrize(
    ("given_rows", "titles"),
    [
        ({"rotations": np.zeros((2, 3))}, ["rotation"]),
        ({"morphologies": (["m"], [0])}, ["morphology"]),
        ({"additional": {"a": [1.0], "b": [1.0] * 3}}, ["additional/a"]),
        ({"rotations": np.zeros((4, 3)), "additional": {"a": [1]}}, ["rotation", "additional/a"]),
    ],
)
def test_rows_that_differ_in_length_are_refused(given_rows: Any, titles: list[str]) -> None:
    rows = {"morphologies": None, "rotations": None, "additional": None, **given_rows}
    with pytest.raises(LengthError) as caught:
        PlacementRows.of_cells(np.zeros((3, 3)), **rows)
    assert titles == list(caught.value.fields["found"])
    assert 3 == caught.value.fields["valid"]


@pytest.mark.parametrize("indices", [[2], [-1], [0, 5]])
def test_indices_of_no_morphology_are_refused(indices: list[int]) -> None:
    with pytest.raises(InputError, match="morphology"):
        PlacementRows.of_cells(np.zeros((len(indices), 3)), (["a", "b"], indices), None, None)


@pytest.mark.parametrize("name", ["a/b", "", "."])
def test_names_that_can_not_be_stored_are_refused(name: str) -> None:
    with pytest.raises(InvalidNameError):
        PlacementRows.of_cells(np.zeros((1, 3)), ([name], [0]), None, None)
    with pytest.raises(InvalidNameError):
        PlacementRows.of_cells(np.zeros((1, 3)), None, None, {name: [1.0]})


def test_additional_data_have_a_row_per_cell() -> None:
    rows = PlacementRows.of_entities(2, {"vectors": np.zeros((2, 4)), "flags": [True, False]})
    assert (2, 4) == rows.additional["vectors"].shape
    with pytest.raises(ShapeError, match="one number"):
        PlacementRows.of_entities(2, {"k": 5})
    with pytest.raises(DtypeError):
        PlacementRows.of_entities(2, {"k": ["a", "b"]})


def test_entities_have_no_place() -> None:
    rows = PlacementRows.of_entities(5, None)
    assert 5 == rows.count
    assert rows.positions is None
    assert [] == list(rows.columns())


@pytest.mark.parametrize("ids", [[-1], [3], [0, 1, 99]])
def test_ids_of_no_cell_are_refused(ids: list[int]) -> None:
    with pytest.raises(CellIdError, match=f"{ids[-1]} is outside the 3 cells"):
        as_cell_ids(ids, 3, "granule")


@pytest.mark.parametrize("ids", [[[0]], 0, [0.5], [np.nan], ["a"]])
def test_ids_are_a_list_of_whole_numbers(ids: Any) -> None:
    with pytest.raises(InputError):
        as_cell_ids(ids, 3, "granule")


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
        with pytest.raises(CellIdError, match=f"{wrong[-1]} is outside the {len(cells)} cells"):
            change_labels(data, cells, wrong, ["y"])
    with pytest.raises(InputError):
        change_labels(data, cells, [0.5], ["y"])
    change_labels(data, cells, [], ["y"])
    assert before == load_label_codes(data, data.counts()).tolist()


# Alignment


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


def test_more_rows_than_cells_are_corrupt() -> None:
    counts = ChunkCounts.of({5: 2, 9: 1})
    with pytest.raises(CorruptNetworkError, match=r"chunk 9 has 2 rows of 'position' for 1 cells"):
        align(POSITION, np.zeros((4, 3)), np.array([2, 2]), counts)


# What is loaded


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
