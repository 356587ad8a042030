"""The network that the walk calls methods of, built through BSB's interfaces in any engine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from bsb import (
    Branch,
    CellType,
    Chunk,
    Configuration,
    Morphology,
    MorphologySet,
    RotationSet,
    Storage,
)

CHUNK_SIZE = (100.0, 100.0, 100.0)
CELLS = 5
"""Cells of set ``a``: three in its first chunk, two in its second."""

SUFFIXES = {"hdf5": ".hdf5", "zarr": ".zarr", "memory": ""}
OWN_PATHS = ("/mine", "/mine/data", "/mine/new", "/own", "/own/0")


def chunk(x: int) -> Chunk:
    return Chunk((x, 0, 0), CHUNK_SIZE)


def cell_type(name: str, **attributes: Any) -> CellType:
    return CellType(name=name, spatial={"radius": 1, "count": 1}, **attributes)


def grid(rows: int, columns: int = 3, start: float = 0.0) -> Any:
    return start + np.arange(float(rows * columns)).reshape(rows, columns) / 4


def on_soma(*cells: int) -> Any:
    table = np.full((len(cells), 3), -1)
    table[:, 0] = cells
    return table


def stub() -> Morphology:
    return Morphology([Branch([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]], [1.0, 0.5])])


def twig() -> Morphology:
    """A fork with labels and a property."""
    soma = Branch([[0.0, 0.0, 0.0]], [2.0], properties={"myelin": [0.5]})
    arm = Branch(grid(3), [1.0, 0.5, 0.25], properties={"myelin": [1.0, 2.0, 3.0]})
    soma.label(["soma"], np.ones(1, dtype=bool))
    arm.label(["dendrites"], np.ones(3, dtype=bool))
    soma.attach_child(arm)
    return Morphology([soma], meta={"species": "mouse", "age": 21})


class World:
    """A storage of its own, and short names for what is in it."""

    def __init__(self, engine_name: str, root: str) -> None:
        self.engine_name = engine_name
        self.root = root
        self.storage = Storage(engine_name, root)
        self.engine = self.storage._engine
        self.PlacementSet = self.storage._PlacementSet
        self.ConnectivitySet = self.storage._ConnectivitySet
        self.FileStore = self.storage._FileStore
        self.MorphologyRepository = self.storage._MorphologyRepository

    @property
    def files(self) -> Any:
        return self.storage.files

    @property
    def morphologies(self) -> Any:
        return self.storage.morphologies

    def cells(self, name: str, chunks: Any = None, labels: Any = None, **filters: Any) -> Any:
        return self.storage.get_placement_set(cell_type(name), chunks, labels, **filters)

    def connections(self, tag: str) -> Any:
        return self.storage.get_connectivity_set(tag)

    def morphology_set(self, names: Iterable[str], indices: Any) -> MorphologySet:
        return MorphologySet([self.morphologies.preload(name) for name in names], indices)

    def between_types(self, tag: str) -> Any:
        """Connections whose cell types find their placement sets, as those of a scaffold do."""
        found = self.connections(tag)
        found.pre_type, found.post_type = (
            SimpleNamespace(name=name, get_placement_set=partial(self.cells, name))
            for name in (found.pre_type_name, found.post_type_name)
        )
        return found

    def resource(self, path: Any) -> Any:
        from bsb_hdf5.resource import Resource

        return Resource(self.engine, path)

    def again(self) -> World:
        """The same network, opened by another storage."""
        return World(self.engine_name, self.root)


def build(world: World) -> None:
    storage = world.storage
    with storage.write_scope():
        world.morphologies.save("stub", stub())
        world.morphologies.save("twig", twig())
        for name in ("a", "b", "entities", "silent"):
            storage.require_placement_set(cell_type(name))
        _place(world)
    _connect(world)
    world.files.store("a text", id="note", meta={"kind": "text"})
    world.files.store(b"\x00\x01bytes", id="blob")
    world.resource("/mine/data").append(grid(4))


def _place(world: World) -> None:
    a, b, entities = (world.cells(name) for name in ("a", "b", "entities"))
    for x, names, count in ((0, ["stub", "twig"], 3), (1, ["stub"], CELLS - 3)):
        a.append_data(
            chunk(x),
            positions=grid(count, start=10.0 * x),
            morphologies=world.morphology_set(names, np.arange(count) % len(names)),
            rotations=RotationSet(grid(count, start=45.0)),
            additional={"weight": np.arange(float(count))},
        )
    b.append_data(chunk(0), positions=grid(4))
    b.append_data(chunk(2), positions=grid(3))
    entities.append_entities(chunk(0), 6)
    a.label(["core"], [0, 3])
    a.label(["rim"], [1, 3])


def _connect(world: World) -> None:
    a, b = world.cells("a"), world.cells("b")
    require = world.storage.require_connectivity_set
    require(a.cell_type, b.cell_type, "a_to_b").connect(
        a, b, on_soma(0, 1, 3, 4), on_soma(0, 1, 4, 6)
    )
    points = np.array([[0, 0, 1], [2, 0, 0]])
    require(a.cell_type, a.cell_type, "a_to_a").chunk_connect(chunk(0), chunk(0), points, points)
    require(b.cell_type, a.cell_type, "void")


def _copied(source: Path, target: Path) -> None:
    """Copy a folder whose files an engine replaces, and never writes to: copies share them."""
    target.mkdir()
    for each in os.scandir(source):
        place = target / each.name
        if each.is_dir():
            _copied(Path(each.path), place)
        elif each.name != ".lock":
            os.link(each.path, place)
    # By their times the engine sees that nothing was added.
    times = os.stat(source)
    os.utime(target, ns=(times.st_atime_ns, times.st_mtime_ns))


class Worlds:
    """
    Networks of one engine, equal to each other, in the folder that is the current one.

    :param built: another that they equal; without, it is built.
    """

    def __init__(self, engine_name: str, prefix: str = "", built: World | None = None) -> None:
        self.engine_name = engine_name
        self._prefix = prefix
        self._made = 0
        if built is None:
            self._template = self._next_root()
            self.template = World(engine_name, self._template)
            build(self.template)
        else:
            self._template = built.root
            self.template = self.new()

    def _next_root(self) -> str:
        self._made += 1
        return f"{self._prefix}network{self._made}{SUFFIXES[self.engine_name]}"

    def new(self) -> World:
        root = self._next_root()
        if self.engine_name == "memory":
            World(self.engine_name, self._template).engine.copy(root)
        elif os.path.isdir(self._template):
            _copied(Path(self._template), Path(root))
        else:
            shutil.copyfile(self._template, root)
        return World(self.engine_name, root)

    def drop(self, world: World) -> None:
        stem = Path(world.root).stem
        for each in list(os.scandir()):
            if each.name.startswith(stem):
                shutil.rmtree(each) if each.is_dir() else os.unlink(each)


def configuration(world: World) -> Configuration:
    return Configuration.default(
        storage={"engine": world.engine_name, "root": world.root},
        network={"x": 200.0, "y": 100.0, "z": 100.0},
        cell_types={"a": {"spatial": {"radius": 1.0, "count": 5}}},
    )
