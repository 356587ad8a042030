"""What it costs that sessions are whole or not at all: the same sessions with and without it.

``python benchmarks/commits.py`` runs sessions on new HDF5 files, the variants turn by turn, and
prints how many times longer they take than where HDF5 writes to the file itself, as its own driver
does: medians over the rounds of the ratios within a round. The variants are

- ``journal``: as the engine does it, ``durability: process``;
- ``overlay only``: the changes are held back until the end of the session, and then written
  without a journal;
- ``power``: as the engine does it, ``durability: power``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
from bsb import CellType, Chunk, Storage
from h5py import h5f

from bsb_hdf5.adapters.hdf5 import open_file
from bsb_hdf5.adapters.hdf5.atomic.atomic_file import AtomicFile
from bsb_hdf5.adapters.hdf5.atomic.commit import Commit
from bsb_hdf5.config import NetworkRoot

TARGET = 1.5
EDGE = [100.0] * 3
CELLS, BLOCKS, ROWS = 400, 1000, 1_000_000
VARIANTS = ("direct", "journal", "overlay only", "power")


def nothing(*_: Any, **__: Any) -> None:
    """In the place of what a variant leaves out."""


def open_directly(file: Any, location: str, flags: int) -> Any:
    """The id of a file that HDF5 itself reads and writes; the lock on it is held already."""
    properties = open_file.access_properties(None)
    properties.set_file_locking(False, True)
    return h5f.open(location.encode(), flags, fapl=properties)


@contextlib.contextmanager
def as_variant(name: str) -> Iterator[None]:
    """The engine without what the variant leaves out."""
    with contextlib.ExitStack() as patches:
        if name == "overlay only":
            patches.enter_context(mock.patch.object(Commit, "_announce", nothing))
        if name == "direct":
            patches.enter_context(mock.patch.object(open_file, "_open", open_directly))
            for verb in ("commit", "rollback"):
                patches.enter_context(mock.patch.object(AtomicFile, verb, nothing))
        yield


def chunk(number: int) -> Chunk:
    return Chunk([number % 10, number // 10 % 10, number // 100], EDGE)


def append_one_by_one(storage: Storage, cells: Any, loop: Any) -> None:
    for _ in range(CELLS):
        cells.append_data(chunk(0), np.ones((1, 3)))


def connect_blocks(storage: Storage, cells: Any, loop: Any) -> None:
    ends = np.array([(cell, -1, -1) for cell in range(100)])
    for number in range(BLOCKS):
        loop.chunk_connect(chunk(number % 32), chunk(number // 32), ends, ends)


def connect_in_one_scope(storage: Storage, cells: Any, loop: Any) -> None:
    with storage.write_scope():
        connect_blocks(storage, cells, loop)


def append_many(storage: Storage, cells: Any, loop: Any) -> None:
    cells.append_data(chunk(0), np.ones((ROWS, 3)))


WORK: dict[str, Callable[[Storage, Any, Any], None]] = {
    f"append {CELLS} cells, one by one": append_one_by_one,
    f"connect {BLOCKS:,} blocks, one by one": connect_blocks,
    f"connect {BLOCKS:,} blocks, one scope": connect_in_one_scope,
    f"append {ROWS:,} cells at once": append_many,
}


def seconds(variant: str, layout: str, work: Callable[[Storage, Any, Any], None]) -> float:
    """That the work takes, on a file that holds nothing before."""
    kept = "power" if variant == "power" else "process"
    cell_type = CellType(name="a", spatial={"radius": 1, "count": 1})
    with tempfile.TemporaryDirectory(prefix="bsb-hdf5-side-") as folder, as_variant(variant):
        path = Path(folder) / "network.hdf5"
        storage = Storage("hdf5", NetworkRoot(path, layout, kept))
        cells = storage.require_placement_set(cell_type)
        loop = storage.require_connectivity_set(cell_type, cell_type, "loop")
        # What the one before left to write would slow this one down.
        os.sync()
        start = time.perf_counter()
        work(storage, cells, loop)
        taken = time.perf_counter() - start
        storage.remove()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="only work with this in its name")
    options = parser.parse_args()
    print(f"| sessions | layout | {' | '.join(VARIANTS[1:])} | journal, of 1.5 |")
    print(f"|---|---|{'---|' * len(VARIANTS)}")
    for title, work in WORK.items():
        if options.only and options.only not in title:
            continue
        for layout in ("classic", "columnar"):
            rounds = [
                {variant: seconds(variant, layout, work) for variant in VARIANTS}
                for _ in range(options.rounds)
            ]
            ratios = {
                variant: median(each[variant] / each["direct"] for each in rounds)
                for variant in VARIANTS[1:]
            }
            cells = [f"{ratio:.2f} x" for ratio in ratios.values()]
            verdict = "met" if ratios["journal"] <= TARGET else "**missed**"
            print(f"| {title} | {layout} | {' | '.join(cells)} | {verdict} |", flush=True)


if __name__ == "__main__":
    main()
