"""`info` says what is in a network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bsb import Chunk

from bsb_hdf5 import engine_of
from bsb_hdf5.cli import describing
from tests.unit.adapters.hdf5.atomic.commits import is_interrupted, killed_in_commit
from tests.unit.cli.conftest import Run
from tests.unit.queries.networks import TAGS, TYPES, Sample


def test_it_names_types_and_sets_with_their_numbers(
    run: Run, network: Sample, root: Path, layout: str
) -> None:
    document = run("info", root, "--json").document()
    cells = {each["name"]: each["cells"] for each in document["cell_types"]}
    assert {name: len(network.cells[name]) for name in TYPES} == cells
    counts = {each["tag"]: each["connections"] for each in document["connectivity_sets"]}
    assert {tag: len(network.connections[tag]) for tag in TAGS} == counts
    assert ("hdf5", layout) == (document["engine"], document["layout"])
    assert engine_of(str(root)).storage_id == document["provenance"]["storage_id"]
    text = run("info", root).out
    for name in (*TYPES, *TAGS):
        assert name in text


def test_bytes_by_part_are_those_of_the_file(run: Run, root: Path) -> None:
    taken = run("info", root, "--json").document()["bytes"]
    assert root.stat().st_size == taken["total"]
    assert taken["total"] == sum(taken["parts"].values()) + taken["rest"]
    assert any(taken["parts"].values())


def test_chunks_and_sets_on_request(run: Run, network: Sample, root: Path) -> None:
    document = run("info", root, "--json", "--chunks").document()
    placed = sum(each["cells"] for each in document["chunks"])
    assert sum(map(len, network.cells.values())) == placed
    incoming = sum(each["incoming"] for each in document["chunks"])
    assert sum(map(len, network.connections.values())) == incoming
    text = run("info", root, "--chunks", "--sets").out
    assert "additional data" in text
    assert "incoming" in text
    assert "incoming" not in run("info", root).out


def test_a_large_classic_file_could_be_smaller(
    run: Run, network: Sample, root: Path, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describing, "_LARGE", 1)
    outcome = run("info", root)
    offered = f"bsb storage convert {root} NEW --layout columnar" in outcome.out
    assert ("classic" == layout) == offered


def test_many_arrays_are_not_looked_at(
    run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bsb_hdf5.queries.sizes._MOST_ARRAYS", 1)
    assert "not counted" in run("info", root).out
    assert run("info", root, "--json").document()["bytes"]["parts"] is None


def test_holes_are_counted_until_a_repack(
    run: Run, network: Sample, root: Path, layout: str
) -> None:
    assert "holes: " not in run("info", root).out
    name, tag = next(iter(TYPES)), next(iter(TAGS))
    cells, connections = network.placement(name), network.connectivity(tag)
    chunk = cells.get_all_chunks()[0]
    before = len(cells), len(connections)
    cells.clear([chunk])
    connections.clear()
    found = run("info", root, "--json").document()["holes"]
    if layout == "classic":
        assert {"cells": 0, "connections": 0} == found
        return
    assert before[0] - len(cells) == found["cells"] > 0
    assert f"bsb storage repack {root} removes them" in run("info", root).out
    run("repack", root)
    assert {"cells": 0, "connections": 0} == run("info", root, "--json").document()["holes"]


@pytest.mark.parametrize("text", ["[" * 100_000, "{", '{"placement": {"p": {"cell_types": 5}}}'])
def test_a_configuration_that_is_none_has_no_name(
    run: Run, network: Sample, root: Path, text: str
) -> None:
    network.storage.files.store(text, meta={"active_config": True})
    outcome = run("info", root, "--json")
    assert (0, None) == (outcome.code, outcome.document()["configuration"])


def test_the_commit_of_a_killed_program_is_named(run: Run, network: Sample, root: Path) -> None:
    assert not run("info", root, "--json").document()["unfinished_commit"]
    cells = network.placement(next(iter(TYPES)))
    with killed_in_commit():
        cells.append_data(Chunk((9, 9, 9), cells.get_all_chunks()[0].dimensions), np.ones((5, 3)))
    assert is_interrupted(root)
    assert "which were complete, and are now stored" in run("info", root).out
    assert not is_interrupted(root)
    assert "unfinished" not in run("info", root).out


def test_a_commit_that_could_not_be_completed_is_named(
    run: Run, root: Path, network: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for somebody who may only read."""
    monkeypatch.setattr(describing, "was_interrupted", lambda _: True)
    found = run("info", root).out
    assert "unfinished commit: a program was killed as it stored changes; they are shown" in found
    assert "the next writer completes them" in found
