"""BSB's own suite for storage engines, unchanged, on the ``memory`` engine; and what is its own."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import pytest
from bsb import MPI, Chunk, Storage, get_engine_node, open_storage

from bsb_hdf5.engines.memory import MemoryEngine
from bsb_hdf5.errors import SingleProcessError, StoreExistsError
from tests.engines.suite import suite_of_bsb

TestStorage, TestPlacementSet, TestMorphologyRepository, TestConnectivitySet = suite_of_bsb(
    "memory"
)


class CellType:
    """As much of a cell type as a placement set needs."""

    name = "granule"


@pytest.fixture
def root() -> str:
    return f"network {uuid.uuid4()}"


def placed(root: str) -> Any:
    storage = Storage("memory", root)
    cells = storage.require_placement_set(CellType())
    cells.append_data(Chunk((0, 0, 0), (100, 100, 100)), positions=np.arange(6.0).reshape(2, 3))
    return cells


def test_storages_of_one_root_see_one_network(root: str) -> None:
    placed(root)
    other = Storage("memory", root)
    assert other.preexisted
    assert 2 == len(other.get_placement_set(CellType()))
    assert not Storage("memory", root + "!").preexisted


def test_a_network_in_memory_is_opened_by_its_root(root: str) -> None:
    placed(root)
    assert "memory" == open_storage(root).format


def test_default_roots_are_unique() -> None:
    node = get_engine_node("memory")
    assert node(engine="memory").root != node(engine="memory").root


def test_copies_and_moves_are_by_root(root: str) -> None:
    storage = Storage("memory", root)
    placed(root)
    storage.copy(root + " copy")
    storage.move(root + " moved")
    assert [False, True, True] == [
        MemoryEngine.peek_exists(each) for each in (root, root + " copy", root + " moved")
    ]
    with pytest.raises(StoreExistsError):
        storage.copy(root + " copy")
    copied = Storage("memory", root + " copy").get_placement_set(CellType())
    copied.clear()
    assert 2 == len(storage.get_placement_set(CellType()))


def test_a_scope_that_raises_leaves_no_trace(root: str) -> None:
    cells = placed(root)
    storage = Storage("memory", root)
    before = storage._engine.metadata
    with pytest.raises(ZeroDivisionError), storage.write_scope():
        cells.append_data(Chunk((1, 0, 0), (100, 100, 100)), positions=[[1, 2, 3]])
        cells.label(["new"], [0])
        storage.files.store("text", id="note")
        raise ZeroDivisionError
    assert 2 == len(cells)
    assert [set()] == cells.get_unique_labels()
    assert not storage.files.has("note")
    assert before == storage._engine.metadata


def test_what_is_loaded_is_a_copy(root: str) -> None:
    cells = placed(root)
    given = np.ones((1, 3))
    cells.append_data(Chunk((0, 0, 0), (100, 100, 100)), positions=given)
    given[:] = 7
    loaded = cells.load_positions()
    loaded[:] = 9
    assert [[0, 1, 2], [3, 4, 5], [1, 1, 1]] == cells.load_positions().tolist()


def test_several_ranks_are_refused_with_the_alternatives(root: str) -> None:
    class Ranks:
        def barrier(self) -> None:
            pass

        def bcast(self, value: Any, root: int = 0) -> Any:
            return value

        def get_size(self) -> int:
            return 2

        def get_rank(self) -> int:
            return 0

    with pytest.raises(SingleProcessError, match=r"2 ranks .* 'hdf5'"):
        MemoryEngine(root, Ranks())
    assert 1 == MPI.get_size()
    assert not MemoryEngine.peek_exists(root)
