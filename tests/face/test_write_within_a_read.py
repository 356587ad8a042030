"""A write within a read scope: other programs meanwhile, and a read that ends before it."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from bsb import Storage

from bsb_hdf5 import PlacementSet, errors, verify
from bsb_hdf5.platform import LockAttempt, open_descriptor, try_lock
from tests.face.layouts import LAYOUTS, new_storage
from tests.face.samples import cell_type, chunk, on_soma, positions

LIMIT = 0.3


@pytest.mark.filterwarnings("ignore::bsb_hdf5.HDF5SlowLockingWarning")
@pytest.mark.parametrize("kind", ["classic", "columnar", "zarr"])
def test_a_write_within_a_read_is_stored_whoever_locks_the_network_after_it(
    tmp_path: Path, kind: str
) -> None:
    root = tmp_path / "network"
    storage = make_storage(root, kind)
    set_limit(storage, kind)
    cells = storage.require_placement_set(cell_type("a"))
    with storage.read_scope():
        assert 0 == len(cells)
        cells.append_data(chunk(0), positions(3))
        other = open_descriptor(str(root / ".lock" if kind == "zarr" else root), 2)
        assert LockAttempt.LOCKED is try_lock(other, exclusive=True)
        with pytest.raises(errors.LockTimeoutError):
            len(cells)
        os.close(other)
        # The scope is as good as before.
        assert 3 == len(cells)
        cells.append_data(chunk(0), positions(2))
        assert 5 == len(cells) == len(cells.load_positions())
    assert 5 == len(cells)


@pytest.mark.parametrize("kind", ["classic", "columnar", "zarr", "memory"])
def test_a_read_that_ends_within_a_write_leaves_to_it_what_it_has_changed(
    tmp_path: Path, kind: str
) -> None:
    storage = make_storage(tmp_path / "network", kind)
    cells = storage.require_placement_set(cell_type("a"))
    connections = storage.require_connectivity_set(cells.cell_type, cells.cell_type, "a_to_a")
    sizes = sizes_of(storage, cells)
    assert 0 == next(sizes)
    with storage.write_scope():
        cells.append_data(chunk(0), positions(4))
        connections.connect(cells, cells, on_soma(0, 1), on_soma(2, 3))
        sizes.close()
        cells.append_data(chunk(0), positions(2))
    assert 6 == len(cells) == len(cells.load_positions())
    assert 2 == len(connections) == len(connections.load_connections())
    assert not verify(storage).findings


def sizes_of(storage: Storage, cells: PlacementSet) -> Generator[int]:
    with storage.read_scope():
        while True:
            yield len(cells)


def make_storage(root: Path, kind: str) -> Storage:
    return new_storage(root, kind) if kind in LAYOUTS else Storage(kind, str(root))


def set_limit(storage: Storage, kind: str) -> None:
    store = storage._engine.sessions.store
    if kind == "zarr":
        store._location._limit = LIMIT
    else:
        store._settings.lock_limit = LIMIT
