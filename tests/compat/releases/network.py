"""
Build a small network with whichever release of bsb-hdf5 is installed, or write what it reads.

    python network.py make FILE
    python network.py read FILE OUT.json

It keeps to what BSB 4 has had ever since: no scopes, no configuration beyond cell types.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
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

Json = Any

CHUNK_SIZE = (100.0, 80.0, 60.0)
PLACES = ((0, 0, 0), (1, -1, 0), (-2, 0, 3))
GRANULES = (7, 4, 5)
MITRALS = (3, 2)
LABELS = ("core", "rim", "µ")
TAGS = ("granule_to_mitral", "mitral_to_granule")


def chunk(place: int) -> Chunk:
    return Chunk(PLACES[place], CHUNK_SIZE)


def cell_type(name: str) -> CellType:
    return CellType(name=name, spatial={"radius": 2.5, "count": 1})


def numbers(seed: int, *shape: int) -> Any:
    """Values without a short binary form."""
    return np.random.default_rng(seed).random(shape) * 10 / 3


def locations(seed: int, cells: int, rows: int) -> Any:
    table = np.full((rows, 3), -1)
    table[:, 0] = np.sort(np.random.default_rng(seed).integers(0, cells, rows))
    return table


# --- making -------------------------------------------------------------------------------


def leave_the_machine_out() -> None:
    """Since release 8 a network tells where it was made."""
    try:
        from bsb.storage import provenance
    except ImportError:
        return
    provenance.collect_host_info = lambda: {
        "platform": "Linux",
        "python_version": "3.11",
        "hostname": "localhost",
        "user": "user",
        "cwd": ".",
    }


def make(path: str) -> None:
    leave_the_machine_out()
    storage = Storage("hdf5", path)
    save_morphologies(storage)
    place(storage)
    connect(storage)
    storage.files.store("a text of µ", id="note")
    storage.files.store("{}", meta={"kind": "document"}, id="document")
    storage.store_active_config(
        Configuration.default(
            cell_types={
                "granule": {"spatial": {"radius": 2.5, "count": 16}},
                "mitral": {"spatial": {"radius": 2.5, "count": 5}},
            }
        )
    )


def save_morphologies(storage: Storage) -> None:
    soma = Branch(numbers(1, 3, 3), numbers(2, 3))
    trunk = Branch(numbers(3, 4, 3), numbers(4, 4))
    soma.attach_child(trunk)
    soma.label(["soma"], np.ones(3, dtype=bool))
    trunk.label(["dendrites"], np.array([True, False, True, True]))
    storage.morphologies.save("forked", Morphology([soma]))
    storage.morphologies.save("plain", Morphology([Branch(numbers(5, 2, 3), numbers(6, 2))]))


def place(storage: Storage) -> None:
    granules = storage.require_placement_set(cell_type("granule"))
    for rank, count in enumerate(GRANULES):
        granules.append_data(chunk(rank), positions=numbers(10 + rank, count, 3))
    mitrals = storage.require_placement_set(cell_type("mitral"))
    loaders = [storage.morphologies.preload(name) for name in ("forked", "plain")]
    for rank, count in enumerate(MITRALS):
        mitrals.append_data(
            chunk(rank),
            positions=numbers(20 + rank, count, 3),
            morphologies=MorphologySet(loaders, np.arange(count) % 2),
            rotations=RotationSet(numbers(30 + rank, count, 3)),
            additional={"weight": numbers(40 + rank, count)},
        )
    granules.label(["core"], np.arange(0, 16, 2))
    granules.label(["rim", "µ"], np.arange(5, 9))
    storage.require_placement_set(cell_type("silent"))


def connect(storage: Storage) -> None:
    granules, mitrals = (storage.get_placement_set(cell_type(n)) for n in ("granule", "mitral"))
    there = storage.require_connectivity_set(granules.cell_type, mitrals.cell_type)
    there.connect(granules, mitrals, locations(50, 16, 40), locations(51, 5, 40))
    back = storage.require_connectivity_set(mitrals.cell_type, granules.cell_type)
    points = np.array([[0, 0, 1], [2, 1, 2], [1, 0, 0]])
    back.chunk_connect(chunk(0), chunk(2), points, locations(52, 5, 3))
    back.chunk_connect(chunk(0), chunk(1), points, locations(53, 4, 3))


# --- reading ------------------------------------------------------------------------------


def read(path: str) -> Json:
    storage = Storage("hdf5", path)
    return {
        "cells": {n: read_cells(storage, n) for n in ("granule", "mitral", "silent")},
        "connections": {tag: read_connections(storage, tag) for tag in TAGS},
        "tags": sorted(cs.tag for cs in storage.get_connectivity_sets()),
        "morphologies": {m.name: read_morphology(m) for m in storage.morphologies.all()},
        "files": {name: read_file(storage, name) for name in ("note", "document")},
        "number of files": len(storage.files.all()),
        "configuration": sorted(storage.load_active_config().cell_types),
        "statistics": storage.get_chunk_stats(),
    }


def array(values: Any) -> Json:
    plain = np.asarray(values)
    return {"dtype": str(plain.dtype), "shape": list(plain.shape), "values": plain.tolist()}


def read_cells(storage: Storage, name: str) -> Json:
    ps = storage.get_placement_set(cell_type(name))
    chunks = ps.get_all_chunks()
    found = {
        "number": len(ps),
        "chunks": sorted(each.tolist() for each in chunks),
        "size": [each.dimensions.tolist() for each in chunks],
        "positions": array(ps.load_positions()),
        "ids": array(ps.load_ids()),
    }
    if name == "granule":
        found["labels"] = {each: array(ps.get_label_mask([each])) for each in LABELS}
        found["labelled"] = {each: array(ps.get_labelled([each])) for each in LABELS}
    if name == "mitral":
        found["rotations"] = array(ps.load_rotations())
        found["additional"] = array(ps.load_additional("weight"))
        loaded = ps.load_morphologies()
        names = [loader.name for loader in loaded._loaders]
        found["morphologies"] = [names[index] for index in loaded.get_indices()]
    return found


def read_connections(storage: Storage, tag: str) -> Json:
    cs = storage.get_connectivity_set(tag)
    return {
        "number": len(cs),
        "types": [cs.pre_type_name, cs.post_type_name],
        "blocks": [
            [direction, local.tolist(), far.tolist(), array(here), array(there)]
            for direction, local, far, (here, there) in cs.flat_iter_connections()
        ],
    }


def read_morphology(stored: Any) -> Json:
    morphology = stored.load()
    branches = morphology.branches
    ranks = {id(branch): rank for rank, branch in enumerate(branches)}
    return {
        "branches": [
            {
                "parent": ranks.get(id(branch.parent), -1),
                "points": array(branch.points),
                "radii": array(branch.radii),
                "labels": [sorted(labels) for labels in branch.labels.walk()],
            }
            for branch in branches
        ],
        "meta": {
            key: array(value) if isinstance(value, np.ndarray) else value
            for key, value in sorted(stored.get_meta().items())
        },
    }


def read_file(storage: Storage, name: str) -> Json:
    content, meta = storage.files.load(name)
    return {
        "content": content,
        "encoding": storage.files.get_encoding(name),
        "meta": {key: meta[key] for key in sorted(meta) if key != "mtime"},
        "time": isinstance(meta["mtime"], int),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"] and len(sys.argv) == 3:
        make(sys.argv[2])
    elif sys.argv[1:2] == ["read"] and len(sys.argv) == 4:
        text = json.dumps(read(sys.argv[2]), sort_keys=True, indent=1, ensure_ascii=False)
        Path(sys.argv[3]).write_text(text + "\n", encoding="utf-8")
    else:
        sys.exit(f"usage: {Path(__file__).name} make FILE | read FILE OUT.json")
