"""An import loads what is needed at once, and nothing that is rarely used or takes long.

BSB imports every engine and every command of every installed package to find one, and pytest
imports every plugin: what these load, each program pays for. Processor time varies; which modules
are loaded does not.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
# pandas comes with BSB's cell types, and takes a quarter of the time that the rest of BSB takes.
_RARE = {
    "asyncio",
    "bsb.cell_types",
    "bsb_hdf5.exchange",
    "bsb_hdf5.maintenance",
    "bsb_hdf5.testing",
    "hypothesis",
    "obstore",
    "pandas",
    "pytest",
    "unittest.mock",
    "voxcell",
    "zarr",
}
_HEAVY = {"attrs", "bsb", "bsb_hdf5.core", "h5py", "mpi4py", "numpy", "scipy", "zarr"}
_OTHER_ENGINES = {"h5py", "bsb_hdf5.adapters.hdf5"}
# Loaded when a network of theirs is looked for.
_LATE = {"bsb_hdf5.adapters.memory", "bsb_hdf5.adapters.zarr"}
FORBIDDEN = {
    "bsb_hdf5": _HEAVY | _RARE,
    "bsb_hdf5.cli.commands": _RARE | _LATE | _OTHER_ENGINES | {"attrs", "bsb_hdf5.core", "scipy"},
    "bsb_hdf5.engines.hdf5": _RARE | _LATE,
    "bsb_hdf5.engines.memory": _RARE | _LATE | _OTHER_ENGINES,
    "bsb_hdf5.engines.zarr": _RARE | _LATE | _OTHER_ENGINES,
    "bsb_hdf5.errors": _HEAVY | _RARE,
    "bsb_hdf5.storage_options": _RARE | _LATE | _OTHER_ENGINES | {"attrs", "bsb_hdf5.core", "h5py"},
    "bsb_hdf5.testing": _HEAVY | _RARE - {"bsb_hdf5.testing"},
    "bsb_hdf5.testing.plugin": _HEAVY | _RARE - {"asyncio", "bsb_hdf5.testing", "pytest"},
}


def loaded_by(statement: str) -> set[str]:
    """The names of the modules that a fresh interpreter has loaded after a statement."""
    program = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-c", program]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(finished.stdout))


def entry_points() -> set[str]:
    """The modules that other programs import to find what this package offers."""
    groups = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["entry-points"]
    return {value.partition(":")[0] for group in groups.values() for value in group.values()}


@pytest.mark.parametrize("module", FORBIDDEN)
def test_an_import_loads_nothing_that_is_rarely_used(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert module in loaded
    assert set() == FORBIDDEN[module] & loaded


def test_every_entry_point_says_what_it_does_not_load() -> None:
    assert set() == entry_points() - FORBIDDEN.keys()


def test_what_is_loaded_late_is_seen_when_it_is_loaded() -> None:
    assert {"bsb.cell_types", "pandas"} <= loaded_by("import bsb\nbsb.CellType") & _RARE
