"""The classic layout, in memory: against plain dictionaries of cells and blocks."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bsb_hdf5.core.cell_labels import change_labels, load_label_codes
from bsb_hdf5.core.column_specs import POSITION, ROTATION, additional_column
from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.files import StoredContent
from bsb_hdf5.core.layouts.classic.network import ClassicNetwork
from bsb_hdf5.core.layouts.detection import open_network
from bsb_hdf5.core.layouts.documents import pad, parse_json, write_json
from bsb_hdf5.core.placement_rows import PlacementRows
from bsb_hdf5.core.selection import Selection
from bsb_hdf5.errors import (
    CorruptNetworkError,
    FileNotStoredError,
    InvalidNameError,
    LengthError,
    NotANetworkError,
    SetExistsError,
    SetNotFoundError,
    StorageError,
)
from tests.unit.memory import changes_of, new_network, new_placement, new_root

Pair = tuple[int, int]
Block = list[tuple[list[int], list[int]]]


def reopened(network: ClassicNetwork) -> ClassicNetwork:
    """The network as the next session finds it."""
    network.flush()
    return ClassicNetwork(network._root)


# Connections

CHUNKS = [0, 1, 65535, 2**40]
chunk = st.sampled_from(CHUNKS)
append = st.lists(st.tuples(chunk, chunk), min_size=1, max_size=8)
clear = st.none() | st.frozensets(st.sampled_from([*CHUNKS, 99]), max_size=2)
steps = st.lists(
    st.tuples(st.just("append"), append)
    | st.tuples(st.just("append"), append)
    | st.tuples(st.just("clear"), clear)
    | st.tuples(st.just("reopen"), st.none()),
    max_size=8,
)


@given(steps)
@settings(max_examples=80)
def test_blocks_are_those_of_a_dictionary(history: list[tuple[str, Any]]) -> None:
    network = new_network()
    network.create_connectivity("a_to_b", "a", "b", created_at="now")
    model: dict[Pair, Block] = {}
    number = 0
    for verb, argument in history:
        data = network.connectivity("a_to_b")
        if verb == "append":
            data.append(blocks_of(argument, number, model))
            number += len(argument)
        elif verb == "clear":
            data.clear(None if argument is None else np.array(sorted(argument), dtype=np.int64))
            for pair in [p for p in model if argument is None or set(p) & argument]:
                del model[pair]
        else:
            network = reopened(network)
        check_blocks(network, model)
    check_blocks(reopened(network), model)


def blocks_of(pairs: list[Pair], number: int, model: dict[Pair, Block]) -> Blocks:
    """Connections between pairs of chunks, added to the model too."""
    rows = []
    for i, pair in enumerate(pairs, number):
        row = ([i, 2 * i, 3 * i], [-i, -1, -1])
        model.setdefault(pair, []).append(row)
        rows.append(row)
    chunks = np.array(pairs, dtype=np.int64)
    locations = np.array(rows, dtype=np.int64)
    return Blocks(chunks[:, 0], chunks[:, 1], locations[:, 0], locations[:, 1])


def check_blocks(network: ClassicNetwork, model: dict[Pair, Block]) -> None:
    data = network.connectivity("a_to_b")
    totals: dict[int, list[int]] = {}
    for (pre, post), rows in model.items():
        totals.setdefault(post, [0, 0])[0] += len(rows)
        totals.setdefault(pre, [0, 0])[1] += len(rows)
    assert sum(map(len, model.values())) == data.count
    # Chunks that were cleared may stay, with nothing.
    found = {c: list(counts) for c, counts in data.chunk_totals().items() if any(counts)}
    assert totals == found
    document = network.totals.as_document()
    counted = {int(c): t["connections"] for c, t in document.items()}
    assert {c: {"inc": i, "out": o} for c, (i, o) in totals.items()} == {
        c: t for c, t in counted.items() if any(t.values())
    }
    for direction, turn in (("inc", True), ("out", False)):
        seen = {
            (pair[::-1] if turn else pair): [row[::-1] if turn else row for row in rows]
            for pair, rows in model.items()
        }
        check_direction_of(data, direction, seen)


def check_direction_of(data: Any, direction: str, seen: dict[Pair, Any]) -> None:
    assert sorted({local for local, _ in seen}) == data.local_chunks(direction).tolist()
    for local in CHUNKS:
        others = sorted(other for near, other in seen if near == local)
        sizes = data.block_sizes(direction, local)
        assert others == sizes.ids.tolist()
        assert [len(seen[local, other]) for other in others] == sizes.counts.tolist()
        asked = np.array([2**40, 99, 0, 65535, 1])
        near, far, lengths = data.read_blocks(direction, local, asked)
        rows: list[Any] = [seen.get((local, other), []) for other in asked.tolist()]
        assert [len(part) for part in rows] == lengths.tolist()
        assert [row[0] for part in rows for row in part] == near.tolist()
        assert [row[1] for part in rows for row in part] == far.tolist()


def connected(*pairs: Pair) -> ClassicNetwork:
    network = new_network()
    network.create_connectivity("a_to_b", "a", "b", created_at="now")
    network.connectivity("a_to_b").append(blocks_of(list(pairs), 0, {}))
    return network


def test_rows_added_to_a_block_in_the_middle_keep_the_others_in_place() -> None:
    network = connected((0, 5), (1, 5), (2, 5), (2, 5))
    network.connectivity("a_to_b").append(blocks_of([(1, 5), (9, 5), (0, 5)], 4, {}))
    group = network._root.group("connectivity").group("a_to_b").group("inc").group("5")
    assert [0, 6, 1, 4, 2, 3, 5] == group.array("global_locs").read()[:, 0].tolist()
    order = group.attributes.get("chunk_list")
    assert [[0, 0, 0], [1, 0, 0], [2, 0, 0], [9, 0, 0]] == order.tolist()
    assert np.int16 == order.dtype
    assert [0, 2, 4, 6] == group.attributes.integers(["0", "1", "2", "9"]).tolist()


def test_cleared_chunks_leave_the_other_blocks() -> None:
    network = connected((0, 1), (0, 2), (1, 2), (2, 0), (2, 2))
    data = network.connectivity("a_to_b")
    data.clear(np.array([1]))
    assert [0, 2] == data.local_chunks("inc").tolist()
    assert [0, 2] == data.block_sizes("inc", 2).ids.tolist()
    assert [0, 2] == data.local_chunks("out").tolist()
    assert 3 == data.count
    data.clear(None)
    assert 0 == data.count
    assert [] == data.local_chunks("out").tolist()
    network.flush()
    assert 0 == network._root.group("connectivity").group("a_to_b").attributes.get("len")


def test_a_set_tells_its_types() -> None:
    data = connected((0, 1)).connectivity("a_to_b")
    assert ("a", "b", "a_to_b") == (data.pre_type, data.post_type, data.tag)


def test_appending_nothing_changes_nothing() -> None:
    network = connected((0, 1))
    network.flush()
    before = network.changes
    nothing = np.zeros((0, 3), dtype=np.int64)
    network.connectivity("a_to_b").append(Blocks.between(0, 1, nothing, nothing))
    assert before == network.changes


def test_sets_that_were_not_counted_are_counted_from_their_rows() -> None:
    network = connected((0, 1), (0, 1), (1, 2))
    network.flush()
    attributes = network._root.group("connectivity").group("a_to_b").attributes
    attributes.delete("chunks")
    attributes.delete("len")
    data = ClassicNetwork(network._root).connectivity("a_to_b")
    assert 3 == data.count
    assert {0: (0, 2), 1: (2, 1), 2: (1, 0)} == dict(data.chunk_totals())


@pytest.mark.parametrize("damage", ["a start is missing", "a start is too large", "rows are gone"])
def test_blocks_that_contradict_each_other_are_reported(damage: str) -> None:
    network = connected((0, 5), (1, 5), (2, 5))
    group = network._root.group("connectivity").group("a_to_b").group("inc").group("5")
    if damage == "a start is missing":
        group.attributes.delete("1")
    elif damage == "a start is too large":
        group.attributes.set("1", 50)
    else:
        group.array("global_locs").resize(1)
    with pytest.raises(StorageError):
        network.connectivity("a_to_b").read_blocks("inc", 5, np.array([0, 1, 2]))


def test_revisions_move_once_a_session_that_changed_the_set() -> None:
    network = connected((0, 5))
    network.connectivity("a_to_b").append(blocks_of([(1, 1)], 0, {}))
    network = reopened(network)
    attributes = network._root.group("connectivity").group("a_to_b").attributes
    assert 1 == attributes.get("revision")
    assert 2 == network.connectivity("a_to_b").count
    network = reopened(network)
    assert 1 == attributes.get("revision")
    network.connectivity("a_to_b").clear(None)
    network.flush()
    assert 2 == attributes.get("revision")


# Cells

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


def test_a_member_that_is_no_chunk_is_corrupt() -> None:
    network = new_network()
    network.create_placement("cell", created_at="now")
    network._root.group("placement").group("cell").require_group("no number")
    with pytest.raises(CorruptNetworkError, match="'cell'"):
        network.placement("cell").chunks()


LABELS_OF = ("placement", "cell", "labelsets")
COUNTS_OF = ("placement", "cell", "chunks")
CONNECTIONS_OF = ("connectivity", "a_to_b", "chunks")
TOTALS = (None, None, "chunks")


@pytest.mark.parametrize("text", ["", "{", "[1]", "5", '{"x": {}}', '{"1": 5}', '{"1": null}'])
@pytest.mark.parametrize(
    "where",
    [LABELS_OF, CONNECTIONS_OF, COUNTS_OF, TOTALS],
    ids=["labels", "connections", "cells", "totals"],
)
def test_documents_that_are_not_what_they_should_be_are_corrupt(where: Any, text: str) -> None:
    if where == COUNTS_OF and text == '{"1": 5}':
        return
    network = connected((0, 1))
    network.create_placement("cell", created_at="now")
    part, name, attribute = where
    group = network._root if part is None else network._root.group(part).group(name)
    group.attributes.set(attribute, text)
    again = ClassicNetwork(network._root)
    with pytest.raises(CorruptNetworkError):
        if where == LABELS_OF:
            again.placement("cell").label_sets()
        elif where == COUNTS_OF:
            again.placement("cell").counts()
        elif where == CONNECTIONS_OF:
            again.connectivity("a_to_b").chunk_totals()
        else:
            again.totals.as_document()


# The network


def test_a_root_without_the_parts_of_a_network_is_none() -> None:
    root = new_root()
    root.require_group("placement")
    root.require_group("foreign")
    with pytest.raises(NotANetworkError, match=r"'here'.*connectivity.*foreign"):
        open_network(root, "here")
    root.require_group("connectivity")
    assert () == open_network(root, "here").placement_names()


def test_sets_are_made_and_removed_by_name() -> None:
    network = new_network()
    network.create_placement("b", created_at="now")
    network.create_placement("a", created_at="now")
    network.create_connectivity("t", "a", "b", created_at="now")
    assert ("a", "b") == network.placement_names()
    assert ("t",) == network.connectivity_tags()
    with pytest.raises(SetExistsError, match="'a'"):
        network.create_placement("a", created_at="now")
    with pytest.raises(SetExistsError, match="'t'"):
        network.create_connectivity("t", "a", "b", created_at="now")
    network.remove_placement("a")
    network.remove_connectivity("t")
    assert ("b",) == network.placement_names()
    with pytest.raises(SetNotFoundError, match=r"'a' does not exist.*'b'"):
        network.placement("a")
    with pytest.raises(SetNotFoundError, match="none"):
        network.connectivity("t")


@pytest.mark.parametrize("name", ["", "a/b", "."])
def test_names_of_sets_and_files_are_checked(name: str) -> None:
    network = new_network()
    with pytest.raises(InvalidNameError):
        network.create_placement(name, created_at="now")
    with pytest.raises(InvalidNameError):
        network.create_connectivity(name, "a", "b", created_at="now")
    with pytest.raises(InvalidNameError):
        network.files.store(name, StoredContent.of("x", None, None, 5))


def test_removing_a_set_takes_its_cells_out_of_the_totals() -> None:
    network = connected((0, 5), (0, 5))
    for name in ("a", "b"):
        network.create_placement(name, created_at="now")
        network.placement(name).append(0, PlacementRows.of_entities(3, None))
    network.remove_placement("a")
    network.remove_connectivity("a_to_b")
    totals = reopened(network).totals.as_document()
    assert {"placed": 3, "connections": {"inc": 0, "out": 0}} == totals["0"]


def test_clearing_removes_every_set_and_forgets_the_totals() -> None:
    network = connected((0, 5))
    network.create_placement("cell", created_at="now")
    network.set_chunk_size(np.full(3, 100.0))
    network.placement("cell").append(0, PlacementRows.of_entities(3, None))
    network.clear_placement()
    network.clear_connectivity()
    network = reopened(network)
    assert ((), ()) == (network.placement_names(), network.connectivity_tags())
    assert np.isnan(network.chunk_size).all()
    for total in network.totals.as_document().values():
        assert {"placed": 0, "connections": {"inc": 0, "out": 0}} == total
    network.clear_placement()


def test_a_flush_without_changes_writes_nothing() -> None:
    network = reopened(connected((0, 5)))
    before = changes_of(network)
    assert 1 == network.connectivity("a_to_b").count
    network.flush()
    assert before == changes_of(network)


def test_versions_and_provenance_come_back() -> None:
    network = new_network()
    assert (None, None) == network.versions
    assert {} == network.provenance
    network.set_versions("8.0.2", "8.1.0")
    network.set_provenance({"storage_id": "x", "state_id": 3})
    network = reopened(network)
    assert ("8.0.2", "8.1.0") == network.versions
    assert {"storage_id": "x", "state_id": 3} == network.provenance


@pytest.mark.parametrize("data", [b"", b"\0", b"text\0\0", bytes(range(256))])
@pytest.mark.parametrize("encoding", [None, "latin-1"])
def test_files_come_back(data: bytes, encoding: str | None) -> None:
    files = new_network().files
    content: Any = data if encoding is None else data.decode(encoding)
    files.store("id", StoredContent.of(content, {"a": [1]}, encoding, 5))
    assert content == files.load("id").content()
    assert [1] == files.load("id").meta["a"]
    assert encoding == files.describe("id").encoding
    assert ("id",) == files.ids()


def test_a_file_that_is_replaced_keeps_nothing_of_the_old_one() -> None:
    files = new_network().files
    files.store("id", StoredContent.of("text", {"old": 1}, "utf-16", 5))
    files.store("id", StoredContent.of(b"bytes", None, None, 6))
    assert b"bytes" == files.load("id").content()
    assert {"mtime", "content_sha256"} == set(files.load("id").meta)


def test_a_file_that_is_not_stored_is_not_found() -> None:
    files = new_network().files
    for verb in (files.load, files.describe, files.remove):
        with pytest.raises(FileNotStoredError, match="missing"):
            verb("missing")


@given(st.text("ab", max_size=20), st.integers(0, 30))
def test_padded_text_fits_or_grows_by_a_quarter(text: str, held: int) -> None:
    padded = pad(text, held)
    assert text == padded.rstrip(" ")
    if len(text) <= held:
        assert held == len(padded)
    elif held:
        assert len(text) + len(text) // 4 == len(padded)
    else:
        assert text == padded


def test_a_document_that_grows_slowly_changes_its_length_rarely() -> None:
    attributes = new_root().attributes
    lengths = []
    for i in range(400):
        write_json(attributes, "d", {str(n): n for n in range(i)})
        lengths.append(len(attributes.get("d")))
        assert {str(n): n for n in range(i)} == parse_json(attributes.get("d"), "d")
    assert lengths == sorted(lengths)
    assert 40 > len(set(lengths))
