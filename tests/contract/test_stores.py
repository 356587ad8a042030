"""Every store keeps the contract."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.adapters.zarr import arrays as zarr_arrays
from bsb_hdf5.adapters.zarr import session as zarr_session
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.ports.store import Store
from bsb_hdf5.testing import contract_sizes
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


class TestZarrStore(StoreContract):
    """Networks in directories."""

    @pytest.fixture
    def new_store(self, tmp_path: Path) -> NewStore:
        def new_store(name: str) -> Store:
            return ZarrStore(str(tmp_path / f"{name}.zarr"))

        return new_store


class TestZarrStoreOfObjects(StoreContract):
    """Networks in directories, where even the smallest array has a file."""

    @pytest.fixture
    def new_store(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
    ) -> NewStore:
        monkeypatch.setattr(zarr_session, "SMALL", 0)
        monkeypatch.setattr(zarr_session, "_MOST_GATHERED", 200)
        # Each piece is a file: what is large would be some hundred thousand of them.
        of_sizes = request.function.__module__ == contract_sizes.__name__
        monkeypatch.setattr(zarr_arrays, "CHUNK_BYTES", 1 << 16 if of_sizes else 512)

        def new_store(name: str) -> Store:
            return ZarrStore(str(tmp_path / f"{name}.zarr"))

        return new_store


class TestRemoteZarrStore(StoreContract):
    """Networks in an object store."""

    @pytest.fixture
    def new_store(self) -> NewStore:
        prefix = uuid.uuid4().hex

        def new_store(name: str) -> Store:
            return ZarrStore(f"memory://{prefix}/{name}.zarr")

        return new_store


def test_there_is_a_suite_for_each_store() -> None:
    suites = {suite.__name__ for suite in StoreContract.__subclasses__()}
    assert {"TestMemoryStore", "TestHdf5Store", "TestZarrStore", "TestRemoteZarrStore"} <= suites


def test_a_suite_that_replaces_a_test_is_refused() -> None:
    with pytest.raises(TypeError, match=r"'Lenient' replaces test_a_new_store_is_empty of the"):

        class Lenient(StoreContract):
            def test_a_new_store_is_empty(self, new_store: NewStore) -> None:
                """Nothing is checked."""


def test_a_suite_that_takes_a_test_away_is_refused() -> None:
    with pytest.raises(TypeError, match="test_names_of_members_are_sorted"):

        class Shorter(StoreContract):
            test_names_of_members_are_sorted = None  # type: ignore[assignment]


def test_a_suite_whose_tests_another_class_replaces_is_refused() -> None:
    class Patient:
        def test_a_new_store_is_empty(self, new_store: NewStore) -> None:
            """Nothing is checked."""

    with pytest.raises(TypeError, match="test_a_new_store_is_empty"):

        class Inheriting(Patient, StoreContract):
            pass


def test_a_suite_may_have_tests_of_its_own() -> None:
    class Longer(StoreContract):
        def test_something_else(self) -> None:
            """Of no interest here."""

    assert issubclass(Longer, StoreContract)
