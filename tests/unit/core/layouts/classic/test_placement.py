"""Cells in the classic layout, against a dictionary of chunks."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bsb_hdf5.core.cell_labels import change_labels, load_label_codes
from bsb_hdf5.core.column_specs import (
    LABELS,
    POSITION,
    ROTATION,
    ColumnSpec,
    additional_column,
)
from bsb_hdf5.core.layouts.classic.columns import replace_rows
from bsb_hdf5.core.layouts.classic.network import ClassicNetwork
from bsb_hdf5.core.layouts.classic.placement import ClassicPlacement
from bsb_hdf5.core.placement_rows import PlacementRows
from bsb_hdf5.core.selection import Selection
from bsb_hdf5.core.statistics import ChunkCounts
from bsb_hdf5.errors import (
    LengthError,
)
from bsb_hdf5.transactions.versioned_cache import VersionedCache
from tests.unit.core.layouts.classic.networks import chunk, clear, reopened
from tests.unit.memory import new_network, new_placement

cells = st.builds(
    lambda n, rotated, keys: {"n": n, "rotated": rotated, "keys": keys},
    st.integers(0, 3),
    st.booleans(),
    st.frozensets(st.sampled_from(["k", "w"])),
)

placement_steps = st.lists(
    st.tuples(st.just("cells"), st.tuples(chunk, cells))
    | st.tuples(st.just("cells"), st.tuples(chunk, cells))
    | st.tuples(st.just("entities"), st.tuples(chunk, st.integers(0, 3)))
    | st.tuples(st.just("label"), st.tuples(st.sampled_from("xy"), st.integers(1, 3)))
    | st.tuples(st.just("clear"), clear)
    | st.tuples(st.just("reopen"), st.none()),
    max_size=8,
)


@given(placement_steps)
@settings(max_examples=80)
def test_cells_are_those_of_a_dictionary(history: list[tuple[str, Any]]) -> None:
    network = new_network()
    network.create_placement("cell", created_at="now")
    model: dict[int, list[dict[str, Any]]] = {}
    number = 0
    for verb, argument in history:
        data = network.placement("cell")
        if verb == "cells":
            number = append_cells(data, model, number, *argument)
        elif verb == "entities":
            data.append(argument[0], PlacementRows.of_entities(argument[1], None))
            model.setdefault(argument[0], []).extend({"labels": set()} for _ in range(argument[1]))
        elif verb == "label":
            label_every(data, model, *argument)
        elif verb == "clear":
            data.clear(None if argument is None else np.array(sorted(argument), dtype=np.int64))
            for cleared in [c for c in model if argument is None or c in argument]:
                del model[cleared]
        else:
            network = reopened(network)
        check_cells(network, model)
    check_cells(reopened(network), model)


def append_cells(
    data: Any, model: dict[int, list[dict[str, Any]]], number: int, where: int, how: dict[str, Any]
) -> int:
    new = [{"labels": set(), "position": [float(i)] * 3} for i in range(number, number + how["n"])]
    for cell in new:
        if how["rotated"]:
            cell["rotation"] = [cell["position"][0] + 0.5] * 3  # type: ignore[index]
        for key in how["keys"]:
            cell[key] = cell["position"][0] * 2  # type: ignore[index]
    rows = PlacementRows.of_cells(
        np.array([cell["position"] for cell in new]).reshape(-1, 3),
        None,
        np.array([cell["rotation"] for cell in new]).reshape(-1, 3) if how["rotated"] else None,
        {key: np.array([cell[key] for cell in new]) for key in how["keys"]},
    )
    data.append(where, rows)
    model.setdefault(where, []).extend(new)
    return number + len(new)


def label_every(data: Any, model: dict[int, Any], label: str, step: int) -> None:
    everything = [cell for c in sorted(model) for cell in model[c]]
    ids = np.arange(0, len(everything), step)
    change_labels(data, Selection().resolve(data), ids, [label])
    for cell in everything[::step]:
        cell["labels"].add(label)


def check_cells(network: ClassicNetwork, model: dict[int, list[dict[str, Any]]]) -> None:
    data = network.placement("cell")
    assert sorted(model) == data.chunks().tolist()
    counts = data.counts()
    assert {c: len(held) for c, held in model.items()} == dict(
        zip(counts.ids.tolist(), counts.counts.tolist(), strict=True)
    )
    placed = {int(c): t["placed"] for c, t in network.totals.as_document().items()}
    assert {c: len(held) for c, held in model.items() if held} == {
        c: n for c, n in placed.items() if n
    }
    columns = {
        "position": (POSITION, [np.nan] * 3),
        "rotation": (ROTATION, [0.0] * 3),
        "k": (additional_column("k"), np.nan),
        "w": (additional_column("w"), np.nan),
    }
    for name, (column, fill) in columns.items():
        for where, held in model.items():
            rows, lengths = data.read_column(column, np.array([where]))
            # Cells behind the last one that has a value may have no row.
            expected = [cell.get(name, fill) for cell in held]
            least = max((i + 1 for i, cell in enumerate(held) if name in cell), default=0)
            assert least <= lengths[0] <= len(held)
            assert repr(np.array(expected[: lengths[0]]).tolist()) == repr(rows.tolist())
    sets, labels = data.label_sets(), set()
    for where, held in model.items():
        mask = {label: sets.mask(codes_of(data, where), [label]).tolist() for label in ("x", "y")}
        for label in ("x", "y"):
            assert [label in cell["labels"] for cell in held] == mask[label]
            labels |= {label} if any(mask[label]) else set()
    assert labels <= {"x", "y"}


def codes_of(data: Any, where: int) -> Any:
    return load_label_codes(data, data.counts().select(np.array([where])))


def test_a_required_chunk_has_no_cells() -> None:
    data = new_placement()
    data.require_chunk(7)
    data.require_chunk(7)
    assert [7] == data.chunks().tolist()
    assert 0 == data.counts().total


def test_each_chunk_has_an_array_of_labels() -> None:
    """Where the first has none, bsb-hdf5 8.0.2 forgets the labels of all when it adds some."""
    data = new_placement()
    data.append(0, PlacementRows.of_cells(np.zeros((2, 3)), None, None, None))
    data.append(1, PlacementRows.of_entities(1, None))
    data.require_chunk(2)
    assert all("labels" in data._group.group(name) for name in "012")


def test_a_chunk_mixes_no_cells_with_and_without_morphology() -> None:
    data = new_placement()
    data.append(0, PlacementRows.of_cells(np.zeros((2, 3)), (["m"], [0, 0]), None, None))
    with pytest.raises(LengthError, match="morphologies"):
        data.append(0, PlacementRows.of_cells(np.zeros((1, 3)), None, None, None))
    with pytest.raises(LengthError, match="morphologies"):
        data.append(0, PlacementRows.of_entities(1, None))
    data.append(1, PlacementRows.of_cells(np.zeros((1, 3)), None, None, None))
    with pytest.raises(LengthError, match="morphologies"):
        data.append(1, PlacementRows.of_cells(np.zeros((1, 3)), (["m"], [0]), None, None))
    assert {0: 2, 1: 1} == dict(zip(*[x.tolist() for x in counts_of(data)], strict=True))


def counts_of(data: Any) -> tuple[Any, Any]:
    counts = data.counts()
    return counts.ids, counts.counts


def test_additional_data_of_another_width_are_refused_before_anything_is_appended() -> None:
    data = new_placement()
    data.append(0, PlacementRows.of_cells(np.zeros((2, 3)), None, None, {"k": np.zeros((2, 4))}))
    with pytest.raises(LengthError, match="additional/k"):
        data.append(0, PlacementRows.of_cells(np.ones((1, 3)), None, None, {"k": [1.0]}))
    assert 2 == data.counts().total
    assert [2] == data.read_column(POSITION, np.array([0]))[1].tolist()


def test_a_column_is_neither_appended_nor_overwritten_by_rows_of_another_width() -> None:
    data = new_placement()
    data.append(0, PlacementRows.of_cells(np.ones((2, 3)), None, None, {"k": [1.0, 2.0]}))
    for change in (data.append_column, data.overwrite_column):
        with pytest.raises(LengthError, match=r"'additional/k' are of shape \(2,\)"):
            change(additional_column("k"), 0, np.ones((2, 2)))
    assert [1.0, 2.0] == data.read_column(additional_column("k"), np.array([0]))[0].tolist()


@pytest.mark.parametrize("chunk", [0, 1, 2])
def test_no_rows_fit_among_rows_of_any_width(chunk: int) -> None:
    """Chunk 0 has the data, chunk 1 cells without, and chunk 2 nothing."""
    data, key, none = new_placement(), additional_column("k"), np.zeros(0)
    wide = np.arange(8.0).reshape(2, 4)
    data.append(0, PlacementRows.of_cells(np.zeros((2, 3)), None, None, {"k": wide}))
    data.append(1, PlacementRows.of_cells(np.zeros((2, 3)), None, None, None))
    data.append_column(key, chunk, none)
    data.append(chunk, PlacementRows.of_cells([], None, None, {"k": none}))
    # What is given with cells, be they none, gives the cells before them rows of the fill value.
    expected = [*wide, *([np.full(4, np.nan)] * 2 if chunk == 1 else [])]
    np.testing.assert_array_equal(data.read_column(key, np.arange(3))[0], np.array(expected))
    data.overwrite_column(key, chunk, none)
    left = [] if chunk == 0 else wide.tolist()
    assert left == data.read_column(key, np.arange(3))[0].tolist()
    assert 4 == data.counts().total
    data.append(chunk, PlacementRows.of_cells(np.zeros((2, 3)), None, None, {"k": wide}))
    assert wide.tolist() == data.read_column(key, np.array([chunk]))[0][-2:].tolist()


@pytest.mark.parametrize("column", [POSITION, ROTATION, LABELS, additional_column("k/v")])
def test_no_cells_are_given_rows_that_were_not_counted(column: ColumnSpec) -> None:
    """Such are left by a call of bsb-hdf5 8.0.2 that an error stopped."""
    data = new_placement()
    rows = PlacementRows.of_cells(np.zeros((2, 3)), None, np.zeros((2, 3)), {"k/v": [1.0, 2.0]})
    data.append(0, rows)
    replace_rows(data._group.group("0"), column, np.ones((3, *column.empty.shape[1:])))
    with pytest.raises(LengthError, match=f"'{column.title}' of chunk 0 has 3 rows for 2 cells"):
        data.append(0, PlacementRows.of_entities(1, None))
    assert [2] == data.counts().counts.tolist()


def test_a_column_is_appended_and_overwritten_chunk_by_chunk() -> None:
    data = new_placement()
    data.append_column(POSITION, 0, np.ones((2, 3)))
    data.append_column(POSITION, 0, np.zeros((1, 3)))
    assert 3 == data.counts().total
    data.overwrite_column(POSITION, 0, np.full((2, 3), 5.0))
    assert [[5.0] * 3] * 2 == data.read_column(POSITION, np.array([0]))[0].tolist()
    data.overwrite_column(additional_column("k"), 0, np.arange(4.0))
    assert ("k",) == data.additional_keys()
    assert 4 == data.counts().total


def test_cells_that_are_only_counted_are_cleared_too() -> None:
    network = new_network()
    network.create_placement("cell", created_at="now")
    # Entities of other programs: a count, and no group for their chunk.
    group = network._root.group("placement").group("cell")
    group.attributes.set("chunks", json.dumps({"5": 3, "7": 2}))
    data = network.placement("cell")
    assert 5 == data.counts().total
    data.clear(np.array([5]))
    assert 2 == data.counts().total
    data.clear(None)
    assert 0 == reopened(network).placement("cell").counts().total


def test_cells_are_added_to_chunks_that_lack_what_they_may_lack() -> None:
    data = new_placement()
    data.require_chunk(0)
    for member in data._group.group("0").names():
        data._group.group("0").delete(member)
    data.append(0, PlacementRows.of_cells(np.zeros((1, 3)), None, None, {"k": [1.0]}))
    assert [1] == data.counts().counts.tolist()
    assert [1.0] == data.read_column(additional_column("k"), np.array([0]))[0].tolist()


def test_sets_of_early_versions_are_counted_by_their_positions() -> None:
    network = new_network()
    network.create_placement("cell", created_at="now")
    data = network.placement("cell")
    data.append(0, PlacementRows.of_cells(np.zeros((2, 3)), None, None, None))
    data.append(5, PlacementRows.of_cells(np.zeros((3, 3)), None, None, None))
    network.flush()
    data._group.attributes.delete("chunks")
    again = ClassicNetwork(network._root)
    assert [2, 3] == again.placement("cell").counts().counts.tolist()
    again.placement("cell").append(0, PlacementRows.of_entities(1, None))
    assert [3, 3] == reopened(again).placement("cell").counts().counts.tolist()


def test_a_member_that_is_not_a_chunk_is_passed_over() -> None:
    """A user's own group beside the chunks keeps nobody from reading them."""
    network = new_network()
    network.create_placement("cell", created_at="now")
    network.placement("cell").append(5, PlacementRows.of_entities(1, None))
    for name in ("notes", "007", "-1", str(2**48), "9" * 30):
        network._root.group("placement").group("cell").require_group(name)
    assert [5] == network.placement("cell").chunks().tolist()


