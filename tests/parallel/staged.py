"""Storages of one process that log calls as ranks do, and what is read of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from bsb import Chunk, Storage

from bsb_hdf5.adapters.hdf5.call_log import SUFFIX
from tests.parallel.ranks import CHUNK_SIZE, cell_type, signed

KILLED = 9


def log_of(root: Path) -> Path:
    return Path(f"{root}{SUFFIX}")


def size_of_log(root: Path) -> int:
    return log_of(root).stat().st_size


def shared(root: Path) -> Storage:
    """A storage that logs calls, as those of several ranks do."""
    storage = Storage("hdf5", str(root))
    staging = storage._engine.sessions._context.staging
    staging.shares, staging.contention = True, None
    return storage


def chunk(x: int) -> Chunk:
    return Chunk((x, 0, 0), CHUNK_SIZE)


def sets(storage: Storage) -> tuple[Any, Any]:
    return storage.get_placement_set(cell_type()), storage.get_connectivity_set("linked")


def begin(root: Path) -> None:
    """A network of one process, with cells and connections of the forms that tests add."""
    storage = Storage("hdf5", str(root))
    placed = storage.require_placement_set(cell_type())
    storage.require_placement_set(cell_type("other"))
    linked = storage.require_connectivity_set(cell_type(), cell_type(), "linked")
    placed.append_data(chunk(0), signed(0, 0, 5))
    linked.chunk_connect(chunk(0), chunk(0), np.arange(2), np.arange(2))


def add(storage: Storage, rank: int, turn: int) -> None:
    """The calls of one turn of a rank."""
    placed, linked = sets(storage)
    placed.append_data(chunk(rank), signed(rank, turn, 5))
    linked.chunk_connect(chunk(rank), chunk(0), np.arange(4), np.arange(4)[::-1])


def contents(storage: Storage) -> dict[str, Any]:
    """All that ranks added, and how many changes were counted."""
    placed, linked = sets(storage)
    blocks = [
        (int(local.id), int(far.id), near.tolist(), other.tolist())
        for _, local, far, (near, other) in linked.flat_iter_connections("out")
    ]
    return {
        "cells": placed.load_positions().tolist(),
        "chunks": placed.get_chunk_stats(),
        "connections": blocks,
        "revisions": [
            each._engine.sessions.run(_revision_of(each), write=False) for each in sets(storage)
        ],
        "state": storage._engine.state_id,
        "chunk stats": storage.get_chunk_stats(),
    }


def _revision_of(part: Any) -> Callable[[Any], int | None]:
    return lambda session: part._data(session).history().revision


def in_child(act: Callable[[], object]) -> int:
    """Do something in a forked process, which may end in the midst of it; its exit code."""
    child = os.fork()
    if not child:
        try:
            act()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die(*_: object, **__: object) -> None:
    """What a process that is killed does."""
    os._exit(KILLED)
