"""Everything that changes or reads a storage as a whole, done to a small network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bsb import Storage

import bsb_hdf5
from bsb_hdf5.config import NetworkRoot
from tests.face.samples import (
    SmallNetwork,
    cell_type,
    chunk,
    connections,
    morphology,
    on_soma,
    positions,
)

ENGINES = ("classic", "columnar", "zarr")
NETWORK, TARGET = "network", "target"
# Enough for arrays of their own.
MANY = 600

Verb = Callable[[SmallNetwork, Path], Any]
State = dict[str, Any]


def root_of(folder: Path, engine: str, name: str = NETWORK) -> str:
    """The root of a storage; in the columnar layout it is to survive power cuts."""
    if engine == "zarr":
        return str(folder / name)
    durability = "power" if engine == "columnar" else None
    return NetworkRoot(folder / name, engine, durability, 5.0)


def opened(folder: Path, engine: str, name: str = NETWORK) -> Storage:
    root = root_of(folder, engine, name)
    return Storage("zarr" if engine == "zarr" else "hdf5", root)


def build(folder: Path, engine: str) -> None:
    network = SmallNetwork.build(opened(folder, engine))
    with network.storage.write_scope():
        network.b.append_data(chunk(1), positions(MANY))
        ends = on_soma(*range(MANY))
        network.ab.chunk_connect(chunk(0), chunk(1), on_soma(*[0] * MANY), ends)
    network.storage._engine.close()


def _append(n: SmallNetwork, _: Path) -> None:
    n.b.append_data(chunk(5), positions(MANY), additional={"depth": np.ones(MANY)})


def _append_few(n: SmallNetwork, _: Path) -> None:
    n.b.append_data(chunk(0), positions(2))


def _connect(n: SmallNetwork, _: Path) -> None:
    n.ab.connect(n.a, n.b, on_soma(*[1] * MANY), on_soma(*range(MANY)))


def _scope(n: SmallNetwork, _: Path) -> None:
    with n.storage.write_scope():
        n.b.append_data(chunk(7), positions(9))
        n.ab.chunk_connect(chunk(0), chunk(7), on_soma(0, 1), on_soma(0, 8))
        n.b.label(["fresh"], [0, 5])


def _create(n: SmallNetwork, folder: Path) -> None:
    opened(folder, "zarr" if n.path.is_dir() else n.layout, TARGET)


def _remove_beside(n: SmallNetwork, _: Path) -> None:
    if n.path.is_dir():
        (n.path / "README").write_text("read me")
    n.storage.remove()


def _convert_into(engine: str, layout: str | None = None) -> Verb:
    def convert(n: SmallNetwork, folder: Path) -> None:
        bsb_hdf5.convert(n.storage, str(folder / TARGET), engine=engine, layout=layout)

    return convert


VERBS: dict[str, Verb] = {
    "append_data": _append,
    "append_data, few": _append_few,
    "connect": _connect,
    "a scope": _scope,
    "label": lambda n, _: n.b.label(["new"], np.arange(MANY)),
    "save": lambda n, _: n.storage.morphologies.save("other", morphology(MANY)),
    "store": lambda n, _: n.storage.files.store(b"bytes" * 3000, "blob"),
    "create": _create,
    "copy": lambda n, folder: n.storage.copy(str(folder / TARGET)),
    "move": lambda n, folder: n.storage.move(str(folder / TARGET)),
    "remove": lambda n, _: n.storage.remove(),
    "remove, beside a file of others": _remove_beside,
    "merge": lambda n, folder: bsb_hdf5.merge([n.storage] * 2, str(folder / TARGET)),
    "repack": lambda n, _: bsb_hdf5.repack(n.storage),
    "convert to classic": _convert_into("hdf5", "classic"),
    "convert to columnar": _convert_into("hdf5", "columnar"),
    "convert to zarr": _convert_into("zarr"),
    "repair": lambda n, _: bsb_hdf5.repair(n.storage),
    "verify": lambda n, _: bsb_hdf5.verify(n.storage),
    "read": lambda n, _: state_of(n.storage),
    "clear": lambda n, _: n.b.clear([chunk(1)]),
    "clear_placement": lambda n, _: n.storage.clear_placement(),
    "clear_connectivity": lambda n, _: n.storage.clear_connectivity(),
}


def state_of(storage: Storage) -> State:
    """What a storage holds."""
    engine: Any = storage._engine
    names, tags = engine._read(
        lambda n: (sorted(n.placement_names()), sorted(n.connectivity_tags()))
    )
    return {
        "cells": {name: _cells(storage, name) for name in names},
        "connections": {tag: _connections(storage, tag) for tag in tags},
        "morphologies": sorted(each.name for each in storage.morphologies.all()),
        "files": {id_: storage.files.load(id_)[0] for id_ in sorted(storage.files.all())},
    }


def _cells(storage: Storage, name: str) -> Any:
    cells = storage.get_placement_set(cell_type(name))
    labels = ("core", "new", "fresh")
    masks = {label: cells.get_label_mask([label]).tolist() for label in labels}
    counts = {str(id_): int(count) for id_, count in cells.get_chunk_stats().items() if count}
    return len(cells), counts, cells.load_positions().tolist(), masks


def _connections(storage: Storage, tag: str) -> Any:
    cs = storage.get_connectivity_set(tag)
    inc = [(b, a, d, c) for a, b, c, d in _pairs(connections(cs, "inc"))]
    out = _pairs(connections(cs))
    assert sorted(inc) == sorted(out)
    return len(cs), sorted(out)


def _pairs(rows: list[tuple[int, ...]]) -> list[tuple[Any, ...]]:
    return [(row[0], row[1], row[2:5], row[5:8]) for row in rows]
