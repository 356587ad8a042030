"""Several ranks carry out a command once, and print one answer."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import CellType, Chunk, Storage

from bsb_hdf5 import ConnectivitySet
from bsb_hdf5.queries import counts
from tests.parallel.launcher import as_rank, mpiexec

RANKS = 2
CHUNK = Chunk((0, 0, 0), (100, 100, 100))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A network of three cells that are connected."""
    path = tmp_path / "network.hdf5"
    storage = Storage("hdf5", str(path))
    granule = CellType(name="granule", spatial={"radius": 1, "count": 1})
    cells = storage.require_placement_set(granule)
    cells.append_data(CHUNK, np.arange(9.0).reshape(3, 3))
    connections = ConnectivitySet.require(storage._engine, granule, granule, "among")
    connections.connect(cells, cells, [0, 1], [1, 2])
    return path


def carried_out(folder: Path, *arguments: str) -> Any:
    """The code that a command exits with, and what its ranks print as JSON."""
    command = [str(mpiexec()), "-n", str(RANKS), *as_rank("-m", "bsb_hdf5", *arguments)]
    done = subprocess.run(
        [*command, "--json"], cwd=folder, capture_output=True, text=True, check=False, timeout=100
    )
    return done.returncode, json.loads(done.stdout)


def test_they_say_once_what_is_in_a_network(root: Path, tmp_path: Path) -> None:
    code, document = carried_out(tmp_path, "info", root.name)
    assert (0, 3) == (code, document["cell_types"][0]["cells"])
    code, document = carried_out(tmp_path, "stats", root.name)
    assert (0, 2) == (code, document["connections"][0]["connections"])


def test_they_make_one_network_of_two(root: Path, tmp_path: Path) -> None:
    code, document = carried_out(tmp_path, "merge", root.name, root.name, "-o", "both.hdf5")
    assert (0, 6) == (code, document["cells"])
    assert {"granule": 6} == counts(tmp_path / "both.hdf5")
    code, document = carried_out(tmp_path, "diff", root.name, "both.hdf5")
    assert (1, True) == (code, bool(document["differences"]))


def test_they_export_once(root: Path, tmp_path: Path) -> None:
    code, document = carried_out(tmp_path, "export", root.name, "tables")
    assert (0, 3) == (code, len(document["files"]))


def test_they_say_once_what_is_wrong(tmp_path: Path) -> None:
    code, document = carried_out(tmp_path, "info", "nothing")
    assert (2, "StoreNotFoundError") == (code, document["error"]["type"])
