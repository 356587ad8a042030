"""Where the time of a small session on an HDF5 file goes.

``python benchmarks/session.py`` stores 729 blocks of 1,000 connections one call at a time, as the
table does, and prints what a call spends in which part of the adapter: medians in microseconds, and
how often the part is called. A part that is within another is indented. ``--layout`` names another
layout than ``columnar``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any
from unittest import mock

import numpy as np
from bsb import CellType, Chunk, Storage
from h5py import h5f

from bsb_hdf5.adapters.hdf5 import open_file
from bsb_hdf5.adapters.hdf5.arrays import Hdf5ArrayWriter
from bsb_hdf5.adapters.hdf5.atomic import overlay
from bsb_hdf5.adapters.hdf5.atomic.commit import Commit
from bsb_hdf5.adapters.hdf5.attributes import Hdf5AttributesWriter
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.config import NetworkRoot

EDGE = [100.0] * 3
SIDE, ROWS, CELLS = 27, 1000, 400
CALL = "chunk_connect of 1,000"
PARTS: dict[str, tuple[Any, str]] = {
    "  lock the file, and see that it is as it was": (Hdf5Store, "open_write"),
    "  add rows to arrays": (Hdf5ArrayWriter, "append"),
    "  set attributes": (Hdf5AttributesWriter, "set"),
    "  commit": (open_file.OpenFile, "commit"),
    "    HDF5 writes": (h5f, "flush"),
    "      take what it writes": (overlay.OverlayFile, "write"),
    "    find what changes": (Commit, "_replacements"),
    "    write the journal": (Commit, "_announce"),
    "    write in place": (Commit, "_replace"),
    "    cut off the journal": (os, "ftruncate"),
    "    give the file a time of its own": (open_file, "_give_new_stamp"),
}


class Stopwatch:
    """Microseconds and calls of each part, for each call of the engine."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = defaultdict(list)
        self.calls: dict[str, int] = defaultdict(int)
        self._now: dict[str, float] = defaultdict(float)

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self._now[name] += (time.perf_counter() - start) * 1e6
                self.calls[name] += 1

        return call

    def next(self) -> None:
        """Begin with another call of the engine."""
        for name, taken in self._now.items():
            self.taken[name].append(taken)
        self._now.clear()


@contextlib.contextmanager
def watching(stopwatch: Stopwatch) -> Iterator[None]:
    with contextlib.ExitStack() as patches:
        for name, (owner, attribute) in PARTS.items():
            timed = stopwatch.timed(name, getattr(owner, attribute))
            patches.enter_context(mock.patch.object(owner, attribute, timed))
        yield


def store_blocks(stopwatch: Stopwatch, root: NetworkRoot) -> None:
    storage = Storage("hdf5", root)
    neurons = CellType(name="a", spatial={"radius": 1, "count": 1})
    storage.require_placement_set(neurons)
    found = storage.require_connectivity_set(neurons, neurons, "a_to_a")
    locations = np.full((ROWS, 3), -1)
    locations[:, 0] = np.random.default_rng(3).integers(0, CELLS, ROWS)
    chunks = [Chunk([number, 0, 0], EDGE) for number in range(SIDE)]
    connect = stopwatch.timed(CALL, found.chunk_connect)
    with watching(stopwatch):
        for pre in chunks:
            for post in chunks:
                connect(pre, post, locations, locations)
                stopwatch.next()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--layout", choices=["classic", "columnar"], default="columnar")
    arguments = parser.parse_args()
    stopwatch = Stopwatch()
    with tempfile.TemporaryDirectory(prefix="bsb-hdf5-session-") as folder:
        store_blocks(stopwatch, NetworkRoot(Path(folder) / "network.hdf5", arguments.layout))
    for name in (CALL, *PARTS):
        count = stopwatch.calls[name] / SIDE**2
        print(f"{name:48}{median(stopwatch.taken[name]):8.1f} us{count:8.1f} calls")


if __name__ == "__main__":
    main()
