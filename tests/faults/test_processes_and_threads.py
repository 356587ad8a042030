"""Processes of several threads each, that write to and read the same network."""

from __future__ import annotations

import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Storage

import bsb_hdf5
from tests.face import layouts
from tests.face.samples import cell_type, chunk, on_soma
from tests.faults.kills import in_child

PROCESSES, THREADS, SESSIONS = 2, 4, 5
CELLS, CONNECTIONS = 3, 5
LIMIT = 20.0
"""Seconds that nobody waits for a lock, with so few who want it."""


def new_storage(name: str, root: Path) -> Storage:
    if name == "zarr":
        storage = Storage("zarr", str(root))
        storage._engine.sessions.settings.limit = LIMIT
        return storage
    return layouts.new_storage(root, name)


def write(storage: Storage, process: int, thread: int) -> float:
    """Sessions of a thread, each of which looks around too; the longest time of one."""
    cells = storage.get_placement_set(cell_type("a"))
    loop = storage.get_connectivity_set("loop")
    longest = 0.0
    for number in range(SESSIONS):
        begin = time.monotonic()
        rows = np.tile([process, thread, number], (CELLS, 1)).astype(float)
        ends = on_soma(*range(CONNECTIONS))
        with storage.write_scope():
            cells.append_data(chunk(thread), rows)
            loop.chunk_connect(chunk(thread), chunk(process), ends, ends)
        longest = max(longest, time.monotonic() - begin)
        check_whole(storage, cells, loop)
    return longest


def check_whole(storage: Storage, cells: Any, loop: Any) -> None:
    """As many connections as belong to the cells, in one session."""
    with storage.read_scope():
        sessions, rest = divmod(len(cells.load_positions()), CELLS)
        assert rest == 0
        assert sessions * CELLS == len(cells)
        assert sessions * CONNECTIONS == len(loop)
        for direction in ("inc", "out"):
            blocks = loop.flat_iter_connections(direction)
            assert sessions * CONNECTIONS == sum(len(near) for *_, (near, _) in blocks)


def write_in_threads(name: str, root: Path, process: int) -> float:
    # A machine that is busy is told of as a slow lock.
    warnings.simplefilter("ignore")
    storage = new_storage(name, root)
    with ThreadPoolExecutor(THREADS) as pool:
        return max(pool.map(lambda thread: write(storage, process, thread), range(THREADS)))


def begin(name: str, root: Path) -> None:
    storage = new_storage(name, root)
    storage.require_placement_set(cell_type("a"))
    storage.require_connectivity_set(cell_type("a"), cell_type("a"), "loop")


def found(name: str, root: Path) -> list[Any]:
    storage = new_storage(name, root)
    cells = storage.get_placement_set(cell_type("a"))
    rows = sorted(cells.load_positions().tolist())
    check_whole(storage, cells, storage.get_connectivity_set("loop"))
    return [rows, str(bsb_hdf5.verify(str(root)))]


@pytest.mark.parametrize("name", ["classic", "columnar", "zarr"])
def test_processes_and_threads_that_write_and_read_lose_nothing(tmp_path: Path, name: str) -> None:
    root = tmp_path / "network"
    in_child(lambda: begin(name, root))
    with ThreadPoolExecutor(PROCESSES) as pool:
        waits = pool.map(
            lambda process: in_child(lambda: write_in_threads(name, root, process)),
            range(PROCESSES),
        )
        assert LIMIT > max(waits)
    rows, report = in_child(lambda: found(name, root))
    expected = [
        [float(process), float(thread), float(number)]
        for process in range(PROCESSES)
        for thread in range(THREADS)
        for number in range(SESSIONS)
        for _ in range(CELLS)
    ]
    assert expected == rows
    assert "nothing is wrong" == report
