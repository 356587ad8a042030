"""Small networks, and ways to look at their files from the outside."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from bsb import Branch, CellType, Chunk, Morphology, MorphologySet, Storage
from numpy.typing import NDArray

from bsb_hdf5 import ConnectivitySet, PlacementSet
from bsb_hdf5.core.connectivity import Blocks, Perspective

SIZE = (100.0, 100.0, 100.0)
# Nothing here waits for anybody on purpose for longer.
LOCK_LIMIT = 5.0


def open_engine_quickly(storage: Storage) -> Storage:
    """Let whoever waits for a lock that nobody gives back fail within the test's time."""
    sessions = storage._engine.sessions
    sessions.settings.limit = LOCK_LIMIT
    sessions.store._settings.lock_limit = LOCK_LIMIT
    return storage


def chunk(x: int, y: int = 0, z: int = 0) -> Chunk:
    return Chunk((x, y, z), SIZE)


def cell_type(name: str) -> CellType:
    return CellType(name=name, spatial={"radius": 2, "density": 1e-3})


def positions(count: int, first: float = 0.0) -> NDArray[np.float64]:
    return first + np.arange(3.0 * count).reshape(count, 3)


def on_soma(*cells: int) -> NDArray[np.int64]:
    """Locations on cells without morphology."""
    return np.array([(cell, -1, -1) for cell in cells], dtype=np.int64).reshape(-1, 3)


def morphology(points: int = 4) -> Morphology:
    """A branch with another on it, of so many points each; the other one is labelled."""
    root = Branch(positions(points), np.ones(points))
    child = Branch(positions(points, first=10.0), np.full(points, 0.5))
    child.label(["tuft"])
    root.attach_child(child)
    return Morphology([root])


def morphology_set(storage: Storage, names: list[str], indices: list[int]) -> MorphologySet:
    loaders = [storage.morphologies.preload(name) for name in names]
    return MorphologySet(loaders, np.array(indices, dtype=int))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def folder_of(path: Path) -> list[str]:
    return sorted(os.listdir(path.parent))


@contextmanager
def untouched(path: Path) -> Iterator[None]:
    """The file is, byte for byte, what it was before, and nothing lies beside it."""
    before = digest(path), folder_of(path)
    yield
    assert before == (digest(path), folder_of(path))


@dataclass
class SmallNetwork:
    """
    Type ``a`` has 3 cells in chunk 0 and 2 in chunk 1, with rotations, morphologies and
    additional data; type ``b`` has 4 cells in chunk 0 and 3 in chunk 2, of which the first two
    are labelled ``core``. Three connections run from ``a`` to ``b``.
    """

    storage: Storage
    a: PlacementSet
    b: PlacementSet
    ab: ConnectivitySet
    layout: str

    @classmethod
    def build(cls, storage: Storage) -> SmallNetwork:
        with storage.write_scope():
            storage.morphologies.save("stub", morphology())
            a = storage.require_placement_set(cell_type("a"))
            b = storage.require_placement_set(cell_type("b"))
            for x, count in ((0, 3), (1, 2)):
                a.append_data(
                    chunk(x),
                    positions(count),
                    morphologies=morphology_set(storage, ["stub"], [0] * count),
                    rotations=np.full((count, 3), 10.0 * x),
                    additional={"weight": np.arange(float(count))},
                )
            b.append_data(chunk(0), positions(4))
            b.append_data(chunk(2), positions(3))
            b.label(["core"], [0, 1])
            ab = storage.require_connectivity_set(a.cell_type, b.cell_type, "a_to_b")
            ab.connect(a, b, on_soma(0, 3, 4), on_soma(0, 4, 6))
            storage.files.store("a text", id="note", meta={"kind": "text"})
        return cls(storage, a, b, ab, storage._engine.layout)

    @classmethod
    def of(cls, storage: Storage) -> SmallNetwork:
        """The one that a storage holds."""
        # In one session: a file that was just copied is opened for each.
        with storage.read_scope():
            a, b = (storage.get_placement_set(cell_type(name)) for name in "ab")
            ab = storage.get_connectivity_set("a_to_b")
        return cls(storage, a, b, ab, storage._engine.layout)

    @property
    def path(self) -> Path:
        return Path(self.storage.root)


def connections(cs: ConnectivitySet, direction: str = "out") -> list[tuple[int, ...]]:
    """Local chunk, global chunk, local location, global location of each connection."""
    return [
        (int(local.id), int(far.id), *near.tolist(), *remote.tolist())
        for _, local, far, (locals_, globals_) in cs.flat_iter_connections(direction)
        for near, remote in zip(locals_, globals_, strict=True)
    ]


