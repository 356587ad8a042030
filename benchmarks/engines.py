"""Single calls through each engine, BSB's suite, and the benchmark network through zarr and HDF5.

``python benchmarks/engines.py`` makes the same calls on storages of all engines and prints how
long a call takes, and how many times faster it is than through ``hdf5``. An engine makes all calls
of a kind in a row, as a program does that uses one engine; then it is the turn of the next. That
is done over several rounds (``--rounds``), on new storages each: the figures are the median over
the rounds of the medians of the calls, and that of the ratios of one round each, as others on the
machine disturb some rounds more than others. The last column is a dictionary of arrays, which keeps
what the calls give it and copies what they get, and has neither rules nor sessions: what BSB's
objects and numpy take by themselves.
``--parts`` tells what the calls through ``memory`` spend on sessions, and what within them.
``--suite`` runs BSB's suite for engines on ``memory`` and ``hdf5``, in turn.
``--compile`` compiles the benchmark network of ``compile_once.py`` through zarr and HDF5 too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any
from xml.etree import ElementTree

import numpy as np
from bsb import CellType, Chunk, Storage

from bsb_hdf5.config import NetworkRoot

EDGE = [100.0] * 3
CELLS = 400
LOCATIONS = 1000
HERE = Path(__file__).resolve().parent


def storages(folder: Path) -> dict[str, Storage]:
    return {
        "hdf5 classic": Storage("hdf5", NetworkRoot(folder / "classic.hdf5", "classic")),
        "hdf5 columnar": Storage("hdf5", NetworkRoot(folder / "columnar.hdf5", "columnar")),
        "zarr": Storage("zarr", str(folder / "network.zarr")),
        "memory": Storage("memory", str(folder / "memory")),
    }


@cache
def chunk(number: int) -> Chunk:
    return Chunk([number % 10, number // 10 % 10, number // 100], EDGE)


class Calls:
    """The calls that are timed, on one storage."""

    def __init__(self, storage: Storage) -> None:
        rng = np.random.default_rng(1)
        self._storage = storage
        self._type = CellType(name="a", spatial={"radius": 1, "count": 1})
        self._cells = storage.require_placement_set(self._type)
        self._set = storage.require_connectivity_set(self._type, self._type, "a_to_a")
        self._positions = rng.random((CELLS, 3))
        self._locations = np.full((LOCATIONS, 3), -1)
        self._locations[:, 0] = rng.integers(0, CELLS, LOCATIONS)

    def all(self) -> dict[str, Callable[[int], Any]]:
        return {
            "append 400 cells": self._append,
            "load the positions of a chunk": self._load_one,
            "load all positions": lambda number: self._cells.load_positions(),
            "label 200 cells": self._label,
            "chunk_connect 1,000": self._connect,
            "load a block": self._load_block,
            "len of both sets": lambda number: (len(self._cells), len(self._set)),
        }

    def _append(self, number: int) -> None:
        self._cells.append_data(chunk(number), self._positions)

    def _load_one(self, number: int) -> None:
        chunks = [chunk(number)]
        self._storage.get_placement_set(self._type, chunks=chunks).load_positions()

    def _label(self, number: int) -> None:
        first = number * CELLS
        self._cells.label([f"label {number % 5}"], np.arange(first, first + CELLS // 2))

    def _connect(self, number: int) -> None:
        pre, post = chunk(number // 10), chunk(number % 10)
        self._set.chunk_connect(pre, post, self._locations, self._locations)

    def _load_block(self, number: int) -> None:
        self._set.load_block_connections("inc", chunk(number % 10), chunk(number // 10))


class BareCalls:
    """The same calls on a dictionary of arrays."""

    def __init__(self, like: Calls) -> None:
        self._positions = like._positions
        self._locations = like._locations
        self._cells: dict[Any, Any] = {}
        self._labels: dict[Any, Any] = {}
        self._blocks: dict[Any, Any] = {}

    def all(self) -> dict[str, Callable[[int], Any]]:
        return {
            "append 400 cells": self._append,
            "load the positions of a chunk": lambda number: self._cells[chunk(number)].copy(),
            "load all positions": lambda number: np.concatenate(list(self._cells.values())),
            "label 200 cells": self._label,
            "chunk_connect 1,000": self._connect,
            "load a block": self._load_block,
            "len of both sets": lambda number: [
                sum(map(len, each.values())) for each in (self._cells, self._blocks)
            ],
        }

    def _append(self, number: int) -> None:
        self._cells[chunk(number)] = np.array(self._positions, dtype=float)

    def _label(self, number: int) -> None:
        codes = np.zeros(CELLS, dtype=int)
        codes[np.arange(CELLS // 2)] = number % 5 + 1
        self._labels[chunk(number)] = codes

    def _connect(self, number: int) -> None:
        pair = chunk(number // 10), chunk(number % 10)
        self._blocks[pair] = np.array((self._locations, self._locations), dtype=int)

    def _load_block(self, number: int) -> tuple[Any, Any]:
        pre, post = self._blocks[chunk(number // 10), chunk(number % 10)]
        return post.copy(), pre.copy()


# Seconds by call and engine.
Taken = dict[str, dict[str, float]]


def time_calls(repeats: int, rounds: int) -> list[Taken]:
    """Median seconds of the calls of each round."""
    for number in range(repeats):
        chunk(number)
    return [time_round(repeats) for _ in range(rounds)]


def time_round(repeats: int) -> Taken:
    """Median seconds by call and engine, on new storages."""
    with tempfile.TemporaryDirectory() as folder:
        made = storages(Path(folder))
        of = {name: Calls(each) for name, each in made.items()}
        calls = {name: each.all() for name, each in of.items()}
        calls["dictionary"] = BareCalls(of["memory"]).all()
        taken = {
            call: {name: time_series(calls[name][call], repeats) for name in calls}
            for call in calls["memory"]
        }
        made["memory"].remove()
    return taken


def time_series(call: Callable[[int], Any], repeats: int) -> float:
    """Median seconds of a call that is made many times in a row."""
    # What others wrote is not to be stored meanwhile, and the processor not to be half asleep.
    os.sync()
    awake = time.perf_counter() + 0.05
    while time.perf_counter() < awake:
        pass
    seconds = []
    for number in range(repeats):
        start = time.perf_counter()
        call(number)
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def print_calls(rounds: list[Taken]) -> None:
    engines = list(next(iter(rounds[0].values())))
    print(f"{'':32}" + "".join(f"{engine:>24}" for engine in engines))
    for call in rounds[0]:
        cells = []
        for engine in engines:
            seconds = median(taken[call][engine] for taken in rounds)
            ratio = median(taken[call][engines[0]] / taken[call][engine] for taken in rounds)
            cells.append(f"{seconds * 1e6:11.0f} us ({ratio:5.1f} x)")
        print(f"{call:32}" + "".join(f"{cell:>24}" for cell in cells))


def print_parts() -> None:
    """The least time of many calls through ``memory``: without work, and without a session."""
    storage = Storage("memory", "parts")
    calls = Calls(storage)
    of = calls.all()
    for number in range(100):
        of["append 400 cells"](number)
        of["chunk_connect 1,000"](number)
    sessions = calls._cells._engine.sessions
    one = storage.get_placement_set(calls._type, chunks=[chunk(7)])
    apart: dict[str, Callable[[], Any]] = {
        "a session that reads nothing": lambda: sessions.run(lambda _: None, write=False),
        "a session that writes nothing": lambda: sessions.run(lambda _: None, write=True),
        "get a placement set of a chunk": lambda: storage.get_placement_set(
            calls._type, chunks=[chunk(7)]
        ),
        "load its positions": one.load_positions,
        "load a block": lambda: of["load a block"](7),
    }
    for name, call in apart.items():
        print(f"{name:48}{least(call):8.1f} us")
    with storage.write_scope():
        for name in ("load its positions", "load a block"):
            print(f"{name + ', within a session':48}{least(apart[name]):8.1f} us")
        for name in ("append 400 cells", "chunk_connect 1,000"):
            each = of[name]
            taken = least(lambda each=each: each(7))  # type: ignore[misc]
            print(f"{name + ', within a session':48}{taken:8.1f} us")


def least(call: Callable[[], Any]) -> float:
    """Microseconds of a call, at best."""
    times = 50
    return min(timeit.repeat(call, number=times, repeat=60)) / times * 1e6


SUITES = {"hdf5": "test_hdf5.py", "memory": "test_memory.py"}


def time_suite(module: str) -> dict[str, float]:
    """Seconds of each test of a module."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        path = HERE.parent / "tests" / "engines" / module
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", str(path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=HERE.parent)
        cases = ElementTree.parse(report).iter("testcase")
        return {
            f"{case.get('classname', '').rpartition('.')[2]}.{case.get('name')}": float(
                case.get("time", 0)
            )
            for case in cases
        }


