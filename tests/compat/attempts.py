"""
Try, one by one, what a program does with a storage, and note how each attempt ends.

    python attempts.py FILE OUT.json

It is a script of its own so that the interpreter that runs it decides which storage engine is
given the file. Each attempt has a copy of the file, ``<name of the attempt>.hdf5`` beside it,
and a last copy, ``in turn.hdf5``, suffers all of them. The document says of each what it raised,
or the text of what it returned.
"""

import json
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bsb import (
    Branch,
    CellType,
    Chunk,
    Configuration,
    Morphology,
    Scaffold,
    Storage,
    from_storage,
)

IN_TURN = "in turn"
HELD, NEW = "pyramidal", "new"
TAG = "recurrent"


def cell_type(name: str) -> CellType:
    return CellType(name=name, spatial={"radius": 7.25, "count": 33})


def opened(path: Path) -> Storage:
    return Storage("hdf5", str(path), missing_ok=False)


def append(storage: Storage, name: str) -> None:
    cells = storage.require_placement_set(cell_type(name))
    cells.append_data(Chunk((0, 0, 0), (100.0, 80.0, 60.0)), positions=np.ones((2, 3)))


def connect(storage: Storage, tag: str) -> None:
    connections = storage.require_connectivity_set(cell_type(HELD), cell_type(HELD), tag)
    chunk, soma = Chunk((0, 0, 0), (100.0, 80.0, 60.0)), np.array([[0, -1, -1]])
    connections.chunk_connect(chunk, chunk, soma, soma)


def scaffold(storage: Storage) -> Scaffold:
    types = {name: {"spatial": {"radius": 1.0, "count": 1}} for name in (HELD, NEW)}
    return Scaffold(Configuration.default(cell_types=types), storage)


def labelled_morphology() -> Morphology:
    return Morphology([Branch(np.ones((2, 3)), np.ones(2))])


ATTEMPTS: dict[str, Callable[[Path], Any]] = {
    "load the network": lambda path: from_storage(str(path)),
    "compile": lambda path: scaffold(opened(path)).compile(),
    "compile anew": lambda path: scaffold(opened(path)).compile(clear=True),
    "read cells": lambda path: opened(path).get_placement_set(cell_type(HELD)).load_positions(),
    "append cells": lambda path: append(opened(path), HELD),
    "place new cells": lambda path: append(opened(path), NEW),
    "clear cells": lambda path: opened(path).clear_placement(),
    "count by chunk": lambda path: opened(path).get_chunk_stats(),
    "list connections": lambda path: [cs.tag for cs in opened(path).get_connectivity_sets()],
    "read connections": lambda path: len(opened(path).get_connectivity_set(TAG)),
    "append connections": lambda path: connect(opened(path), TAG),
    "make new connections": lambda path: connect(opened(path), NEW),
    "clear connections": lambda path: opened(path).clear_connectivity(),
    "list morphologies": lambda path: [each.name for each in opened(path).morphologies.all()],
    "read metadata": lambda path: opened(path).morphologies.get_all_meta(),
    "has a morphology": lambda path: opened(path).morphologies.has("spiny"),
    "load a morphology": lambda path: opened(path).morphologies.load("spiny"),
    "save a morphology": lambda path: opened(path).morphologies.save(NEW, labelled_morphology()),
    "remove a morphology": lambda path: opened(path).morphologies.remove("spiny"),
    "list files": lambda path: opened(path).files.all(),
    "load a file": lambda path: opened(path).files.load("notes"),
    "store a file": lambda path: opened(path).files.store("text", id=NEW),
    "remove a file": lambda path: opened(path).files.remove("notes"),
    "load the configuration": lambda path: opened(path).load_active_config(),
    "store a configuration": lambda path: opened(path).store_active_config(Configuration.default()),
    "bump the state": lambda path: opened(path)._engine._bump_state(),
}


def outcome(attempt: Callable[[Path], Any], path: Path) -> dict[str, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return {"returned": repr(attempt(path))}
        except Exception as error:
            return {"raised": type(error).__name__, "message": str(error)}


def main(file: Path, out: Path) -> None:
    in_turn = shutil.copy(file, file.with_name(f"{IN_TURN}.hdf5"))
    outcomes = {}
    for name, attempt in ATTEMPTS.items():
        copy = Path(shutil.copy(file, file.with_name(f"{name}.hdf5")))
        outcomes[name] = outcome(attempt, copy)
        outcomes[f"{name}, {IN_TURN}"] = outcome(attempt, Path(in_turn))
    out.write_text(json.dumps(outcomes), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {Path(__file__).name} FILE OUT.json")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
