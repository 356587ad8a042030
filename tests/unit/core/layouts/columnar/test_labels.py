"""Labels of cells in the columnar layout."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from bsb_hdf5.adapters.memory.arrays import (
    MemoryArrayWriter,
    MemoryGroupWriter,
)
from bsb_hdf5.core.cell_labels import change_labels, load_label_codes
from bsb_hdf5.core.column_specs import LABELS, POSITION
from bsb_hdf5.core.columns import load_column
from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.placement_rows import PlacementRows
from bsb_hdf5.core.selection import Selection
from bsb_hdf5.core.statistics import ChunkCounts
from bsb_hdf5.errors import (
    LengthError,
)
from tests.unit.core.layouts.columnar.networks import (
    cells,
    eight_chunks,
    group_of,
    label,
    new_network,
    reopened,
)


def test_labels_of_rows_that_follow_each_other_are_one_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = new_network()
    for chunk in (3, 1, 2, 0):
        network.placement("cell").append(chunk, cells(2))
    network = reopened(network)
    data = network.placement("cell")
    change_labels(data, Selection().resolve(data), np.arange(7), ["x"])
    data = reopened(network).placement("cell")
    write, written = MemoryArrayWriter.write, []

    def note_write(self: Any, start: int, rows: Any) -> None:
        written.append((start, len(rows)))
        write(self, start, rows)

    monkeypatch.setattr(MemoryArrayWriter, "write", note_write)
    change_labels(data, Selection().resolve(data), np.arange(8), ["y"])
    assert [(0, 8)] == written


@pytest.mark.parametrize("before", [[], [0], [0, 1]])
@pytest.mark.parametrize("after", [[], [1], [2], [1, 2]])
def test_labels_among_cells_that_are_added_are_all_stored(
    before: list[int], after: list[int]
) -> None:
    network = new_network()
    for chunk in (0, 1):
        network.placement("cell").append(chunk, cells(2))
    network = reopened(network)
    placed = network.placement("cell")
    for chunk in before:
        label(placed, 2 * chunk, "before")
    placed.append(2, cells(2))
    for chunk in after:
        label(placed, 2 * chunk + 1, "after")
    placed = reopened(network).placement("cell")
    assert [2, 2, 2] == placed.counts().counts.tolist()
    codes = load_label_codes(placed, placed.counts())
    labelled = {name: placed.label_sets().mask(codes, [name]) for name in ("before", "after")}
    assert [2 * chunk for chunk in before] == labelled["before"].nonzero()[0].tolist()
    assert [2 * chunk + 1 for chunk in after] == labelled["after"].nonzero()[0].tolist()


@pytest.mark.parametrize("in_place", [False, True])
def test_labels_of_several_chunks_in_one_session_are_all_stored(
    monkeypatch: pytest.MonkeyPatch, in_place: bool
) -> None:
    monkeypatch.setattr(MemoryGroupWriter, "overwrites_in_place", in_place)
    network = eight_chunks()
    for chunk in (5, 2, 3):
        label(network.placement("cell"), chunk, "x")
    placed = reopened(network).placement("cell")
    rows, lengths = placed.read_column(LABELS, placed.chunks())
    if in_place:
        assert ([0, 0, 1, 1, 0, 1, 0, 0], [1] * 8) == (rows.tolist(), lengths.tolist())
    else:
        assert ([1, 1, 1], [0, 0, 1, 1, 0, 1, 0, 0]) == (rows.tolist(), lengths.tolist())


Written = list[tuple[int, list[Any]]]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """What is overwritten from now on: the first row, and the rows."""
    write, noted = MemoryArrayWriter.write, Written()

    def note_write(self: Any, start: int, rows: Any) -> None:
        noted.append((start, rows.tolist()))
        write(self, start, rows)

    monkeypatch.setattr(MemoryArrayWriter, "write", note_write)
    return noted


def test_the_first_label_alone_changes_the_table(written: Written) -> None:
    network = eight_chunks()
    label(network.placement("cell"), 5, "x")
    network.flush()
    assert [(5, [1]), (0, [[chunk, chunk, 1, 3] for chunk in range(8)])] == written
    written.clear()
    tally = group_of(network).attributes.get("tally").tolist()
    for chunk in (7, 0):
        label(network.placement("cell"), chunk, "x")
        network.flush()
    assert [(7, [1]), (0, [1])] == written
    assert tally == group_of(network).attributes.get("tally").tolist()
    assert 4 == group_of(network).attributes.get("revision")


@pytest.mark.parametrize("wrong", [None, 2, 3, 4])
def test_a_label_puts_a_tally_right_that_is_not_that_of_its_table(wrong: int | None) -> None:
    network = eight_chunks()
    label(network.placement("cell"), 5, "x")
    network = reopened(network)
    attributes = group_of(network).attributes
    told = attributes.get("tally")
    if wrong is None:
        attributes.delete("tally")
    else:
        attributes.set("tally", told + (np.arange(len(told)) == wrong))
    label(network.placement("cell"), 3, "x")
    network.flush()
    assert told[1:].tolist() == attributes.get("tally").tolist()[1:]


def test_a_label_adds_rows_and_rewrites_an_entry_where_rows_are_costly_to_overwrite(
    monkeypatch: pytest.MonkeyPatch, written: Written
) -> None:
    monkeypatch.setattr(MemoryGroupWriter, "overwrites_in_place", False)
    network = eight_chunks()
    label(network.placement("cell"), 5, "x")
    network.flush()
    assert [(5, [[5, 5, 1, 3]])] == written


def test_entities_that_nobody_labels_take_no_rows_of_codes() -> None:
    network = eight_chunks()
    network.placement("cell").append(8, PlacementRows.of_entities(1_000_000, None))
    label(network.placement("cell"), 5, "x")
    network.flush()
    assert (8,) == group_of(network).array("labels").shape
    label(network.placement("cell"), 8, "x")
    placed = reopened(network).placement("cell")
    codes = load_label_codes(placed, placed.counts())
    assert [5, 8] == codes.nonzero()[0].tolist()


def test_cells_whose_rows_held_labels_of_others_have_none() -> None:
    network = new_network()
    for chunk in range(3):
        network.placement("cell").append(chunk, cells(2))
    for cell in range(6):
        label(network.placement("cell"), cell, "x")
    network = reopened(network)
    network.placement("cell").clear(np.array([1, 2]))
    for chunk in (2, 4):
        network.placement("cell").append(chunk, cells(2))
    network.placement("cell").overwrite_column(LABELS, 2, np.zeros(0, dtype=np.int64))
    label(network.placement("cell"), 4, "y")
    placed = reopened(network).placement("cell")
    rows, lengths = placed.read_column(LABELS, placed.chunks())
    assert ([1, 1, 0, 0, 2, 0], [2, 2, 2]) == (rows.tolist(), lengths.tolist())


def test_labels_that_are_written_leave_other_cells_without() -> None:
    network = eight_chunks()
    counts = ChunkCounts.of({2: 1, 5: 1})
    network.placement("cell").write_labels(counts, np.array([3, 4]), LabelSets())
    placed = reopened(network).placement("cell")
    rows, lengths = placed.read_column(LABELS, placed.chunks())
    assert ([3, 4], [0, 0, 1, 0, 0, 1, 0, 0]) == (rows.tolist(), lengths.tolist())


def test_label_codes_beyond_their_integers_widen_the_column() -> None:
    network = new_network()
    network.placement("cell").append(0, cells(2))
    network.placement("cell").overwrite_column(LABELS, 0, np.array([1, 2]))
    network = reopened(network)
    network.placement("cell").overwrite_column(LABELS, 0, np.array([1, 2**40]))
    rows, _ = reopened(network).placement("cell").read_column(LABELS, np.array([0]))
    assert [1, 2**40] == rows.tolist()


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.uint64])
def test_label_codes_widen_a_column_of_another_program(kind: type[Any]) -> None:
    network = new_network()
    network.placement("cell").append(0, cells(3))
    label(network.placement("cell"), 1, "x")
    network = reopened(network)
    group = group_of(network)
    group.delete("labels")
    group.create_array("labels", np.array([0, 1, 0], dtype=kind))
    network.placement("cell").overwrite_column(LABELS, 0, np.array([0, 1, 300]))
    rows, _ = reopened(network).placement("cell").read_column(LABELS, np.array([0]))
    assert [0, 1, 300] == rows.tolist()


def test_labels_are_written_over_those_of_before() -> None:
    network = new_network()
    data = network.placement("cell")
    for chunk in (7, 3, 7, 5):
        data.append(chunk, cells(2))
    selected = Selection().resolve(data)
    change_labels(data, selected, np.array([0, 3, 7]), ["x"])
    change_labels(data, selected, np.array([3, 4]), ["y"])
    data = reopened(network).placement("cell")
    codes, _ = data.read_column(LABELS, data.chunks())
    mask = [data.label_sets().mask(codes, [label]).nonzero()[0].tolist() for label in "xy"]
    assert [[0, 3, 7], [3, 4]] == mask


def test_labels_of_all_cells_of_a_chunk_leave_other_columns_and_chunks_alone() -> None:
    network = new_network()
    placed = network.placement("cell")
    for chunk, count in ((1, 2), (0, 3), (1, 1), (2, 0)):
        placed.append(chunk, cells(count, 10.0 * chunk))
    before = load_column(placed, POSITION, Selection().resolve(placed)).tolist()
    for chunk, codes in ((1, [1, 2, 3]), (0, [4, 5, 6])):
        counts = ChunkCounts(np.array([chunk]), np.array([len(codes)]))
        placed.write_labels(counts, np.array(codes), LabelSets())
        assert codes == placed.read_column(LABELS, np.array([chunk]))[0].tolist()
    for seen in (placed, reopened(network).placement("cell")):
        rows, lengths = seen.read_column(LABELS, seen.chunks())
        assert ([4, 5, 6, 1, 2, 3], [3, 3, 0]) == (rows.tolist(), lengths.tolist())
        assert before == load_column(seen, POSITION, Selection().resolve(seen)).tolist()
        assert [[0, 3], [1, 3], [2, 0]] == np.stack(attrs.astuple(seen.counts())).T.tolist()


def test_more_labels_than_cells_are_refused() -> None:
    network = new_network()
    network.placement("cell").append(0, cells(2))
    counts = network.placement("cell").counts()
    network.placement("cell").clear(None)
    with pytest.raises(LengthError, match="'cell'"):
        network.placement("cell").write_labels(counts, np.zeros(2, dtype=np.int64), LabelSets())
