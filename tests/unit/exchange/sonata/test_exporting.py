"""Libraries that read SONATA see the network in its circuit."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

import h5py
import libsonata
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bsb_hdf5 import diff, export_csv, export_sonata, import_sonata
from bsb_hdf5.errors import CorruptNetworkError, StoreExistsError, StoreIOError
from bsb_hdf5.exchange.sonata.names import safe_name
from bsb_hdf5.exchange.transfer import Portion
from bsb_hdf5.queries import connectivity_sets, placement_sets
from tests.face.samples import cell_type, chunk, positions
from tests.unit.exchange.sonata.circuits import NAMES, full_network
from tests.unit.queries.networks import ENGINES, Sample, new_storage


@pytest.fixture(params=ENGINES, scope="module")
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A network that tests only read."""
    return full_network(request.param, tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="module")
def exported(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its circuit, which tests only read."""
    folder = tmp_path_factory.mktemp("exported") / "circuit"
    export_sonata(sample.storage, folder)
    return folder


def circuit_of(sample: Sample, folder: Path) -> Any:
    export_sonata(sample.storage, folder)
    return circuit_at(folder)


def circuit_at(folder: Path) -> Any:
    return libsonata.CircuitConfig.from_file(str(folder / "circuit_config.json"))


def values(population: Any, name: str) -> Any:
    return population.get_attribute(name, population.select_all())


def test_nodes_are_the_cells(sample: Sample, exported: Path) -> None:
    circuit = circuit_at(exported)
    cells = {safe_name(each.tag): each for each in placement_sets(sample.storage)}
    assert set(cells) == circuit.node_populations
    for name, placed in cells.items():
        nodes = circuit.node_population(name)
        assert len(placed) == nodes.size
        if name in ("entities", "none"):
            continue
        found = np.stack([values(nodes, axis) for axis in "xyz"], axis=1)
        assert np.array_equal(placed.load_positions(), found)


def test_rotations_turn_morphologies_as_those_of_the_network_do(
    sample: Sample, exported: Path
) -> None:
    nodes = circuit_at(exported).node_population("with%2Fmorphology")
    quaternions = [values(nodes, f"orientation_{axis}") for axis in "xyzw"]
    turned = Rotation.from_quat(np.stack(quaternions, axis=1))
    placed = next(e for e in placement_sets(sample.storage) if e.tag == "with/morphology")
    expected = [each.apply([1.0, 2.0, 3.0]) for each in placed.load_rotations().iter()]
    assert np.allclose(np.array(expected).reshape(-1, 3), turned.apply([1.0, 2.0, 3.0]))


def test_each_cell_names_the_file_of_its_morphology(sample: Sample, exported: Path) -> None:
    nodes = circuit_at(exported).node_population("with%2Fmorphology")
    placed = next(e for e in placement_sets(sample.storage) if e.tag == "with/morphology")
    held = placed.load_morphologies()
    expected = [held.names[i] for i in held.get_indices()]
    assert list(map(safe_name, expected)) == list(values(nodes, "morphology"))
    files = {each.stem for each in (exported / "morphologies").iterdir()}
    assert set(map(safe_name, NAMES.values())) == files


def test_edges_of_every_node_are_its_connections(sample: Sample, exported: Path) -> None:
    circuit = circuit_at(exported)
    sets = {safe_name(each.tag): each for each in connectivity_sets(sample.storage)}
    assert set(sets) == {*circuit.edge_populations, "nothing"}
    del sets["nothing"]
    for name, connections in sets.items():
        edges = circuit.edge_population(name)
        pre, post = connections.load_connections().as_globals().all()
        # libsonata refuses to select all edges of none.
        nothing = np.zeros(0, dtype=np.int64)
        ends = nothing, nothing
        if edges.size:
            every = edges.select_all()
            ends = edges.source_nodes(every), edges.target_nodes(every)
        assert sorted(zip(pre[:, 0], post[:, 0], strict=True)) == sorted(zip(*ends, strict=True))
        for population, ask, mine in (
            (edges.source, edges.efferent_edges, ends[0]),
            (edges.target, edges.afferent_edges, ends[1]),
        ):
            for node in range(circuit.node_population(population).size):
                expected = np.flatnonzero(mine == node).tolist()
                assert expected == sorted(ask([node]).flatten().tolist())


def test_node_sets_are_the_labels(sample: Sample, exported: Path) -> None:
    circuit = circuit_at(exported)
    sets = libsonata.NodeSets.from_file(str(exported / "node_sets.json"))
    for name, cells in sample.cells.items():
        nodes = circuit.node_population(name)
        assert range(len(cells)) == range(len(sets.materialize(name, nodes).flatten()))
        for label in {label for cell in cells for label in cell.labels}:
            expected = [i for i, cell in enumerate(cells) if label in cell.labels]
            assert expected == sets.materialize(f"{name}/{label}", nodes).flatten().tolist()
            assert expected == sets.materialize(label, nodes).flatten().tolist()


def test_a_label_that_is_called_as_another_node_set_gets_one_too(tmp_path: Path) -> None:
    storage = new_storage("columnar", tmp_path)
    for name, labels in (("a", ["b", "b_", "a/b"]), ("b", ["b"])):
        cells = storage.require_placement_set(cell_type(name))
        cells.append_data(chunk(0), positions(3))
        for i, label in enumerate(labels):
            cells.label([label], [i])
    export_sonata(storage, tmp_path / "circuit")
    circuit = circuit_at(tmp_path / "circuit")
    sets = libsonata.NodeSets.from_file(str(tmp_path / "circuit" / "node_sets.json"))
    assert {"a", "b", "a/b", "a/b_", "a/a/b", "b/b", "b_", "b__", "a/b__"} == sets.names
    for name, population, expected in (
        ("b", "b", [0, 1, 2]),
        ("b__", "a", [0]),
        ("b__", "b", [0]),
        ("b_", "a", [1]),
        ("a/b", "a", [0]),
        ("a/b__", "a", [2]),
    ):
        nodes = circuit.node_population(population)
        assert expected == sets.materialize(name, nodes).flatten().tolist()


# What BSB has in other numbers than the schemas of SONATA, and what a network does not know.
WARNINGS = r"partial|incorrect datatype '(float64|float32)' for "


def test_bluepysnap_finds_nothing_fatal(sample: Sample, exported: Path) -> None:
    # It has to be built, which tests/dist/versions.py does not do for each Python.
    validate = pytest.importorskip("bluepysnap.circuit_validation").validate
    config = str(exported / "circuit_config.json")
    found = validate(config, skip_slow=False, print_errors=False)
    assert [] == [each.message for each in found if each.level == each.FATAL]
    lines = [line for each in found for line in each.message.splitlines() if line[:1] == "\t"]
    single = [each.message for each in found if "\n" not in each.message]
    assert lines
    assert [] == [line for line in lines + single if not re.search(WARNINGS, line)]


def test_bluepysnap_reads_morphologies_of_nodes_that_have_no_model(tmp_path: Path) -> None:
    bluepysnap = pytest.importorskip("bluepysnap")
    sample = full_network("columnar", tmp_path)
    circuit_of(sample, tmp_path / "circuit")
    nodes = bluepysnap.Circuit(str(tmp_path / "circuit" / "circuit_config.json")).nodes
    placed = next(e for e in placement_sets(sample.storage) if e.tag == "with/morphology")
    names = nodes["with%2Fmorphology"].get(properties="morphology")
    file = nodes["with%2Fmorphology"].morph.get_filepath(0)
    first = next(iter(placed.load_morphologies()))
    assert file.is_file()
    assert file.stem == names[0] == safe_name(first.meta["name"])


def test_cells_that_are_not_rotated_stand_upright(tmp_path: Path) -> None:
    storage = new_storage("columnar", tmp_path)
    storage.require_placement_set(cell_type("a")).append_data(chunk(0), positions(3))
    export_sonata(storage, tmp_path / "circuit")
    config = libsonata.CircuitConfig.from_file(str(tmp_path / "circuit" / "circuit_config.json"))
    nodes = config.node_population("a")
    found = [values(nodes, f"orientation_{axis}").tolist() for axis in "xyzw"]
    assert [[0.0] * 3] * 3 + [[1.0] * 3] == found


def test_a_set_between_types_without_cells_is_no_population(tmp_path: Path) -> None:
    sample = full_network("columnar", tmp_path)
    circuit_of(sample, tmp_path / "circuit")
    config = json.loads((tmp_path / "circuit" / "circuit_config.json").read_text())
    held = [{"name": "nothing", "pre": "golgi", "post": "none"}]
    assert held == config["bsb"]["unconnected"]
    assert "nothing" not in config["networks"]["edges"][0]["populations"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_set_of_a_type_without_placement_set_is_no_population_unless_it_has_connections(
    engine: str, tmp_path: Path
) -> None:
    storage = new_storage(engine, tmp_path)
    golgi = storage.require_placement_set(cell_type("golgi"))
    golgi.append_data(chunk(0), positions(3))
    half = storage.require_connectivity_set(golgi.cell_type, cell_type("ghost"), "half")
    export_sonata(storage, tmp_path / "circuit")
    made = import_sonata(tmp_path / "circuit", f"made of {tmp_path}", engine="memory")
    assert [] == diff(storage, made)
    half.chunk_connect(chunk(0), chunk(0), [(0, -1, -1)], [(1, -1, -1)])
    with pytest.raises(CorruptNetworkError, match="set 'half' is between cells of type 'ghost'"):
        export_sonata(storage, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_the_center_of_an_edge_is_its_point_on_the_turned_morphology(
    sample: Sample, exported: Path
) -> None:
    edges = circuit_at(exported).edge_population("between%2Fpoints")
    cells = next(e for e in placement_sets(sample.storage) if e.tag == "with/morphology")
    made = next(e for e in connectivity_sets(sample.storage) if e.tag == "between/points")
    _, post = made.load_connections().as_globals().all()
    positions, rotations = cells.load_positions(), list(cells.load_rotations().iter())
    held = list(cells.load_morphologies())
    expected = []
    for cell, branch, point in post.tolist():
        at = held[cell].branches[branch].points[point] if branch >= 0 else np.zeros(3)
        expected.append(positions[cell] + rotations[cell].apply(at))
    found = np.stack([values(edges, f"afferent_center_{axis}") for axis in "xyz"], axis=1)
    assert np.allclose(expected, found, atol=1e-4)
    assert {branch for _, branch, _ in post.tolist()} == {-1, 0}
    types = [int(each) for each in values(edges, "afferent_section_type")]
    assert [_on_soma(held[cell], branch, point) for cell, branch, point in post.tolist()] == [
        each == 1 for each in types
    ]


def _on_soma(morphology: Any, branch: int, point: int) -> bool:
    if branch < 0:
        return True
    labels = morphology.branches[branch].labels
    return "soma" in labels.labels[int(labels[point])]


def test_what_a_network_does_not_know_of_an_edge_is_nan(tmp_path: Path) -> None:
    circuit = circuit_of(full_network("columnar", tmp_path), tmp_path / "circuit")
    edges = circuit.edge_population("between%2Fpoints")
    for name in ("conductance", "delay", "n_rrp_vesicles", "syn_type_id", "u_syn"):
        assert np.isnan(values(edges, name)).all()


@pytest.mark.parametrize(("piece", "runs"), [(1, 1), (3, 4), (1 << 20, 1 << 22)])
def test_indices_do_not_depend_on_what_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, runs: int
) -> None:
    module = importlib.import_module("bsb_hdf5.exchange.sonata.indices")
    monkeypatch.setattr(module, "_PIECE", piece)
    monkeypatch.setattr(module, "_MOST_RUNS", runs)
    sample = full_network("columnar", tmp_path)
    export_sonata(sample.storage, tmp_path / "circuit")
    test_edges_of_every_node_are_its_connections(sample, tmp_path / "circuit")


def test_the_configuration_says_with_which_schema_it_was_exported(tmp_path: Path) -> None:
    """Another schema needs another number: earlier releases would read it wrongly."""
    export_sonata(new_storage("columnar", tmp_path), tmp_path / "circuit")
    config = json.loads((tmp_path / "circuit" / "circuit_config.json").read_text())
    assert 1 == config["bsb"]["schema"]


def test_what_is_at_the_folder_stays_unless_it_was_exported(tmp_path: Path) -> None:
    sample = full_network("classic", tmp_path)
    target = tmp_path / "circuit"
    export_sonata(sample.storage, target)
    with pytest.raises(StoreExistsError, match="pass overwrite=True"):
        export_sonata(sample.storage, target)
    models = target / "biophysical_neuron_models" / "granule.hoc"
    models.parent.mkdir()
    models.write_text("of another author")
    with pytest.raises(StoreExistsError, match=r"granule\.hoc', which the export did not write"):
        export_sonata(sample.storage, target, overwrite=True)
    models.unlink()
    before = (target / "nodes.h5").stat().st_ino
    export_sonata(sample.storage, target, overwrite=True)
    assert before != (target / "nodes.h5").stat().st_ino
    config = json.loads((target / "circuit_config.json").read_text())
    del config["bsb"]
    (target / "circuit_config.json").write_text(json.dumps(config))
    with pytest.raises(StoreExistsError, match="was not written by an export"):
        export_sonata(sample.storage, target, overwrite=True)


def test_an_export_replaces_one_in_another_format(tmp_path: Path) -> None:
    sample = full_network("columnar", tmp_path)
    target = tmp_path / "exported"
    indices = {export_csv: "network.json", export_sonata: "circuit_config.json"}
    for export in (export_sonata, export_csv, export_sonata):
        export(sample.storage, target, overwrite=True)
        held = {each.name for each in target.iterdir()}
        assert {indices[export]} == held & {*indices.values()}
    (target / "network.json").write_text("mine")
    with pytest.raises(StoreExistsError, match=r"holds 'network\.json', which the export did not"):
        export_csv(sample.storage, target, overwrite=True)
    assert "mine" == (target / "network.json").read_text()


def test_nothing_is_left_of_an_export_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    sample = full_network("classic", tmp_path)
    export_sonata(sample.storage, tmp_path / "circuit")
    module = importlib.import_module("bsb_hdf5.exchange.sonata.exporting")
    monkeypatch.setattr(module, "write_edges", fail)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StoreIOError, match=r"circuit' can't be written: No space left on device$"):
        export_sonata(sample.storage, tmp_path / "circuit", overwrite=True)
    assert before == sorted(tmp_path.rglob("*"))


def test_connections_on_cells_that_are_gone_are_refused(tmp_path: Path) -> None:
    sample = full_network("classic", tmp_path)
    sample.placement("golgi").clear()
    with pytest.raises(CorruptNetworkError, match="that do not exist"):
        export_sonata(sample.storage, tmp_path / "circuit")


@pytest.mark.parametrize("shapes", [((2,), (3,)), ((2, 3), (3, 2)), ((), (3,))])
def test_rows_of_two_shapes_are_refused_whatever_is_in_memory(
    shapes: tuple[tuple[int, ...], ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As bsb-hdf5 8.0.2 stores them."""
    storage = new_storage("classic", tmp_path)
    cells = storage.require_placement_set(cell_type("granule"))
    for x in range(2):
        cells.append_data(chunk(x), positions(1), additional={"k": np.ones((1, *shapes[0]))})
    with h5py.File(storage.root, "r+") as file:
        path = f"placement/granule/{chunk(1).id}/additional/k"
        del file[path]
        file[path] = np.ones((1, *shapes[1]))
    for most in (1, 2):
        monkeypatch.setattr(
            "bsb_hdf5.exchange.sonata.exporting.Portion", lambda most=most: Portion(cells=most)
        )
        with pytest.raises(CorruptNetworkError, match="rows of 'additional/k'"):
            export_sonata(storage, tmp_path / "circuit")
        assert not (tmp_path / "circuit").exists()
