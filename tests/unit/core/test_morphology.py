"""Morphologies as tables, and their metadata as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.morphology import MorphologyTable, dump_meta, load_meta
from bsb_hdf5.errors import CorruptNetworkError, InputError, MorphologyNotFoundError
from tests.unit.memory import new_network


def table(
    points: int, graph: Any, *, width: int = 5, properties: tuple[str, ...] = ()
) -> MorphologyTable:
    data = np.arange(float(points * width)).reshape(points, width)
    return MorphologyTable(
        data, np.array(graph, dtype=np.int64).reshape(-1, 2), LabelSets(), properties
    )


@pytest.mark.parametrize(
    ("points", "graph"),
    [
        (0, []),
        (3, [[3, -1]]),
        (5, [[2, -1], [5, 0]]),
        (5, [[2, -1], [2, 0], [5, 1]]),
        (4, [[2, -1], [4, -1]]),
        (6, [[2, -1], [4, 0], [6, 0]]),
    ],
)
def test_trees_whose_branches_follow_each_other_are_accepted(points: int, graph: Any) -> None:
    assert points == len(table(points, graph).data)


@pytest.mark.parametrize(
    ("points", "graph", "match"),
    [
        (3, [[4, -1]], "end at rows"),
        (3, [[2, -1], [1, 0], [3, 1]], "end at rows"),
        (3, [[-1, -1], [3, 0]], "end at rows"),
        (3, [[3, 0]], "parents"),
        (3, [[1, 1], [3, -1]], "parents"),
        (3, [[1, -1], [3, 2]], "parents"),
        (3, [[1, -1], [3, -2]], "parents"),
    ],
)
def test_graphs_that_are_no_trees_are_corrupt(points: int, graph: Any, match: str) -> None:
    with pytest.raises(CorruptNetworkError, match=match):
        table(points, graph)


def test_points_have_a_column_for_each_property() -> None:
    assert (2, 7) == table(2, [[2, -1]], width=7, properties=("a", "b")).data.shape
    with pytest.raises(CorruptNetworkError, match="points"):
        table(2, [[2, -1]], width=6, properties=("a", "b"))
    with pytest.raises(CorruptNetworkError, match="graph"):
        MorphologyTable(np.zeros((0, 5)), np.zeros((0, 3), dtype=np.int64), LabelSets(), ())


def test_bounds_span_the_points() -> None:
    data = np.zeros((3, 5))
    data[:, :3] = [[1, 5, -2], [0, 9, 4], [3, 7, 0]]
    bounds = MorphologyTable(data, np.array([[3, -1]]), LabelSets(), ()).bounds
    assert bounds is not None
    assert [[0, 5, -2], [3, 9, 4]] == [bound.tolist() for bound in bounds]


def test_no_points_have_no_bounds() -> None:
    assert table(0, []).bounds is None


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_plain_metadata_come_back(meta: dict[str, Any]) -> None:
    assert meta == load_meta(dump_meta(meta))


def test_arrays_in_metadata_come_back_as_arrays() -> None:
    meta = {"a": {"ldc": np.array([1.5, 2.0]), "deep": {"m": np.arange(6).reshape(2, 3)}}}
    found = load_meta(dump_meta(meta))
    assert isinstance(found["a"]["ldc"], np.ndarray)
    assert [1.5, 2.0] == found["a"]["ldc"].tolist()
    assert [[0, 1, 2], [3, 4, 5]] == found["a"]["deep"]["m"].tolist()
    assert 0 == load_meta(dump_meta({"none": np.zeros(0)}))["none"].size


def test_numpy_scalars_in_metadata_become_numbers() -> None:
    meta = {"f": np.float32(0.5), "i": np.int16(3), "b": np.bool_(True), "z": np.array(7)}
    assert {"f": 0.5, "i": 3, "b": True, "z": 7} == load_meta(dump_meta(meta))


@pytest.mark.parametrize("value", [object(), b"x", 1j, {1, 2}, np.array([1j]), np.array([{1}])])
def test_metadata_that_can_not_be_written_are_refused(value: Any) -> None:
    with pytest.raises(InputError, match="metadata"):
        dump_meta({"a": value})


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "null", b"\xff"])
def test_metadata_that_are_no_json_object_are_corrupt(text: str | bytes) -> None:
    with pytest.raises(CorruptNetworkError, match="metadata"):
        load_meta(text)


def test_a_stored_morphology_comes_back() -> None:
    morphologies = new_network().morphologies
    labels, codes = LabelSets().add(np.zeros(2, dtype=np.int64), ["axon"])
    data = np.arange(18.0).reshape(3, 6)
    data[:, 4] = [0, *codes]
    saved = MorphologyTable(data, np.array([[1, -1], [3, 0]]), labels, ("p",))
    morphologies.save("cell", saved)
    data[:] = -1
    found = morphologies.load("cell")
    assert [0.0, 1.0, 2.0, 3.0, 0.0, 5.0] == found.data[0].tolist()
    assert [0, 1, 1] == found.data[:, 4].tolist()
    assert [[1, -1], [3, 0]] == found.graph.tolist()
    assert labels.to_lists() == found.labels.to_lists()
    assert ("p",) == found.properties


def test_saving_again_replaces_a_morphology() -> None:
    morphologies = new_network().morphologies
    morphologies.save("cell", table(3, [[3, -1]]))
    morphologies.save("cell", table(4, [[2, -1], [4, 0]]))
    assert 4 == len(morphologies.load("cell").data)


def test_a_removed_morphology_is_gone() -> None:
    morphologies = new_network().morphologies
    morphologies.save("cell", table(3, [[3, -1]]))
    morphologies.remove("cell")
    assert "cell" not in morphologies
    for verb in (morphologies.load, morphologies.remove, morphologies.meta_of):
        with pytest.raises(MorphologyNotFoundError, match="cell"):
            verb("cell")


def test_metadata_are_copies_and_are_forgotten_one_by_one() -> None:
    network = new_network()
    network.morphologies.update_meta({"a": {"x": [1]}, "b": {"x": [2]}})
    network.morphologies.meta()["a"]["x"].append(5)
    network.morphologies.meta_of("b")["x"].append(5)
    assert {"a": {"x": [1]}, "b": {"x": [2]}} == network.morphologies.meta()
    network.morphologies.forget_meta("a")
    network.morphologies.forget_meta("missing")
    assert {"b": {"x": [2]}} == network.morphologies.meta()
    network.flush()
    reopened = type(network)(network._root)
    assert {"b": {"x": [2]}} == reopened.morphologies.meta()
    reopened.morphologies.replace_meta({"c": {}})
    assert {"c": {}} == reopened.morphologies.meta()


def test_a_damaged_morphology_is_reported_by_name() -> None:
    network = new_network()
    network.morphologies.save("cell", table(3, [[3, -1]]))
    group = network._root.group("morphologies").group("cell")
    group.array("graph").write(0, np.array([[9, -1]]))
    with pytest.raises(CorruptNetworkError, match="cell"):
        network.morphologies.load("cell")
