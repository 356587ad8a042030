"""The commands that compare, merge and count."""

from __future__ import annotations

from pathlib import Path

import pytest
from bsb import Chunk

from bsb_hdf5 import convert, open_storage
from bsb_hdf5.queries import counts, matrix
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, cell_type
from tests.unit.cli.conftest import Run
from tests.unit.queries.networks import TAGS, TYPES, Sample, new_storage


def test_equal_networks_are_passed_over_in_silence(run: Run, root: Path, tmp_path: Path) -> None:
    convert(str(root), tmp_path / "copy.hdf5", layout="columnar")
    outcome = run("diff", root, tmp_path / "copy.hdf5")
    assert (0, "", "") == (outcome.code, outcome.out, outcome.err)
    assert [] == run("diff", root, tmp_path / "copy.hdf5", "--json").document()["differences"]


def test_each_difference_is_a_line_and_exits_with_1(
    run: Run, network: Sample, root: Path, tmp_path: Path
) -> None:
    convert(str(root), tmp_path / "copy.hdf5")
    for name in TYPES:
        network.placement(name).label(["new"], [0])
    outcome = run("diff", root, tmp_path / "copy.hdf5")
    assert (1, 2) == (outcome.code, len(outcome.out.splitlines()))
    assert 1 == len(run("diff", root, tmp_path / "copy.hdf5", "-n", "1").out.splitlines())
    document = run("diff", root, tmp_path / "copy.hdf5", "--json").document()
    assert (str(root), str(tmp_path / "copy.hdf5")) == (document["first"], document["second"])
    assert {"placement"} == {each["part"] for each in document["differences"]}


def test_what_only_one_network_has_is_said_of_that_one(
    run: Run, root: Path, tmp_path: Path
) -> None:
    convert(str(root), tmp_path / "copy.hdf5")
    open_storage(tmp_path / "copy.hdf5").files.store("more", id="more")
    for first, second, where in (
        (root, tmp_path / "copy.hdf5", "second"),
        (tmp_path / "copy.hdf5", root, "first"),
    ):
        text = f"files: 'more': file of the {where} network only\n"
        assert text == run("diff", first, second).out


def test_networks_are_merged(run: Run, root: Path, tmp_path: Path) -> None:
    document = run("merge", root, root, "-o", tmp_path / "both.hdf5", "--json").document()
    expected = {name: 2 * count for name, count in counts(str(root)).items()}
    assert expected == counts(tmp_path / "both.hdf5")
    assert sum(expected.values()) == document["cells"]
    outcome = run("merge", root, root, "-o", tmp_path / "both.hdf5")
    assert (2, "") == (outcome.code, outcome.out)


@pytest.mark.parametrize("by", ["type", "label", "chunk"])
def test_cells_and_connections_are_counted(run: Run, network: Sample, root: Path, by: str) -> None:
    document = run("stats", root, "--by", by, "--json").document()
    expected = sorted(counts(network.storage, by=by).values())
    assert expected == sorted(each["cells"] for each in document["cells"])
    sets = {each["tag"]: each for each in document["connections"]}
    for tag, (_, post) in TAGS.items():
        made = len(network.connections[tag])
        assert made == sets[tag]["connections"]
        assert made / len(network.cells[post]) == pytest.approx(sets[tag]["convergence"]["mean"])
    text = run("stats", root, "--by", by).out
    assert f"cells by {by}" in text
    assert "gap" in text
    assert "gap" not in run("stats", root, "--set", "between golgi").out


def test_connections_are_counted_from_pre_to_post(run: Run, network: Sample, root: Path) -> None:
    document = run("stats", root, "--json").document()
    found = matrix(network.storage)
    expected = {
        (pre, post, int(found.values[i, j]))
        for i, pre in enumerate(found.pre)
        for j, post in enumerate(found.post)
        if found.values[i, j]
    }
    assert any((post, pre, count) not in expected for pre, post, count in expected)
    assert expected == {
        (each["pre"], each["post"], each["connections"]) for each in document["matrix"]
    }


def test_a_type_without_placement_set_has_no_cells(run: Run, tmp_path: Path) -> None:
    storage = new_storage("classic", tmp_path)
    golgi = storage.require_placement_set(cell_type("golgi"))
    golgi.append_data(Chunk((0, 0, 0), CHUNK_SIZE), [[1.0, 2.0, 3.0]])
    storage.require_connectivity_set(cell_type("ghost"), golgi.cell_type, "half")
    (found,) = run("stats", storage.root, "--json").document()["connections"]
    assert 0 == found["connections"]
    assert (1, 0) == (found["convergence"]["n"], found["divergence"]["n"])


def test_a_set_that_does_not_exist_is_named(run: Run, root: Path) -> None:
    outcome = run("stats", root, "--set", "nope")
    assert 2 == outcome.code
    assert "'nope' does not exist" in outcome.err


def test_a_network_is_drawn(run: Run, root: Path, tmp_path: Path) -> None:
    document = run("plot", root, "-o", tmp_path / "page.html", "--json").document()
    assert (tmp_path / "page.html").stat().st_size == document["bytes"]
    assert 2 == run("plot", root, "-o", tmp_path / "page.txt").code


def test_a_network_is_exported_to_sonata_and_imported(run: Run, root: Path, tmp_path: Path) -> None:
    circuit, made = tmp_path / "circuit", tmp_path / "made.hdf5"
    document = run("export", root, circuit, "--to", "sonata", "--json").document()
    assert {"circuit_config.json", "nodes.h5", "edges.h5", "node_sets.json"} == set(
        document["files"]
    )
    assert 2 == run("export", root, circuit, "--to", "sonata").code
    assert 0 == run("export", root, circuit, "--to", "sonata", "--overwrite").code
    document = run("import", circuit, made, "--from", "sonata", "--json").document()
    assert sum(counts(str(root)).values()) == document["cells"]
    assert 0 == run("diff", root, made).code
    outcome = run("import", circuit, made)
    assert (2, "") == (outcome.code, outcome.out)
    assert "exists" in outcome.err
    assert 2 == run("import", tmp_path / "nothing", tmp_path / "other.hdf5").code


def test_a_network_is_exported(run: Run, root: Path, tmp_path: Path) -> None:
    document = run("export", root, tmp_path / "tables", "--json").document()
    assert sorted(each.name for each in (tmp_path / "tables").iterdir()) == document["files"]
    assert 2 == run("export", root, tmp_path / "tables").code
    assert 0 == run("export", root, tmp_path / "tables", "--overwrite").code
