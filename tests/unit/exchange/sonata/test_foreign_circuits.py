"""What becomes of the nodes and edges of another program, array by array."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import bsb_hdf5
from bsb_hdf5 import engine_of, import_sonata, verify
from bsb_hdf5.core.chunk_id import pack
from bsb_hdf5.errors import CorruptNetworkError, MorphologyExistsError
from bsb_hdf5.queries.progress import counted
from tests.unit.exchange.networks import Content, content

NAN = float("nan")
# A soma, two sections that begin at the same bifurcation, and one of another type.
SWC = """1 1 0 0 0 5 -1
2 3 0 10 0 1 1
3 3 0 20 0 1 2
4 3 10 20 0 1 3
5 3 -10 20 0 1 3
6 2 -10 30 0 1 5
"""
Arrays = dict[str, Any]
X = {"x": [150.0, -10.0, 160.0, 20.0], "y": [0.0] * 4, "z": [0.0, 0, 0, 50]}
TURNED = Rotation.from_euler("xyz", [[0, 0, 0], [10, 20, 30], [90, 0, 0]], degrees=True).as_quat()


def circuit(folder: Path, nodes: Arrays, edges: Arrays | None = None, **options: Any) -> Path:
    """A circuit with one population of four nodes, and one of edges."""
    folder.mkdir()
    (folder / "swc").mkdir()
    (folder / "swc" / "m.swc").write_text(SWC)
    networks: dict[str, Any] = {
        "nodes": [{"nodes_file": "n.h5", "populations": {"cells": options.get("of_nodes", {})}}]
    }
    with h5py.File(folder / "n.h5", "w") as file:
        file["nodes/cells/node_type_id"] = np.full(4, -1)
        group = file.require_group("nodes/cells/0")
        for name, rows in nodes.items():
            group[name] = rows
    if edges is not None:
        networks["edges"] = [{"edges_file": "e.h5", "populations": {"e": {}}}]
        with h5py.File(folder / "e.h5", "w") as file:
            for title in ("source_node_id", "target_node_id"):
                file[f"edges/e/{title}"] = np.array(edges[title], dtype=np.uint64)
                ends = options.get("population", "cells")
                file[f"edges/e/{title}"].attrs["node_population"] = ends
            group = file.require_group("edges/e/0")
            for name in set(edges) - {"source_node_id", "target_node_id"}:
                group[name] = edges[name]
    config = {"networks": networks, **options.get("config", {})}
    (folder / "circuit_config.json").write_text(json.dumps(config))
    return folder


def imported(folder: Path, root: str, **options: Any) -> Content:
    made = import_sonata(folder, f"{root} {folder}", engine="memory", **options)
    with engine_of(made).read_scope() as session:
        return content(session.network)


def chunk(*coordinates: int) -> int:
    return int(pack(np.array([coordinates]))[0])


def cells_of(found: Content) -> dict[int, list[Any]]:
    return dict(found["cells"]["cells"])


def column(found: Content, title: str) -> list[Any]:
    """A column by node: the nodes lie in chunks (1,0,0), (-1,0,0), (1,0,0), (0,0,0)."""
    held = cells_of(found)
    rows = [held[chunk(1, 0, 0)][0], held[chunk(-1, 0, 0)][0], held[chunk(1, 0, 0)][1]]
    return [row.get(title) for row in (*rows, held[chunk(0, 0, 0)][0])]


def test_nodes_are_sorted_into_chunks_of_100_um(tmp_path: Path) -> None:
    with counted() as work:
        found = imported(circuit(tmp_path / "circuit", X), "made")
    assert (4, 4) == (work.expected, work.done)
    assert [100.0] * 3 == found["size"]
    assert {chunk(1, 0, 0): 2, chunk(-1, 0, 0): 1, chunk(0, 0, 0): 1} == {
        id_: len(rows) for id_, rows in cells_of(found).items()
    }
    positions = [list(each) for each in zip(*X.values(), strict=True)]
    assert positions == column(found, "position")
    assert [""] * 4 == column(found, "morphology")
    assert [[]] * 4 == column(found, "labels")


@pytest.mark.parametrize(("size", "stored"), [(50, [50.0] * 3), ([50, 9, 30.0], [50.0, 9, 30])])
def test_chunks_may_have_another_size(tmp_path: Path, size: Any, stored: list[float]) -> None:
    found = imported(circuit(tmp_path / "circuit", X), "made", chunk_size=size)
    assert stored == found["size"]
    last = chunk(0, 0, int(50 // stored[2]))
    assert {chunk(3, 0, 0): 2, chunk(-1, 0, 0): 1, last: 1} == {
        id_: len(rows) for id_, rows in cells_of(found).items()
    }


def test_nodes_at_no_place_are_in_the_first_chunk(tmp_path: Path) -> None:
    for number, nodes in enumerate(({}, {"x": X["x"], "y": X["y"]})):
        found = imported(circuit(tmp_path / str(number), nodes), "made")
        assert [4] == [len(rows) for rows in cells_of(found).values()]
        assert [chunk(0, 0, 0)] == list(cells_of(found))
    nodes = {**X, "y": [NAN, 0.0, 0.0, np.inf]}
    found = imported(circuit(tmp_path / "partly", nodes), "made")
    assert {chunk(1, 0, 0): 1, chunk(-1, 0, 0): 1, chunk(0, 0, 0): 2} == {
        id_: len(rows) for id_, rows in cells_of(found).items()
    }
    assert "[150.0, nan, 0.0]" == str(cells_of(found)[chunk(0, 0, 0)][0]["position"])


def test_chunks_that_nodes_name_are_theirs(tmp_path: Path) -> None:
    named = {"chunk_x": [2, 2, -3, 0], "chunk_y": [0, 0, 0, 1], "chunk_z": [0, 0, 0, 0]}
    found = imported(circuit(tmp_path / "circuit", {**X, **named}), "made")
    assert {chunk(2, 0, 0): 2, chunk(-3, 0, 0): 1, chunk(0, 1, 0): 1} == {
        id_: len(rows) for id_, rows in cells_of(found).items()
    }


def test_other_numbers_are_additional_data(tmp_path: Path) -> None:
    nodes = {
        **X,
        "i": np.arange(4, dtype=np.int8),
        "f": np.array([0.5, NAN, 1.5, NAN], dtype=np.float32),
        "unsigned": np.arange(4, dtype=np.uint16),
        "wide": np.ones((4, 2)),
        "short": np.ones(3),
        "truth": np.ones(4, dtype=bool),
        "text": ["a", "b", "c", "d"],
        "code": np.zeros(4, dtype=np.uint32),
        "@library/code": ["a text"],
        "labels": np.zeros(4),
        "mtype": np.zeros(4),
        "model_type": np.zeros(4),
        "model_template": np.zeros(4),
        "rotation_x": np.zeros(4),
        "dynamics_params/ignored": np.zeros(4),
    }
    found = imported(circuit(tmp_path / "circuit", nodes), "made")
    assert ["additional/f", "additional/i", "additional/unsigned"] == sorted(
        title for title in cells_of(found)[chunk(0, 0, 0)][0] if "/" in title
    )
    assert [0, 1, 2, 3] == column(found, "additional/i")
    assert "[0.5, nan, 1.5, nan]" == str(column(found, "additional/f"))


def test_orientations_are_rotations(tmp_path: Path) -> None:
    rows = np.vstack([TURNED, [[0.0, 0, 0, 0]]])
    nodes = {**X, **{f"orientation_{a}": rows[:, i] for i, a in enumerate("xyzw")}}
    found = imported(circuit(tmp_path / "circuit", nodes), "made")
    angles = [[0.0, 0, 0], [10, 20, 30], [90, 0, 0], [0, 0, 0]]
    assert np.allclose(np.array(angles), np.array(column(found, "rotation")))
    nodes = {**X, **{f"orientation_{a}": rows[:, i] for i, a in enumerate("xyz")}}
    found = imported(circuit(tmp_path / "partly", nodes), "made")
    assert [[0.0] * 3] * 4 == column(found, "rotation")


OF_M = {"components": {"morphologies_dir": "swc"}}


@pytest.mark.parametrize(
    "named",
    [
        {"morphology": ["m", "m", "m", "m"]},
        {"morphology": np.array([1, 1, 1, 1]), "@library/morphology": ["unused", "m"]},
        {"morphology": np.array([b"m"] * 4)},
    ],
)
@pytest.mark.parametrize("options", [{"config": OF_M}, {"of_nodes": {"morphologies_dir": "swc"}}])
def test_morphologies_are_those_of_the_files(tmp_path: Path, named: Any, options: Any) -> None:
    found = imported(circuit(tmp_path / "circuit", {**X, **named}, **options), "made")
    assert ["m"] * 4 == column(found, "morphology")
    (text,) = found["morphologies"].values()
    meta = "{'name': 'm', 'ldc': array([-10.,   0.,   0.]), 'mdc': array([10., 30.,  0.])}"
    assert text.endswith(f"{meta})")


@pytest.mark.parametrize("part", ["node", "edge"])
def test_rows_are_in_the_order_of_the_nodes_and_edges_or_refused(tmp_path: Path, part: str) -> None:
    """What a reader that ignores the index would get is another circuit."""
    file, population, size = (
        ("n.h5", "nodes/cells", 4) if part == "node" else ("e.h5", "edges/e", 3)
    )
    ordered, reverse = np.arange(size), np.arange(size)[::-1]
    for number, (group, index, kept) in enumerate(
        ((0, ordered, True), (0, reverse, False), (1, ordered, False))
    ):
        folder = circuit(tmp_path / str(number), X, ENDS)
        with h5py.File(folder / file, "r+") as held:
            held[f"{population}/{part}_group_id"] = np.full(size, group)
            held[f"{population}/{part}_group_index"] = index
        if kept:
            assert X["x"][::2] == [
                row["position"][0] for row in cells_of(imported(folder, "made"))[NEAR]
            ]
            continue
        with pytest.raises(CorruptNetworkError, match=f"{population}' are in several groups"):
            imported(folder, "made")


def test_each_node_needs_the_name_of_a_morphology(tmp_path: Path) -> None:
    for number, names in enumerate((["m"] * 3, ["m"] * 5)):
        given = circuit(tmp_path / f"{number}", {**X, "morphology": names})
        with pytest.raises(CorruptNetworkError, match="cells/0/morphology' needs 4 texts"):
            imported(given, f"made {number}")


@pytest.mark.parametrize("layout", ["classic", "columnar"])
def test_morphologies_that_are_no_swc_files_are_left_out(tmp_path: Path, layout: str) -> None:
    nodes = {**X, "morphology": ["m", "other", "other", "m"]}
    places = {f"afferent_{name}": [1, 0, 1] for name in ("section_id", "segment_id")}
    places["afferent_segment_offset"] = [0, 0, 0]
    folder = circuit(tmp_path / "circuit", nodes, {**ENDS, **places}, config=OF_M)
    (folder / "swc" / "other.asc").write_text("(Dendrite)")
    made = import_sonata(folder, str(tmp_path / "made"), layout=layout)
    assert [] == list(verify(made).findings)
    with engine_of(made).read_scope() as session:
        found = content(session.network)
    assert ["m", "", "", "m"] == column(found, "morphology")
    # The target of the first edge has none, and so the soma only.
    assert [[0, -1, -1, 0, -1, -1]] == edges_of(found)[NEAR, LEFT]


def test_a_morphology_between_others_that_is_no_swc_file_is_named(tmp_path: Path) -> None:
    nodes = {**X, "morphology": ["other", "m", "m", "m"]}
    with pytest.raises(CorruptNetworkError, match=r"after all others.*no SWC file of 'other'"):
        imported(circuit(tmp_path / "circuit", nodes, config=OF_M), "made")


def test_a_folder_of_a_population_comes_before_that_of_all(tmp_path: Path) -> None:
    options: dict[str, Any] = {"config": {"components": {"morphologies_dir": "none"}}}
    nodes = {**X, "morphology": ["m"] * 4}
    found = imported(circuit(tmp_path / "none", nodes, **options), "made")
    assert {} == found["morphologies"]
    options["of_nodes"] = {"morphologies_dir": "swc"}
    assert ["m"] == list(
        imported(circuit(tmp_path / "own", nodes, **options), "made")["morphologies"]
    )


def test_cells_without_morphology_follow_those_with_one(tmp_path: Path) -> None:
    # The nodes 0 and 2 are in one chunk.
    nodes = {**X, "morphology": ["m", "", "", "m"]}
    found = imported(circuit(tmp_path / "a", nodes, config=OF_M), "made")
    assert ["m", "", "", "m"] == column(found, "morphology")
    nodes = {**X, "morphology": ["", "", "m", "m"]}
    with pytest.raises(
        CorruptNetworkError, match=r"must come after all others .* a population of their own$"
    ):
        imported(circuit(tmp_path / "b", nodes, config=OF_M), "made")


ENDS = {"source_node_id": [0, 3, 2], "target_node_id": [1, 0, 2]}
NEAR, LEFT, HERE = chunk(1, 0, 0), chunk(-1, 0, 0), chunk(0, 0, 0)


def edges_of(found: Content) -> dict[tuple[int, int], list[Any]]:
    types, held = found["sets"]["e"]
    assert ("cells", "cells") == types
    return dict(held)


def test_edges_are_connections_on_the_soma(tmp_path: Path) -> None:
    with counted() as work:
        found = imported(circuit(tmp_path / "circuit", X, ENDS), "made")
    assert (4 + 3, 4 + 3) == (work.expected, work.done)
    soma = [-1, -1]
    assert {
        (NEAR, LEFT): [[0, *soma, 0, *soma]],
        (HERE, NEAR): [[0, *soma, 0, *soma]],
        (NEAR, NEAR): [[1, *soma, 1, *soma]],
    } == edges_of(found)


@pytest.mark.parametrize(("side", "column"), [("efferent", 1), ("afferent", 4)])
def test_sections_are_the_nearest_points(tmp_path: Path, side: str, column: int) -> None:
    nodes = {**X, "morphology": ["m", "m", "m", "m"]}
    places = {
        f"{side}_section_id": np.array([1, 2, 4], dtype=np.uint32),
        f"{side}_segment_id": np.array([0, 0, 0], dtype=np.uint32),
        f"{side}_segment_offset": np.array([9.0, 4.0, 8.0], dtype=np.float32),
    }
    folder = circuit(tmp_path / "circuit", nodes, {**ENDS, **places}, config=OF_M)
    found = edges_of(imported(folder, "made"))
    points = {pair: rows[0][column : column + 2] for pair, rows in found.items()}
    assert {(NEAR, LEFT): [1, 1], (HERE, NEAR): [2, 0], (NEAR, NEAR): [4, 0]} == points
    # Without one of the three arrays, or without a morphology, they are on the soma.
    del places[f"{side}_segment_offset"]
    folder = circuit(tmp_path / "less", nodes, {**ENDS, **places}, config=OF_M)
    assert {-1} == {n for rows in edges_of(imported(folder, "made")).values() for n in rows[0][1:3]}


@pytest.mark.parametrize(("side", "column"), [("efferent", 1), ("afferent", 4)])
def test_branches_and_points_come_before_sections(tmp_path: Path, side: str, column: int) -> None:
    own = {f"{side}_branch": [3, -1, 0], f"{side}_point": [7, -1, 2]}
    places = {
        f"{side}_{name}": [1, 1, 1] for name in ("section_id", "segment_id", "segment_offset")
    }
    nodes = {**X, "morphology": ["m"] * 4}
    folder = circuit(tmp_path / "circuit", nodes, {**ENDS, **own, **places}, config=OF_M)
    found = edges_of(imported(folder, "made"))
    points = {pair: rows[0][column : column + 2] for pair, rows in found.items()}
    assert {(NEAR, LEFT): [3, 7], (HERE, NEAR): [-1, -1], (NEAR, NEAR): [0, 2]} == points
    own[f"{side}_point"] = [7, 0, 2]
    folder = circuit(tmp_path / "wrong", nodes, {**ENDS, **own}, config=OF_M)
    with pytest.raises(CorruptNetworkError, match="the locations of 'e'"):
        imported(folder, "made")


@pytest.mark.parametrize("number", [4, 2**63, 2**64 - 1])
def test_nodes_that_do_not_exist_are_counted(tmp_path: Path, number: int) -> None:
    ends = {"source_node_id": [0, 1, 2], "target_node_id": [number, 0, number]}
    said = np.array(number, dtype=np.uint64).astype(np.int64)
    text = f"2 edges of 'e' are on nodes that do not exist, such as {said} of 4"
    with pytest.raises(CorruptNetworkError, match=text):
        imported(circuit(tmp_path / "circuit", X, ends), "made")


def test_edges_between_nodes_of_no_population_are_refused(tmp_path: Path) -> None:
    folder = circuit(tmp_path / "circuit", X, ENDS, population="others")
    text = r"edges 'e' are on nodes of 'others', which is not a population .*\['cells'\]"
    with pytest.raises(CorruptNetworkError, match=text):
        imported(folder, "made")


def test_edges_name_their_population_in_text(tmp_path: Path) -> None:
    folder = circuit(tmp_path / "bytes", X, ENDS, population=np.bytes_("cells"))
    assert edges_of(imported(folder, "made"))
    folder = circuit(tmp_path / "number", X, ENDS, population=5)
    with pytest.raises(CorruptNetworkError, match="source_node_id' has no text 'node_population'"):
        imported(folder, "made")


def test_what_is_made_says_who_made_it_and_when(tmp_path: Path) -> None:
    folder = circuit(tmp_path / "circuit", X, ENDS)
    made = import_sonata(folder, f"made {folder}", engine="memory")
    engine = engine_of(made)
    with engine.read_scope() as session:
        network = session.network
        assert (version("bsb-core"), bsb_hdf5.__version__) == network.versions
        histories = network.placement("cells").history(), network.connectivity("e").history()
    for each in histories:
        assert each.created_at is not None
        assert each.created_at[:2] == "20"
    assert engine.storage_id


def test_folders_of_one_circuit_may_share_morphologies_but_not_their_names(tmp_path: Path) -> None:
    folder = circuit(tmp_path / "circuit", X, of_nodes={"morphologies_dir": "swc"})
    (other := folder / "other").mkdir()
    (other / "m.swc").write_text(SWC)
    (other / "n.swc").write_text("1 1 0 0 0 7 -1\n")
    with h5py.File(folder / "n.h5", "r+") as file:
        file.copy("nodes/cells", "nodes/more")
    path = folder / "circuit_config.json"
    config = json.loads(path.read_text())
    config["networks"]["nodes"][0]["populations"]["more"] = {"morphologies_dir": "other"}
    path.write_text(json.dumps(config))
    assert {"m", "n"} == imported(folder, "shared")["morphologies"].keys()
    (other / "m.swc").write_text(SWC.replace("20 0 1 2", "25 0 1 2"))
    with pytest.raises(
        MorphologyExistsError, match=r"different morphologies 'm', one of them in .*m\.swc"
    ):
        imported(folder, "different")
