"""How long compiles take on more ranks than a machine for tests has: a model of measured costs.

``python benchmarks/ranks_model.py`` measures what a session costs on this machine, and prints, as
Markdown, the time of compiles of 10^3 to 10^6 jobs on 4 to 8,192 ranks, and how long a job has to
be so that ranks wait for less than 5 % of their time. ``--check`` compares it with runs of 1 to 4
processes. What it assumes:

- N ranks are N - 1 workers. A job computes (``--compute`` seconds), reads twice, and writes once:
  400 cells. There are enough jobs for all workers at any time.
- Sessions that write queue for one lock: a closed network of one server and of workers that think,
  solved by mean value analysis (Reiser and Lavenberg, 1980), which takes times to be random.
- One by one (``BSB_HDF5_STAGING=off``), a file that another rank changed is opened again in each
  session, under the lock if it writes. Reads share, and wait for nobody.
- With 8.0.2, rank 0 serves four messages for each session that reads or writes. What they take, and
  what its sessions take, was measured elsewhere (``THEIR_LOCK``, ``THEIR_WRITE``).
- Logged: calls are appended to a log, whose lock is held for the record only, and jobs read other
  sets than they write. One rank carries out all calls in the end; a log that is full, and is
  carried out in between, costs as much, but the others wait meanwhile.
- Sessions take processor time alone, and each rank has a core: on a filesystem of many nodes, where
  locks and bytes travel, the figures are lower bounds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import attrs
import numpy as np
from bsb import Chunk, Storage
from compile_once import ENGINE
from ranks_work import (
    CELLS,
    CHUNK_SIZE,
    Lone,
    cell_type,
    log_calls,
    store_at_once,
    watch_records,
)

JOBS = (10**3, 10**4, 10**5, 10**6)
RANKS = (4, 64, 1024, 8192)
READS_A_JOB = 2
MOST_WAITING = 0.05
# Of bsb-hdf5 8.0.2: seconds for which rank 0 serves a lock, and of a session that writes 400 cells.
THEIR_LOCK, THEIR_WRITE = 0.0017, 0.0058
REPEATS, SECONDS, THINKING = 300, 3.0, 0.004


@attrs.frozen
class Costs:
    """Seconds that were measured."""

    read: float
    foreign_read: float
    append: float
    foreign_append: float
    logged_read: float
    logged_append: float
    record: float
    carried_out: float


@attrs.frozen
class Scheme:
    """
    What a job costs, beside what it computes.

    :param apart: seconds that ranks spend side by side.
    :param held: seconds in which others have to wait.
    :param after: seconds of one rank in the end.
    """

    apart: float
    held: float
    after: float = 0.0


def schemes(costs: Costs) -> dict[str, Scheme]:
    reads = READS_A_JOB * costs.foreign_read
    beside = READS_A_JOB * costs.logged_read + costs.logged_append - costs.record
    return {
        "8.0.2": Scheme(READS_A_JOB * costs.read, (1 + READS_A_JOB) * THEIR_LOCK + THEIR_WRITE),
        "one by one": Scheme(reads, costs.foreign_append),
        "logged": Scheme(beside, costs.record, costs.carried_out),
    }


def solve(workers: int, thinking: float, held: float) -> tuple[float, float]:
    """
    Mean value analysis.

    :returns: jobs a second, and the share of its time that a worker waits.
    """
    queue = rate = response = 0.0
    for count in range(1, workers + 1):
        response = held * (1 + queue)
        rate = count / (thinking + response)
        queue = rate * response
    return rate, (response - held) / (thinking + response)


def least_compute(workers: int, scheme: Scheme) -> float:
    """Seconds that a job has to compute so that workers wait for less than 5 % of their time."""
    low, high = 0.0, 1000.0
    if solve(workers, scheme.apart, scheme.held)[1] <= MOST_WAITING:
        return 0.0
    for _ in range(60):
        middle = (low + high) / 2
        waits = solve(workers, middle + scheme.apart, scheme.held)[1] > MOST_WAITING
        low, high = (middle, high) if waits else (low, middle)
    return high


def each(work: Callable[[int], object]) -> float:
    """Median seconds of a call; of the processor, as others use the machine too."""
    times = []
    for turn in range(REPEATS):
        start = time.process_time()
        work(turn)
        times.append(time.process_time() - start)
    return median(times)


def measure(folder: Path) -> Costs:
    """What sessions cost; two storages of one process are foreign to each other."""
    root = str(folder / "network.hdf5")
    placed = []
    for _ in range(2):
        storage = Storage(ENGINE, root)
        store_at_once(storage)
        placed.append(storage.require_placement_set(cell_type("cell")))
    positions = np.random.default_rng(0).random((CELLS, 3))
    spent: dict[str, list[float]] = {"read": [], "append": []}

    def chunk(turn: int) -> Chunk:
        return Chunk((turn % 50, turn // 50, 0), CHUNK_SIZE)

    def read_after_another(turn: int) -> None:
        placed[1].append_data(chunk(turn), positions)
        start = time.process_time()
        len(placed[0])
        spent["read"].append(time.process_time() - start)

    def append_after_another(turn: int) -> None:
        start = time.process_time()
        placed[turn % 2].append_data(chunk(turn), positions)
        spent["append"].append(time.process_time() - start)

    append = each(lambda turn: placed[0].append_data(chunk(turn), positions))
    read = each(lambda _: len(placed[0]))
    each(read_after_another)
    each(append_after_another)
    return Costs(
        read,
        median(spent["read"]),
        append,
        median(spent["append"]),
        *measure_log(folder / "logged.hdf5", positions),
    )


def measure_log(path: Path, positions: np.ndarray[Any, np.dtype[np.float64]]) -> list[float]:
    """A read of another set, a logged append, its part under the lock, and to carry it out."""
    storages = [Storage(ENGINE, str(path)) for _ in range(2)]
    placed = [each.require_placement_set(cell_type("cell")) for each in storages]
    other = storages[1].require_placement_set(cell_type("other"))
    placed[0].append_data(Chunk((0, 0, 0), CHUNK_SIZE), positions)
    log_calls(*storages)
    recorded = watch_records()
    spent: list[float] = []

    def append(turn: int) -> None:
        placed[0].append_data(Chunk((turn % 50, turn // 50, 0), CHUNK_SIZE), positions)

    def read_after_another(turn: int) -> None:
        append(turn)
        start = time.process_time()
        len(other)
        spent.append(time.process_time() - start)

    each(read_after_another)
    len(placed[1])
    before = recorded()
    logged = each(append)
    record = (recorded() - before) / REPEATS
    start = time.process_time()
    len(placed[1])
    return [median(spent), logged, record, (time.process_time() - start) / REPEATS]


def print_tables(costs: Costs, compute: float) -> None:
    for name, seconds in attrs.asdict(costs).items():
        print(f"- {name.replace('_', ' ')}: {1e6 * seconds:.3g} us")
    ranks_of = "".join(f" {ranks:,} ranks |" for ranks in RANKS)
    print(f"\nSeconds, and the share of waiting, where a job computes for {1000 * compute:g} ms:\n")
    print(f"| jobs | scheme |{ranks_of}\n|---|---|{'---|' * len(RANKS)}")
    for jobs in JOBS:
        for name, scheme in schemes(costs).items():
            cells = (time_of(jobs, ranks, compute, scheme) for ranks in RANKS)
            print(f"| {jobs:,} | {name} | {' | '.join(cells)} |")
    print(
        f"\nWorkers wait for less than {100 * MOST_WAITING:g} % if a job computes for at least:\n"
    )
    print(f"| scheme |{ranks_of}\n|---|{'---|' * len(RANKS)}")
    for name, scheme in schemes(costs).items():
        least = (f"{1000 * least_compute(ranks - 1, scheme):.3g} ms" for ranks in RANKS)
        print(f"| {name} | {' | '.join(least)} |")


def time_of(jobs: int, ranks: int, compute: float, scheme: Scheme) -> str:
    rate, waiting = solve(min(ranks - 1, jobs), compute + scheme.apart, scheme.held)
    return f"{jobs / rate + jobs * scheme.after:.3g} s ({100 * waiting:.0f} %)"


def check(costs: Costs) -> None:
    """Compare with processes that sleep instead of computing: they need no core of their own."""
    print("\n| scheme | processes | jobs a second | model | ratio |\n|---|---|---|---|---|")
    for scheme in ("one by one", "logged"):
        for processes in (1, 2, 3, 4):
            check_run(costs, scheme, processes)


def check_run(costs: Costs, scheme: str, processes: int) -> None:
    with tempfile.TemporaryDirectory(prefix="bsb-hdf5-model-") as folder:
        command = [sys.executable, __file__, "--work", folder, scheme, str(processes)]
        started = [subprocess.Popen([*command, str(i)]) for i in range(processes)]
        if any(process.wait() for process in started):
            raise SystemExit("a process failed")
        found = json.loads((Path(folder) / "found.json").read_text())
    apart, held = 0.0, costs.append if processes == 1 else costs.foreign_append
    if scheme == "logged":
        apart, held = costs.logged_append - costs.record, costs.record
    rate = solve(processes, found["thinking"] + apart, held)[0]
    ratio = found["rate"] / rate
    print(f"| {scheme} | {processes} | {found['rate']:.0f} | {rate:.0f} | {ratio:.2f} |")


def work(folder: Path, scheme: str, processes: int, number: int) -> None:
    """Sleep and append, again and again."""
    ranks = Lone(folder, processes, number)
    root = str(folder / "network.hdf5")
    if number == 0:
        Storage(ENGINE, root).require_placement_set(cell_type("cell"))
    ranks.barrier()
    storage = Storage(ENGINE, root)
    placed = storage.get_placement_set(cell_type("cell"))
    (log_calls if scheme == "logged" else store_at_once)(storage)
    positions = np.zeros((CELLS, 3))
    placed.append_data(Chunk((number, 0, 0), CHUNK_SIZE), positions)
    ranks.barrier()
    begin, done, slept = time.perf_counter(), 0, 0.0
    while time.perf_counter() - begin < SECONDS:
        start = time.perf_counter()
        time.sleep(THINKING)
        slept += time.perf_counter() - start
        placed.append_data(Chunk((number, done % 50, 0), CHUNK_SIZE), positions)
        done += 1
    seconds = time.perf_counter() - begin
    rows = ranks.allgather([done / seconds, slept / done])
    if number == 0:
        found = {"rate": sum(row[0] for row in rows), "thinking": median(row[1] for row in rows)}
        (folder / "found.json").write_text(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--compute", type=float, default=0.1, help="seconds that a job computes")
    parser.add_argument("--check", action="store_true", help="compare with 1 to 4 processes")
    parser.add_argument("--work", nargs=4, metavar=("FOLDER", "SCHEME", "PROCESSES", "NUMBER"))
    options = parser.parse_args()
    os.environ.setdefault("BSB_HDF5_LAYOUT", "columnar")
    if options.work:
        work(Path(options.work[0]), options.work[1], *map(int, options.work[2:]))
        return
    with tempfile.TemporaryDirectory(prefix="bsb-hdf5-model-") as folder:
        costs = measure(Path(folder))
    print_tables(costs, options.compute)
    if options.check:
        check(costs)


if __name__ == "__main__":
    main()
