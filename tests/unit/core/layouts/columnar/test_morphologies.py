"""Morphologies in the columnar layout, and the log of their metadata."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.layouts.columnar.network import ColumnarNetwork
from bsb_hdf5.core.morphology import MorphologyTable
from bsb_hdf5.errors import (
    CorruptNetworkError,
    InputError,
    InvalidNameError,
    MorphologyNotFoundError,
)
from tests.unit.core.layouts.columnar.networks import new_network, reopened
from tests.unit.core.layouts.columnar.programs import Program


def table(points: int, properties: int = 0) -> MorphologyTable:
    data = np.arange(points * (5.0 + properties)).reshape(points, 5 + properties)
    data[:, 4] = 1
    names = tuple(f"p{i}" for i in range(properties))
    graph = np.array([[points, -1]], dtype=np.int64)
    return MorphologyTable(data, graph, LabelSets.from_lists({1: ["axon"]}), names)


def test_morphologies_share_long_arrays() -> None:
    network = new_network()
    network.morphologies.save("m", table(3))
    network.morphologies.save("n", table(2, 2))
    network = reopened(network)
    group = network._root.group("morphology_tables")
    assert (5, 4) == group.array("points").shape
    assert [1] * 5 == group.array("labels").read().tolist()
    assert (4,) == group.array("properties").shape
    assert [[3, -1], [2, -1]] == group.array("branches").read().tolist()
    loaded = network.morphologies.load("n")
    assert table(2, 2).data.tolist() == loaded.data.tolist()
    assert ("p0", "p1") == loaded.properties
    assert frozenset(["axon"]) == loaded.labels.table[1]


def test_a_morphology_of_the_same_name_takes_the_place_of_the_old_one() -> None:
    network = new_network()
    network.morphologies.save("m", table(3))
    network = reopened(network)
    network.morphologies.save("m", table(1, 1))
    network = reopened(network)
    assert (1, 6) == network.morphologies.load("m").data.shape
    network.morphologies.remove("m")
    network = reopened(network)
    assert "m" not in network.morphologies
    with pytest.raises(MorphologyNotFoundError, match="'m'"):
        network.morphologies.load("m")
    with pytest.raises(MorphologyNotFoundError, match="'m'"):
        network.morphologies.remove("m")


def test_metadata_are_copies() -> None:
    network = new_network()
    given: dict[str, Any] = {
        "m": {"list": [1, 2], "array": np.arange(3.0), "__ndarray__": ["__ndarray__"]}
    }
    network.morphologies.update_meta(given)
    given["m"]["list"].append(3)
    network = reopened(network)
    network.morphologies.meta()["m"]["list"].clear()
    network.morphologies.meta_of("m")["array"][:] = 9
    found = network.morphologies.meta_of("m")
    assert [1, 2] == found["list"]
    assert [0.0, 1.0, 2.0] == found["array"].tolist()
    with pytest.raises(InputError, match="JSON"):
        network.morphologies.update_meta({"m": object()})
    network.morphologies.forget_meta("m")
    network.morphologies.forget_meta("m")
    with pytest.raises(MorphologyNotFoundError):
        reopened(network).morphologies.meta_of("m")


def test_a_reader_reads_only_the_new_end_of_the_log(store: MemoryStore, reads: list[Any]) -> None:
    writer, reader = Program(store), Program(store)
    with writer.writing() as network:
        for name in "abcdef":
            network.morphologies.update_meta({name: {"name": name}})
    assert 6 == len(reader.reading().morphologies.meta())
    with writer.writing() as network:
        network.morphologies.forget_meta("a")
    reads.clear()
    assert 5 == len(reader.reading().morphologies.meta())
    assert [len('{"forget_meta": "a"}\n')] == [read for read in reads if isinstance(read, int)]


def test_a_line_of_the_log_without_an_end_is_none() -> None:
    network = new_network()
    network.morphologies.update_meta({"m": {}})
    network.flush()
    log = network._root.group("morphology_tables").array("log")
    log.append(np.frombuffer(b'{"forget_', dtype=np.uint8))
    network = ColumnarNetwork(network._root)
    assert {"m": {}} == network.morphologies.meta()
    network.morphologies.update_meta({"n": {}})
    assert {"m": {}, "n": {}} == reopened(network).morphologies.meta()


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[]",
        "{}",
        '{"save": "m"}',
        '{"save": "m", "points": [0, 9], "branches": [0, 1], "values": [0, 0]}',
        '{"save": "m", "points": [3, 0], "branches": [0, 1], "values": [0, 0]}',
        '{"save": "m", "points": [0, 3], "branches": [0, 1], "values": [], "properties": ["p"]}',
        '{"save": "m", "points": [0, 3], "branches": [0, 1], "values": [0, 0],'
        ' "properties": ["p"]}',
        '{"save": "m", "points": [0, 2], "branches": [0, 1], "values": [0, 0]}',
    ],
)
def test_a_log_that_contradicts_itself_is_corrupt(line: str) -> None:
    network = new_network()
    network.morphologies.save("m", table(3))
    network.flush()
    log = network._root.group("morphology_tables").array("log")
    log.append(np.frombuffer(f"{line}\n".encode(), dtype=np.uint8))
    with pytest.raises(CorruptNetworkError):
        ColumnarNetwork(network._root).morphologies.load("m")


@pytest.mark.parametrize(
    "rows", [np.zeros((4, 3), dtype=np.uint8), np.zeros((4, 0), dtype=np.uint8), np.zeros(4)]
)
def test_a_log_that_is_no_row_of_bytes_is_corrupt(rows: np.ndarray) -> None:
    network = new_network()
    network.morphologies.update_meta({"m": {}})
    network.flush()
    group = network._root.group("morphology_tables")
    group.delete("log")
    group.create_array("log", rows)
    with pytest.raises(CorruptNetworkError, match="the log has shape"):
        ColumnarNetwork(network._root).morphologies.meta()


def test_label_codes_of_points_are_whole_numbers() -> None:
    given = table(2)
    given.data[1, 4] = 0.5
    with pytest.raises(InputError, match="'m'"):
        new_network().morphologies.save("m", given)


@pytest.mark.parametrize("name", ["", ".", "..", "nul\0", "\ud800"])
def test_names_that_no_morphology_can_have_are_refused(name: str) -> None:
    network = new_network()
    with pytest.raises(InvalidNameError):
        network.morphologies.save(name, table(2))
    assert () == network.morphologies.names()


def test_all_metadata_are_replaced_for_whoever_reads_them_later() -> None:
    network = new_network()
    network.morphologies.update_meta({"m": {"a": 1}, "n": {"b": 2}})
    network = reopened(network)
    network.morphologies.replace_meta({"n": {"c": 3}})
    for each in (network, reopened(network)):
        assert {"n": {"c": 3}} == each.morphologies.meta()


def odd(
    points: int, graph: list[list[int]], *properties: str, labels: bool = True
) -> MorphologyTable:
    """A morphology that lacks something."""
    width = 5 + len(properties)
    data = np.arange(float(points * width)).reshape(points, width)
    data[:, 4] = 1 if labels else 0
    sets = LabelSets.from_lists({0: [], 1: ["soma"]}) if labels else LabelSets()
    return MorphologyTable(data, np.array(graph, np.int64).reshape(-1, 2), sets, properties)


def test_morphologies_that_lack_something_come_back_as_they_were() -> None:
    network = new_network()
    tables = {
        "nothing": odd(0, []),
        "no points": odd(0, [[0, -1], [0, 0]]),
        "no branches": odd(3, []),
        "no properties": odd(2, [[1, -1], [2, 0]]),
        "no labels": odd(2, [[2, -1]], "depth", labels=False),
        "all": odd(3, [[1, -1], [3, 0]], "depth", "width"),
    }
    for name, table in tables.items():
        network.morphologies.save(name, table)
    for _ in range(2):
        for name, table in tables.items():
            found = network.morphologies.load(name)
            assert np.array_equal(table.data, found.data), name
            assert np.array_equal(table.graph, found.graph), name
            assert table.properties == found.properties
            codes = table.data[:, 4].astype(int)
            assert table.labels.of(codes) == found.labels.of(found.data[:, 4].astype(int))
        network = reopened(network)
