"""What filters of HDF5 cost and save on the arrays of the columnar layout.

``python benchmarks/compression.py`` writes and reads the arrays of real networks with h5py, with
each of the filters that come with HDF5 (and lzf, which comes with h5py only), turn by turn in one
run: the compile of ``compile_once.py``, large blocks of detailed connections, and cells. Then it
makes whole calls of the engine, with arrays that have these filters. It prints bytes, and medians
of the time of the processor, which others on the machine disturb least, as parts of what they are
without a filter.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import h5py
import numpy as np
from bsb import CellType, Chunk, Scaffold, Storage
from compile_once import configuration
from h5py import h5d, h5z
from workloads import detailed_locations

from bsb_hdf5.config import NetworkRoot

EDGE = [100.0] * 3
MILLION = 1_000_000
# Cells that are different.
POOL = 100_000
# As large as the pieces of long arrays.
PIECE_BYTES = 64 * 1024
NONE = "none"
FILTERS: dict[str, dict[str, Any]] = {
    NONE: {},
    "fletcher32": {"fletcher32": True},
    "shuffle, gzip 1": {"shuffle": True, "compression": "gzip", "compression_opts": 1},
    "shuffle, gzip 4": {"shuffle": True, "compression": "gzip", "compression_opts": 4},
    "shuffle, lzf": {"shuffle": True, "compression": "lzf"},
}
Arrays = dict[str, np.ndarray[Any, Any]]
Figures = dict[str, list[float]]


def storage_at(path: Path) -> Storage:
    return Storage("hdf5", NetworkRoot(str(path), "columnar"))


def chunk(number: int) -> Chunk:
    return Chunk([number % 100, number // 100, 0], EDGE)


def arrays_of(path: Path, part: str) -> Arrays:
    """The datasets with rows in a part of a columnar file."""
    found: Arrays = {}

    def look(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and node.ndim and len(node):
            found[name.replace("/", " ")] = node[()]

    with h5py.File(path, "r") as file:
        file[part].visititems(look)
    return found


def compiled(folder: Path) -> dict[str, Arrays]:
    """What the compile stores."""
    path = folder / "compiled.hdf5"
    with contextlib.redirect_stdout(io.StringIO()):
        Scaffold(configuration(1.0), storage_at(path)).compile()
    return {
        "compile: cells": arrays_of(path, "placement_sets"),
        "compile: connections": arrays_of(path, "connectivity_sets"),
    }


class Calls:
    """A storage, and calls on it that are timed."""

    def __init__(self, path: Path) -> None:
        rng = np.random.default_rng(7)
        self._type = CellType(name="a", spatial={"radius": 1, "count": 1})
        storage = storage_at(path)
        self._cells = storage.require_placement_set(self._type)
        self._set = storage.require_connectivity_set(self._type, self._type, "a_to_a")
        self._storage = storage
        self._positions = rng.random((POOL, 3)) * 100
        self._rotations = rng.random((POOL, 3)) * 360
        self._many = [detailed_locations(rng, 400, MILLION) for _ in range(2)]
        self._few = [rows[:100] for rows in self._many]
        self._number = 0

    def small(self) -> dict[str, Callable[[], Any]]:
        """Calls that store little."""
        return {
            "append 50 cells": lambda: self._append(50),
            "append 400 cells": lambda: self._append(400),
            "chunk_connect 100": lambda: self._connect(self._few),
            "load all cells": self._cells.load_positions,
        }

    def large(self) -> dict[str, Callable[[], Any]]:
        """Calls that store much, or read it."""
        return {
            "chunk_connect 1,000,000": lambda: self._connect(self._many),
            "iterate": self._iterate,
        }

    def fill(self, blocks: int, chunks: int) -> None:
        """Store much."""
        for _ in range(blocks):
            self._connect(self._many)
        with self._storage.write_scope():
            for _ in range(chunks):
                self._append(400)

    def _append(self, count: int) -> None:
        self._number += 1
        first = self._number * count % (POOL - count)
        rows = slice(first, first + count)
        given = self._positions[rows], None, self._rotations[rows]
        self._cells.append_data(chunk(self._number), *given)

    def _connect(self, both: list[Any]) -> None:
        self._number += 1
        self._set.chunk_connect(chunk(self._number), chunk(self._number % 7), *both)

    def _iterate(self) -> None:
        for _ in self._set.flat_iter_connections("out"):
            pass


def bulk(folder: Path, blocks: int) -> dict[str, Arrays]:
    """Large blocks of detailed connections, and cells with rotations."""
    path = folder / "bulk.hdf5"
    Calls(path).fill(blocks, 240)
    return {
        f"{blocks} blocks of 1,000,000": arrays_of(path, "connectivity_sets"),
        "240 x 400 cells": arrays_of(path, "placement_sets"),
    }


def write(path: Path, arrays: Arrays, filters: dict[str, Any]) -> None:
    with h5py.File(path, "w") as file:
        for name, rows in arrays.items():
            row_bytes = rows[:1].nbytes
            piece = min(len(rows), max(1, PIECE_BYTES // row_bytes))
            file.create_dataset(name, data=rows, chunks=(piece, *rows.shape[1:]), **filters)


def read(path: Path) -> None:
    with h5py.File(path, "r") as file:
        for each in file.values():
            each[()]


def seconds(action: Callable[..., Any], *arguments: Any) -> float:
    start = time.process_time()
    action(*arguments)
    return time.process_time() - start


def print_arrays(title: str, arrays: Arrays, folder: Path, rounds: int) -> None:
    taken: dict[str, Figures] = {name: {"write": [], "read": []} for name in FILTERS}
    size: dict[str, int] = {}
    for number in range(rounds):
        for name in turns(number):
            path = folder / "filtered.hdf5"
            taken[name]["write"].append(seconds(write, path, arrays, FILTERS[name]))
            taken[name]["read"].append(seconds(read, path))
            size[name] = path.stat().st_size
            path.unlink()
    print(f"| {title}, {size[NONE] / 1e6:.1f} MB | bytes | write | read |\n|---|---|---|---|")
    for name in FILTERS:
        parts = (relative(taken, name, of) for of in ("write", "read"))
        print(f"| {name} | {size[name] / size[NONE]:.2f} | {' | '.join(parts)} |")
    print(flush=True)


def turns(number: int) -> list[str]:
    """All filters; another comes first each time."""
    names, first = list(FILTERS), number % len(FILTERS)
    return names[first:] + names[:first]


def relative(taken: dict[str, Figures], name: str, of: str) -> str:
    """The median, as a part of that without filters; of that, milliseconds."""
    value, without = median(taken[name][of]), median(taken[NONE][of])
    return f"{value * 1e3:.1f} ms" if name == NONE else f"{value / without:.2f}"


@contextlib.contextmanager
def filtered(name: str) -> Iterator[None]:
    """Let the engine make its growable arrays with filters."""
    create, wanted = h5d.create, FILTERS[name]

    def create_filtered(
        where: Any, key: Any, kind: Any, space: Any, properties: Any, **more: Any
    ) -> Any:
        if properties.get_layout() == h5d.CHUNKED:
            if wanted.get("shuffle"):
                properties.set_shuffle()
            if wanted.get("compression") == "gzip":
                properties.set_deflate(wanted["compression_opts"])
            if wanted.get("compression") == "lzf":
                properties.set_filter(h5z.FILTER_LZF, h5z.FLAG_OPTIONAL)
            if wanted.get("fletcher32"):
                properties.set_fletcher32()
        return create(where, key, kind, space, properties, **more)

    with patch.object(h5d, "create", create_filtered):
        yield


def print_calls(kind: str, folder: Path, rounds: int, times: int) -> None:
    """
    Whole calls of the engine, with each of the filters.

    :param kind: ``small`` or ``large``.
    :param times: of each call, before it is the turn of the next filter.
    """
    paths = {name: folder / f"{kind} {name}.hdf5" for name in FILTERS}
    on: dict[str, dict[str, Callable[[], Any]]] = {}
    for name, path in paths.items():
        with filtered(name):
            on[name] = getattr(Calls(path), kind)()
    titles = list(on[NONE])
    taken: dict[str, Figures] = {name: {title: [] for title in titles} for name in FILTERS}
    for title, number in itertools.product(titles, range(rounds)):
        for name in turns(number):
            with filtered(name):
                taken[name][title] += [seconds(on[name][title]) for _ in range(times)]
    print(f"| calls of the engine | {' | '.join(titles)} | bytes |")
    print("|---" * (len(titles) + 2) + "|")
    for name, path in paths.items():
        parts = (relative(taken, name, title) for title in titles)
        size = path.stat().st_size / paths[NONE].stat().st_size
        print(f"| {name} | {' | '.join(parts)} | {size:.2f} |")
    print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--blocks", type=int, default=4, help="blocks of a million connections")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bsb-hdf5-compression-") as temporary:
        folder = Path(temporary)
        for title, arrays in {**compiled(folder), **bulk(folder, arguments.blocks)}.items():
            print_arrays(title, arrays, folder, arguments.rounds)
        print_calls("small", folder, arguments.rounds, 20)
        print_calls("large", folder, arguments.rounds, 1)


if __name__ == "__main__":
    main()
