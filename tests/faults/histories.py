"""
Sessions that are known beforehand by their number, done to a storage and to a model of it.

Only BSB's own interfaces are used, in ways that every engine answers alike, so that the same
sessions run on bsb-hdf5 8.0.2.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from bsb import Branch, CellType, Chunk, Morphology, MorphologySet, RotationSet, Storage

SIZE = (100.0, 100.0, 100.0)
CHUNKS = range(5)
LABELS = ("core", "rim")
NAMES = ("one", "two", "three")
MOST_CELLS = 150
MOST_CONNECTIONS = 2500
STUB = "stub"
LOOP = "loop"

Ends = tuple[int, int, list[int], list[int]]
State = dict[str, Any]


@dataclass
class Cell:
    """A row of the placement set."""

    values: list[float]
    labels: set[str] = field(default_factory=set)


@dataclass
class Model:
    """What a storage is to hold; chunks are numbered along the x-axis."""

    cells: dict[int, list[Cell]] = field(default_factory=dict)
    connections: list[Ends] = field(default_factory=list)
    points: dict[str, int] = field(default_factory=lambda: {STUB: 2})
    files: dict[str, str] = field(default_factory=dict)

    def all_cells(self) -> list[tuple[int, int, Cell]]:
        """Chunk, rank and row of each cell, in the order of their ids."""
        return [
            (x, rank, cell) for x in sorted(self.cells) for rank, cell in enumerate(self.cells[x])
        ]

    def state(self) -> State:
        """All of it, as :func:`state_of` a storage tells it."""
        cells = self.all_cells()
        ends = sorted(self.connections)
        return {
            "cells": [[float(x), *cell.values] for x, _, cell in cells],
            "counts": {str(x): len(rows) for x, rows in self.cells.items() if rows},
            "labels": {each: [each in cell.labels for *_, cell in cells] for each in LABELS},
            "out": [list(each) for each in ends],
            "inc": [list(each) for each in ends],
            "connections": len(ends),
            "morphologies": dict(sorted(self.points.items())),
            "files": dict(sorted(self.files.items())),
        }


@dataclass
class Parts:
    """A storage and the sets in it."""

    storage: Storage
    cells: Any
    loop: Any


Act = Callable[[Model, Parts | None, random.Random, int], None]
"""Changes the model; and what is stored too, by one call, if there is a storage."""


def chunk(x: int) -> Chunk:
    return Chunk((x, 0, 0), SIZE)


def cell_type() -> CellType:
    return CellType(name="cell", spatial={"radius": 2, "density": 1e-3})


def morphology(points: int) -> Morphology:
    """A branch of so many points."""
    return Morphology([Branch(np.arange(3.0 * points).reshape(points, 3), np.ones(points))])


def begin(storage: Storage) -> None:
    """What there is before the first session."""
    storage.morphologies.save(STUB, morphology(2))
    storage.require_placement_set(cell_type())
    storage.require_connectivity_set(cell_type(), cell_type(), LOOP)


def parts_of(storage: Storage) -> Parts:
    """Of a storage that was begun."""
    return Parts(
        storage, storage.get_placement_set(cell_type()), storage.get_connectivity_set(LOOP)
    )


def place(model: Model, parts: Parts | None, chance: random.Random, number: int) -> None:
    x, count = chance.choice(CHUNKS), chance.randint(1, 30)
    rows = np.array([(number, rank, x) for rank in range(count)], dtype=float)
    weights = np.full(count, float(number))
    turned = rows % 360
    if parts is not None:
        stub = parts.storage.morphologies.preload(STUB)
        parts.cells.append_data(
            chunk(x),
            rows,
            rotations=RotationSet(turned),
            morphologies=MorphologySet([stub], np.zeros(count, dtype=int)),
            additional={"weight": weights},
        )
    new = [Cell([*a, *b, c]) for a, b, c in zip(rows, turned, weights, strict=True)]
    model.cells.setdefault(x, []).extend(new)


def label(model: Model, parts: Parts | None, chance: random.Random, number: int) -> None:
    cells = model.all_cells()
    chosen = sorted(chance.sample(range(len(cells)), min(len(cells), chance.randint(1, 40))))
    name = chance.choice(LABELS)
    if parts is not None:
        parts.cells.label([name], np.array(chosen, dtype=int))
    for each in chosen:
        cells[each][2].labels.add(name)


def connect_chunks(model: Model, parts: Parts | None, chance: random.Random, number: int) -> None:
    pre, post = chance.choice(CHUNKS), chance.choice(CHUNKS)
    near, far = ([(chance.randrange(9), -1, -1) for _ in range(60)] for _ in "ab")
    if parts is not None:
        parts.loop.chunk_connect(chunk(pre), chunk(post), np.array(near), np.array(far))
    model.connections += [(pre, post, list(a), list(b)) for a, b in zip(near, far, strict=True)]


def connect(model: Model, parts: Parts | None, chance: random.Random, number: int) -> None:
    cells = model.all_cells()
    near, far = ([(chance.randrange(len(cells)), 1, 2) for _ in range(60)] for _ in "ab")
    if parts is not None:
        parts.loop.connect(parts.cells, parts.cells, np.array(near), np.array(far))
    for (source, *a), (target, *b) in zip(near, far, strict=True):
        (pre, rank, _), (post, other, _) = cells[source], cells[target]
        model.connections.append((pre, post, [rank, *a], [other, *b]))


def save(model: Model, parts: Parts | None, chance: random.Random, number: int) -> None:
    name, points = chance.choice(NAMES), chance.randint(2, 200)
    if parts is not None:
        parts.storage.morphologies.save(name, morphology(points), overwrite=True)
    model.points[name] = points


def store(model: Model, parts: Parts | None, chance: random.Random, number: int) -> None:
    name, content = chance.choice(NAMES), f"{number} " * chance.randint(1, 900)
    if parts is not None:
        parts.storage.files.store(content, id=name, meta={"number": number}, overwrite=True)
    model.files[name] = content


def remove(model: Model, parts: Parts | None, chance: random.Random, number: int) -> None:
    name = chance.choice(sorted(model.files))
    if parts is not None:
        parts.storage.files.remove(name)
    del model.files[name]


def clear(model: Model, parts: Parts | None, chance: random.Random, number: int) -> None:
    x = chance.choice(sorted(model.cells))
    if parts is not None:
        parts.cells.clear([chunk(x)])
    del model.cells[x]


def disconnect(model: Model, parts: Parts | None, chance: random.Random, number: int) -> None:
    if parts is not None:
        parts.loop.clear()
    model.connections.clear()


ACTS: dict[Act, int] = {
    place: 6,
    label: 3,
    connect_chunks: 6,
    connect: 3,
    save: 2,
    store: 2,
    remove: 1,
    clear: 1,
    disconnect: 1,
}


def perform(number: int, model: Model, parts: Parts | None = None) -> None:
    """
    The session of a number: one call, or some of them in a write scope.

    :param model: of what there is before; it is changed.
    :param parts: of the storage to change as well.
    """
    chance = random.Random(number)
    together = chance.random() < 0.4
    scope = parts.storage.write_scope() if parts and together else contextlib.nullcontext()
    with scope:
        for _ in range(chance.randint(2, 6) if together else 1):
            _pick(model, chance)(model, parts, chance, number)


def _pick(model: Model, chance: random.Random) -> Act:
    act = chance.choices(list(ACTS), list(ACTS.values()))[0]
    if not model.cells:
        return place
    if len(model.connections) > MOST_CONNECTIONS:
        return disconnect
    if len(model.all_cells()) > MOST_CELLS:
        return clear
    return store if act is remove and not model.files else act


def state_of(storage: Storage) -> State:
    """All that a storage holds, read in each way there is."""
    parts = parts_of(storage)
    cells, loop = parts.cells, parts.loop
    positions = cells.load_positions()
    rows = np.column_stack(
        [
            positions[:, 2] if len(positions) else np.zeros(0),
            positions.reshape(-1, 3),
            np.array(cells.load_rotations()).reshape(-1, 3),
            cells.load_additional("weight"),
        ]
        if len(positions)
        else [np.zeros((0, 8))]
    )
    counts = {str(name): int(count) for name, count in cells.get_chunk_stats().items() if count}
    return {
        "cells": rows.tolist(),
        "counts": counts,
        "labels": {each: cells.get_label_mask([each]).tolist() for each in LABELS},
        "out": _ends(loop, "out"),
        "inc": _ends(loop, "inc"),
        "connections": len(loop),
        "morphologies": {
            each.name: len(each.load().flatten()) for each in _sorted(storage.morphologies.all())
        },
        "files": {id_: storage.files.load(id_)[0] for id_ in sorted(storage.files.all())},
    }


def _sorted(stored: Any) -> list[Any]:
    return sorted(stored, key=lambda each: each.name)


def _ends(loop: Any, direction: str) -> list[list[Any]]:
    """Presynaptic and postsynaptic chunk and location of each connection, sorted."""
    ends = []
    for _, local, far, (near, remote) in loop.flat_iter_connections(direction):
        for a, b in zip(near.tolist(), remote.tolist(), strict=True):
            pair = [(int(local.id), a), (int(far.id), b)]
            (pre, source), (post, target) = pair if direction == "out" else reversed(pair)
            ends.append([pre, post, source, target])
    return sorted(ends)
