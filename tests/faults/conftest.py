"""A storage in a file of its own, in either layout, with cells in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from bsb import Storage

from bsb_hdf5 import PlacementSet
from tests.face.layouts import LAYOUTS, new_storage
from tests.face.samples import cell_type, chunk, positions


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    """How the storage is laid out."""
    name: str = request.param
    return name


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the storage lies."""
    return tmp_path / "network.hdf5"


@pytest.fixture
def storage(path: Path, layout: str) -> Storage:
    """A storage that gives up on locks after seconds."""
    return new_storage(path, layout)


@pytest.fixture
def cells(storage: Storage) -> PlacementSet:
    """50 cells in each of 20 chunks."""
    placement: PlacementSet = storage.require_placement_set(cell_type("a"))
    with storage.write_scope():
        for x in range(20):
            placement.append_data(chunk(x), positions(50))
    return placement
