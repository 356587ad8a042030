"""What is left in a process of networks that nobody uses any more."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from bsb import Storage

from bsb_hdf5.transactions.read_write_lock import ReadWriteLock
from tests.face.samples import cell_type, chunk, positions

ROOTS = 100
# That are not of the networks: what others cache meanwhile.
MOST_OBJECTS = 4 * ROOTS


def use(kind: str, root: Path) -> None:
    storage = Storage(kind, str(root))
    cells = storage.require_placement_set(cell_type("a"))
    with storage.write_scope():
        cells.append_data(chunk(0), positions(3))
    assert 3 == len(cells)
    storage.remove()


def objects() -> tuple[int, int]:
    """Locks, and objects of any kind."""
    gc.collect()
    gc.collect()
    found = gc.get_objects()
    return sum(type(each) is ReadWriteLock for each in found), len(found)


@pytest.mark.parametrize("kind", ["hdf5", "zarr", "memory"])
def test_a_root_that_nobody_uses_any_more_leaves_nothing(tmp_path: Path, kind: str) -> None:
    # What is there already takes long to look through, and is not counted.
    gc.collect()
    gc.freeze()
    for number in range(20):
        use(kind, tmp_path / f"first-{number}")
    locks, before = objects()
    files = len(os.listdir("/dev/fd"))
    for number in range(ROOTS):
        use(kind, tmp_path / f"network-{number}")
    found, after = objects()
    assert locks == found
    assert after - before < MOST_OBJECTS
    assert len(os.listdir("/dev/fd")) <= files
