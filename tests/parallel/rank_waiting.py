"""A rank that waits for another does so with a limit; run by ``test_mpi.py``."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from bsb import Storage

from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.errors import LockTimeoutError
from tests.parallel.engine import ENGINE
from tests.parallel.ranks import MAIN, RANK, RANKS, cells, chunk, meet, signed

# Before the warning about a slow lock, which is an error here.
LIMIT = 0.8


def test_a_rank_waits_for_the_others_until_its_limit(shared_path: Path) -> None:
    root = NetworkRoot(shared_path / f"network.{ENGINE}", lock_limit=LIMIT)
    storage = Storage(ENGINE, root)
    placed = cells(storage)
    rows = signed(RANK, 0, 3)
    if MAIN:
        with storage.write_scope():
            placed.append_data(chunk(0), positions=rows)
            meet()
            # The others give up meanwhile.
            time.sleep(3 * LIMIT)
    else:
        meet()
        start = time.monotonic()
        whole = rf"network.* is locked.*'append_data' did nothing on rank {RANK} of {RANKS}"
        with pytest.raises(LockTimeoutError, match=whole):
            placed.append_data(chunk(0), positions=rows)
        assert LIMIT <= time.monotonic() - start < 2.5 * LIMIT
    meet()
    # What came for nobody is given back.
    for rank in range(1, RANKS):
        if rank == RANK:
            placed.append_data(chunk(0), positions=rows)
        meet()
    assert RANKS * 3 == len(placed)
