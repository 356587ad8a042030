"""Run the workloads of the table once, with the storage engine of this interpreter.

``python workloads.py WORKDIR [NAME ...]`` runs all of them, or those that are named, each on
storages of its own in ``WORKDIR``, and writes seconds and bytes by name to
``WORKDIR/measured.json``. ``--floor`` writes and reads the same arrays with h5py instead, one
dataset each: what the disk and HDF5 themselves take. It imports nothing but the installed
packages, so the same script measures any engine that calls itself ``hdf5``.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import h5py
import numpy as np
from bsb import CellType, Chunk, Morphology, MorphologySet, RotationSet, Storage
from bsb.morphologies import Branch
from bsb.storage.interfaces import StoredMorphology

EDGE = [100.0] * 3
ONE_BLOCK = 1000
MORE = 100


class Figures:
    """Seconds and bytes by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values: dict[str, float] = {}

    def path(self, name: str) -> Path:
        return self.folder / f"{name.replace(' ', '-')}.hdf5"

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        gc.collect()
        start = time.perf_counter()
        yield
        self.values[name] = time.perf_counter() - start

    def typical(self, name: str, action: Callable[[], Any], times: int) -> None:
        """The median of several calls."""
        taken = []
        for _ in range(times):
            start = time.perf_counter()
            action()
            taken.append(time.perf_counter() - start)
        self.values[name] = median(taken)

    def size(self, name: str, path: Path) -> None:
        self.values[f"{name}: bytes"] = path.stat().st_size


