"""Very many connections: time, bytes, and memory beyond the data in flight.

``python benchmarks/scale.py`` writes 100 million detailed connections in blocks of a million, one
``chunk_connect`` each (or ``connect``, by ``--via``), and iterates over them in both directions,
each in a process of its own. It prints the peak of memory of each process less what it took
before, and less the block that it held: the arrays that were given, or that came.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bsb import CellType, Chunk, Storage

from bsb_hdf5.config import NetworkRoot

EDGE = [100.0] * 3
CELLS = 10_000
BRANCHES, POINTS = 100, 40
PHASES = ("write", "out", "inc")
MEBIBYTE = 1024 * 1024
# Mebibytes beyond the data in flight.
TARGET = 1024


def memory(field: str) -> int:
    """Bytes of this process, now (``VmRSS``) or at most so far (``VmHWM``)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (each for each in lines if each.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


def chunk(number: int) -> Chunk:
    return Chunk([number, 0, 0], EDGE)


def pairs(blocks: int) -> Iterator[tuple[Chunk, Chunk]]:
    """The chunks of each block: a square, row by row."""
    side = math.ceil(math.sqrt(blocks))
    return ((chunk(number // side), chunk(number % side)) for number in range(blocks))


def locations(rng: np.random.Generator, count: int) -> np.ndarray[Any, Any]:
    columns = (rng.integers(0, most, count) for most in (CELLS, BRANCHES, POINTS))
    return np.stack(list(columns), axis=1)


class Network:
    """The set of connections, and how it is written and read."""

    def __init__(self, engine: str, root: str) -> None:
        place = NetworkRoot(root, "columnar") if engine == "hdf5" else root
        self._storage = Storage(engine, place)
        self._type = CellType(name="a", spatial={"radius": 1, "count": 1})
        self._cells = self._storage.require_placement_set(self._type)
        self._set = self._storage.require_connectivity_set(self._type, self._type, "a_to_a")

    def place(self, blocks: int) -> None:
        """As many cells in each chunk as connections may name."""
        with self._storage.write_scope():
            for number in range(math.ceil(math.sqrt(blocks))):
                self._cells.append_entities(chunk(number), CELLS)

    def write(self, blocks: int, size: int, *, at_once: bool) -> int:
        """Connect; the bytes that were in flight."""
        rng = np.random.default_rng(1)
        for pre, post in pairs(blocks):
            given = locations(rng, size), locations(rng, size)
            if at_once:
                self._set.connect(self._within(pre), self._within(post), *given)
            else:
                self._set.chunk_connect(pre, post, *given)
        return sum(each.nbytes for each in given)

    def iterate(self, direction: str, blocks: int, size: int) -> int:
        """Look at all; the bytes of the largest block."""
        found, largest = 0, 0
        for _, _, _, (local, far) in self._set.flat_iter_connections(direction):
            found += len(local)
            largest = max(largest, local.nbytes + far.nbytes)
        assert blocks * size == found == len(self._set)
        return largest

    def _within(self, only: Chunk) -> Any:
        return self._storage.get_placement_set(self._type, chunks=[only])


def run(arguments: argparse.Namespace) -> dict[str, float]:
    """One phase, in this process."""
    blocks, size = arguments.connections // arguments.block, arguments.block
    network = Network(arguments.engine, arguments.root)
    if arguments.phase == "write":
        network.place(blocks)
    before = memory("VmRSS")
    start = time.perf_counter()
    if arguments.phase == "write":
        in_flight = network.write(blocks, size, at_once=arguments.via == "connect")
    else:
        in_flight = network.iterate(arguments.phase, blocks, size)
    seconds = time.perf_counter() - start
    peak = memory("VmHWM")
    return {"seconds": seconds, "peak": peak, "beyond": peak - before - in_flight}


def in_process(arguments: argparse.Namespace, phase: str, root: str) -> dict[str, float]:
    options = {"connections": arguments.connections, "block": arguments.block}
    options |= {"engine": arguments.engine, "via": arguments.via, "phase": phase, "root": root}
    command = [sys.executable, __file__, *(f"--{key}={value}" for key, value in options.items())]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    measured: dict[str, float] = json.loads(output.splitlines()[-1])
    return measured


def size_of(root: Path) -> int:
    files = [root] if root.is_file() else root.rglob("*")
    return sum(each.stat().st_size for each in files if each.is_file())


def report(arguments: argparse.Namespace, folder: Path) -> None:
    root = folder / "network"
    print(f"{arguments.connections:,} connections in blocks of {arguments.block:,}")
    print("| work | seconds | us a 1,000 | peak | beyond the data in flight |")
    print("|---|---|---|---|---|")
    for phase in PHASES:
        measured = in_process(arguments, phase, str(root))
        beyond = measured["beyond"] / MEBIBYTE
        cells = [
            arguments.via if phase == "write" else f"iterate, {phase}",
            f"{measured['seconds']:.1f}",
            f"{measured['seconds'] / arguments.connections * 1e9:.0f}",
            f"{measured['peak'] / MEBIBYTE:.0f} MiB",
            f"{beyond:.0f} MiB ({'met' if beyond <= TARGET else '**missed**'})",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)
    size = size_of(root)
    print(f"{size / 1e6:,.0f} MB, {size / arguments.connections:.1f} bytes a connection")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=100_000_000)
    parser.add_argument("--block", type=int, default=1_000_000, help="connections per call")
    parser.add_argument("--engine", choices=("hdf5", "zarr"), default="hdf5")
    parser.add_argument("--via", choices=("chunk_connect", "connect"), default="chunk_connect")
    parser.add_argument("--folder", help="folder with space for the network")
    parser.add_argument("--phase", choices=PHASES, help=argparse.SUPPRESS)
    parser.add_argument("--root", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.phase:
        print(json.dumps(run(arguments)))
        return
    with tempfile.TemporaryDirectory(prefix="bsb-hdf5-scale-", dir=arguments.folder) as folder:
        report(arguments, Path(folder))


if __name__ == "__main__":
    main()
