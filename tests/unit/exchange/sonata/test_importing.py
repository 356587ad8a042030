"""Circuits become networks: those of an export the network that it was."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bsb import Chunk, Storage
from scipy.spatial.transform import Rotation

from bsb_hdf5 import diff, export_sonata, import_sonata, verify
from bsb_hdf5.errors import (
    ChunkSizeError,
    CorruptNetworkError,
    InputError,
    NotANetworkError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
)
from bsb_hdf5.exchange.transfer import Portion
from bsb_hdf5.queries import placement_sets
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, cell_type, morphology_of
from tests.unit.exchange.sonata.circuits import full_network
from tests.unit.queries.networks import ENGINES, new_storage


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_network_comes_back_as_it_was(engine: str, seed: int, tmp_path: Path) -> None:
    storage = full_network(engine, tmp_path, seed).storage
    export_sonata(storage, tmp_path / "circuit")
    name = "hdf5" if engine in ("classic", "columnar") else engine
    layout = engine if name == "hdf5" else None
    made = import_sonata(tmp_path / "circuit", str(tmp_path / "made"), engine=name, layout=layout)
    assert [] == [str(each) for each in diff(storage, made)]
    assert name == made.format
    assert [] == list(verify(made).findings)


def test_cells_and_connections_may_come_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("exporting", "importing"):
        module = importlib.import_module(f"bsb_hdf5.exchange.sonata.{each}")
        monkeypatch.setattr(module, "Portion", lambda: Portion(cells=1, connections=2))
    storage = full_network("columnar", tmp_path).storage
    export_sonata(storage, tmp_path / "circuit")
    made = import_sonata(tmp_path / "circuit", str(tmp_path / "made"))
    assert [] == [str(each) for each in diff(storage, made)]


def test_a_morphology_without_metadata_comes_back_without(tmp_path: Path) -> None:
    storage = new_storage("columnar", tmp_path)
    storage.morphologies.save("m", morphology_of("one branch"), update_meta=False)
    storage.morphologies.save("n", morphology_of("one branch"))
    storage.require_placement_set(cell_type("a"))
    export_sonata(storage, tmp_path / "circuit")
    made = import_sonata(tmp_path / "circuit", str(tmp_path / "made"))
    assert [] == [str(each) for each in diff(storage, made)]
    assert ["n"] == list(made.morphologies.get_all_meta())


def test_morphologies_come_back_without_any_cells(tmp_path: Path) -> None:
    storage = new_storage("columnar", tmp_path)
    storage.morphologies.save("m", morphology_of("one branch"))
    export_sonata(storage, tmp_path / "circuit")
    made = import_sonata(tmp_path / "circuit", str(tmp_path / "made"))
    assert [] == [str(each) for each in diff(storage, made)]


def test_connections_that_are_all_on_the_first_point_come_back(tmp_path: Path) -> None:
    storage = new_storage("columnar", tmp_path)
    cells = storage.require_placement_set(cell_type("a"))
    cells.append_data(Chunk((0, 0, 0), CHUNK_SIZE), np.zeros((2, 3)))
    loops = storage.require_connectivity_set(cells.cell_type, cells.cell_type, "loops")
    loops.connect(cells, cells, [[0, 0, 0]], [[1, 0, 0]])
    export_sonata(storage, tmp_path / "circuit")
    made = import_sonata(tmp_path / "circuit", str(tmp_path / "made"))
    assert [] == [str(each) for each in diff(storage, made)]


def test_an_orientation_that_was_changed_counts(tmp_path: Path) -> None:
    export_sonata(full_network("classic", tmp_path).storage, tmp_path / "circuit")
    turned = Rotation.from_euler("xyz", [10, 20, 30], degrees=True).as_quat()
    with h5py.File(tmp_path / "circuit" / "nodes.h5", "r+") as file:
        group = file["nodes/with%2Fmorphology/0"]
        for axis, value in zip("xyzw", turned, strict=True):
            group[f"orientation_{axis}"][1] = value
    made = import_sonata(tmp_path / "circuit", str(tmp_path / "made"))
    cells = next(each for each in placement_sets(made) if each.tag == "with/morphology")
    angles = np.array([each.as_euler("xyz", degrees=True) for each in cells.load_rotations()])
    assert [10, 20, 30] == pytest.approx(angles[1].tolist())


def test_angles_are_read_where_a_program_left_out_the_orientations(tmp_path: Path) -> None:
    storage = full_network("classic", tmp_path).storage
    export_sonata(storage, tmp_path / "circuit")
    with h5py.File(tmp_path / "circuit" / "nodes.h5", "r+") as file:
        for population in file["nodes"].values():
            for name in [each for each in population["0"] if each.startswith("orientation_")]:
                del population["0"][name]
    made = import_sonata(tmp_path / "circuit", str(tmp_path / "made"))
    assert [] == [str(each) for each in diff(storage, made)]


SWC = """# of another program
1 1 0 0 0 5 -1
2 3 0 10 0 1 1
3 3 0 20 0 1 2
4 3 0 30 0 1 3
5 4 10 40 0 1 4
6 3 -10 40 0 1 4
"""


def foreign_circuit(folder: Path) -> dict[str, Any]:
    """A circuit of another program: nodes by no chunk, sections and segments."""
    folder.mkdir()
    (folder / "swc").mkdir()
    (folder / "swc" / "m.swc").write_text(SWC)
    with h5py.File(folder / "n.h5", "w") as file:
        cells = file.create_group("nodes/cells")
        cells["node_type_id"] = np.full(4, -1)
        for axis, places in zip("xyz", ([150, 10, 160, 20], [0] * 4, [0] * 4), strict=True):
            cells[f"0/{axis}"] = np.array(places, dtype=np.float32)
        for axis, turned in zip("wxyz", Rotation.identity().as_quat()[[3, 0, 1, 2]], strict=True):
            cells[f"0/orientation_{axis}"] = np.full(4, turned)
        cells["0/morphology"] = ["m"] * 4
        cells["0/threshold"] = np.arange(4, dtype=np.float32)
    with h5py.File(folder / "e.h5", "w") as file:
        edges = file.create_group("edges/e")
        for title, nodes in (("source_node_id", [0, 1, 2]), ("target_node_id", [3, 3, 0])):
            edges[title] = np.array(nodes, dtype=np.uint64)
            edges[title].attrs["node_population"] = "cells"
        edges["0/afferent_section_id"] = np.array([1, 2, 0], dtype=np.uint32)
        edges["0/afferent_segment_id"] = np.array([1, 0, 0], dtype=np.uint32)
        edges["0/afferent_segment_offset"] = np.array([2.0, 14.0, 0.0], dtype=np.float32)
    config: dict[str, Any] = {
        "manifest": {"$ROOT": "$HERE", "$HERE": "."},
        "components": {"morphologies_dir": "$ROOT/swc"},
        "networks": {
            "nodes": [{"nodes_file": "$ROOT/n.h5", "populations": {"cells": {}}}],
            "edges": [{"edges_file": "e.h5", "populations": {"e": {}}}],
        },
    }
    save(folder, config)
    return config


def save(folder: Path, config: object) -> None:
    (folder / "circuit_config.json").write_text(json.dumps(config))


def test_a_circuit_of_another_program_is_sorted_into_chunks(tmp_path: Path) -> None:
    foreign_circuit(tmp_path / "circuit")
    made = import_sonata(tmp_path / "circuit", str(tmp_path / "made"), chunk_size=[50, 50, 50])
    (cells,) = placement_sets(made)
    assert [10, 20, 150, 160] == cells.load_positions()[:, 0].tolist()
    assert [1, 3, 0, 2] == cells.load_additional("threshold").tolist()
    assert ["m"] == list(cells.load_morphologies().names)
    assert [(0, 0, 0), (3, 0, 0)] == sorted(map(tuple, cells.get_all_chunks()))
    pre, post = made.get_connectivity_set("e").load_connections().as_globals().all()
    found = {(a[0], *b) for a, b in zip(pre.tolist(), post.tolist(), strict=True)}
    # The points at (0, 20, 0) and (10, 40, 0), and the soma.
    assert {(2, 1, 1, 1), (0, 1, 2, 0), (3, 2, 0, 0)} == found
    assert (pre[:, 1:] == -1).all()
    branches = made.morphologies.load("m").branches
    assert [1, 3, 1, 1] == [len(branch) for branch in branches]
    assert [[10, 40, 0]] == branches[2].points.tolist()


def test_a_circuit_of_another_program_comes_back_by_its_values(tmp_path: Path) -> None:
    foreign_circuit(tmp_path / "circuit")
    made = import_sonata(tmp_path / "circuit" / "circuit_config.json", str(tmp_path / "made"))
    export_sonata(made, tmp_path / "again")
    back = import_sonata(tmp_path / "again", str(tmp_path / "back"), layout="columnar")
    assert [] == [str(each) for each in diff(made, back)]


def assert_refused(folder: Path, root: Path, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        import_sonata(folder, str(root))
    assert not root.exists()


@pytest.mark.parametrize("place", ["../n.h5", "/etc/passwd"])
def test_files_out_of_the_folder_are_not_read(tmp_path: Path, place: str) -> None:
    config = foreign_circuit(tmp_path / "circuit")
    config["networks"]["nodes"][0]["nodes_file"] = place
    save(tmp_path / "circuit", config)
    assert_refused(tmp_path / "circuit", tmp_path / "made", CorruptNetworkError, "outside of")


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    foreign_circuit(tmp_path / "circuit")
    foreign_circuit(tmp_path / "other")
    with h5py.File(tmp_path / "circuit" / "n.h5", "r+") as file:
        del file["nodes/cells/0/threshold"]
        del file["nodes/cells/node_type_id"]
        file["nodes/cells/node_type_id"] = h5py.ExternalLink(
            tmp_path / "other" / "n.h5", "/nodes/cells/node_type_id"
        )
    assert_refused(tmp_path / "circuit", tmp_path / "made", CorruptNetworkError, "of its own")
    (tmp_path / "other" / "n.h5").rename(tmp_path / "n.h5")
    (tmp_path / "other" / "n.h5").symlink_to(tmp_path / "n.h5")
    assert_refused(tmp_path / "other", tmp_path / "made", CorruptNetworkError, "outside of")


def test_links_to_morphologies_are_not_followed(tmp_path: Path) -> None:
    export_sonata(full_network("columnar", tmp_path).storage, tmp_path / "circuit")
    folder = tmp_path / "circuit" / "morphologies"
    file = next(folder.glob("*.swc"))
    shutil.copyfile(file, tmp_path / "elsewhere.swc")
    (folder / "unused.swc").symlink_to(tmp_path / "elsewhere.swc")
    made = import_sonata(tmp_path / "circuit", str(tmp_path / "made"))
    assert "unused" not in made.morphologies.list()


def test_names_of_populations_are_no_paths(tmp_path: Path) -> None:
    config = foreign_circuit(tmp_path / "circuit")
    foreign_circuit(tmp_path / "other")
    with h5py.File(tmp_path / "circuit" / "n.h5", "r+") as file:
        file["nodes/away"] = h5py.ExternalLink(tmp_path / "other" / "n.h5", "/nodes")
    config["networks"]["nodes"][0]["populations"] = {"away/cells": {}}
    save(tmp_path / "circuit", config)
    assert_refused(tmp_path / "circuit", tmp_path / "made", CorruptNetworkError, "of its own")


def test_two_populations_of_one_name_are_refused(tmp_path: Path) -> None:
    config = foreign_circuit(tmp_path / "circuit")
    for part in ("nodes", "edges"):
        config["networks"][part] *= 2
        save(tmp_path / "circuit", config)
        assert_refused(tmp_path / "circuit", tmp_path / "made", CorruptNetworkError, "two popul")
        config["networks"][part].pop()


def test_more_nodes_than_memory_are_refused(tmp_path: Path) -> None:
    foreign_circuit(tmp_path / "circuit")
    with h5py.File(tmp_path / "circuit" / "n.h5", "r+") as file:
        cells = file["nodes/cells"]
        for name in ("node_type_id", "0/x", "0/y", "0/z"):
            del cells[name]
            cells.create_dataset(name, (1 << 50,), np.float32, chunks=(1 << 10,))
    assert_refused(tmp_path / "circuit", tmp_path / "made", StoreIOError, "not enough memory")


CHANGES: list[dict[str, Any]] = [
    {"chunk_size": "x"},
    {"chunk_size": [1, 2]},
    {"nodes": []},
    {"nodes": {"granule": {}}},
    {"nodes": {"granule": {"name": 1, "empty_chunks": [], "additional": {}}}},
    {"nodes": {"granule": {"name": "a", "empty_chunks": [1], "additional": {}}}},
    {
        "nodes": {
            "granule": {
                "name": "a",
                "empty_chunks": [],
                "additional": {"k": {"columns": ["x"], "shape": [2]}},
            }
        }
    },
    {"edges": {"gap": {"name": "a"}, "granule_to_golgi": {"name": "a"}}},
    {"unconnected": [{"name": "gap", "pre": "golgi", "post": "none"}]},
    {"unconnected": [{"name": "nothing", "pre": "golgi"}]},
]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A circuit, for all tests to copy."""
    folder = tmp_path_factory.mktemp("exported")
    export_sonata(full_network("classic", folder).storage, folder / "circuit")
    return folder / "circuit"


