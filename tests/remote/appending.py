"""A program that appends cells to a network in an object store, a session each."""

from __future__ import annotations

from typing import Any

import numpy as np
from bsb import Chunk, Storage

SESSIONS = 8


class CellType:
    """As much of a cell type as a placement set needs."""

    name = "granule"


def append_cells(root: str, number: int, sessions: int = SESSIONS, first: int = 0) -> None:
    """Two cells to each of some chunks."""
    cells: Any = Storage("zarr", root).get_placement_set(CellType())
    for each in range(first, first + sessions):
        cells.append_data(Chunk((number, each, 0), (100, 100, 100)), positions=np.ones((2, 3)))
