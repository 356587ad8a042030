"""
Build, and read, a network whose names hold slashes.

    python paths.py create FILE
    python paths.py read FILE OUT

A script of its own, as the interpreter that runs it decides which engine it is about. It reads all
by name, as bsb-hdf5 8.0.2 lists only the first step of such names.
"""

import json
import sys
from typing import Any

import numpy as np
from bsb import Branch, CellType, Chunk, Morphology, MorphologySet, Storage

CELLS = "cortex/layer 2/granule"
OTHERS = "cortex/5"
TAG = "cortex/all to all"
MORPHOLOGIES = ("lib/m", "lib/deep/n")
FILES = {"http://host//data.csv": "a,b", "folder/note": "text", "plain": "x"}
KEYS = ("csv/x", "csv/y", "flat")
CHUNKS = [Chunk((x, 0, 0), (100, 100, 100)) for x in range(2)]


def cell_type(name: str) -> CellType:
    made = CellType(name="any", spatial={"radius": 2, "density": 1e-3})
    made.name = name
    return made


def create(storage: Storage) -> None:
    for number, name in enumerate(MORPHOLOGIES):
        points = np.arange(6.0 + 3 * number).reshape(-1, 3)
        storage.morphologies.save(name, Morphology([Branch(points, np.ones(len(points)))]))
    cells = storage.require_placement_set(cell_type(CELLS))
    others = storage.require_placement_set(cell_type(OTHERS))
    extend(storage)
    for chunk in CHUNKS:
        others.append_data(chunk, np.ones((2, 3)))
    connections = storage.require_connectivity_set(cell_type(CELLS), cell_type(OTHERS), TAG)
    connections.connect(cells, others, [[0, -1, -1]], [[3, -1, -1]])
    for id_, content in FILES.items():
        storage.files.store(content, id=id_)


def extend(storage: Storage) -> None:
    cells = storage.get_placement_set(cell_type(CELLS))
    loaders = [storage.morphologies.preload(name) for name in MORPHOLOGIES]
    for chunk in CHUNKS:
        cells.append_data(
            chunk,
            np.arange(9.0).reshape(3, 3),
            morphologies=MorphologySet(loaders, np.array([0, 1, 0])),
            additional={key: np.arange(3.0) + number for number, key in enumerate(KEYS)},
        )


def read(storage: Storage) -> dict[str, Any]:
    cells = storage.get_placement_set(cell_type(CELLS))
    connections = storage.get_connectivity_set(TAG)
    ((*_, (local, global_)),) = connections.flat_iter_connections("inc")
    return {
        "cells": [len(cells), len(storage.get_placement_set(cell_type(OTHERS)))],
        "positions": cells.load_positions().tolist(),
        "morphologies": [m.meta["name"] for m in cells.load_morphologies().iter_morphologies()],
        "additional": {key: cells.load_additional(key).tolist() for key in KEYS},
        "points": {n: len(storage.morphologies.load(n).points) for n in MORPHOLOGIES},
        "all": sorted(m.name for m in storage.morphologies.all()),
        "has": [storage.morphologies.has(name) for name in (*MORPHOLOGIES, "lib/none")],
        "connections": [local.tolist(), global_.tolist(), connections.pre_type_name],
        "files": {id_: storage.files.load(id_)[0] for id_ in FILES},
    }


if __name__ == "__main__":
    task, file, *out = sys.argv[1:]
    network = Storage("hdf5", file)
    if task == "read":
        with open(out[0], "w", encoding="utf-8") as target:
            json.dump(read(network), target)
    else:
        {"create": create, "extend": extend}[task](network)
