"""Single calls through each engine, and the benchmark network compiled through zarr and HDF5.

``python benchmarks/engines.py`` makes the same calls on storages of all engines, turn by turn in
one run, and prints the median of each and how many times faster it is than through ``hdf5``.
``--compile`` compiles the benchmark network of ``compile_once.py`` through zarr and HDF5 too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from bsb import CellType, Chunk, Storage

from bsb_hdf5.config import NetworkRoot

EDGE = [100.0] * 3
CELLS = 400
LOCATIONS = 1000
# Calls in a row on one engine, before it is the turn of the next.
BATCH = 10
HERE = Path(__file__).resolve().parent


def storages(folder: Path) -> dict[str, Storage]:
    return {
        "hdf5 classic": Storage("hdf5", NetworkRoot(folder / "classic.hdf5", "classic")),
        "hdf5 columnar": Storage("hdf5", NetworkRoot(folder / "columnar.hdf5", "columnar")),
        "zarr": Storage("zarr", str(folder / "network.zarr")),
        "memory": Storage("memory", str(folder)),
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


def time_calls(repeats: int) -> dict[str, dict[str, float]]:
    """Median seconds by call and engine."""
    taken: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        calls = {name: Calls(each).all() for name, each in storages(Path(folder)).items()}
        for call in next(iter(calls.values())):
            seconds: dict[str, list[float]] = {name: [] for name in calls}
            for first in range(0, repeats, BATCH):
                for name, of_engine in calls.items():
                    for number in range(first, min(first + BATCH, repeats)):
                        start = time.perf_counter()
                        of_engine[call](number)
                        seconds[name].append(time.perf_counter() - start)
            taken[call] = {name: median(values) for name, values in seconds.items()}
    return taken


def print_calls(taken: dict[str, dict[str, float]]) -> None:
    engines = list(next(iter(taken.values())))
    print(f"{'':32}" + "".join(f"{engine:>24}" for engine in engines))
    for call, seconds in taken.items():
        reference = seconds[engines[0]]
        cells = (f"{each * 1e6:11.0f} us ({reference / each:5.1f} x)" for each in seconds.values())
        print(f"{call:32}" + "".join(f"{cell:>24}" for cell in cells))


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
    parser.add_argument("--repeats", type=int, default=100, help="calls of each kind")
    parser.add_argument("--compile", type=int, default=0, metavar="N", help="compiles, each")
    arguments = parser.parse_args()
    print_calls(time_calls(min(arguments.repeats, 100)))
    if arguments.compile:
        print_compiles(arguments.compile)


if __name__ == "__main__":
    main()
