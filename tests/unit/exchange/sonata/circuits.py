"""A network with all that a circuit can hold of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bsb import Chunk, MorphologySet, RotationSet, Storage

from bsb_hdf5.testing.network_samples import CHUNK_SIZE, SHAPES, cell_type, morphology_of
from tests.unit.queries.networks import Sample, copied_network

NAMES = dict(zip(SHAPES, ("a/b", "é 1.5", "labelled", "nul%2F"), strict=True))
"""Names of morphologies, by shape: some that no file can have."""


def full_network(engine: str, folder: Path, seed: int = 1) -> Sample:
    """Random cells, labels and connections; cells with morphologies, rotations and data."""
    sample = copied_network(engine, folder, seed)
    storage = sample.storage
    for shape, name in NAMES.items():
        storage.morphologies.save(name, morphology_of(shape))
    cells = storage.require_placement_set(cell_type("with/morphology"))
    random = np.random.default_rng(seed)
    for x, count in ((0, 3), (5, 2), (-1, 1)):
        chunk = Chunk((x, 0, 0), CHUNK_SIZE)
        held = [storage.morphologies.preload(NAMES[each]) for each in ("labelled", "one branch")]
        cells.append_data(
            chunk,
            random.uniform(0, 100, (count, 3)),
            morphologies=MorphologySet(held, random.integers(0, 2, count)),
            # Angles that orientations alone could not tell from others.
            rotations=RotationSet(random.uniform(-400, 400, (count, 3))),
        )
        cells.append_additional("pair", chunk, random.random((1, 2)))
    cells.append_additional("x", Chunk((5, 0, 0), CHUNK_SIZE), np.array([0.1]))
    cells.label(['é, ["quoted"]'], [0, 2])
    storage.require_placement_set(cell_type("entities")).append_entities(
        Chunk((0, 0, 0), CHUNK_SIZE), 4
    )
    storage.require_placement_set(cell_type("none"))
    _connect(storage)
    return sample


def _connect(storage: Storage) -> None:
    from bsb_hdf5 import ConnectivitySet

    cells = storage.require_placement_set(cell_type("with/morphology"))
    types = cell_type("with/morphology"), cell_type("with/morphology")
    made = ConnectivitySet.require(storage._engine, *types, "between/points")
    # The first branch has three points in both morphologies.
    ends = [[[i, -1, -1], [i, 0, 2], [i, 0, 1]] for i in range(6)]
    rows = np.array(ends).reshape(-1, 3)
    made.connect(cells, cells, rows, rows[::-1])
    types = cell_type("golgi"), cell_type("none")
    ConnectivitySet.require(storage._engine, *types, "nothing")
