"""A write within a read scope, and another program that locks the network just after it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bsb import Storage

from bsb_hdf5 import errors
from bsb_hdf5.platform import LockAttempt, open_descriptor, try_lock
from tests.face.layouts import new_storage
from tests.face.samples import cell_type, chunk, positions

LIMIT = 0.3


@pytest.mark.filterwarnings("ignore::bsb_hdf5.HDF5SlowLockingWarning")
@pytest.mark.parametrize("kind", ["classic", "columnar", "zarr"])
def test_a_write_within_a_read_is_stored_whoever_locks_the_network_after_it(
    tmp_path: Path, kind: str
) -> None:
    root = tmp_path / "network"
    storage = Storage("zarr", str(root)) if kind == "zarr" else new_storage(root, kind)
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


def set_limit(storage: Storage, kind: str) -> None:
    store = storage._engine.sessions.store
    if kind == "zarr":
        store._location._limit = LIMIT
    else:
        store._settings.lock_limit = LIMIT
