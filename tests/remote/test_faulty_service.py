"""A service that fails at some request: a call is stored once, or not at all, as it says."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from bsb import Chunk, Storage

from bsb_hdf5 import open_storage, publish
from bsb_hdf5.adapters.zarr import repository, states
from bsb_hdf5.errors import StorageError, StoreExistsError

from .appending import CellType, append_cells
from .faults import FAULTS, Fault, FaultyProxy

CHUNK = Chunk((0, 0, 0), (100, 100, 100))
ROWS = np.ones((9, 3))
# Requests of a call at most; more times than a request is made again.
MOST, OFTEN = 60, 8
SESSIONS = 100


@pytest.fixture
def faulty(
    bucket: str, server: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> Iterator[FaultyProxy]:
    monkeypatch.setattr(states, "_OPENING", 0.0)
    proxy = FaultyProxy(server)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    yield proxy
    proxy.stop()


def cells_at(root: str) -> Any:
    return Storage("zarr", root).require_placement_set(CellType())


def count_of(root: str) -> int:
    """The cells that a program that starts now finds."""
    repository._RECENT.clear()
    return len(open_storage(root).get_placement_set(CellType()))


def append(
    proxy: FaultyProxy, root: str, cells: Any, fault: Fault, request: int, times: int
) -> str:
    """What became of an append, which is there once if it returned, and else not."""
    before = count_of(root)
    proxy.fail(fault, request, times)
    try:
        cells.append_data(CHUNK, positions=ROWS)
    except StorageError as error:
        outcome, expected = f"refused: {error}", before
        if "nor whether it is stored" in str(error):
            proxy.fail(None, 0)
            expected = count_of(root)
            assert expected in (before, before + len(ROWS))
    else:
        outcome, expected = "stored", before + len(ROWS)
    happened = proxy.has_failed
    proxy.fail(None, 0)
    assert (expected, expected) == (count_of(root), len(cells)), (fault, request, outcome)
    return outcome if happened else "no fault"


def requests_of_append(proxy: FaultyProxy, root: str, cells: Any) -> int:
    proxy.fail(None, 0)
    cells.append_data(CHUNK, positions=ROWS)
    return proxy.asked


def test_an_append_survives_each_fault_at_its_last_request(
    bucket: str, faulty: FaultyProxy
) -> None:
    """At the one that commits: it is made again, or the engine looks whether it was stored."""
    root = f"{bucket}/net"
    cells = cells_at(root)
    for fault in FAULTS:
        last = requests_of_append(faulty, root, cells)
        assert "stored" == append(faulty, root, cells, fault, last, 1)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_at_each_request_of_an_append(
    bucket: str, faulty: FaultyProxy, fault: Fault
) -> None:
    root = f"{bucket}/net"
    cells = cells_at(root)
    outcomes = []
    for request in range(1, MOST):
        outcomes.append(append(faulty, root, cells, fault, request, 1))
        if outcomes[-1] == "no fault":
            break
    assert len(outcomes) > 10
    if fault != "412":
        assert {"stored", "no fault"} == set(outcomes)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_from_some_request_of_an_append_on(
    bucket: str, faulty: FaultyProxy, fault: Fault
) -> None:
    """It comes more often than the request is made again, which takes a while where it is cut."""
    root = f"{bucket}/net"
    cells = cells_at(root)
    last = requests_of_append(faulty, root, cells)
    for request in (1, last // 2, last):
        append(faulty, root, cells, fault, request, OFTEN)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_at_each_request_of_reading_and_publishing(
    bucket: str, faulty: FaultyProxy, fault: Fault
) -> None:
    root = f"{bucket}/net"
    cells_at(root).append_data(CHUNK, positions=ROWS)
    for request in range(1, MOST):
        faulty.fail(fault, request)
        try:
            assert len(ROWS) == count_of(root)
        except StorageError:
            assert fault == "412"
        if not faulty.has_failed:
            break
    for request in range(1, MOST):
        target = f"{bucket}/shared{request}"
        faulty.fail(fault, request)
        with contextlib.suppress(StorageError):
            publish(root, target)
        happened = faulty.has_failed
        faulty.fail(None, 0)
        # Where it failed it can be made again, or is there and an answer after that was wrong.
        with contextlib.suppress(StoreExistsError):
            publish(root, target)
        assert len(ROWS) == count_of(target)
        if not happened:
            break
    assert request > 5


@pytest.mark.timeout(3600)
@pytest.mark.filterwarnings("ignore::bsb_hdf5.exceptions.HDF5SlowLockingWarning")
@pytest.mark.parametrize("often", [0, 25])
def test_two_writers_lose_none_of_two_hundred_sessions(
    bucket: str, faulty: FaultyProxy, often: int
) -> None:
    """
    Also where the service is busy.

    :param often: requests until the next one of which the answer is lost; 0 for none.
    """
    root = f"{bucket}/net"
    cells = cells_at(root)
    other = multiprocessing.get_context("spawn").Process(
        target=append_cells, args=(root, 1, SESSIONS)
    )
    other.start()
    for number in range(SESSIONS):
        if often and not number % 5:
            faulty.fail("lost" if number % 2 else "503", often)
        append_cells(root, 0, 1, number)
    other.join(600)
    assert 0 == other.exitcode
    assert 2 * 2 * SESSIONS == len(cells) == len(cells.load_positions())
    assert 2 * SESSIONS == len(cells.get_all_chunks())
