"""Every store keeps the contract."""

from __future__ import annotations

import uuid
from pathlib import Path

import attrs
import pytest

from bsb_hdf5.adapters.by_key.nodes import KeyArray
from bsb_hdf5.adapters.hdf5.file_opener import Hdf5Settings
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.adapters.zarr import metadata as zarr_metadata
from bsb_hdf5.adapters.zarr import session as zarr_session
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.ports.store import Capability, Store
from bsb_hdf5.testing import contract_sizes
from bsb_hdf5.testing.contents import make
from bsb_hdf5.testing.contract_arrays import ArrayContract
from bsb_hdf5.testing.contract_documents import DocumentContract
from bsb_hdf5.testing.contract_names import NameContract
from bsb_hdf5.testing.contract_place import PlaceContract
from bsb_hdf5.testing.contract_reading import ReadingContract
from bsb_hdf5.testing.contract_rewriting import RewritingContract
from bsb_hdf5.testing.contract_samples import fill_sample
from bsb_hdf5.testing.contract_sessions import SessionContract
from bsb_hdf5.testing.contract_sizes import SizeContract
from bsb_hdf5.testing.store_contract import NewStore, StoreContract
from tests.contract.pickled_store import PickledStore

# What each store claims, as the contract passes over what is not claimed.
CLAIMED_BY_ALL = {
    Capability.LOCKING,
    Capability.REPACKABLE,
    Capability.THREADS,
    Capability.WRITABLE,
}
CLAIMED_OF_PLACES = {*CLAIMED_BY_ALL, Capability.PARALLEL, Capability.PERSISTENT}


@pytest.mark.parametrize(
    ("store", "claims"),
    [
        (MemoryStore("network"), CLAIMED_BY_ALL),
        (ZarrStore("network.zarr"), CLAIMED_OF_PLACES),
        (Hdf5Store("network.hdf5"), {*CLAIMED_OF_PLACES, Capability.DURABLE}),
    ],
    ids=["memory", "zarr", "hdf5"],
)
def test_each_store_claims_what_it_can_do(store: Store, claims: set[Capability]) -> None:
    assert claims == {each for each in Capability if each in store.capabilities}


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

    @pytest.fixture
    def new_impatient_store(self, tmp_path: Path) -> NewStore:
        settings = Hdf5Settings(lock_limit=0.3)
        return lambda name: Hdf5Store(str(tmp_path / f"{name}.hdf5"), settings)


class TestZarrStore(StoreContract):
    """Networks in directories."""

    @pytest.fixture
    def new_store(self, tmp_path: Path) -> NewStore:
        def new_store(name: str) -> Store:
            return ZarrStore(str(tmp_path / f"{name}.zarr"))

        return new_store

    @pytest.fixture
    def new_impatient_store(self, tmp_path: Path) -> NewStore:
        return lambda name: ZarrStore(str(tmp_path / f"{name}.zarr"), 0.3)


class TestZarrStoreOfSmallShards(
    ArrayContract,
    DocumentContract,
    NameContract,
    SizeContract,
    SessionContract,
    PlaceContract,
    RewritingContract,
):
    """Networks in directories, where even the smallest array has several files."""

    @pytest.fixture
    def new_store(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
    ) -> NewStore:
        monkeypatch.setattr(zarr_session, "_MOST_GATHERED", 200)
        # Each shard is a file: what is large would be some hundred thousand of them.
        of_sizes = request.function.__module__ == contract_sizes.__name__
        monkeypatch.setattr(zarr_metadata, "CHUNK_BYTES", 1 << 16 if of_sizes else 32)
        monkeypatch.setattr(zarr_metadata, "CHUNKS_A_SHARD", 2)

        def new_store(name: str) -> Store:
            return ZarrStore(str(tmp_path / f"{name}.zarr"))

        return new_store


class ReadOnlyStore(PickledStore):
    """A store of a backend that can't write what it reads."""

    capabilities = attrs.evolve(PickledStore.capabilities, writable=False, repackable=False)


class TestReadOnlyStore(StoreContract):
    """Networks that were made by other means."""

    @pytest.fixture
    def new_store(self, tmp_path: Path) -> NewStore:
        return lambda name: ReadOnlyStore(str(tmp_path / name))

    @pytest.fixture
    def filled_store(self, tmp_path: Path) -> Store:
        make(PickledStore(str(tmp_path / "filled")), fill_sample)
        return ReadOnlyStore(str(tmp_path / "filled"))


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


def test_a_store_that_only_reads_and_loses_rows_does_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(PickledStore(str(tmp_path / "filled")), fill_sample)
    store = ReadOnlyStore(str(tmp_path / "filled"))
    suite = ReadingContract()
    suite.test_all_that_was_filled_in_is_read(store)
    read = KeyArray._read
    monkeypatch.setattr(KeyArray, "_read", lambda self, a, b: read(self, a, b)[:5000])
    with pytest.raises(AssertionError):
        suite.test_all_that_was_filled_in_is_read(store)


def test_a_store_that_only_reads_and_writes_does_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(PickledStore(str(tmp_path / "filled")), fill_sample)
    monkeypatch.setattr(ReadOnlyStore, "_check_writable", lambda self: None)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        ReadingContract().test_a_store_that_only_reads_refuses_to_write_and_stays_as_it_is(
            ReadOnlyStore(str(tmp_path / "filled"))
        )


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