def chunk(number: int) -> Chunk:
    return Chunk([number % 10, number // 10 % 10, number // 100], EDGE)


def cell_type(name: str) -> CellType:
    return CellType(name=name, spatial={"radius": 1, "count": 1})


def point_locations(rng: np.random.Generator, cells: int, count: int) -> np.ndarray[Any, Any]:
    locations = np.full((count, 3), -1)
    locations[:, 0] = rng.integers(0, cells, count)
    return locations


def detailed_locations(rng: np.random.Generator, cells: int, count: int) -> np.ndarray[Any, Any]:
    return np.column_stack(
        [rng.integers(0, high, count) for high in (cells, 50, 20)],
    )


@contextlib.contextmanager
def one_scope(storage: Storage, wanted: bool) -> Iterator[None]:
    with storage.write_scope() if wanted else contextlib.nullcontext():
        yield


def place(storage: Storage, name: str, chunks: int, cells: int) -> Any:
    """A placement set, filled quickly."""
    rng = np.random.default_rng(1)
    placed = storage.require_placement_set(cell_type(name))
    with storage.write_scope():
        for number in range(chunks):
            placed.append_data(chunk(number), rng.random((cells, 3)))
    return placed


def placement(figures: Figures) -> None:
    """250 chunks of 400 cells with rotations."""
    rng = np.random.default_rng(2)
    positions, angles = rng.random((400, 3)), rng.random((400, 3))
    for scope, name in ((False, "append 250 x 400"), (True, "append 250 x 400, one scope")):
        path = figures.path(name)
        storage = Storage("hdf5", str(path))
        placed = storage.require_placement_set(cell_type("a"))
        with figures.timed(name), one_scope(storage, scope):
            for number in range(250):
                placed.append_data(chunk(number), positions, rotations=RotationSet(angles))
        figures.size(name, path)
    figures.typical("load all positions", placed.load_positions, 5)
    one = storage.get_placement_set(cell_type("a"), chunks=[chunk(7)])
    figures.typical("load positions of a chunk", one.load_positions, 50)
    figures.typical("len of a placement set", placed.__len__, 50)


def connections(figures: Figures) -> None:
    """729 blocks of 1,000 connections, and 100 more into each."""
    rng = np.random.default_rng(3)
    pre, post = (point_locations(rng, 400, ONE_BLOCK) for _ in range(2))
    pairs = [(i, j) for i in range(27) for j in range(27)]
    for scope, suffix in ((False, ""), (True, ", one scope")):
        path = figures.path(f"blocks{suffix}")
        storage = Storage("hdf5", str(path))
        neurons = cell_type("a")
        storage.require_placement_set(neurons)
        found = storage.require_connectivity_set(neurons, neurons, "a_to_a")
        for name, rows in ((f"729 blocks{suffix}", ONE_BLOCK), (f"100 more each{suffix}", MORE)):
            with figures.timed(name), one_scope(storage, scope):
                for i, j in pairs:
                    found.chunk_connect(chunk(i), chunk(j), pre[:rows], post[:rows])
        figures.size(f"729 blocks{suffix}", path)
    total = 0
    with figures.timed("iterate both directions"):
        for _, _, _, (local, _) in found.flat_iter_connections():
            total += len(local)
    assert total == 2 * 729 * (ONE_BLOCK + MORE), total
    figures.typical("len of a connectivity set", found.__len__, 5)


def demultiplex(figures: Figures) -> None:
    """500,000 locations over 27 x 27 chunks."""
    rng = np.random.default_rng(4)
    path = figures.path("demultiplex")
    storage = Storage("hdf5", str(path))
    placed = place(storage, "a", 27, 400)
    found = storage.require_connectivity_set(placed.cell_type, placed.cell_type, "a_to_a")
    pre, post = (point_locations(rng, 27 * 400, 500_000) for _ in range(2))
    with figures.timed("connect 500,000"):
        found.connect(placed, placed, pre, post)
    figures.size("connect 500,000", path)


def one_block(figures: Figures) -> None:
    """6,250,000 connections of 12,500 cells in a single chunk."""
    rng = np.random.default_rng(9)
    path = figures.path("one block")
    storage = Storage("hdf5", str(path))
    placed = place(storage, "a", 1, 12_500)
    found = storage.require_connectivity_set(placed.cell_type, placed.cell_type, "a_to_a")
    pre, post = (point_locations(rng, 12_500, 6_250_000) for _ in range(2))
    with figures.timed("connect 6,250,000 in a chunk"):
        found.connect(placed, placed, pre, post)


def labels(figures: Figures) -> None:
    """50,000 cells in 125 chunks: two masks and a list, then a label mask."""
    storage = Storage("hdf5", str(figures.path("labels")))
    placed = place(storage, "a", 125, 400)
    rng = np.random.default_rng(5)
    masks = [rng.random(50_000) < 0.5 for _ in range(2)]
    ids = np.sort(rng.permutation(50_000)[:25_000])
    with figures.timed("label 50,000"):
        placed.label(["first"], np.flatnonzero(masks[0]))
        placed.label(["second"], np.flatnonzero(masks[1]))
        placed.label(["third", "fourth"], ids)
    figures.typical("label mask", lambda: placed.get_label_mask(["first", "third"]), 10)


def morphology(points: int, number: int) -> Morphology:
    rng = np.random.default_rng(number)
    each = points // 10
    branches = [Branch(rng.random((each, 3)), rng.random(each)) for _ in range(10)]
    for parent, child in itertools.pairwise(branches):
        parent.attach_child(child)
    return Morphology(branches[:1])


def repository(figures: Figures) -> None:
    """200 morphologies of 1,000 points, saved, loaded, and given to cells."""
    path = figures.path("morphologies")
    storage = Storage("hdf5", str(path))
    made = {f"morphology {number}": morphology(1000, number) for number in range(200)}
    with figures.timed("save 200 morphologies"):
        for name, each in made.items():
            storage.morphologies.save(name, each)
    figures.size("save 200 morphologies", path)
    points = 0
    with figures.timed("load 200 morphologies"):
        for name in made:
            points += len(storage.morphologies.load(name).points)
    assert points == 200_000, points
    rng = np.random.default_rng(6)
    loaders = [StoredMorphology(name, made.__getitem__, {"name": name}) for name in made]
    placed = storage.require_placement_set(cell_type("a"))
    positions = rng.random((100, 3))
    with figures.timed("append morphologies"):
        for number in range(60):
            for _ in range(3):
                indices = rng.integers(0, 200, 100)
                placed.append_data(chunk(number), positions, MorphologySet(loaders, indices))


def bulk(figures: Figures) -> None:
    """16 blocks of 1,000,000 detailed connections."""
    rng = np.random.default_rng(7)
    pre, post = (detailed_locations(rng, 400, 1_000_000) for _ in range(2))
    path = figures.path("bulk")
    storage = Storage("hdf5", str(path))
    neurons = cell_type("a")
    storage.require_placement_set(neurons)
    found = storage.require_connectivity_set(neurons, neurons, "a_to_a")
    with figures.timed("16 blocks of 1,000,000"):
        for number in range(16):
            found.chunk_connect(chunk(number // 4), chunk(number % 4), pre, post)
    figures.size("16 blocks of 1,000,000", path)
    total = 0
    with figures.timed("iterate 16,000,000"):
        for _, _, _, (local, _) in found.flat_iter_connections("out"):
            total += len(local)
    assert total == 16_000_000, total


WORKLOADS = {
    each.__name__: each
    for each in (placement, connections, demultiplex, one_block, labels, repository, bulk)
}


def floor(figures: Figures) -> None:
    """The same arrays, written and read with h5py, one dataset each."""
    rng = np.random.default_rng(8)
    cells = rng.random((100_000, 3))
    triplets = np.full((729 * ONE_BLOCK, 3), -1)
    detailed = np.concatenate([detailed_locations(rng, 400, 1_000_000)] * 16)
    codes = rng.integers(0, 8, 50_000)
    points = rng.random((200_000, 5))
    placed = {"p": cells, "r": cells}
    more = {"pre": triplets[: 729 * MORE], "post": triplets[: 729 * MORE]}
    both = {"pre": triplets, "post": triplets}
    half = {key: rows[:500_000] for key, rows in both.items()}
    rows18 = {"p": cells[:18_000], "r": cells[:18_000], "m": codes[:18_000]}
    names: list[tuple[str, str | None, dict[str, Any]]] = [
        ("append 250 x 400", "load all positions", placed),
        ("append 250 x 400, one scope", None, placed),
        ("729 blocks", "iterate both directions", both),
        ("729 blocks, one scope", None, both),
        ("100 more each", None, more),
        ("100 more each, one scope", None, more),
        ("connect 500,000", None, half),
        ("label 50,000", "label mask", {"labels": codes}),
        ("save 200 morphologies", "load 200 morphologies", {"points": points}),
        ("append morphologies", None, rows18),
        ("16 blocks of 1,000,000", "iterate 16,000,000", {"pre": detailed, "post": detailed}),
    ]
    for number, (write, read, arrays) in enumerate(names):
        path = figures.path(f"floor {number}")
        with figures.timed(write), h5py.File(path, "w") as file:
            for key, rows in arrays.items():
                file.create_dataset(key, data=rows)
        figures.size(write, path)
        if read is not None:
            with figures.timed(read), h5py.File(path, "r") as file:
                for key in arrays:
                    file[key][()]
        path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workdir", type=Path, help="an empty directory")
    parser.add_argument(
        "names", nargs="*", help=f"workloads (default: all): {', '.join(WORKLOADS)}"
    )
    parser.add_argument("--floor", action="store_true", help="h5py alone")
    arguments = parser.parse_args()
    figures = Figures(arguments.workdir)
    if arguments.floor:
        floor(figures)
    else:
        for name in arguments.names or WORKLOADS:
            WORKLOADS[name](figures)
    (arguments.workdir / "measured.json").write_text(json.dumps(figures.values, indent=2))


if __name__ == "__main__":
    main()
