"""
Processes that log calls, and write and read in every other way meanwhile; some are killed.

``python -m tests.parallel.mixed --count 20 [--seed 1]`` makes so many runs. In the end the network
verifies, and holds what each call that returned stored, once.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bsb import Storage

import bsb_hdf5
from tests.parallel.launcher import as_rank
from tests.parallel.ranks import signed
from tests.parallel.staged import begin, chunk, sets, shared

PROCESSES, KILLED, SECONDS, LIMIT = 4, 2, 2.0, 120.0
ROWS, CONNECTIONS = 5, 3


class Worker:
    """
    One process.

    :param number: of the process; it adds to the chunk of that number.
    :param done: is told which calls have returned.
    """

    def __init__(self, root: Path, number: int, done: Callable[[str], object]) -> None:
        self._storage, self._number, self._done = shared(root), number, done
        self._placed, self._linked = sets(self._storage)
        self._turn = 0

    def work(self, chance: random.Random) -> None:
        """Do something that is chosen at random."""
        verbs = [self._add_cells] * 8 + [self._connect] * 8 + [self._read] * 2
        verbs += [self._look, self._label, self._write_in_a_scope, self._settle]
        chance.choice(verbs)()

    def _add_cells(self) -> None:
        self._placed.append_data(chunk(self._number), signed(self._number, self._turn, ROWS))
        self._done("cells\n")
        self._turn += 1

    def _connect(self) -> None:
        ends = np.zeros(CONNECTIONS, dtype=int)
        self._linked.chunk_connect(chunk(self._number), chunk(0), ends, ends)
        self._done("connections\n")

    def _write_in_a_scope(self) -> None:
        with self._storage.write_scope():
            self._placed.append_data(chunk(self._number), signed(self._number, self._turn, ROWS))
        self._done("cells\n")
        self._turn += 1

    def _read(self) -> None:
        with self._storage.read_scope():
            count = len(self._placed)
            assert (count, 3) == self._placed.load_positions().shape
            assert count % ROWS == 0

    def _look(self) -> None:
        assert len(self._placed) >= ROWS * self._turn
        assert self._storage._engine.state_id > 0

    def _label(self) -> None:
        self._placed.label([f"of {self._number}"], [0])

    def _settle(self) -> None:
        self._storage._engine.sessions.settle()


def run(seed: int, folder: Path) -> str:
    """
    Let processes work, and kill some.

    :returns: what happened, in words.
    :raises AssertionError: the network is not what it has to be, or a process failed.
    """
    chance, root = random.Random(seed), folder / "network.hdf5"
    begin(root)
    notes = [folder / f"done-{number}" for number in range(1, PROCESSES + 1)]
    processes = [
        subprocess.Popen(
            as_rank("-m", __spec__.name, "--work", str(root), str(number)),
            cwd=Path(__file__).parents[2],
        )
        for number in range(1, PROCESSES + 1)
    ]
    while not all(path.exists() for path in notes):
        time.sleep(0.01)
    victims = chance.sample(range(PROCESSES), KILLED)
    for victim in victims:
        time.sleep(chance.uniform(0.1, SECONDS / 2))
        processes[victim].send_signal(signal.SIGKILL)
    codes = [process.wait(LIMIT) for process in processes]
    assert all(code == 0 or place in victims for place, code in enumerate(codes)), codes
    storage = Storage("hdf5", str(root))
    assert not bsb_hdf5.verify(storage).findings
    done = [path.read_text().splitlines() for path in notes]
    check(storage, done, victims)
    return f"{[len(calls) for calls in done]} calls, killed {victims}"


def check(storage: Storage, done: list[list[str]], victims: list[int]) -> None:
    """Each call that returned stored its rows once, and one that was killed all or nothing."""
    placed, linked = sets(storage)
    cells = Counter(placed.load_positions()[:, 0].astype(int).tolist())
    links: Counter[int] = Counter()
    for _, local, _, (rows, _) in linked.flat_iter_connections("out"):
        links[int(local.id)] += len(rows)
    for place, calls in enumerate(done):
        found = (cells[place + 1], links[int(chunk(place + 1).id)])
        assert found[0] % ROWS == found[1] % CONNECTIONS == 0
        extra = found[0] // ROWS + found[1] // CONNECTIONS - len(calls)
        assert extra in ((0, 1) if place in victims else (0,)), (place, found, len(calls))


def main() -> None:
    parser = argparse.ArgumentParser(description="Processes that log calls, of which some die.")
    parser.add_argument("--count", type=int, default=10, help="of runs")
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    parser.add_argument("--work", nargs=2, metavar=("ROOT", "NUMBER"), help="be a process")
    given = parser.parse_args()
    os.environ["BSB_HDF5_LAYOUT"] = "columnar"
    if not given.work:
        for number in range(given.count):
            with tempfile.TemporaryDirectory() as folder:
                said = run(given.seed + number, Path(folder))
            print(f"{number + 1} of {given.count}: {said}", flush=True)
        return
    root, number = Path(given.work[0]), int(given.work[1])
    with open(root.with_name(f"done-{number}"), "w", buffering=1, encoding="utf-8") as done:
        worker, chance = Worker(root, number, done.write), random.Random(number)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            worker.work(chance)


if __name__ == "__main__":
    main()
