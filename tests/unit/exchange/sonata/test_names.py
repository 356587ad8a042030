"""Each morphology of a circuit has a file of its own, whatever it is called."""

from __future__ import annotations

import json
import os
from pathlib import Path

import libsonata
import numpy as np
from bsb import MorphologySet

from bsb_hdf5 import diff, export_sonata, import_sonata
from bsb_hdf5.exchange.sonata.names import file_names
from bsb_hdf5.testing.network_samples import SHAPES, cell_type, morphology_of
from tests.face.samples import chunk
from tests.unit.queries.networks import new_storage

CLASHING = ("Golgi", "golgi", "GOLGI", "\u00e9", "e\u0301", "n" * 260, "n" * 261, "N" * 262)
UNUSUAL = (*CLASHING, "ü" * 200, "con", "Com1.x", "a/b", "..a", "ends.", "%7E", "golgi%~1", "細胞")


def test_names_of_files_are_unique_and_fit_whatever_the_file_system() -> None:
    names = file_names(UNUSUAL)
    assert set(UNUSUAL) == set(names)
    assert len(UNUSUAL) == len({each.casefold() for each in names.values()})
    for each in names.values():
        assert len(each.encode()) + len(".swc") <= 255
        assert not set(each) & set('/\\:*?"<>|')
        assert each.split(".")[0].lower() not in ("", "con", "com1")


def test_names_of_files_follow_from_the_names_alone() -> None:
    assert file_names(UNUSUAL) == file_names(reversed(UNUSUAL))
    assert {"a b": "a b", "GrC.1": "GrC.1", "a/b": "a%2Fb"} == file_names(("GrC.1", "a b", "a/b"))
    assert {"Golgi": "Golgi", "golgi": "golgi%~1"} == file_names(("golgi", "Golgi"))
    assert {"x" * 251: "x" * 251} == file_names(["x" * 251])
    assert {"x" * 252: "x" * 240 + "%~1"} == file_names(["x" * 252])


def test_morphologies_with_unusual_names_come_back(tmp_path: Path) -> None:
    storage = new_storage("memory", tmp_path / "unusual")
    for shape, name in zip(sorted(SHAPES) * len(UNUSUAL), UNUSUAL, strict=False):
        storage.morphologies.save(name, morphology_of(shape))
    held = [storage.morphologies.preload(name) for name in UNUSUAL]
    cells = storage.require_placement_set(cell_type("cells"))
    places, order = np.zeros((len(held), 3)), np.arange(len(held))
    cells.append_data(chunk(0), places, morphologies=MorphologySet(held, order))
    circuit = tmp_path / "circuit"
    export_sonata(storage, circuit)
    nodes = libsonata.CircuitConfig.from_file(str(circuit / "circuit_config.json")).node_population(
        "cells"
    )
    named = nodes.get_attribute("morphology", nodes.select_all())
    assert {f"{each}.swc" for each in named} == {*os.listdir(circuit / "morphologies")}
    back = import_sonata(circuit, str(tmp_path / "back"), engine="memory")
    assert [] == diff(storage, back)
    export_sonata(back, circuit, overwrite=True)
    held_by_both = (json.loads(path.read_text())["bsb"] for path in circuit.glob("circuit_*"))
    assert [sorted(UNUSUAL)] == [sorted(each["morphologies"]) for each in held_by_both]
