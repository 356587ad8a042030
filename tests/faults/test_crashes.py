"""
Processes that die while they write: at each call of the system in turn, and at any moment.

``BSB_HDF5_KILLS=200 pytest tests/faults/test_crashes.py`` kills that many.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5 import PlacementSet
from bsb_hdf5.adapters.hdf5.journal import SECTOR
from tests.face.layouts import LAYOUTS, new_storage
from tests.face.samples import cell_type, chunk, on_soma, positions

KILLS = int(os.environ.get("BSB_HDF5_KILLS", "20"))
LONGEST_LIFE = 0.06
WRITES = ("pwrite", "writev")
OTHERS = ("ftruncate", "unlink", "utime", "open")
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


def die_at(k: int) -> None:
    """End this process at the k-th call that changes files, half-way through what it writes."""
    calls = 0

    def counted(call: Callable[..., Any], halve: bool) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls - 1 == k:
                if halve:
                    os_pwrite_half(call, arguments)
                os._exit(9)
            return call(*arguments, **options)

        return run

    for name in WRITES:
        setattr(os, name, counted(getattr(os, name), True))
    for name in OTHERS:
        setattr(os, name, counted(getattr(os, name), False))


def os_pwrite_half(call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    descriptor, data, *rest = arguments
    if isinstance(data, list):
        data = data[: len(data) // 2] or [memoryview(data[0])[: len(data[0]) // 2]]
    else:
        # Neither a kill nor a power cut tears a sector.
        data = memoryview(data)[: len(data) // 2 // SECTOR * SECTOR]
    call(descriptor, data, *rest)


def in_child(action: Callable[[], None]) -> int:
    """The exit status of a process that does it."""
    child = os.fork()
    if not child:
        try:
            action()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.slow
def test_wherever_a_process_dies_the_network_is_what_it_was_or_what_it_was_to_be(
    cells: PlacementSet, path: Path
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
            storage = Storage("hdf5", str(target))
            die_at(k)
            change(storage)

        status = in_child(change_and_die)
        found = state(target)
        assert found in (before, after), (k, found)
        seen.append(found)
        change(Storage("hdf5", str(target)))
        assert [] == list(path.parent.glob("*.journal"))
        if not status:
            break
    assert len(seen) > 10
    assert {before, after} == set(seen)
    # Once it counts, it stays so.
    assert seen == sorted(seen, key=lambda each: each == after)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.timeout(120 + KILLS)
def test_a_process_that_is_killed_loses_nothing_that_it_was_told_is_stored(
    tmp_path: Path, layout: str
) -> None:
    chance = random.Random(7)
    path = tmp_path / "network.hdf5"
    storage = new_storage(path, layout)
    cells = storage.require_placement_set(cell_type("a"))
    storage.require_connectivity_set(cells.cell_type, cells.cell_type, "loop")
    stored = 0
    for _ in range(KILLS):
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            append_for_ever(path, writer)
        os.close(writer)
        # It lives at least until it has stored something.
        acknowledged = len(os.read(reader, 1))
        time.sleep(chance.uniform(0.005, LONGEST_LIFE))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        acknowledged += len(drain(reader))
        os.close(reader)
        placed, _, incoming, outgoing = state(path)
        assert incoming == outgoing == placed
        # What was under way may have been stored just before it was to be told.
        assert stored + acknowledged <= placed // 10 <= stored + acknowledged + 1
        stored = placed // 10
    assert stored


def append_for_ever(path: Path, writer: int) -> None:
    try:
        storage = Storage("hdf5", str(path))
        cells = storage.get_placement_set(cell_type("a"))
        loop = storage.get_connectivity_set("loop")
        for number in range(10_000):
            with storage.write_scope():
                cells.append_data(chunk(number % 7), positions(10))
                loop.chunk_connect(
                    chunk(number % 7), chunk(number % 5), on_soma(*range(10)), on_soma(*range(10))
                )
            os.write(writer, b".")
    finally:
        os._exit(1)


def drain(reader: int) -> bytes:
    found = b""
    while part := os.read(reader, 65536):
        found += part
    return found
