"""How long a storage waits for others: who says so, and what comes of it."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

import bsb
import pytest
from bsb import Configuration, Scaffold, Storage
from bsb.services.mpi import MPIService

from bsb_hdf5 import HDF5Engine, HDF5SlowLockingWarning, PlacementSet
from bsb_hdf5.adapters.files import locking
from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.engines.memory import MemoryEngine
from bsb_hdf5.engines.zarr import ZarrEngine
from bsb_hdf5.errors import InputError, LockTimeoutError
from bsb_hdf5.transactions import deadline, read_write_lock
from tests.face.samples import cell_type, chunk, locked_elsewhere, positions

ENGINES = {"hdf5": HDF5Engine, "memory": MemoryEngine, "zarr": ZarrEngine}
WRONG = [0, -1, -0.5, float("nan"), "soon", True, [1], -inf]
# Enough to see that somebody waited, and that nobody waited for the default.
SHORT, LONG = 0.2, 30.0


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=["hdf5", "zarr"])
def persistent(request: pytest.FixtureRequest) -> str:
    """An engine whose networks other programs see."""
    name: str = request.param
    return name


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "network")


def configuration(engine: str, root: str, **storage: Any) -> Configuration:
    return Configuration(
        {
            "name": "limits",
            "storage": {"engine": engine, "root": root, **storage},
            "network": {"x": 100, "y": 100, "z": 100, "chunk_size": 100},
            "partitions": {"layer": {"type": "layer", "thickness": 100}},
            "cell_types": {"a": {"spatial": {"radius": 1, "count": 30}}},
            "placement": {},
            "connectivity": {},
        }
    )


def cells_of(storage: Storage) -> PlacementSet:
    cells: PlacementSet = storage.require_placement_set(cell_type("a"))
    cells.append_data(chunk(0), positions(5))
    return cells


def new_cells(engine: str, root: str, lock_limit: float = SHORT) -> PlacementSet:
    """The cells of a storage that waits for so many seconds."""
    return cells_of(Storage(engine, NetworkRoot(root, lock_limit=lock_limit)))


def lock_of(engine: str, root: str) -> Path:
    """The file that programs lock."""
    return Path(root) / ".lock" if engine == "zarr" else Path(root)


def limit_of(storage: Storage) -> float:
    """What an impatient storage says of its limit, as it gives up."""
    cells = cells_of(storage)
    with held_by_a_thread(storage.write_scope), pytest.raises(LockTimeoutError) as caught:
        len(cells)
    limit: float = caught.value.fields["limit"]
    return limit


@contextmanager
def held_by_a_thread(scope: Callable[[], Any]) -> Iterator[None]:
    """A thread of this process that is in a scope of its own."""
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with scope():
            entered.set()
            leave.wait(LONG)

    thread = threading.Thread(target=hold, name="the other one")
    thread.start()
    try:
        assert entered.wait(LONG)
        yield
    finally:
        leave.set()
        thread.join(LONG)


def test_a_configuration_decides_for_each_engine(engine: str, root: str) -> None:
    network = Scaffold(configuration(engine, root, lock_limit=SHORT))
    assert SHORT == limit_of(network.storage)


@pytest.mark.parametrize("limit", [SHORT, inf])
def test_the_limit_is_stored_with_the_configuration(root: str, limit: float) -> None:
    network = Scaffold(configuration("hdf5", root, layout="columnar", lock_limit=SHORT / 2))
    network.configuration.storage.lock_limit = limit
    network.storage.store_active_config(network.configuration)
    assert limit == bsb.from_storage(root).configuration.storage.lock_limit


def test_the_limit_is_not_stored_where_8_0_2_would_refuse_it(root: str) -> None:
    network = Scaffold(configuration("hdf5", root, layout="classic", lock_limit=SHORT))
    network.storage.store_active_config(network.configuration)
    assert bsb.from_storage(root).configuration.storage.lock_limit is None


def test_a_storage_made_by_hand_gets_the_limit_of_its_root(engine: str, root: str) -> None:
    assert SHORT == limit_of(Storage(engine, NetworkRoot(root, lock_limit=SHORT)))


def test_an_engine_made_by_hand_gets_the_limit_it_is_given(engine: str, root: str) -> None:
    made = ENGINES[engine](NetworkRoot(root, lock_limit=LONG), MPIService(), lock_limit=SHORT)
    made.create()
    with held_by_a_thread(made.write_scope), pytest.raises(LockTimeoutError) as caught:
        made.get_chunk_stats()
    assert SHORT == caught.value.fields["limit"]


def test_a_storage_that_is_moved_keeps_its_limit(engine: str, root: str) -> None:
    storage = Storage(engine, NetworkRoot(root, lock_limit=SHORT))
    storage.move(root + "_moved")
    assert SHORT == limit_of(storage)


def test_a_root_with_a_limit_can_be_sent_to_others(root: str) -> None:
    sent = pickle.loads(pickle.dumps(NetworkRoot(root, "columnar", "power", 5)))
    assert (root, "columnar", "power", 5) == (sent, sent.layout, sent.durability, sent.lock_limit)


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_limit_that_is_none_is_refused(engine: str, root: str, wrong: Any) -> None:
    with pytest.raises(bsb.ConfigurationError, match="seconds above 0"):
        configuration(engine, root, lock_limit=wrong)
    with pytest.raises(InputError, match="must be seconds above 0"):
        Storage(engine, NetworkRoot(root, lock_limit=wrong))
    assert not Storage(engine, root, missing_ok=True).preexisted


@pytest.mark.parametrize("limit", [2, 0.5, "3", inf, "inf"])
def test_seconds_are_any_number_above_0(engine: str, root: str, limit: Any) -> None:
    network = Scaffold(configuration(engine, root, lock_limit=limit))
    assert float(limit) == network.configuration.storage.lock_limit


@pytest.mark.parametrize("write", [False, True], ids=["a reader", "a writer"])
def test_giving_up_on_a_program_names_the_network_and_the_process(
    persistent: str, root: str, write: bool
) -> None:
    cells = new_cells(persistent, root)
    lock = lock_of(persistent, root)
    before = time.monotonic()
    # A writer waits for those that read, too.
    with (
        locked_elsewhere(lock, exclusive=not write) as process,
        pytest.raises(LockTimeoutError, match=f"'{root}' is locked") as caught,
    ):
        cells.append_data(chunk(0), positions(1)) if write else len(cells)
    assert SHORT < time.monotonic() - before < LONG
    assert SHORT == caught.value.fields["limit"]
    # Not every system tells who holds a file.
    assert caught.value.fields["holders"] in ([], [process])
    assert 5 == len(cells)


@pytest.mark.parametrize("write", [False, True], ids=["a reader", "a writer"])
def test_giving_up_on_a_thread_names_the_network_and_the_thread(
    engine: str, root: str, write: bool
) -> None:
    storage = Storage(engine, NetworkRoot(root, lock_limit=SHORT))
    cells = cells_of(storage)
    other = storage.read_scope if write else storage.write_scope
    who = "by thread 'the other one' of this process"
    with held_by_a_thread(other), pytest.raises(LockTimeoutError, match=who) as caught:
        cells.append_data(chunk(0), positions(1)) if write else len(cells)
    assert root in str(caught.value)
    assert 5 == len(cells)


def test_readers_do_not_wait_for_readers(persistent: str, root: str) -> None:
    cells = new_cells(persistent, root)
    storage = Storage(persistent, root)
    with (
        locked_elsewhere(lock_of(persistent, root), exclusive=False),
        held_by_a_thread(storage.read_scope),
    ):
        assert 5 == len(cells)


@pytest.mark.parametrize("limit", [LONG, inf])
def test_who_waits_gets_its_turn_and_is_warned_once(
    persistent: str, root: str, limit: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = new_cells(persistent, root, limit)
    monkeypatch.setattr(locking, "_WARN_AFTER", 0.1)
    with (
        locked_elsewhere(lock_of(persistent, root), seconds=0.5),
        pytest.warns(HDF5SlowLockingWarning, match="seconds so far") as warned,
    ):
        cells.append_data(chunk(0), positions(1))
    assert 1 == len(warned)
    assert 6 == len(cells)


@pytest.mark.parametrize("write", [False, True])
def test_who_waits_for_a_thread_is_warned_once(
    engine: str, root: str, write: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "_WARN_AFTER", 0.0)
    monkeypatch.setattr(read_write_lock, "POLL_INTERVAL", SHORT / 20)
    storage = Storage(engine, NetworkRoot(root, lock_limit=SHORT))
    cells = cells_of(storage)
    with (
        held_by_a_thread(storage.write_scope),
        pytest.warns(HDF5SlowLockingWarning) as warned,
        pytest.raises(LockTimeoutError),
    ):
        cells.append_data(chunk(1), positions(1)) if write else len(cells)
    assert 1 == len(warned)
    assert 5 == len(cells)
