"""Whether calls cost more in a large network: at 10,000 chunks against 100.

``python benchmarks/growth.py`` grows two storages, session by session, makes the same calls on
each, turn by turn in one run, and prints medians of the time of the processor, which others on the
machine disturb least, and their ratio. Appends go to chunks, and between pairs of chunks, that
had none before. ``--engine`` names another engine than ``hdf5``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from bsb import CellType, Chunk, Storage

from bsb_hdf5.config import NetworkRoot

EDGE = [100.0] * 3
CELLS = 50
CONNECTIONS = 100
# Chunks that are stored together while a storage grows.
STEP = 100
# Calls in a row on one storage, before it is the turn of the other.
BATCH = 10
TARGET = 1.3
# What has to read or sort what others added may cost more: it is printed, and has no target.
WITHOUT_TARGET = ("load a chunk after an append", "load a chunk with a new storage")


def open_storage(engine: str, layout: str, root: Path) -> Storage:
    return Storage(engine, NetworkRoot(str(root), layout) if engine == "hdf5" else str(root))


def chunk(number: int) -> Chunk:
    return Chunk([number % 32, number // 32 % 32, number // 1024], EDGE)


class Grown:
    """A storage of so many chunks of cells, and blocks of connections, to which more can come."""

    def __init__(self, engine: str, layout: str, root: Path, chunks: int) -> None:
        rng = np.random.default_rng(1)
        self._place = (engine, layout, root)
        self._storage = open_storage(*self._place)
        self._type = CellType(name="a", spatial={"radius": 1, "count": 1})
        self._cells = self._storage.require_placement_set(self._type)
        self._set = self._storage.require_connectivity_set(self._type, self._type, "a_to_a")
        self._positions = rng.random((CELLS, 3))
        self._locations = np.full((CONNECTIONS, 3), -1)
        self._locations[:, 0] = rng.integers(0, CELLS, CONNECTIONS)
        self._appended = self._connected = self._labelled = 0
        while self._appended < chunks:
            with self._storage.write_scope():
                for _ in range(min(STEP, chunks - self._appended)):
                    self._append()
                    self._connect()

    def calls(self) -> dict[str, Callable[[], Callable[[], Any]]]:
        """What makes each call ready."""
        return {
            f"append {CELLS} cells": lambda: self._append,
            f"chunk_connect {CONNECTIONS}": lambda: self._connect,
            f"label {CELLS // 2} cells": lambda: self._label,
            "load a chunk": self._loaded,
            "load a block": self._block_loaded,
            "len of both sets": lambda: lambda: (len(self._cells), len(self._set)),
            "load a chunk after an append": self._loaded_after_append,
            "load a chunk with a new storage": self._loaded_anew,
        }

    @property
    def bytes(self) -> int:
        root = self._place[2]
        files = [root] if root.is_file() else root.rglob("*") if root.exists() else []
        return sum(each.stat().st_size for each in files if each.is_file())

    def _append(self) -> None:
        self._cells.append_data(chunk(self._appended), self._positions)
        self._appended += 1

    def _connect(self) -> None:
        pre, post = chunk(self._connected), chunk(self._connected // 2)
        self._set.chunk_connect(pre, post, self._locations, self._locations)
        self._connected += 1

    def _label(self) -> None:
        times, place = divmod(self._labelled, self._appended)
        cells = np.arange(CELLS // 2) + place * CELLS
        self._cells.label([f"label {times}"], cells)
        self._labelled += 1

    def _load(self, storage: Storage) -> None:
        chunks = [chunk(self._appended // 2)]
        found = storage.get_placement_set(self._type, chunks=chunks).load_positions()
        assert CELLS == len(found)

    def _loaded(self) -> Callable[[], Any]:
        self._load(self._storage)
        return lambda: self._load(self._storage)

    def _block_loaded(self) -> Callable[[], Any]:
        pre, post = chunk(self._connected // 2), chunk(self._connected // 4)
        self._set.load_block_connections("inc", post, pre)
        return lambda: self._set.load_block_connections("inc", post, pre)

    def _loaded_after_append(self) -> Callable[[], Any]:
        self._append()
        return lambda: self._load(self._storage)

    def _loaded_anew(self) -> Callable[[], Any]:
        storage = open_storage(*self._place)
        return lambda: self._load(storage)


def timed(of_size: Grown, call: str, times: int) -> list[float]:
    taken = []
    for _ in range(times):
        action = of_size.calls()[call]()
        start = time.process_time()
        action()
        taken.append(time.process_time() - start)
    return taken


def print_call(call: str, both: list[Grown], repeats: int) -> None:
    """Time one call on both, and print its line of the table."""
    seconds: list[list[float]] = [[], []]
    before = [each.bytes for each in both]
    for _ in range(0, repeats, BATCH):
        for taken, each in zip(seconds, both, strict=True):
            taken.extend(timed(each, call, BATCH))
    few, many = (median(taken) for taken in seconds)
    cells = [call, f"{few * 1e6:.0f} us", f"{many * 1e6:.0f} us", verdict(call, many / few)]
    print(f"| {' | '.join(cells)} |")
    added = [(each.bytes - size) / len(seconds[0]) for each, size in zip(both, before, strict=True)]
    if call not in WITHOUT_TARGET and min(added) > 0:
        cells = [f"{call}: bytes", *(f"{each:.0f}" for each in added)]
        print(f"| {' | '.join([*cells, verdict(call, added[1] / added[0])])} |")


def verdict(call: str, ratio: float) -> str:
    if call in WITHOUT_TARGET:
        return f"{ratio:.2f}"
    return f"{ratio:.2f} ({'met' if ratio <= TARGET else '**missed**'})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=("hdf5", "zarr", "memory"), default="hdf5")
    parser.add_argument("--layout", choices=("columnar", "classic"), default="columnar")
    parser.add_argument("--chunks", type=int, nargs=2, default=(100, 10_000))
    parser.add_argument("--repeats", type=int, default=200, help="calls of each kind")
    arguments = parser.parse_args()
    few, many = arguments.chunks
    with tempfile.TemporaryDirectory(prefix="bsb-hdf5-growth-") as folder:
        both = [
            Grown(arguments.engine, arguments.layout, Path(folder) / str(chunks), chunks)
            for chunks in (few, many)
        ]
        print(f"| {arguments.engine} | {few:,} chunks | {many:,} chunks | ratio, of {TARGET} |")
        print("|---|---|---|---|")
        for call in both[0].calls():
            print_call(call, both, arguments.repeats)


if __name__ == "__main__":
    main()