def print_suites(repeats: int) -> None:
    runs: dict[str, list[dict[str, float]]] = {engine: [] for engine in SUITES}
    for _ in range(repeats):
        for engine, module in SUITES.items():
            runs[engine].append(time_suite(module))
    shared = set.intersection(*(set(run) for each in runs.values() for run in each))
    sums = {
        engine: median(sum(run[name] for name in shared) for run in each)
        for engine, each in runs.items()
    }
    for engine, seconds in sums.items():
        ratio = sums["hdf5"] / seconds
        print(f"{len(shared)} tests of BSB's on {engine:8} {seconds:7.2f} s ({ratio:.1f} x)")


COMPILE = """
import json, os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import compile_once
from bsb import Scaffold, Storage, options
from bsb_hdf5.config import NetworkRoot
options.verbosity = 0
engine, layout, root = sys.argv[2:5]
network = Scaffold(
    compile_once.configuration(1.0), Storage(engine, NetworkRoot(root, layout or None))
)
start = time.perf_counter()
network.compile()
seconds = time.perf_counter() - start
path = Path(root)
files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
print(json.dumps([seconds, len(files), sum(each.stat().st_size for each in files)]))
"""
COMPILES = {
    "hdf5 classic": ("hdf5", "classic", "network.hdf5"),
    "hdf5 columnar": ("hdf5", "columnar", "network.hdf5"),
    "zarr": ("zarr", "", "network.zarr"),
}


