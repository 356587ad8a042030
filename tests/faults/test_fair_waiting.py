"""A writer gets its turn, however many others read."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from bsb import Storage

from tests.face.samples import cell_type, chunk
from tests.faults.kills import fork, in_child

READERS, SECONDS_A_SCOPE = 4, 0.3


def begin(engine: str, root: Path) -> None:
    Storage(engine, str(root)).require_placement_set(cell_type("a"))


def read_on(engine: str, root: Path, delay: float, ready: int) -> None:
    """Read, and read again, until a signal ends it."""
    storage = Storage(engine, str(root))
    os.write(ready, b".")
    time.sleep(delay)
    while True:
        with storage.read_scope():
            assert storage._engine.layout
            time.sleep(SECONDS_A_SCOPE)


@pytest.mark.parametrize("engine", ["hdf5", "zarr"])
def test_a_writer_waits_for_the_reads_that_are_open_and_no_others(
    engine: str, tmp_path: Path
) -> None:
    root = tmp_path / f"network.{engine}"
    in_child(lambda: begin(engine, root))
    waiting, ready = os.pipe()
    delays = [number * SECONDS_A_SCOPE / READERS for number in range(READERS)]
    readers = [fork(lambda each=each: read_on(engine, root, each, ready)) for each in delays]  # type: ignore[misc]
    os.close(ready)
    try:
        for _ in readers:
            assert b"." == os.read(waiting, 1)
        # From now on there is always one that reads.
        time.sleep(2 * SECONDS_A_SCOPE)
        cells = Storage(engine, str(root)).get_placement_set(cell_type("a"))
        start = time.monotonic()
        for _ in range(3):
            cells.append_data(chunk(0), np.zeros((1, 3)))
        # Each waits for scopes that were open; without a line, for as long as readers live.
        assert time.monotonic() - start < 3 * 5 * SECONDS_A_SCOPE
        assert [(0, 0)] * READERS == [os.waitpid(each, os.WNOHANG) for each in readers]
    finally:
        os.close(waiting)
        for each in readers:
            os.kill(each, signal.SIGKILL)
            os.waitpid(each, 0)
    assert 3 == len(cells)