# More than fit into an attribute of 64 KB, as three int16 each.
WIDTH = 11_000


def wide_chunk(i: int) -> Chunk:
    return chunk(i % 100, i // 100, 1)


def place_without_data(storage: Storage, name: str, chunks: list[Chunk]) -> None:
    """One entity in each of many chunks, at once: they are counted, and nothing more."""
    if storage._engine.layout == "columnar":
        cells = storage.get_placement_set(cell_type(name))
        held = {each.id for each in cells.get_all_chunks()}
        with storage.write_scope():
            for each in chunks:
                if each.id not in held:
                    cells.append_entities(each, 1)
        return
    # The classic layout has a group for each chunk, and to make so many takes long.
    counts = json.dumps({str(each.id): 1 for each in chunks})
    with h5py.File(storage.root, "r+") as file:
        file["placement"][name].attrs["chunks"] = counts
        file["placement"][name].attrs["len"] = len(chunks)


def build_wide_network(storage: Storage) -> None:
    pre, post = (storage.require_placement_set(cell_type(name)) for name in "ab")
    pre.append_data(chunk(0), positions(1))
    place_without_data(storage, "b", [wide_chunk(i) for i in range(WIDTH)])
    cs = storage.require_connectivity_set(pre.cell_type, post.cell_type, "wide")
    if storage._engine.layout == "columnar":
        cs.connect(pre, post, on_soma(*[0] * WIDTH), on_soma(*range(WIDTH)))
        return
    # The classic layout has a group for each chunk that is connected, and to make so many takes
    # long: only the first, the one in the middle and the last have their side,
    # and the others are counted.
    middle, last = WIDTH // 2, WIDTH - 1
    with storage.write_scope() as session:
        data = session.network.connectivity("wide")
        for first, end in ((0, middle), (middle, last), (last, WIDTH)):
            cs.connect(pre, post, on_soma(0), on_soma(first))
            data._touch()
            side = seen_from_the_cell(range(first + 1, end))
            data._append(side)
            for each in side.global_chunks.tolist():
                data._count("inc", each, 1)


def seen_from_the_cell(numbers: Iterable[int]) -> Perspective:
    """Connections of the one cell to one in each of some chunks: its side of them."""
    ids = np.array([wide_chunk(i).id for i in numbers], dtype=np.int64)
    soma = on_soma(*[0] * len(ids))
    return Blocks(np.zeros(len(ids), dtype=np.int64), ids, soma, soma).seen("out")


def rewrite_in_first_format(path: Path) -> None:
    """The same, with groups in HDF5's first format, which has no attributes above 64 KB."""
    temporary = path.with_name("first format")

    def copy(source: h5py.Group, target: h5py.Group) -> None:
        for name, value in source.attrs.items():
            target.attrs[name] = value
        for name, node in source.items():
            if isinstance(node, h5py.Group):
                copy(node, target.create_group(name))
            else:
                source.copy(node, target, name)

    with h5py.File(path, "r") as source, h5py.File(temporary, "w") as target:
        copy(source, target)
    temporary.replace(path)


def is_in_first_format(path: Path, group: str) -> bool:
    with h5py.File(path, "r") as file:
        return bool(h5py.h5o.get_info(file[group].id).hdr.version == 1)


def rewrite_as_legacy(path: Path) -> None:
    """What a classic file would be had it been written before networks had an identity."""
    with h5py.File(path, "r+") as file:
        del file.attrs["bsb_provenance"]
        for part in ("placement", "connectivity"):
            for each in file[part].values():
                for name in ("revision", "created_at"):
                    each.attrs.pop(name, None)


def run_python(code: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Another process; it inherits nothing but the interpreter."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


@contextmanager
def locked_elsewhere(path: Path, *, exclusive: bool = True, seconds: float = 60) -> Iterator[int]:
    """Another process holds the lock of the file, as a program that uses HDF5 would; its id."""
    code = """
        import fcntl, os, select, sys
        file = os.open(sys.argv[1], os.O_RDWR)
        fcntl.flock(file, fcntl.LOCK_EX if sys.argv[2] == "True" else fcntl.LOCK_SH)
        print("locked", flush=True)
        select.select([sys.stdin], [], [], float(sys.argv[3]))
    """
    process = run_python(code, str(path), str(exclusive), str(seconds))
    try:
        assert process.stdout is not None
        assert "locked\n" == process.stdout.readline()
        yield process.pid
    finally:
        process.communicate(timeout=30)
