"""
Processes that die while they write: at each call of the system in turn, and at any moment.

``BSB_HDF5_KILLS=200 pytest tests/faults/test_crashes.py -k killed`` kills that many of each engine
and layout. A network in memory ends with its process, so that there is nothing to look at.
"""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5 import PlacementSet
from bsb_hdf5.adapters.hdf5.atomic.atomic_file import AtomicFile
from bsb_hdf5.config import NetworkRoot
from tests.face import layouts
from tests.face.samples import cell_type, chunk, on_soma, positions
from tests.faults.dying import die_at, in_child
from tests.faults.kills import kill_writers

KILLS = int(os.environ.get("BSB_HDF5_KILLS", "20"))
State = tuple[int, int, int, int]


def change(storage: Storage) -> None:
    """A session that places, labels, connects, saves and clears."""
    cells = storage.get_placement_set(cell_type("a"))
    with storage.write_scope():
        for x in (0, 18):
            cells.append_data(chunk(x), positions(60))
        cells.label(["core"], np.arange(0, len(cells), 3))
        loop = storage.require_connectivity_set(cells.cell_type, cells.cell_type, "loop")
        loop.connect(cells, cells, on_soma(*range(30)), on_soma(*range(30)))
        storage.files.store("x" * 3000)
        cells.clear([chunk(19)])


def state(path: Path) -> State:
    """Cells, labelled cells, incoming and outgoing connections; all of them can be read."""
    storage = Storage("hdf5", str(path))
    cells = storage.get_placement_set(cell_type("a"))
    assert np.isfinite(cells.load_positions()).all()
    assert len(cells) == len(cells.load_positions()) == sum(cells.get_chunk_stats().values())
    labelled = int(cells.get_label_mask(["core"]).sum())
    if not storage._ConnectivitySet.exists(storage._engine, "loop"):
        return len(cells), labelled, 0, 0
    loop = storage.get_connectivity_set("loop")
    ends = [
        sum(len(block) for _, _, _, (block, _) in loop.flat_iter_connections(direction))
        for direction in ("inc", "out")
    ]
    assert len(loop) == ends[0] == ends[1]
    return len(cells), labelled, ends[0], ends[1]


@pytest.mark.slow
@pytest.mark.parametrize("durability", ["process", "power"])
def test_wherever_a_process_dies_the_network_is_what_it_was_or_what_it_was_to_be(
    cells: PlacementSet, path: Path, durability: str
) -> None:
    # The child must find no file open.
    start = path.with_name("start.hdf5")
    shutil.copyfile(path, start)
    target = path.with_name("target.hdf5")
    shutil.copyfile(start, target)
    before = state(target)
    change(Storage("hdf5", str(target)))
    after = state(target)
    assert before != after
    seen = []
    for k in range(1000):
        shutil.copyfile(start, target)

        def change_and_die(k: int = k) -> None:
            storage = Storage("hdf5", NetworkRoot(target, durability=durability))
            die_at(k)
            change(storage)

        status = in_child(change_and_die)
        found = state(target)
        assert found in (before, after), (k, found)
        seen.append(found)
        change(Storage("hdf5", str(target)))
        with target.open("rb") as file:
            assert not AtomicFile.was_interrupted(file.fileno())
        if not status:
            break
    assert len(seen) > 10
    assert {before, after} == set(seen)
    # Once it counts, it stays so.
    assert seen == sorted(seen, key=lambda each: each == after)


def new_storage(name: str, root: Path) -> Storage:
    return Storage("zarr", str(root)) if name == "zarr" else layouts.new_storage(root, name)


# zarr's calls of the system are not made in Python.
@pytest.mark.parametrize(
    ("name", "aimed", "kills"),
    [
        ("classic", False, KILLS // 2),
        ("columnar", False, KILLS // 2),
        ("classic", True, KILLS // 2),
        ("columnar", True, KILLS // 2),
        ("zarr", False, KILLS),
    ],
)
@pytest.mark.timeout(120 + 5 * KILLS)
def test_writers_that_are_killed_lose_no_session_and_leave_none_in_part(
    tmp_path: Path, name: str, aimed: bool, kills: int
) -> None:
    toll = kill_writers(tmp_path, partial(new_storage, name), kills, aimed=aimed)
    assert toll.harmless, toll
    assert kills == toll.kills
    assert toll.within
    assert toll.sessions
