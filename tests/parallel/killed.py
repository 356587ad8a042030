"""
A rank that is killed at a random instant, of a loop of appends or of a compile.

``python -m tests.parallel.killed --count 200 [--seed 1]`` kills so many. In a loop, the other ranks
go on to the end, as mpiexec does not notice; it ends a compile whose rank was killed. Each time the
network verifies. In a loop it holds what each call that returned stored, once.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import random
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from bsb import CellType, Chunk, Scaffold, Storage

import bsb_hdf5
from tests.parallel.engine import ENGINE, ENGINE_VARIABLE, KINDS
from tests.parallel.launcher import launch, log_of

WORKS = ("loop", "compile")
RANKS = 3
ROWS, CONNECTIONS, TURNS = 4, 6, 60
LIMIT = 90.0
SIZE = (100.0, 100.0, 100.0)


def run(kind: str, work: str, seed: int, folder: Path) -> str:
    """
    Kill one of some ranks.

    :returns: what happened, in words.
    :raises TimeoutError: the ranks did not end.
    :raises AssertionError: the network is not what it has to be.
    """
    chance = random.Random(seed)
    engine = KINDS[kind][ENGINE_VARIABLE]
    root = folder / f"network.{engine}"
    program = [__spec__.name, "--work", work, str(root), str(folder)]
    process = launch(program, RANKS, KINDS[kind])
    victim = chance.randrange(RANKS)
    pid = int(wait_for(folder / f"begins-{victim}"))
    # At half of its calls at the latest: how long they take depends on the kind and the machine.
    calls = chance.randrange(TURNS) if work == "loop" else 0
    while len(read_lines(folder / f"done-{victim}")) < calls and process.poll() is None:
        time.sleep(0.001)
    time.sleep(chance.uniform(0.0, 0.01 if work == "loop" else 0.3))
    try:
        os.kill(pid, signal.SIGKILL)
        killed = True
    except ProcessLookupError:
        killed = False
    if work == "loop":
        for rank in set(range(RANKS)) - ({victim} if killed else set()):
            wait_for(folder / f"finished-{rank}")
        (folder / "over").write_text("all")
    log = log_of(process, LIMIT)
    storage = Storage(engine, str(root))
    assert not bsb_hdf5.verify(storage).findings, log
    if work == "compile":
        return f"rank {victim} of a compile was killed: {killed}"
    done = [len(read_lines(folder / f"done-{rank}")) for rank in range(RANKS)]
    for rank in range(RANKS):
        assert rank == victim or done[rank] == 2 * TURNS, log
    check_loop(storage, done, victim)
    return f"rank {victim} was killed after {done[victim]} calls: {killed}"


def check_loop(storage: Storage, done: list[int], victim: int) -> None:
    """Each call that returned stored its rows once, and that which was killed all or nothing."""
    placed = storage.get_placement_set(cell_type())
    cells = Counter(map(tuple, placed.load_positions()[:, :2].astype(int).tolist()))
    linked = Counter(
        local.id
        for _, local, _, (rows, _) in storage.get_connectivity_set("linked").flat_iter_connections(
            "out"
        )
        for _ in rows
    )
    for rank, calls in enumerate(done):
        ours = {turn: count for (each, turn), count in cells.items() if each == rank}
        assert set(ours.values()) <= {ROWS}
        assert sorted(ours) == list(range(len(ours)))
        found = linked[chunk(rank).id] // CONNECTIONS
        assert 0 == linked[chunk(rank).id] % CONNECTIONS
        extra = len(ours) + found - calls
        assert extra in ((0, 1) if rank == victim else (0,)), (rank, calls, len(ours), found)


def read_lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + LIMIT
    while not (path.exists() and path.read_text()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"'{path.name}' was not written")
        time.sleep(0.002)
    return path.read_text()


def cell_type() -> CellType:
    return CellType(name="cell", spatial={"radius": 1.0, "density": 1e-3})


def chunk(rank: int) -> Chunk:
    return Chunk((rank, 0, 0), SIZE)


def begin(folder: Path, rank: int) -> None:
    part = folder / f"begins-{rank}.part"
    part.write_text(str(os.getpid()))
    part.rename(folder / f"begins-{rank}")


def loop(root: str, folder: Path) -> None:
    """Append cells and connections, and note each call that returned."""
    from tests.parallel.ranks import RANK, cells, meet

    storage = Storage(ENGINE, root)
    placed = cells(storage)
    if RANK == 0:
        storage.require_connectivity_set(cell_type(), cell_type(), "linked")
    meet()
    linked = storage.get_connectivity_set("linked")
    ends = np.arange(CONNECTIONS) % ROWS
    begin(folder, RANK)
    with open(folder / f"done-{RANK}", "w", buffering=1, encoding="utf-8") as done:
        for turn in range(TURNS):
            rows = np.column_stack([np.full(ROWS, RANK), np.full(ROWS, turn), np.arange(ROWS)])
            placed.append_data(chunk(RANK), rows.astype(float))
            done.write("cells\n")
            linked.chunk_connect(chunk(RANK), chunk(RANK), ends, ends)
            done.write("connections\n")
    (folder / f"finished-{RANK}").write_text("all")
    # MPI would wait for the rank that is gone.
    os._exit(0)


def shield(folder: Path) -> None:
    """Be what mpiexec watches, and have a child be the rank: nobody notices that it is killed."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        wait_for(folder / "over")
        os._exit(0)


def compile_network(root: str, folder: Path) -> None:
    from bsb import options

    from tests.parallel.rank_compile import configuration
    from tests.parallel.ranks import RANK, meet

    options.verbosity = 0
    network = Scaffold(configuration(), Storage(ENGINE, root))
    meet()
    begin(folder, RANK)
    network.compile()


def main() -> None:
    parser = argparse.ArgumentParser(description="Ranks that are killed.")
    parser.add_argument("--count", type=int, default=10, help="of runs")
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    parser.add_argument("--kind", choices=KINDS, help="of the networks; all without")
    parser.add_argument("--work", nargs=3, metavar=("WORK", "ROOT", "FOLDER"), help="be a rank")
    given = parser.parse_args()
    if given.work:
        work, root, folder = given.work
        if work == "loop":
            shield(Path(folder))
        faulthandler.dump_traceback_later(LIMIT, exit=True)
        {"loop": loop, "compile": compile_network}[work](root, Path(folder))
        return
    for number in range(given.count):
        kind = given.kind or list(KINDS)[number % len(KINDS)]
        work = WORKS[number % len(WORKS)]
        with tempfile.TemporaryDirectory() as folder:
            said = run(kind, work, given.seed + number, Path(folder))
        print(f"{number + 1} of {given.count}: {kind}, {said}", flush=True)


if __name__ == "__main__":
    main()