def test_counts_are_read_once_until_something_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    network, cache = new_network(), VersionedCache()
    network.create_placement("cell", created_at="now")
    network.placement("cell").append(7, PlacementRows.of_entities(2, None))
    network.flush()
    listed: list[str] = []
    names = ClassicPlacement.chunks

    def chunks(self: ClassicPlacement) -> Any:
        listed.append(self.name)
        return names(self)

    monkeypatch.setattr(ClassicPlacement, "chunks", chunks)
    for _ in range(3):
        session = ClassicNetwork(network._root, cache.at(1))
        assert {7: 2} == as_dict(session.placement("cell").counts())
    assert ["cell"] == listed
    writer = ClassicNetwork(network._root, cache.at(1)).placement("cell")
    writer.append(7, PlacementRows.of_entities(1, None))
    writer.append(9, PlacementRows.of_entities(4, None))
    assert {7: 3, 9: 4} == as_dict(writer.counts())
    writer.require_chunk(11)
    assert {7: 3, 9: 4, 11: 0} == as_dict(writer.counts())


def as_dict(counts: ChunkCounts) -> dict[int, int]:
    return dict(zip(counts.ids.tolist(), counts.counts.tolist(), strict=True))


def test_a_chunk_that_is_not_counted_has_no_cells() -> None:
    network = new_network()
    network.create_placement("cell", created_at="now")
    network.placement("cell").append(3, PlacementRows.of_entities(2, None))
    network = reopened(network)
    network.placement("cell")._group.require_group("4")
    counts = reopened(network).placement("cell").counts()
    assert {3: 2, 4: 0} == dict(zip(counts.ids.tolist(), counts.counts.tolist(), strict=True))
