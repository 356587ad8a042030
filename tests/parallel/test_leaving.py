"""A rank may leave at any time: the others go on, to the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bsb import Storage

import bsb_hdf5
from tests.face.samples import cell_type
from tests.parallel.launcher import HERE, environment, mpiexec
from tests.parallel.test_mpi import KINDS

RUNS = int(os.environ.get("BSB_HDF5_TESTING_LEAVING", "1"))
"""Of each kind and number of ranks; many by hand, to look for a run that hangs."""
SECONDS, LIMIT = 0.3, 60.0


@pytest.mark.parametrize("run", range(RUNS))
@pytest.mark.parametrize("ranks", [2, 3, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_ranks_that_end_at_different_times_all_end(
    kind: str, ranks: int, run: int, tmp_path: Path
) -> None:
    engine = KINDS[kind].get("BSB_HDF5_TESTING_ENGINE", "hdf5")
    root = tmp_path / f"network.{engine}"
    program = [sys.executable, "-X", "faulthandler", "-m", "tests.parallel.leaving"]
    process = subprocess.Popen(
        [mpiexec(), "-n", str(ranks), *program, engine, str(root), str(SECONDS)],
        cwd=HERE.parents[1],
        env=environment() | KINDS[kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        log, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        pytest.fail(f"{ranks} ranks did not end: {process.communicate()[0]}")
    assert 0 == process.returncode, log
    left = [int(line.split()[-1]) for line in log.splitlines() if line.startswith("rank ")]
    assert ranks == len(left), log
    storage = Storage(engine, str(root))
    assert 3 * sum(left) == len(storage.get_placement_set(cell_type("cell")))
    assert not bsb_hdf5.verify(storage).findings
