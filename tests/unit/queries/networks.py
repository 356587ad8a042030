"""Random networks on every engine and layout, and the same as plain lists."""

from __future__ import annotations

import importlib.util
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Chunk, Storage

from bsb_hdf5 import ConnectivitySet, PlacementSet
from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, COORDINATES, LABELS, cell_type

Location = tuple[int, int, int]
TYPES = ("granule", "golgi")
# Two sets run between the same types.
TAGS = {
    "granule_to_golgi": ("granule", "golgi"),
    "between golgi": ("golgi", "golgi"),
    "gap": ("granule", "golgi"),
}
NEEDS_ZARR = pytest.mark.skipif(
    importlib.util.find_spec("zarr") is None, reason="the package zarr is not installed"
)
ENGINES = ("classic", "columnar", "memory", pytest.param("zarr", marks=NEEDS_ZARR))


def new_storage(engine: str, folder: Path) -> Storage:
    """An empty storage of an engine, or of the HDF5 engine in a layout."""
    if engine == "memory":
        return Storage("memory", f"queries {folder}")
    if engine == "zarr":
        return Storage("zarr", str(folder / "network.zarr"))
    return Storage("hdf5", NetworkRoot(folder / f"{engine}.hdf5", engine))


@dataclass(frozen=True)
class Cell:
    chunk: int
    position: tuple[float, ...]
    labels: frozenset[str]


@dataclass
class Sample:
    """
    A network.

    :param cells: of each type, by chunk, then as they were placed.
    :param connections: of each set, locations on both sides; cells as numbers in the whole set.
    """

    storage: Storage
    cells: dict[str, list[Cell]] = field(default_factory=dict)
    connections: dict[str, list[tuple[Location, Location]]] = field(default_factory=dict)

    def placement(self, name: str, filters: Filters | None = None) -> PlacementSet:
        """A placement set, with filters."""
        found: PlacementSet = self.storage.get_placement_set(cell_type(name))
        if filters is not None:
            if filters.chunks is not None:
                found.set_chunk_filter([_chunk(index) for index in filters.chunks])
            found.set_label_filter(filters.labels)
        return found

    def connect_with_no_cell(self, tag: str, past: int) -> int:
        """Connect with a postsynaptic cell so far past the last of its chunk; its rank there."""
        cells = self.placement(TAGS[tag][1])
        chunk = cells.get_all_chunks()[0]
        cells.set_chunk_filter([chunk])
        missing = len(cells) + past
        self.connectivity(tag).chunk_connect(chunk, chunk, [(0, -1, -1)], [(missing, -1, -1)])
        return missing

    def connectivity(self, tag: str) -> ConnectivitySet:
        """A connectivity set."""
        return self.storage.get_connectivity_set(tag)  # type: ignore[no-any-return]

    def kept(self, name: str, filters: Filters | None) -> list[int]:
        """Numbers, in the whole set, of the cells that filters keep."""
        if filters is None:
            return list(range(len(self.cells[name])))
        # No chunks restrict to none, as in bsb-hdf5 8.0.2.
        ids = {int(_chunk(i).id) for i in filters.chunks} if filters.chunks else None
        return [
            number
            for number, cell in enumerate(self.cells[name])
            if (ids is None or cell.chunk in ids) and _matches(cell.labels, filters.labels)
        ]

    def between(
        self, tag: str, pre: Filters | None = None, post: Filters | None = None
    ) -> list[tuple[Location, Location]]:
        """Connections between the cells that filters keep, with their numbers under these."""
        sides = [
            {number: i for i, number in enumerate(self.kept(name, filters))}
            for name, filters in zip(TAGS[tag], (pre, post), strict=True)
        ]
        return [
            ((sides[0][a[0]], *a[1:]), (sides[1][b[0]], *b[1:]))
            for a, b in self.connections[tag]
            if a[0] in sides[0] and b[0] in sides[1]
        ]

    def pairs(
        self, tag: str, pre: Filters | None = None, post: Filters | None = None
    ) -> dict[tuple[int, int], int]:
        """Connections of each pair of cells."""
        found: dict[tuple[int, int], int] = {}
        for a, b in self.between(tag, pre, post):
            found[a[0], b[0]] = found.get((a[0], b[0]), 0) + 1
        return found


