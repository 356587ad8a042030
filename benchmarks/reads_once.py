"""Make networks to read, or read one, with the storage engine of this interpreter.

``python reads_once.py WORKDIR --make NAME`` writes the network into ``WORKDIR/NAME.hdf5``, and
``python reads_once.py WORKDIR --read PATH`` makes the calls on that file that simulators and people
make, and writes the processor time of each to ``WORKDIR/measured.json``. It imports nothing but
the installed packages, so the same script measures any engine that calls itself ``hdf5``.
``--iterate`` iterates over 16 million connections instead, and ``--floor`` reads the arrays of a
columnar network with h5py, orders, widens and offsets them in numpy, and nothing else.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import h5py
import numpy as np
from bsb import CellType, Chunk, Storage

EDGE = [100.0] * 3
SIDE = 36
CELLS = 50
COMPILED = 48_000
LOCAL = 27
ROWS = 1_100
APPENDED = 250
MILLIONS = 16


class StoredType:
    """A cell type as a scaffold has it: its cells are those of the storage."""

    def __init__(self, storage: Storage, name: str) -> None:
        self.name = name
        self._storage = storage
        self.cell_type = CellType(name=name, spatial={"radius": 1, "count": 1})

    def get_placement_set(self) -> Any:
        return self._storage.get_placement_set(self.cell_type)


def chunk(number: int) -> Chunk:
    return Chunk([number % 10, number // 10 % 10, number // 100], EDGE)


def connected(storage: Storage, pre: str, post: str) -> Any:
    types = [StoredType(storage, name) for name in (pre, post)]
    found = storage.require_connectivity_set(*(each.cell_type for each in types))
    found.pre_type, found.post_type = types
    return found


def make(path: Path) -> None:
    """Cells, connections as a compile writes them, large blocks, and cells one chunk at a time."""
    rng = np.random.default_rng(1)
    storage = Storage("hdf5", str(path))
    placed = {
        name: storage.require_placement_set(StoredType(storage, name).cell_type)
        for name in ("pre", "post", "appended")
    }
    with storage.write_scope():
        for name in ("pre", "post"):
            for number in range(SIDE):
                placed[name].append_data(chunk(number), rng.random((CELLS, 3)))
    compiled = connected(storage, "pre", "post")
    # A job for each postsynaptic chunk, whose neurons connect to any of the others.
    for number in rng.permutation(SIDE).tolist():
        count = COMPILED // SIDE
        src, dest = (np.full((count, 3), -1) for _ in range(2))
        src[:, 0] = rng.integers(0, SIDE * CELLS, count)
        dest[:, 0] = rng.integers(0, CELLS, count)
        target = storage.get_placement_set(placed["post"].cell_type, chunks=[chunk(number)])
        compiled.connect(placed["pre"], target, src, dest)
    blocks = connected(storage, "post", "pre")
    with storage.write_scope():
        for rows in (ROWS - 100, 100):
            for i in range(LOCAL):
                for j in range(LOCAL):
                    blocks.chunk_connect(chunk(i), chunk(j), *locations(rng, rows))
    for number in range(APPENDED):
        placed["appended"].append_data(chunk(number), rng.random((400, 3)))


def locations(rng: np.random.Generator, count: int) -> list[np.ndarray[Any, Any]]:
    """Of cells, branches and points, at both ends."""
    return [
        np.column_stack([rng.integers(0, most, count) for most in (CELLS, 50, 20)])
        for _ in range(2)
    ]


def timed(action: Callable[[], Any]) -> float:
    gc.collect()
    start = time.process_time()
    action()
    return time.process_time() - start


def read(path: Path) -> dict[str, float]:
    """Seconds of processor time by call; files are in the caches of the system."""
    storage = Storage("hdf5", str(path))
    compiled, blocks = connected(storage, "pre", "post"), connected(storage, "post", "pre")
    chunks = [chunk(number) for number in range(SIDE)]
    half = chunks[::2]
    large = [chunk(number) for number in range(LOCAL)]
    appended = storage.get_placement_set(StoredType(storage, "appended").cell_type)

    def rows() -> None:
        count = sum(1 for _ in compiled.load_connections())
        assert count == COMPILED // SIDE * SIDE, count

    def local(found: Any, direction: str, of: list[Chunk]) -> Callable[[], Any]:
        return lambda: [found.load_local_connections(direction, each) for each in of]

    def one_at_a_time(direction: str) -> Callable[[], Any]:
        """As a simulator loads them, which drops what it has copied."""

        def load() -> None:
            for each in large:
                blocks.load_local_connections(direction, each)

        return load

    def begin() -> Any:
        return compiled.load_connections()

    calls: dict[str, Callable[[], Any]] = {
        "all": lambda: begin().all(),
        "as_globals, all": lambda: begin().as_globals().all(),
        "from_ half, all": lambda: begin().from_(half).as_globals().all(),
        "incoming, to half, all": lambda: begin().incoming().to(half).all(),
        "from_ half, to half, all": lambda: begin().from_(half).to(half).all(),
        "each chunk: from_, as_globals, all": lambda: [
            begin().from_(each).as_globals().all() for each in chunks
        ],
        "iterate over rows": rows,
        "len": lambda: len(begin()),
        "load locally, inc": local(compiled, "inc", chunks),
        "load locally, out": local(compiled, "out", chunks),
        "load locally, large, inc": local(blocks, "inc", large),
        "load locally, large, out": local(blocks, "out", large),
        "load locally, large, inc, one at a time": one_at_a_time("inc"),
        "load locally, large, out, one at a time": one_at_a_time("out"),
        "load blocks, large, inc": lambda: [
            blocks.load_block_connections("inc", i, j) for i in large[:9] for j in large[:9]
        ],
        "load all positions": appended.load_positions,
    }
    quick = {"len", "load all positions"}
    measured = {}
    for name, action in calls.items():
        # The first call opens the file, and finds out where everything is.
        action()
        times = 5 if timed(action) < 1 or name in quick else 1
        measured[name] = median(timed(action) for _ in range(times))
    return measured


def read_first(path: Path) -> dict[str, float]:
    """What the first reads with a new storage take."""
    storage = Storage("hdf5", str(path))
    compiled = connected(storage, "pre", "post")
    return {
        "first load of a chunk": timed(lambda: compiled.load_local_connections("inc", chunk(0))),
    }


def iterate(folder: Path) -> dict[str, float]:
    rng = np.random.default_rng(7)
    storage = Storage("hdf5", str(folder / "bulk.hdf5"))
    types = [StoredType(storage, "pre").cell_type] * 2
    storage.require_placement_set(types[0])
    found = storage.require_connectivity_set(*types)
    src, dest = locations(rng, 1_000_000)
    for number in range(MILLIONS):
        found.chunk_connect(chunk(number // 4), chunk(number % 4), src, dest)

    def run() -> None:
        total = sum(len(near) for *_, (near, _) in found.flat_iter_connections("out"))
        assert total == MILLIONS * 1_000_000, total

    return {"iterate over 16,000,000": median(timed(run) for _ in range(3))}


def floor(path: Path) -> dict[str, float]:
    """All connections in order, with ids of the whole set."""

    def run() -> Any:
        with h5py.File(path, "r") as file:
            group = file["connectivity_sets/pre_to_post"]
            table, cells = group["blocks"][()], group["cells"][()]
        order = np.lexsort((table[:, 1], table[:, 0]))
        first, count = table[order, 2], table[order, 3]
        ends = count.cumsum()
        rows = cells[np.arange(ends[-1]) + (first - ends + count).repeat(count)]
        sides = []
        for column in range(2):
            side = np.full((len(rows), 3), -1)
            ids = table[order, column]
            side[:, 0] = rows[:, column] + (np.unique(ids).searchsorted(ids) * CELLS).repeat(count)
            sides.append(side)
        return sides

    run()
    return {"all": median(timed(run) for _ in range(15))}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workdir", type=Path, help="where files and figures are written")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--make", metavar="NAME")
    what.add_argument("--read", type=Path, metavar="PATH")
    what.add_argument("--floor", type=Path, metavar="PATH")
    what.add_argument("--iterate", action="store_true")
    arguments = parser.parse_args()
    if arguments.make:
        make(arguments.workdir / f"{arguments.make}.hdf5")
        return
    if arguments.iterate:
        measured = iterate(arguments.workdir)
    elif arguments.floor:
        measured = floor(arguments.floor)
    else:
        measured = {**read_first(arguments.read), **read(arguments.read)}
    (arguments.workdir / "measured.json").write_text(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
