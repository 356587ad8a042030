"""Every store keeps the contract."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.ports.store import Store
from bsb_hdf5.testing.store_contract import NewStore, StoreContract


class TestMemoryStore(StoreContract):
    """Networks in memory."""

    @pytest.fixture
    def new_store(self) -> NewStore:
        prefix = uuid.uuid4().hex

        def new_store(name: str) -> Store:
            return MemoryStore(f"{prefix}/{name}")

        return new_store


class TestHdf5Store(StoreContract):
    """Networks in HDF5 files."""

    @pytest.fixture
    def new_store(self, tmp_path: Path) -> NewStore:
        def new_store(name: str) -> Store:
            return Hdf5Store(str(tmp_path / f"{name}.hdf5"))

        return new_store


def overridden_tests(suite: type[StoreContract]) -> list[str]:
    """Tests of the contract that a subclass replaces, or takes away."""
    return [
        name for name in vars(suite) if name.startswith("test") and hasattr(StoreContract, name)
    ]


def test_there_is_a_suite_for_each_store() -> None:
    suites = {suite.__name__ for suite in StoreContract.__subclasses__()}
    assert {"TestMemoryStore", "TestHdf5Store"} <= suites


def test_no_suite_overrides_a_test_of_the_contract() -> None:
    suites = [s for s in StoreContract.__subclasses__() if s.__module__ == __name__]
    assert {} == {s.__name__: overridden_tests(s) for s in suites if overridden_tests(s)}


def test_a_suite_that_overrides_a_test_is_noticed() -> None:
    class Lenient(StoreContract):
        test_names_of_members_are_sorted = None  # type: ignore[assignment]

        def test_a_new_store_is_empty(self, new_store: NewStore) -> None:
            """Nothing is checked."""

    assert ["test_a_new_store_is_empty", "test_names_of_members_are_sorted"] == sorted(
        overridden_tests(Lenient)
    )
