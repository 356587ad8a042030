"""A collective that fails on the main rank fails on every rank; run by ``test_mpi.py``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from bsb import MPI, Storage

from tests.parallel.engine import ENGINE
from tests.parallel.ranks import MAIN, RANKS, cell_type, cells, meet


def unwritable(shared_path: Path) -> Path:
    """A root below a file: nobody can write there, whatever rights they have."""
    obstacle = shared_path / "obstacle"
    obstacle.touch()
    meet()
    return obstacle / "network"


def assert_in_step() -> None:
    """Collectives still pair up: none of the ranks has left one out."""
    assert list(range(RANKS)) == MPI.allgather(MPI.get_rank())


def test_creating_a_storage_on_an_unwritable_path_raises_on_every_rank(shared_path: Path) -> None:
    with pytest.raises(OSError, match="obstacle"):
        Storage(ENGINE, str(unwritable(shared_path)))
    assert_in_step()


def test_ranks_work_on_after_a_storage_could_not_be_created(shared_path: Path) -> None:
    with pytest.raises(OSError, match="obstacle"):
        Storage(ENGINE, str(unwritable(shared_path)))
    storage = Storage(ENGINE, str(shared_path / "network"))
    assert 0 == len(cells(storage))


def test_copying_to_an_unwritable_path_raises_on_every_rank(
    storage: Storage, shared_path: Path
) -> None:
    with pytest.raises(OSError, match="obstacle"):
        storage.copy(str(unwritable(shared_path)))
    assert_in_step()
    assert storage.exists()


def test_moving_to_an_unwritable_path_raises_on_every_rank_and_leaves_the_root(
    storage: Storage, shared_path: Path
) -> None:
    root = storage.root
    with pytest.raises(OSError, match="obstacle"):
        storage.move(str(unwritable(shared_path)))
    assert_in_step()
    assert root == storage.root
    assert storage.exists()


def delete(storage: Storage) -> None:
    """Delete what lies at the root, behind the back of the engine."""
    root = Path(storage.root)
    meet()
    if MAIN:
        shutil.rmtree(root) if root.is_dir() else root.unlink()
    meet()


def test_removing_a_storage_that_was_deleted_raises_on_every_rank(storage: Storage) -> None:
    delete(storage)
    with pytest.raises(OSError, match=rf"network\.{ENGINE}"):
        storage.remove()
    assert_in_step()


def test_requiring_cells_in_read_only_mode_raises_on_every_rank(storage: Storage) -> None:
    with storage.read_only(), pytest.raises(OSError, match=r"(?i)read.?only"):
        storage._engine.require_placement_set(cell_type())
    assert_in_step()


def test_clearing_a_storage_that_was_deleted_raises_on_every_rank(storage: Storage) -> None:
    delete(storage)
    with pytest.raises(OSError, match=rf"network\.{ENGINE}"):
        storage.clear_placement()
    assert_in_step()


def test_clearing_a_storage_in_read_only_mode_raises_on_every_rank(storage: Storage) -> None:
    with storage.read_only(), pytest.raises(OSError, match=r"(?i)read.?only"):
        storage.clear_connectivity()
    assert_in_step()
