"""Exactly what differs is said, of whichever part of a network, in both directions."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.core.files import StoredContent
from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.layouts.protocols import NetworkWriter
from bsb_hdf5.core.morphology import MorphologyTable
from bsb_hdf5.core.placement_rows import MorphologyRows, PlacementRows
from bsb_hdf5.core.statistics import ChunkCounts
from bsb_hdf5.exchange.diff import same_file, same_meta, same_morphology
from bsb_hdf5.queries.progress import counted
from tests.unit.exchange.networks import FAR, LINKS, NAN, NEAR, TABLE, cells, network

diff_module = importlib.import_module("bsb_hdf5.exchange.diff")


def changed(rows: Any, row: int, value: float) -> Any:
    copy = np.array(rows, dtype=np.float64)
    copy[row] = value
    return copy


def links(pair: tuple[int, int], ends: list[Any]) -> dict[tuple[int, int], list[Any]]:
    return {**LINKS, pair: ends}


FIRST, SECOND = "of the first network only", "of the second network only"
HERE, THERE = "placement: 'a', chunk [0, 0, 0]: ", "placement: 'a', chunk [1, -2, 3]: "
LOCAL, OUT = (
    "'c', chunk [0, 0, 0] to chunk [0, 0, 0]: ",
    "'c', chunk [0, 0, 0] to chunk [1, -2, 3]: ",
)
START, TURNED = LINKS[NEAR, NEAR], [each[::-1] for each in LINKS[NEAR, FAR]]
Texts = list[str]
# What is replaced, and what is said if the network is the second one, and the first.
CHANGES: dict[str, tuple[dict[str, Any], Texts, Texts | None]] = {
    "the size of chunks": (
        {"size": [1.0, 2.0, 4.0]},
        ["network: chunks of size [1.0, 2.0, 3.0] and [1.0, 2.0, 4.0] um"],
        ["network: chunks of size [1.0, 2.0, 4.0] and [1.0, 2.0, 3.0] um"],
    ),
    "more cells": ({"far": cells(3)}, [THERE + "2 and 3 cells"], [THERE + "3 and 2 cells"]),
    "a chunk that is not there": (
        {"empty": []},
        [f"placement: 'a', chunk [5, 0, 0]: a chunk {FIRST}"],
        [f"placement: 'a', chunk [5, 0, 0]: a chunk {SECOND}"],
    ),
    "a position": (
        {"near": cells(3, positions=changed(cells(3)["positions"], 1, 7.0))},
        [HERE + "position of 1 of 3 cells"],
        None,
    ),
    "a position that is not a number": (
        {"near": cells(3, positions=changed(cells(3)["positions"], 1, NAN))},
        [HERE + "position of 1 of 3 cells"],
        None,
    ),
    "rotations of both chunks": (
        {
            "near": cells(3, rotations=changed(cells(3)["rotations"], 0, 7.0)),
            "far": cells(2, rotations=np.ones((2, 3))),
        },
        [HERE + "rotation of 1 of 3 cells", THERE + "rotation of 2 of 2 cells"],
        None,
    ),
    "no rotations": (
        {"near": cells(3, rotations=None)},
        [HERE + "rotation of 3 of 3 cells"],
        None,
    ),
    "rotations that are stored where all are zero": (
        {"near": cells(3, rotations=np.zeros((3, 3))), "far": cells(2, rotations=None)},
        [HERE + "rotation of 3 of 3 cells", THERE + "rotation of 2 of 2 cells"],
        None,
    ),
    "additional data of another key": (
        {"near": cells(3, key="l"), "far": cells(2, key="l")},
        [
            f"placement: 'k': additional data of 'a' {FIRST}",
            f"placement: 'l': additional data of 'a' {SECOND}",
        ],
        [
            f"placement: 'k': additional data of 'a' {SECOND}",
            f"placement: 'l': additional data of 'a' {FIRST}",
        ],
    ),
    "wide additional data": (
        {"near": cells(3, k=np.ones((3, 2))), "far": cells(2, k=np.ones((2, 2)))},
        ["placement: 'a': additional/k of [1, 2] numbers a cell"],
        ["placement: 'a': additional/k of [2, 1] numbers a cell"],
    ),
    "additional data of the last cell": (
        {"far": cells(2, k=np.array([0.0, 9.0]))},
        [THERE + "additional/k of 1 of 2 cells"],
        None,
    ),
    "morphologies": ({"codes": [0, 0, 0]}, [HERE + "morphology of 2 of 3 cells"], None),
    "the same morphologies in another order": (
        {"names": ("n", "m"), "codes": [0, 1, 0]},
        [],
        [],
    ),
    "labels": (
        {"labels": [["x"], ["x"], ["y"]]},
        [HERE + "labels of 2 of 3 cells"],
        None,
    ),
    "fewer labels": ({"labels": [["x"]]}, [HERE + "labels of 1 of 3 cells"], None),
    "another type": (
        {"other": "d"},
        [
            f"placement: 'b': cells {FIRST}",
            f"placement: 'd': cells {SECOND}",
        ],
        [
            f"placement: 'b': cells {SECOND}",
            f"placement: 'd': cells {FIRST}",
        ],
    ),
    "the presynaptic type": (
        {"types": ("b", "b")},
        [
            "connectivity: 'c': from 'a' to 'b' and from 'b' to 'b'",
            "connectivity: 'more': from 'a' to 'b' and from 'b' to 'b'",
        ],
        [
            "connectivity: 'c': from 'b' to 'b' and from 'a' to 'b'",
            "connectivity: 'more': from 'b' to 'b' and from 'a' to 'b'",
        ],
    ),
    "the postsynaptic type": (
        {"types": ("a", "a")},
        [
            "connectivity: 'c': from 'a' to 'b' and from 'a' to 'a'",
            "connectivity: 'more': from 'a' to 'b' and from 'a' to 'a'",
        ],
        [
            "connectivity: 'c': from 'a' to 'a' and from 'a' to 'b'",
            "connectivity: 'more': from 'a' to 'a' and from 'a' to 'b'",
        ],
    ),
    "another set": (
        {"tag": "less"},
        [
            f"connectivity: 'less': set {SECOND}",
            f"connectivity: 'more': set {FIRST}",
        ],
        [
            f"connectivity: 'less': set {FIRST}",
            f"connectivity: 'more': set {SECOND}",
        ],
    ),
    "fewer connections": (
        {"links": links((NEAR, FAR), [each[:1] for each in LINKS[NEAR, FAR]])},
        [f"connectivity: {OUT}3 and 1 connections"],
        [f"connectivity: {OUT}1 and 3 connections"],
    ),
    "no connections": (
        {"links": {}},
        [f"connectivity: {LOCAL}2 and 0 connections", f"connectivity: {OUT}3 and 0 connections"],
        [f"connectivity: {LOCAL}0 and 2 connections", f"connectivity: {OUT}0 and 3 connections"],
    ),
    "connections of other cells": (
        {"links": links((NEAR, NEAR), [START[0], [[2, -1, -1], [0, -1, -1]]])},
        [f"connectivity: {LOCAL}1 of 2 connections"],
        None,
    ),
    "connections on other points": (
        {"links": links((NEAR, FAR), [LINKS[NEAR, FAR][0], [[0, 0, 0], [1, 1, 2], [0, 0, 0]]])},
        [f"connectivity: {OUT}2 of 3 connections"],
        None,
    ),
    "connections in another order": (
        {"links": links((NEAR, FAR), TURNED)},
        [f"connectivity: {OUT}3 connections in another order"],
        None,
    ),
    "the points of both morphologies": (
        {"table": TABLE.__class__(TABLE.data + 1, TABLE.graph, TABLE.labels, TABLE.properties)},
        [
            "morphologies: 'm': points, branches, labels or properties",
            "morphologies: 'n': points, branches, labels or properties",
        ],
        None,
    ),
    "another morphology": (
        {"morphology": "p", "names": ("m", "m")},
        [
            HERE + "morphology of 2 of 3 cells",
            f"morphologies: 'n': morphology {FIRST}",
            f"morphologies: 'p': morphology {SECOND}",
        ],
        [
            HERE + "morphology of 2 of 3 cells",
            f"morphologies: 'n': morphology {SECOND}",
            f"morphologies: 'p': morphology {FIRST}",
        ],
    ),
    "metadata": (
        {"meta": {"m": {"at": np.array([1, 3])}, "q": {}}},
        [
            "morphologies: 'm': metadata",
            "morphologies: 'o': metadata",
            "morphologies: 'q': metadata",
        ],
        None,
    ),
    "metadata in another order": (
        {"meta": {"o": {"a": 2, "z": 1}, "m": {"at": np.array([1, 2])}}},
        [],
        [],
    ),
    "the content of a file": (
        {"file": StoredContent.of("tex", {"a": 1}, "utf-8", 5)},
        ["files: 'f': content: 4 and 3 bytes"],
        ["files: 'f': content: 3 and 4 bytes"],
    ),
    "the encoding of a file": (
        {"file": StoredContent.of("text", {"a": 1}, "latin-1", 5)},
        ["files: 'f': encoding or metadata"],
        None,
    ),
    "the metadata of a file": (
        {"file": StoredContent.of("text", {"a": 2}, "utf-8", 5)},
        ["files: 'f': encoding or metadata"],
        None,
    ),
    "the time of a file": ({"file": StoredContent.of("text", {"a": 1}, "utf-8", 9)}, [], []),
    "another file": (
        {"id": "h"},
        [f"files: 'g': file {FIRST}", f"files: 'h': file {SECOND}"],
        [f"files: 'g': file {SECOND}", f"files: 'h': file {FIRST}"],
    ),
}


def texts(a: NetworkWriter, b: NetworkWriter, *, ignore_order: bool = False) -> Texts:
    return [str(each) for each in diff_module._differences(a, b, ignore_order)]


@pytest.mark.parametrize("most", [1 << 17, 1])
def test_a_change_is_said_and_nothing_else(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff_module, "_MOST_CELLS", most)
    monkeypatch.setattr(diff_module, "_MOST_CONNECTIONS", most)
    first = network()
    for title, (changes, forth, back) in CHANGES.items():
        second = network("classic", **changes)
        assert forth == texts(first, second), title
        assert (forth if back is None else back) == texts(second, first), title
        unordered = [] if "another order" in title else forth
        assert unordered == texts(first, second, ignore_order=True), title


def test_data_that_a_chunk_lacks_are_of_no_other_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff_module, "_MOST_CELLS", 1)
    near = cells(3, k=np.ones((3, 2)))
    wide, lacking = (network(near=near, far=cells(2, k=k)) for k in (np.ones((2, 2)), None))
    found = [THERE + "additional/k of 2 of 2 cells"]
    assert found == texts(wide, lacking) == texts(lacking, wide)


def test_networks_of_equal_content_do_not_differ_and_every_row_is_counted() -> None:
    with counted() as work:
        assert [] == texts(network(), network("classic"))
    assert (5 + 5, 5 + 5) == (work.expected, work.done)


def test_of_unordered_connections_those_that_differ_are_counted() -> None:
    # Sorted, the last two differ; as they stand, all do.
    ends = [[[0, 0, 2], [1, 0, 1], [2, 0, 2]], [[1, 1, 1], [0, 1, 0], [0, 0, 0]]]
    other = network(links=links((NEAR, FAR), ends))
    assert [f"connectivity: {OUT}3 of 3 connections"] == texts(network(), other)
    assert [f"connectivity: {OUT}2 of 3 connections"] == texts(network(), other, ignore_order=True)


def test_columns_that_are_stored_for_another_number_of_cells_differ() -> None:
    one, other = (network("classic", near=cells(3, rotations=each)) for each in (None, None))
    other.placement("a").clear(np.array([NEAR]))
    placed = other.placement("a")
    rows = cells(3)
    names = MorphologyRows(("m", "n"), np.array([1, 0, 1], dtype=np.int64))
    zeros, additional = np.zeros((3, 3)), {"k": rows["k"]}
    placed.append(NEAR, PlacementRows(3, rows["positions"], zeros, names, additional))
    sets = LabelSets.from_lists({0: [], 1: ["x"], 2: ["x", "y"]})
    placed.write_labels(ChunkCounts.of({NEAR: 3}), np.array([1, 0, 2]), sets)
    found = [HERE + "rotation is stored for another number of cells"]
    assert found == texts(one, other) == texts(other, one)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"data": changed(TABLE.data, 0, 1.0)}, False),
        ({"data": TABLE.data[:1], "graph": TABLE.graph[:1]}, False),
        ({"data": TABLE.data[:, :5], "properties": ()}, False),
        ({"graph": np.array([[1, -1], [2, -1]])}, False),
        ({"graph": np.array([[2, -1]])}, False),
        ({"properties": ("width",)}, False),
        ({"labels": LabelSets.from_lists({0: [], 1: ["axon"]})}, False),
        ({"labels": LabelSets.from_lists({0: [], 1: ["soma"], 2: ["axon"]})}, True),
    ],
)
def test_morphologies_are_compared_by_what_they_are(changes: Any, same: bool) -> None:
    parts = {each: getattr(TABLE, each) for each in ("data", "graph", "labels", "properties")}
    other = MorphologyTable(**{**parts, **changes})
    assert same is same_morphology(TABLE, other) is same_morphology(other, TABLE)


def test_metadata_that_are_not_there_are_others_than_empty_ones() -> None:
    assert same_meta(None, None)
    assert not same_meta(None, {})
    assert not same_meta({}, None)
    assert same_meta({}, {})
    one = StoredContent.of("text", {"a": 1}, "utf-8", 5)
    for text, meta, encoding in (("t", {"a": 1}, "utf-8"), ("text", {}, "utf-8")):
        assert not same_file(one, StoredContent.of(text, meta, encoding, 5))
    assert same_file(one, StoredContent.of("text", {"a": 1}, "utf-8", 6))
