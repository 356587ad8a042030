"""Programs that append cells to a network in an object store, a session each."""

from __future__ import annotations

from typing import Any

import numpy as np
from bsb import Chunk, Storage

from tests.faults.programs import run_program

SESSIONS = 8


class CellType:
    """As much of a cell type as a placement set needs."""

    name = "granule"


def append_cells(root: str, number: int, sessions: int = SESSIONS, first: int = 0) -> None:
    """Two cells to each of some chunks."""
    cells: Any = Storage("zarr", root).get_placement_set(CellType())
    for each in range(first, first + sessions):
        cells.append_data(Chunk((number, each, 0), (100, 100, 100)), positions=np.ones((2, 3)))


APPEND = """
    import os, sys
    from tests.remote.appending import append_cells
    root, *numbers = sys.argv[1:]
    children = []
    for each in numbers:
        child = os.fork()
        if not child:
            append_cells(root, int(each))
            sys.exit()
        children.append(child)
    statuses = [os.waitpid(each, 0)[1] for each in children]
    sys.exit(any(statuses))
"""


def append_elsewhere(root: str, *numbers: int) -> None:
    """The same in other processes, all at once; returns when they have ended well."""
    run_program(APPEND, root, *map(str, numbers), seconds=120)
