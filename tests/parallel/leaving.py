"""
Ranks that end at different times: the others go on, to the end.

``python -m tests.parallel.leaving --count 200`` looks for a run that hangs; each is on two, three
or four ranks, in a network of another kind, and the last rank ends two seconds after the first.
"""

from __future__ import annotations

import argparse
import faulthandler
import tempfile
import time
from pathlib import Path

from bsb import CellType, Storage

import bsb_hdf5
from tests.parallel.engine import ENGINE, ENGINE_VARIABLE, KINDS
from tests.parallel.launcher import launch, log_of

ROWS = 3
LIMIT = 60.0


def run(kind: str, ranks: int, folder: Path, seconds: float = 2.0, pause: float = 0.0) -> None:
    """
    Have ranks work in a new network, each for longer than the one before.

    :param seconds: from the end of the first to that of the last.
    :param pause: seconds between two turns of a rank.
    :raises TimeoutError: they did not end.
    :raises AssertionError: one failed, or not all is stored.
    """
    engine = KINDS[kind][ENGINE_VARIABLE]
    root = folder / f"network.{engine}"
    apart = str(seconds / (ranks - 1))
    command = [__spec__.name, "--work", str(root), apart, str(pause)]
    process = launch(command, ranks, KINDS[kind])
    log = log_of(process, LIMIT)
    assert 0 == process.returncode, log
    left = [int(line.split()[-1]) for line in log.splitlines() if line.startswith("rank ")]
    assert ranks == len(left), log
    storage = Storage(engine, str(root))
    cells = CellType(name="cell", spatial={"radius": 1.0, "density": 1e-3})
    assert ROWS * sum(left) == len(storage.get_placement_set(cells))
    assert not bsb_hdf5.verify(storage).findings


def work(root: str, apart: float, pause: float) -> None:
    """
    What one rank does.

    :param apart: seconds from the end of one rank to that of the next.
    :param pause: seconds between two turns.
    """
    faulthandler.dump_traceback_later(LIMIT, exit=True)
    from bsb import MPI

    from tests.parallel.ranks import RANK, cells, chunk, signed

    storage = Storage(ENGINE, root)
    placed = cells(storage)
    end = time.monotonic() + RANK * apart
    turn = 0
    while turn < 1 or time.monotonic() < end:
        placed.append_data(chunk(RANK), signed(RANK, turn, ROWS))
        with placed.chunk_context([chunk(RANK)]):
            assert (turn + 1) * ROWS == len(placed.load_positions())
        with storage.read_scope():
            assert len(placed) >= (turn + 1) * ROWS
        turn += 1
        time.sleep(pause)
    print(f"rank {RANK} of {MPI.get_size()} leaves after {turn}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Ranks that end at different times.")
    parser.add_argument("--count", type=int, default=10, help="of runs")
    parser.add_argument("--seconds", type=float, default=2.0, help="from first to last end")
    parser.add_argument(
        "--work", metavar=("ROOT", "APART", "PAUSE"), nargs=3, help="be one of the ranks"
    )
    options = parser.parse_args()
    if options.work:
        root, apart, pause = options.work
        work(root, float(apart), float(pause))
        return
    for number in range(options.count):
        kind, ranks = list(KINDS)[number % len(KINDS)], 2 + (number + number // 3) % 3
        with tempfile.TemporaryDirectory() as folder:
            run(kind, ranks, Path(folder), options.seconds)
        print(f"{number + 1} of {options.count}: {kind}, {ranks} ranks", flush=True)


if __name__ == "__main__":
    main()
