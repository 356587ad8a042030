"""Connections in the classic layout, against a dictionary of blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.layouts.classic.network import ClassicNetwork
from bsb_hdf5.core.layouts.optional_verbs import read_integers
from bsb_hdf5.errors import (
    CorruptNetworkError,
    StorageError,
)
from tests.unit.core.layouts.classic.networks import (
    CHUNKS,
    Block,
    Pair,
    blocks_of,
    chunk,
    clear,
    connected,
    reopened,
)
from tests.unit.memory import new_network

append = st.lists(st.tuples(chunk, chunk), min_size=1, max_size=8)

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


def test_rows_added_to_a_block_in_the_middle_keep_the_others_in_place() -> None:
    network = connected((0, 5), (1, 5), (2, 5), (2, 5))
    network.connectivity("a_to_b").append(blocks_of([(1, 5), (9, 5), (0, 5)], 4, {}))
    group = network._root.group("connectivity").group("a_to_b").group("inc").group("5")
    assert [0, 6, 1, 4, 2, 3, 5] == group.array("global_locs").read()[:, 0].tolist()
    order = group.attributes.get("chunk_list")
    assert [[0, 0, 0], [1, 0, 0], [2, 0, 0], [9, 0, 0]] == order.tolist()
    assert np.int16 == order.dtype
    assert [0, 2, 4, 6] == read_integers(group.attributes, ["0", "1", "2", "9"]).tolist()


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


def test_a_set_names_its_types() -> None:
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


def test_a_local_chunk_without_counts_has_no_connections() -> None:
    network = connected((0, 5), (0, 7), (1, 5))
    network._root.group("connectivity").group("a_to_b").group("out").require_group("9")
    sizes = reopened(network).connectivity("a_to_b").local_sizes("out")
    assert [[0, 1, 9], [2, 1, 0]] == [sizes.ids.tolist(), sizes.counts.tolist()]


def test_a_local_chunk_without_an_order_has_no_blocks() -> None:
    network = connected((0, 5), (0, 7), (1, 5))
    group = network._root.group("connectivity").group("a_to_b").group("out").group("0")
    group.attributes.delete("chunk_list")
    data = reopened(network).connectivity("a_to_b")
    assert [] == data.block_sizes("out", 0).ids.tolist()
    near, far, lengths = data.read_blocks("out", 0, np.array([5, 7]))
    assert (0, 0, [0, 0]) == (len(near), len(far), lengths.tolist())
    assert [5] == data.block_sizes("out", 1).ids.tolist()


@pytest.mark.parametrize("starts", [{"5": 1}, {"7": 2, "9": 1}, {"9": 5}, {"5": -1}, {"7": -1}])
def test_starts_that_do_not_ascend_from_zero_are_corrupt(starts: dict[str, int]) -> None:
    network = connected((0, 5), (0, 5), (0, 7), (0, 9))
    group = network._root.group("connectivity").group("a_to_b").group("out").group("0")
    assert [0, 2, 3] == read_integers(group.attributes, ["5", "7", "9"]).tolist()
    for name, start in starts.items():
        group.attributes.set(name, start)
    with pytest.raises(CorruptNetworkError):
        reopened(network).connectivity("a_to_b").block_sizes("out", 0)
