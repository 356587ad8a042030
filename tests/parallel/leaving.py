"""Ranks that end at different times.

``python -m tests.parallel.leaving ENGINE ROOT SECONDS`` works for longer on each rank.
"""

from __future__ import annotations

import sys
import time

from bsb import MPI, Storage

from tests.parallel.ranks import RANK, cells, chunk, signed

ROWS = 3


def main(engine: str, root: str, seconds: float) -> None:
    storage = Storage(engine, root)
    placed = cells(storage)
    end = time.monotonic() + RANK * seconds
    turn = 0
    while turn < 1 or time.monotonic() < end:
        placed.append_data(chunk(RANK), signed(RANK, turn, ROWS))
        with placed.chunk_context([chunk(RANK)]):
            assert (turn + 1) * ROWS == len(placed.load_positions())
        with storage.read_scope():
            assert len(placed) >= (turn + 1) * ROWS
        turn += 1
    print(f"rank {RANK} of {MPI.get_size()} leaves after {turn}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
