"""Chunks, cell types and morphologies that a random network is made of."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from bsb import Branch, CellType, Chunk, Morphology

CHUNK_SIZE = (100.0, 50.0, 200.0)
COORDINATES = ((0, 0, 0), (1, 0, 0), (0, 2, 0), (-1, 0, 3))
"""Chunks that cells are placed in; the ids of chunks do not follow their coordinates."""

TYPES = ("granule", "golgi")
TAGS = {
    "granule_to_golgi": ("granule", "golgi"),
    "between golgi": ("golgi", "golgi"),
}
LABELS = ("active", "dead", "é")
KEYS: dict[str, tuple[int, ...]] = {"weight": (), "pair": (2,)}
"""Shape of the additional data of a cell, by key."""

SHAPES = ("one branch", "two branches", "labelled", "one point")
NAMES = ("a", "b b", "ç")
"""Names of morphologies, and of files."""


def chunk_at(index: int, size: object = CHUNK_SIZE) -> Chunk:
    """One of the chunks."""
    return Chunk(COORDINATES[index], size)


def chunks_at(among: list[int] | None) -> list[Chunk] | None:
    """Some of the chunks; None for no restriction."""
    return None if among is None else [chunk_at(index) for index in among]


def chunk_id(index: int) -> int:
    """The id of one of the chunks."""
    return int(chunk_at(index).id)


@cache
def cell_type(name: str) -> CellType:
    """A cell type that belongs to no configuration; made once, as that takes longer than a read."""
    return CellType(name=name, spatial={"radius": 2, "density": 1e-3})


def morphology_of(shape: str) -> Morphology:
    """One of the morphologies."""
    if shape == "one point":
        return Morphology([Branch(np.array([[1.0, 2.0, 3.0]]), np.array([0.5]))])
    root = Branch(np.arange(9.0).reshape(3, 3), np.arange(3.0))
    if shape != "one branch":
        child = Branch(np.arange(12.0).reshape(4, 3) + 9, np.ones(4), properties={"depth": [1] * 4})
        root.attach_child(child)
        if shape == "labelled":
            child.label(["tuft"], [0, 1])
            child.label(["tip"], [1, 3])
            root.label(["soma"])
    return Morphology([root])


def described(morphology: Morphology) -> list[Any]:
    """The content of a morphology, as values that can be compared."""
    branches = list(morphology.branches)
    return [
        (
            branches.index(branch.parent) if branch.parent is not None else -1,
            branch.points.tolist(),
            branch.radii.tolist(),
            [sorted(branch.labels.labels[code]) for code in np.asarray(branch.labels).tolist()],
        )
        for branch in branches
    ]
