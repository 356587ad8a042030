"""What the tests that run on ranks share: who they are, where they meet and what they store."""

from __future__ import annotations

from typing import Any

import numpy as np
from bsb import MPI, CellType, Chunk, Storage

RANK: int = MPI.get_rank()
RANKS: int = MPI.get_size()
MAIN = RANK == 0
CHUNK_SIZE = (100.0, 100.0, 100.0)

Rows = np.ndarray[Any, np.dtype[Any]]


def meet() -> None:
    MPI.barrier()


def chunk(x: int, y: int = 0, z: int = 0) -> Chunk:
    return Chunk((x, y, z), CHUNK_SIZE)


def cell_type(name: str = "cell") -> CellType:
    return CellType(name=name, spatial={"radius": 1.0, "density": 1e-3})


def cells(storage: Storage, name: str = "cell") -> Any:
    """The placement set of a cell type; every rank asks for it, and it exists when all have it."""
    placed = storage.require_placement_set(cell_type(name))
    meet()
    return placed


def signed(rank: int, turn: int, rows: int) -> Rows:
    """Rows of three that say who wrote them, when, and which row of the write each one is."""
    return np.column_stack([np.full(rows, rank), np.full(rows, turn), np.arange(rows)]).astype(
        float
    )


def ordered(rows: Rows) -> Rows:
    """The same rows in an order that does not depend on who came first."""
    return rows[np.lexsort(rows.T[::-1])]


def counts(stats: dict[Any, Any]) -> dict[int, int]:
    """Cells per chunk id, whether the engine spells the ids as text or as numbers."""
    return {int(chunk_id): int(count) for chunk_id, count in stats.items()}