@dataclass(frozen=True)
class Filters:
    """Chunks by their index among those of the samples, and labels."""

    chunks: tuple[int, ...] | None = None
    labels: tuple[str, ...] | None = None


NO_FILTERS: tuple[None, None] = (None, None)
FILTERS: list[tuple[Filters | None, Filters | None]] = [
    NO_FILTERS,
    (Filters(chunks=(0, 2)), None),
    (None, Filters(labels=("active",))),
    (Filters(labels=()), Filters(labels=("active", "dead"))),
    (Filters((1, 3, 0), ("é", "active")), Filters((2, 0), ("dead",))),
    (Filters(chunks=()), None),
    (None, Filters(labels=("never",))),
]


def random_network(storage: Storage, seed: int) -> Sample:
    """Some cells of two types with labels, and three connectivity sets."""
    random = np.random.default_rng(seed)
    sample = Sample(storage)
    with storage.write_scope():
        for name in TYPES:
            sample.cells[name] = _place(storage, name, random)
        for tag, types in TAGS.items():
            sample.connections[tag] = _connect(sample, tag, types, random)
    return sample


def copied_network(engine: str, folder: Path, seed: int) -> Sample:
    """A random network on an engine; the file of a layout is made once, and copied."""
    if engine not in ("classic", "columnar"):
        return random_network(new_storage(engine, folder), seed)
    content, sample = _in_a_file(engine, seed)
    (folder / f"{engine}.hdf5").write_bytes(content)
    return Sample(
        new_storage(engine, folder),
        {name: [*cells] for name, cells in sample.cells.items()},
        {tag: [*ends] for tag, ends in sample.connections.items()},
    )


@cache
def _in_a_file(layout: str, seed: int) -> tuple[bytes, Sample]:
    with tempfile.TemporaryDirectory() as folder:
        sample = random_network(new_storage(layout, Path(folder)), seed)
        return Path(sample.storage.root).read_bytes(), sample


def _chunk(index: int) -> Chunk:
    return Chunk(COORDINATES[index], CHUNK_SIZE)


def _matches(held: frozenset[str], labels: tuple[str, ...] | None) -> bool:
    return labels is None or bool(held & set(labels)) or held == set(labels)


def _place(storage: Storage, name: str, random: np.random.Generator) -> list[Cell]:
    cells = storage.require_placement_set(cell_type(name))
    placed: list[Cell] = []
    # The order of the ids of chunks is not that of their coordinates.
    for index in sorted(range(len(COORDINATES)), key=lambda i: int(_chunk(i).id)):
        # No two draws of a cell differ by less than rounding could hide.
        count = int(random.integers(0, 6))
        positions = random.uniform(0, 100, (count, 3)).round(3)
        cells.append_data(_chunk(index), positions)
        given = [frozenset(random.choice(LABELS, int(n))) for n in random.integers(0, 3, count)]
        id_ = int(_chunk(index).id)
        placed += [Cell(id_, tuple(p), h) for p, h in zip(positions.tolist(), given, strict=True)]
    for label in LABELS:
        cells.label([label], [i for i, cell in enumerate(placed) if label in cell.labels])
    return placed


def _connect(
    sample: Sample, tag: str, types: tuple[str, str], random: np.random.Generator
) -> list[tuple[Location, Location]]:
    pre, post = (sample.storage.require_placement_set(cell_type(name)) for name in types)
    engine, (pre_type, post_type) = sample.storage._engine, map(cell_type, types)
    stored = ConnectivitySet.require(engine, pre_type, post_type, tag)
    made: list[tuple[Location, Location]] = []
    sizes = [len(sample.cells[name]) for name in types]
    # A block is often filled by several calls.
    for _ in range(3 if all(sizes) else 0):
        count = int(random.integers(0, 25))
        ends = [_locations(random, size, count) for size in sizes]
        stored.connect(pre, post, *ends)
        made += [(tuple(a), tuple(b)) for a, b in zip(*(e.tolist() for e in ends), strict=True)]
    return made


def _locations(random: np.random.Generator, size: int, count: int) -> Any:
    ends = random.integers(0, 4, (count, 3))
    ends[random.random(count) < 0.5, 1:] = -1
    ends[:, 0] = random.integers(0, size, count)
    return ends
