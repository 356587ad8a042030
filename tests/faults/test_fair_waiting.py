"""A writer gets its turn, however many others read."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from bsb import Storage

from tests.face.samples import cell_type, chunk

READERS, SECONDS_A_SCOPE = 4, 0.3
READER = """
import sys, time
from bsb import Storage
storage = Storage(sys.argv[1], sys.argv[2])
print("ready", flush=True)
time.sleep(float(sys.argv[3]))
while True:
    with storage.read_scope():
        storage._engine.layout
        time.sleep(float(sys.argv[4]))
"""


@pytest.mark.parametrize("engine", ["hdf5", "zarr"])
def test_a_writer_waits_for_the_reads_that_are_open_and_no_others(
    engine: str, tmp_path: Path
) -> None:
    root = tmp_path / f"network.{engine}"
    storage = Storage(engine, str(root))
    cells = storage.require_placement_set(cell_type("a"))
    readers = []
    try:
        for number in range(READERS):
            delay = number * SECONDS_A_SCOPE / READERS
            command = [sys.executable, "-c", READER, engine, str(root), str(delay)]
            readers.append(
                subprocess.Popen([*command, str(SECONDS_A_SCOPE)], stdout=subprocess.PIPE)
            )
        for reader in readers:
            assert reader.stdout is not None
            assert b"ready\n" == reader.stdout.readline()
        # From now on there is always one that reads.
        time.sleep(2 * SECONDS_A_SCOPE)
        start = time.monotonic()
        for _ in range(3):
            cells.append_data(chunk(0), np.zeros((1, 3)))
        # Each waits for scopes that were open; without a line, for as long as readers live.
        assert time.monotonic() - start < 3 * 5 * SECONDS_A_SCOPE
    finally:
        for reader in readers:
            reader.kill()
            reader.communicate()
    assert 3 == len(cells)
