"""A storage in a file of its own, in either layout, with cells in it."""

from __future__ import annotations

import pytest
from bsb import Storage

from bsb_hdf5 import PlacementSet
from tests.face.samples import cell_type, chunk, positions
from tests.storages import layout, path, storage

__all__ = ["layout", "path", "storage"]


@pytest.fixture
def cells(storage: Storage) -> PlacementSet:
    """50 cells in each of 20 chunks."""
    placement: PlacementSet = storage.require_placement_set(cell_type("a"))
    with storage.write_scope():
        for x in range(20):
            placement.append_data(chunk(x), positions(50))
    return placement