@pytest.mark.parametrize("change", CHANGES)
def test_an_export_that_was_changed_is_refused(
    exported: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    shutil.copytree(exported, tmp_path / "circuit")
    config = json.loads((tmp_path / "circuit" / "circuit_config.json").read_text())
    config["bsb"].update(change)
    save(tmp_path / "circuit", config)
    assert_refused(
        tmp_path / "circuit", tmp_path / "made", NotANetworkError, "not a configuration of a SONATA"
    )


def test_edges_on_nodes_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    foreign_circuit(tmp_path / "circuit")
    with h5py.File(tmp_path / "circuit" / "e.h5", "r+") as file:
        file["edges/e/source_node_id"][1] = 4
    assert_refused(tmp_path / "circuit", tmp_path / "made", CorruptNetworkError, "such as 4 of 4")


def test_columns_of_another_length_are_refused(tmp_path: Path) -> None:
    foreign_circuit(tmp_path / "circuit")
    with h5py.File(tmp_path / "circuit" / "n.h5", "r+") as file:
        del file["nodes/cells/0/x"]
        file["nodes/cells/0/x"] = np.zeros(3)
    assert_refused(tmp_path / "circuit", tmp_path / "made", CorruptNetworkError, "4 numbers")


def test_what_is_no_circuit_is_named(tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert_refused(tmp_path / "nothing", made, StoreNotFoundError, "no circuit at")
    folder = tmp_path / "circuit"
    config = foreign_circuit(folder)
    wrong: list[Any] = [[], {}, {"networks": 1}, {"networks": {"nodes": [{}]}}]
    for each in wrong:
        save(folder, each)
        assert_refused(folder, made, NotANetworkError, "not a configuration of a SONATA circuit")
    (folder / "circuit_config.json").write_bytes(b"\x89HDF" + 1000 * b"\xff")
    with pytest.raises(NotANetworkError, match="it is not a text") as caught:
        import_sonata(folder, str(made))
    assert len(str(caught.value)) < 300
    with (folder / "circuit_config.json").open("r+b") as file:
        file.truncate(1 << 30)
    assert_refused(folder, made, NotANetworkError, "larger than")
    save(folder, {**config, "bsb": {"schema": 99}})
    assert_refused(folder, made, NotANetworkError, "schema 99")
    save(folder, config)
    (folder / "n.h5").write_text("no HDF5")
    assert_refused(folder, made, CorruptNetworkError, "is not an HDF5 file")


def test_a_morphology_that_was_changed_since_its_export_is_refused(tmp_path: Path) -> None:
    export_sonata(full_network("classic", tmp_path).storage, tmp_path / "circuit")
    path = tmp_path / "circuit" / "morphologies" / "labelled.swc"
    text = path.read_text().splitlines()
    path.write_text("\n".join(text[:-1]))
    assert_refused(
        tmp_path / "circuit", tmp_path / "made", CorruptNetworkError, "changed since its export"
    )


def test_arguments_are_checked_before_anything_is_made(tmp_path: Path) -> None:
    foreign_circuit(tmp_path / "circuit")
    root = tmp_path / "made"
    for size in (0, -1, "x", [1, 2], np.inf):
        with pytest.raises(ChunkSizeError):
            import_sonata(tmp_path / "circuit", str(root), chunk_size=size)
    with pytest.raises(InputError):
        import_sonata(tmp_path / "circuit", str(root), engine="none")
    assert not root.exists()
    made = import_sonata(tmp_path / "circuit", str(root))
    with pytest.raises(StoreExistsError):
        import_sonata(tmp_path / "circuit", str(root))
    export_sonata(made, tmp_path / "again")
    with pytest.raises(InputError, match="leave out chunk_size"):
        import_sonata(tmp_path / "again", str(tmp_path / "back"), chunk_size=50)
    assert isinstance(made, Storage)