def compile_with(engine: str, layout: str, root: str) -> list[float]:
    """Seconds, files and bytes."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [str(HERE), engine, layout, str(Path(folder) / root)]
        output = subprocess.check_output([sys.executable, "-c", COMPILE, *arguments], text=True)
    measured: list[float] = json.loads(output.splitlines()[-1])
    return measured


def print_compiles(repeats: int) -> None:
    found: dict[str, list[list[float]]] = {name: [] for name in COMPILES}
    for _ in range(repeats):
        for name, arguments in COMPILES.items():
            found[name].append(compile_with(*arguments))
    for name, runs in found.items():
        seconds, files, size = (median(each) for each in zip(*runs, strict=True))
        held = f"{files:5.0f} files {size / 1e6:7.2f} MB"
        print(f"compile through {name:16} {seconds:7.2f} s  {held}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=100, help="calls of each kind, at most 100")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of these calls")
    parser.add_argument(
        "--parts", action="store_true", help="print the times of the parts of calls through memory"
    )
    parser.add_argument("--suite", type=int, default=0, metavar="N", help="runs of BSB's suite")
    parser.add_argument(
        "--compile", type=int, default=0, metavar="N", help="compiles through each engine"
    )
    arguments = parser.parse_args()
    print_calls(time_calls(min(arguments.repeats, 100), arguments.rounds))
    if arguments.parts:
        print_parts()
    if arguments.suite:
        print_suites(arguments.suite)
    if arguments.compile:
        print_compiles(arguments.compile)


if __name__ == "__main__":
    main()
