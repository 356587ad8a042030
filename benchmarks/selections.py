"""The connections of 100 cells among 10 million: by chunk, by an index by cell, and libsonata.

``python benchmarks/selections.py`` writes a columnar network of 100 chunks of 1,000 cells with
10 million connections between branches and points, and finds the connections to 100 cells: of one
chunk, and of all. It makes an index by cell beside the network, as numpy would have it (the rows
of each cell, and where they begin), and finds the same with it. With ``--sonata PYTHON``, an
environment with libsonata, that is asked the same of a file with its own indices.
Seconds are of processor time, medians.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import h5py
import numpy as np

CHUNKS, CELLS, ASKED = 100, 1_000, 100
ROWS = 1_000


def timed(action: Callable[[], Any], times: int = 5) -> float:
    taken = []
    for _ in range(times):
        start = time.process_time()
        action()
        taken.append(time.process_time() - start)
    return median(taken)


def asked_cells() -> dict[str, list[int]]:
    rng = np.random.default_rng(2)
    return {
        "of one chunk": np.sort(rng.permutation(CELLS)[:ASKED]).tolist(),
        "of all chunks": np.sort(rng.permutation(CELLS * CHUNKS)[:ASKED]).tolist(),
    }


def write(path: Path, connections: int) -> Any:
    from bsb import CellType, Chunk, Storage

    from bsb_hdf5.config import NetworkRoot

    rng = np.random.default_rng(1)
    storage = Storage("hdf5", NetworkRoot(path, "columnar"))
    chunks = [Chunk([number, 0, 0], [100.0] * 3) for number in range(CHUNKS)]
    kind = CellType(name="a", spatial={"radius": 1, "count": 1})
    cells = storage.require_placement_set(kind)
    found = storage.require_connectivity_set(kind, kind, "loop")
    with storage.write_scope():
        for each in chunks:
            cells.append_entities(each, CELLS)
        for number in range(connections // ROWS):
            ends = [
                np.column_stack([rng.integers(0, most, ROWS) for most in (CELLS, 100, 40)])
                for _ in range(2)
            ]
            found.chunk_connect(chunks[number % CHUNKS], chunks[number // CHUNKS % CHUNKS], *ends)
    return found


class Index:
    """The rows of each postsynaptic cell, and where those of each begin."""

    def __init__(self, path: Path, index: Path) -> None:
        self._file, self._index = h5py.File(path), h5py.File(index, "w")
        group = self._file["connectivity_sets/loop"]
        self._arrays = [group[name] for name in ("cells", "points")]
        table = group["blocks"][()]
        post = np.zeros(len(self._arrays[0]), dtype=np.int64)
        ids = np.unique(table[:, 1])
        for _, chunk, first, count, _ in table.tolist():
            own = self._arrays[0][first : first + count, 1].astype(np.int64)
            post[first : first + count] = own + CELLS * int(np.searchsorted(ids, chunk))
        order = np.argsort(post, kind="stable")
        self._index["rows"] = order.astype(np.uint32)
        counts = np.bincount(post, minlength=CELLS * CHUNKS)
        self._index["starts"] = np.append(0, counts.cumsum())
        self._index.flush()

    @property
    def bytes(self) -> int:
        return sum(each.id.get_storage_size() for each in self._index.values())

    def find(self, cells: list[int]) -> int:
        """Read the connections of cells: as few rows as there are."""
        from bsb_hdf5.adapters.hdf5.atomic.atomic_file import AtomicFile
        from bsb_hdf5.adapters.hdf5.places import RowPlaces

        starts = self._index["starts"][()]
        rows = np.sort(
            np.concatenate([self._index["rows"][starts[i] : starts[i + 1]] for i in cells])
        ).astype(np.int64)
        with open(self._file.filename, "rb") as file:
            content = AtomicFile.open(file.fileno(), writable=False)
            for array in self._arrays:
                places = RowPlaces.find(array.id, array.shape, array.dtype)
                places.read(content, rows, rows + 1)
        return len(rows)


def with_libsonata(folder: Path, connections: int) -> dict[str, float]:
    """In an environment that has it."""
    import libsonata

    rng = np.random.default_rng(1)
    path = str(folder / "edges.h5")
    size = CELLS * CHUNKS
    with h5py.File(path, "w") as file:
        group = file.create_group("edges/loop")
        for name in ("source", "target"):
            made = group.create_dataset(
                f"{name}_node_id", data=rng.integers(0, size, connections, dtype=np.uint64)
            )
            made.attrs["node_population"] = "a"
        group["edge_type_id"] = np.zeros(connections, dtype=np.int64)
        for name in ("afferent", "efferent"):
            for part, most in (("section_id", 100), ("segment_id", 40)):
                values = rng.integers(0, most, connections, dtype=np.int32)
                group[f"0/{name}_{part}"] = values
    before = Path(path).stat().st_size
    libsonata.EdgePopulation.write_indices(path, "loop", size, size)
    population = libsonata.EdgePopulation(path, "", "loop")

    def find(cells: list[int]) -> None:
        selection = population.afferent_edges(cells)
        population.source_nodes(selection)
        population.target_nodes(selection)
        for name in ("afferent", "efferent"):
            for part in ("section_id", "segment_id"):
                population.get_attribute(f"{name}_{part}", selection)

    found = {name: timed(lambda cells=cells: find(cells)) for name, cells in asked_cells().items()}
    return {**found, "bytes": (Path(path).stat().st_size - before) / before}


def measure(folder: Path, connections: int) -> None:
    from bsb_hdf5 import queries

    path = folder / "network.hdf5"
    found = write(path, connections)
    index = Index(path, folder / "index.hdf5")
    for name, cells in asked_cells().items():
        assert index.find(cells) == len(queries.afferent(found, cells, progress=False))
        by_chunk = timed(lambda cells=cells: queries.afferent(found, cells, progress=False))
        by_cell = timed(lambda cells=cells: index.find(cells))
        print(
            f"{ASKED} cells {name}: {by_chunk * 1e3:.1f} ms by chunk, {by_cell * 1e3:.1f} ms by"
            f" cell ({by_chunk / by_cell:.1f} x)"
        )
    share = index.bytes / path.stat().st_size
    print(f"an index of one direction takes {share:.0%} more bytes")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=10_000_000)
    parser.add_argument("--sonata", type=Path, help="python with libsonata, h5py and numpy")
    parser.add_argument("--within", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.within:
        measured = with_libsonata(arguments.within, arguments.connections)
        print(json.dumps(measured), flush=True)
        return
    with tempfile.TemporaryDirectory(prefix="bsb-hdf5-selections-") as folder:
        measure(Path(folder), arguments.connections)
        if arguments.sonata:
            command = [str(arguments.sonata), __file__, "--within", folder]
            command += ["--connections", str(arguments.connections)]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            for name, value in json.loads(output.splitlines()[-1]).items():
                text = f"{value:.0%} more, both directions" if name == "bytes" else ""
                print(f"libsonata, {name}: {text or f'{value * 1e3:.1f} ms'}", file=sys.stdout)


if __name__ == "__main__":
    main()
