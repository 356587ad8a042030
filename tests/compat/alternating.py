"""
Carry out what others planned on networks, or read them.

    python alternating.py play PLAN OUT
    python alternating.py read PLAN OUT

It is a script of its own so that the interpreter that runs it decides which storage engine is
used. The plan is a JSON document: to play, a list of file and steps, each the name of a function
here and its arguments, of which what fails is written; to read, a list of files.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from bsb import Branch, CellType, Chunk, Morphology, MorphologySet, Storage
from dump import dump_placement  # type: ignore[import-not-found]  # beside it

CELLS = CellType(name="cells", spatial={"radius": 2.0, "density": 1e-3})
CHUNKS = [
    Chunk(coordinates, (100.0, 100.0, 100.0))
    for coordinates in ((0, 0, 0), (1, 0, 0), (0, 2, 0), (-1, 0, 3))
]


def create(storage: Storage, names: list[str]) -> None:
    for length, name in enumerate(names, start=2):
        points = np.arange(3.0 * length).reshape(-1, 3)
        storage.morphologies.save(name, Morphology([Branch(points, np.ones(length))]))
    storage.require_placement_set(CELLS)


def append(
    storage: Storage,
    chunk: int,
    first: int,
    count: int,
    rotated: bool,
    key: str | None,
    offered: list[str],
    indices: list[int],
) -> None:
    """Cells of which each has numbers of its own, from ``first`` on."""
    numbers = np.arange(first, first + count, dtype=float)
    given: dict[str, Any] = {"positions": np.column_stack([numbers] * 3)}
    if rotated:
        given["rotations"] = np.column_stack([numbers, numbers + 0.5, numbers / 3])
    if key is not None:
        given["additional"] = {key: numbers / 7}
    if offered:
        loaders = [storage.morphologies.preload(name) for name in offered]
        given["morphologies"] = MorphologySet(loaders, np.array(indices))
    storage.get_placement_set(CELLS).append_data(CHUNKS[chunk], **given)


def label(storage: Storage, chunks: list[int], labels: list[str], cells: list[int]) -> None:
    cell_set = storage.get_placement_set(CELLS)
    if chunks:
        cell_set.set_chunk_filter([CHUNKS[chunk] for chunk in chunks])
    cell_set.label(labels, cells)


def unlabel(storage: Storage, labels: list[str], cells: list[int]) -> None:
    storage.get_placement_set(CELLS).remove_labels(labels, cells)


def clear(storage: Storage, chunks: list[int]) -> None:
    storage.get_placement_set(CELLS).clear([CHUNKS[chunk] for chunk in chunks])


def forget(storage: Storage, name: str) -> None:
    storage.morphologies.remove(name)


def play(plan: list[tuple[str, list[tuple[str, list[Any]]]]]) -> dict[str, str]:
    """By file, the step that failed, with which a file is left."""
    failed = {}
    for file, steps in plan:
        storage = Storage("hdf5", file)
        for verb, arguments in steps:
            try:
                globals()[verb](storage, *arguments)
            except Exception as error:
                failed[file] = f"{verb} {arguments}: {error!r}"
                break
    return failed


def read(files: list[str]) -> dict[str, Any]:
    """By file, its cells, or why they can't be read."""
    found = {}
    for file in files:
        network: Any = SimpleNamespace(storage=Storage("hdf5", file, missing_ok=False))
        try:
            found[file] = dump_placement(network, CELLS)
        except Exception as error:
            found[file] = {"failed": repr(error)}
    return found


if __name__ == "__main__":
    task, planned, out = sys.argv[1:]
    plan = json.loads(Path(planned).read_text(encoding="utf-8"))
    result = read(plan) if task == "read" else play(plan)
    Path(out).write_text(json.dumps(result), encoding="utf-8")
