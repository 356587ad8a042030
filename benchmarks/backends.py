"""The backends of the examples beside ``hdf5`` and ``memory``: processor time of a call.

``python benchmarks/backends.py`` makes the same calls on a columnar network of each engine, the
engines in turn, over several rounds (``--rounds``) with new networks. It prints the median of the
rounds, of the processor time of a call, by the user and by the system, and how many times that of
``hdf5`` it is. Processor time does not tell what a disk takes to store what a commit hands to it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from bsb import CellType, Chunk, Storage, plugins
from bsb.storage import discover_engines, get_engine_support, get_engines

HERE = Path(__file__).resolve().parent
ENGINES = ("hdf5", "memory", "sqlite", "parquet")
CHUNKS = 50
CELLS = 400
LOCATIONS = 1000


def install_examples() -> None:
    """Let BSB find the engines of the examples."""
    sys.path.insert(0, str(HERE.parent))
    points = plugins._unittest_plugins["storage.engines"]
    for name in ("sqlite", "parquet"):
        points.append(EntryPoint(name, f"examples.backends.{name}:engine", "bsb.storage.engines"))
    for known in (discover_engines, get_engine_support, get_engines):
        known.cache_clear()


def chunk(number: int) -> Chunk:
    return Chunk((number, 0, 0), (100, 100, 100))


def append(storage: Any, cell_type: CellType) -> int:
    cells = storage.require_placement_set(cell_type)
    positions = np.random.default_rng(1).random((CELLS, 3))
    for number in range(CHUNKS):
        cells.append_data(chunk(number), positions=positions)
    return CHUNKS


def connect(storage: Any, cell_type: CellType) -> int:
    connections = storage.require_connectivity_set(cell_type, cell_type, "a_to_a")
    random = np.random.default_rng(2)
    for number in range(CHUNKS):
        cells = random.integers(0, CELLS, (2, LOCATIONS))
        pre, post = (np.column_stack((each, -np.ones((LOCATIONS, 2), int))) for each in cells)
        connections.chunk_connect(chunk(number), chunk((number * 7) % CHUNKS), pre, post)
    return CHUNKS


def load_chunks(storage: Any, cell_type: CellType) -> int:
    cells = storage.get_placement_set(cell_type)
    for number in range(CHUNKS):
        cells.set_chunk_filter([chunk(number)])
        cells.load_positions()
    return CHUNKS


def load_all(storage: Any, cell_type: CellType) -> int:
    for _ in range(10):
        storage.get_placement_set(cell_type).load_positions()
    return 10


TASKS: dict[str, Callable[[Any, CellType], int]] = {
    f"append {CELLS} cells": append,
    f"connect {LOCATIONS} pairs": connect,
    "load the cells of a chunk": load_chunks,
    f"load all {CHUNKS * CELLS:,} cells": load_all,
}


def figures(engine: str, folder: Path) -> dict[str, float]:
    """Milliseconds of a call by task, on a new network."""
    root = uuid.uuid4().hex if engine == "memory" else str(folder / f"network.{engine}")
    storage = Storage(engine, root)
    cell_type = CellType(name="a", spatial={"radius": 2, "density": 1e-3})
    found = {}
    for task, act in TASKS.items():
        began = time.process_time()
        calls = act(storage, cell_type)
        found[task] = (time.process_time() - began) * 1000 / calls
    storage.remove()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    install_examples()
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for _ in range(rounds):
        for engine in ENGINES:
            with tempfile.TemporaryDirectory() as folder:
                for task, value in figures(engine, Path(folder)).items():
                    found[task][engine].append(value)
    print(f"{'milliseconds (times hdf5)':28}", *(f"{engine:>16}" for engine in ENGINES))
    for task, values in found.items():
        base = median(values["hdf5"])
        row = [f"{median(each):8.2f} ({median(each) / base:5.2f})" for each in values.values()]
        print(f"{task:28}", *row)


if __name__ == "__main__":
    main()
