"""What one rank, or one process of several, does while ``ranks.py`` measures it.

``python ranks_work.py WORKDIR WORK`` with WORK one of ``append``, ``read``, ``own``, ``hold`` and
``compile`` works in the network at ``WORKDIR/network.hdf5`` and, on the main rank, writes what it
measured to ``WORKDIR/measured.json``. Under mpiexec the ranks are those of MPI; without,
``--processes N`` and ``--number I`` say how many processes there are and which one this is. It
imports nothing but the installed packages, so it measures any engine that calls itself ``hdf5``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bsb import MPI, CellType, Chunk, Scaffold, Storage, options
from bsb.storage import discover_engines
from compile_once import ENGINE, StorageClock, configuration

SECONDS = 3.0
CELLS, CONNECTIONS = 400, 1000
CHUNK_SIZE = (100.0,) * 3


class Lone:
    """Processes without MPI that meet by files."""

    def __init__(self, workdir: Path, processes: int, number: int) -> None:
        self._workdir, self._processes, self.rank = workdir, processes, number
        self._meetings = 0

    def barrier(self) -> None:
        self._meetings += 1
        (self._workdir / f"here-{self._meetings}-{self.rank}").touch()
        while len(list(self._workdir.glob(f"here-{self._meetings}-*"))) < self._processes:
            time.sleep(0.01)

    def allgather(self, value: Any) -> list[Any]:
        (self._workdir / f"value-{self._meetings}-{self.rank}").write_text(json.dumps(value))
        self.barrier()
        found = sorted(self._workdir.glob(f"value-{self._meetings - 1}-*"))
        return [json.loads(each.read_text()) for each in found]


class Ranks:
    def __init__(self) -> None:
        self.rank = MPI.get_rank()

    def barrier(self) -> None:
        MPI.barrier()

    def allgather(self, value: Any) -> list[Any]:
        gathered: list[Any] = MPI.allgather(value)
        return gathered


def watch_waiting() -> Callable[[], float]:
    """A clock of the seconds that this process waits for locks; of engines that tell."""
    try:
        from bsb_hdf5.adapters.files import locking
        from bsb_hdf5.transactions.store_lock import StoreLock
    except ImportError:
        return lambda: 0.0
    waited = [0.0]

    def timed(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                waited[0] += time.perf_counter() - start

        return call

    lock_file = locking.lock_file
    for name, module in list(sys.modules.items()):
        if name.startswith("bsb_hdf5") and vars(module).get("lock_file") is lock_file:
            module.lock_file = timed(lock_file)  # type: ignore[attr-defined]
    StoreLock.acquire = timed(StoreLock.acquire)  # type: ignore[method-assign]
    return lambda: waited[0]


def cell_type(name: str) -> Any:
    return CellType(name=name, spatial={"radius": 1.0, "density": 1e-3})


def sets(storage: Storage, ranks: Any) -> tuple[Any, Any]:
    cells = cell_type("cell")
    if ranks.rank == 0 or isinstance(ranks, Ranks):
        placed = storage.require_placement_set(cells)
    ranks.barrier()
    placed = storage.get_placement_set(cells)
    if ranks.rank == 0:
        storage.require_connectivity_set(cells, cells, "linked")
    ranks.barrier()
    return placed, storage.get_connectivity_set("linked")


def repeated(work: Callable[[int], None]) -> tuple[int, float]:
    """How often it was done, and the processor time it took."""
    end, done, before = time.monotonic() + SECONDS, 0, time.process_time()
    while time.monotonic() < end:
        work(done)
        done += 1
    return done, time.process_time() - before


def append(storage: Storage, ranks: Any) -> dict[str, Any]:
    placed, linked = sets(storage, ranks)
    generator = np.random.default_rng(ranks.rank)
    positions = generator.random((CELLS, 3))
    pre, post = (generator.integers(0, CELLS, (CONNECTIONS, 3)) for _ in range(2))

    def work(turn: int) -> None:
        chunk = Chunk((ranks.rank, turn % 50, turn // 50), CHUNK_SIZE)
        placed.append_data(chunk, positions)
        linked.chunk_connect(chunk, chunk, pre, post)

    return measured(ranks, work)


def read(storage: Storage, ranks: Any) -> dict[str, Any]:
    placed, _ = sets(storage, ranks)
    chunk = Chunk((0, 0, 0), CHUNK_SIZE)
    if ranks.rank == 0:
        placed.append_data(chunk, np.random.default_rng(0).random((CELLS, 3)))
    ranks.barrier()

    def work(turn: int) -> None:
        len(placed)
        placed.load_positions()

    return measured(ranks, work)


def own(storage: Storage, ranks: Any) -> dict[str, Any]:
    """As :func:`read`, with nothing in common but the machine: of processes without MPI."""
    beside = f"{storage.root}-{ranks.rank}.hdf5"
    placed = Storage(ENGINE, beside).require_placement_set(cell_type("cell"))
    placed.append_data(Chunk((0, 0, 0), CHUNK_SIZE), np.random.default_rng(0).random((CELLS, 3)))

    def work(turn: int) -> None:
        len(placed)
        placed.load_positions()

    return measured(ranks, work)


def hold(storage: Storage, ranks: Any) -> dict[str, Any]:
    """For how long calls that write exclude the others, in milliseconds of the processor."""
    placed, linked = sets(storage, ranks)
    chunks = [Chunk((x, y, 0), CHUNK_SIZE) for x in range(5) for y in range(4)]
    generator = np.random.default_rng(0)
    for chunk in chunks:
        placed.append_data(chunk, generator.random((5_000, 3)))

    def locations(rows: int, cells: int) -> Any:
        found = np.full((rows, 3), -1)
        found[:, 0] = generator.integers(0, cells, rows)
        return found

    positions = generator.random((CELLS, 3))
    few = [locations(CONNECTIONS, 5_000) for _ in range(2)]
    many = [locations(1_000_000, 100_000) for _ in range(2)]
    works = {
        "append 400": (100, lambda: placed.append_data(chunks[0], positions)),
        "chunk_connect 1,000": (100, lambda: linked.chunk_connect(chunks[0], chunks[1], *few)),
        "connect 1,000": (100, lambda: linked.connect(placed, placed, *few)),
        "connect 1,000,000": (3, lambda: linked.connect(placed, placed, *many)),
    }
    held = watch_holding()
    found = {name: held_by(held, *work) for name, work in works.items()}
    log_calls(storage)
    recorded = watch_records()
    for name in ("append 400", "chunk_connect 1,000", "connect 1,000"):
        found[f"{name}, logged"] = held_by(recorded, *works[name])
        len(linked), len(placed)
    return found


def log_calls(*storages: Storage) -> None:
    """Have storages of one process log calls, as those of several ranks do."""
    for storage in storages:
        staging = storage._engine.sessions._context.staging
        staging.shares, staging.contention = True, None


def store_at_once(*storages: Storage) -> None:
    """Have storages log no calls, although others write to the same network."""
    for storage in storages:
        storage._engine.sessions._context.staging.contention = None


def watch_records() -> Callable[[], float]:
    """A clock of the processor time for which this process holds the log of a network."""
    from bsb_hdf5.adapters.hdf5.call_log import Hdf5CallLog

    append, total = Hdf5CallLog._append, [0.0]

    def timed(log: Hdf5CallLog, *call: Any) -> Any:
        start = time.process_time()
        try:
            return append(log, *call)
        finally:
            total[0] += time.process_time() - start

    Hdf5CallLog._append = timed  # type: ignore[method-assign]
    return lambda: total[0]


def held_by(held: Callable[[], float], repeats: int, work: Callable[[], None]) -> dict[str, float]:
    work()
    before, start = held(), time.process_time()
    for _ in range(repeats):
        work()
    seconds = {"call": time.process_time() - start, "held": held() - before}
    return {name: 1000 * each / repeats for name, each in seconds.items()}


def watch_holding() -> Callable[[], float]:
    """A clock of the processor time for which this process holds a network to write."""
    from bsb_hdf5.transactions.transaction import WriteTransaction

    begin, end = WriteTransaction._begin, WriteTransaction.__exit__
    total, started = [0.0], [0.0]

    def begun(transaction: WriteTransaction) -> Any:
        started[0] = time.process_time()
        return begin(transaction)

    def ended(transaction: WriteTransaction, *error: Any) -> None:
        end(transaction, *error)
        total[0] += time.process_time() - started[0]

    WriteTransaction._begin = begun  # type: ignore[method-assign]
    WriteTransaction.__exit__ = ended  # type: ignore[method-assign]
    return lambda: total[0]


def measured(ranks: Any, work: Callable[[int], None]) -> dict[str, Any]:
    work(0)
    ranks.barrier()
    waiting = watch_waiting()
    ranks.barrier()
    start = time.perf_counter()
    done, processor = repeated(lambda turn: work(turn + 1))
    seconds = time.perf_counter() - start
    rows = ranks.allgather([done, seconds, processor, waiting()])
    return {
        "calls a second": sum(row[0] / row[1] for row in rows),
        "processor seconds a call": sum(row[2] for row in rows) / sum(row[0] for row in rows),
        "share of waiting": sum(row[3] for row in rows) / sum(row[1] for row in rows),
        "least and most of a rank": [min(r[0] for r in rows), max(r[0] for r in rows)],
    }


def compile_network(workdir: Path, scale: float, ranks: Any) -> dict[str, Any]:
    options.verbosity = 0
    network = Scaffold(configuration(scale), Storage(ENGINE, str(workdir / "network.hdf5")))
    clock, waiting = StorageClock(), watch_waiting()
    clock.watch(discover_engines()[ENGINE])
    ranks.barrier()
    start = time.perf_counter()
    network.compile()
    seconds = time.perf_counter() - start
    rows = ranks.allgather([seconds, clock.seconds, waiting(), time.process_time()])
    workers = rows[1:] or rows
    return {
        "seconds": rows[0][0],
        "engine on a worker": max(row[1] for row in workers),
        "share of waiting": sum(row[2] for row in workers) / sum(row[0] for row in workers),
        "cells": sum(len(network.get_placement_set(n)) for n in ("lower_cell", "upper_cell")),
        "connections": sum(len(each) for each in network.get_connectivity_sets()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workdir", type=Path)
    parser.add_argument("work", choices=("append", "read", "own", "hold", "compile"))
    parser.add_argument(
        "--scale", type=float, default=1.0, help="size of the compiled network; 1 is the whole"
    )
    parser.add_argument("--processes", type=int, help="without MPI: how many there are")
    parser.add_argument("--number", type=int, default=0, help="without MPI: which one this is")
    options_ = parser.parse_args()
    workdir = options_.workdir
    lone = options_.processes is not None
    ranks: Any = Lone(workdir, options_.processes, options_.number) if lone else Ranks()
    if options_.work == "compile":
        found = compile_network(workdir, options_.scale, ranks)
    else:
        if lone and ranks.rank:
            ranks.barrier()
        storage = Storage(ENGINE, str(workdir / "network.hdf5"))
        if lone and not ranks.rank:
            ranks.barrier()
        works = {"append": append, "read": read, "own": own, "hold": hold}
        found = works[options_.work](storage, ranks)
    if ranks.rank == 0:
        (workdir / "measured.json").write_text(json.dumps(found))
    if not lone:
        # Whoever leaves first would end the others' locks where an engine has them in MPI.
        ranks.barrier()


if __name__ == "__main__":
    main()
