"""How threads that read and write exclude each other, and wait."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.core.layouts.detection import create_network
from bsb_hdf5.errors import (
    LockTimeoutError,
)
from bsb_hdf5.transactions import read_write_lock as gate
from tests.unit.transactions.recorder import LONG, PATIENCE, SHORT, Recorder, add, elsewhere


def test_readers_that_write_at_the_same_time_take_turns(network: Recorder) -> None:
    barrier = threading.Barrier(4)

    def read_and_write(name: str) -> None:
        with network.read:
            barrier.wait(LONG)
            with network.write as writer:
                add(writer, name)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(read_and_write, name) for name in "abcd"]:
            done.result(LONG)
    assert ("a", "b", "c", "d") == network.names()


def test_readers_of_several_threads_share(network: Recorder) -> None:
    barrier = threading.Barrier(3)

    def read() -> None:
        with network.read:
            barrier.wait(LONG)

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(read) for _ in range(3)]:
            done.result(LONG)
    assert 0 == network.lock.readers


def test_a_writer_keeps_other_threads_out_until_its_scope_ends(network: Recorder) -> None:
    seen: list[tuple[str, ...]] = []
    with ThreadPoolExecutor(2) as pool:
        with network.write as session:
            add(session, "a")
            waiting = pool.submit(lambda: seen.append(network._names()))
            time.sleep(0.05)
            assert [] == seen
            assert not waiting.done()
            add(session, "b")
        waiting.result(LONG)
    assert [("a", "b")] == seen


def test_threads_that_append_lose_nothing(network: Recorder) -> None:
    def append(thread: int) -> None:
        for i in range(25):
            network.sessions.run(partial(add, name=f"{thread}-{i}"), write=True)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(append, thread) for thread in range(4)]:
            done.result(LONG)
    assert 100 == len(network.names())
    assert 100 == network.state()


@pytest.mark.parametrize(
    ("holder", "who"), [(True, "thread 'writing thread'"), (False, "1 readers")]
)
def test_waiting_for_a_thread_ends_at_the_limit(holder: bool, who: str) -> None:
    network = Recorder(limit=SHORT)
    network.sessions.create(create_network)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with network.sessions.scope(write=holder):
            held.set()
            done.wait(LONG)

    thread = threading.Thread(target=hold, name="writing thread")
    thread.start()
    try:
        assert held.wait(LONG)
        with pytest.raises(LockTimeoutError, match=f"held by {who}") as caught, network.write:
            pytest.fail("two threads wrote")
    finally:
        done.set()
        thread.join(LONG)
    assert SHORT == caught.value.fields["limit"]
    assert network.store.location in str(caught.value)
    with network.write as session:
        add(session, "a")
    assert ("a",) == network.names()


def test_a_writer_that_waits_gets_its_turn_before_new_readers(network: Recorder) -> None:
    order: list[str] = []

    def use(write: bool, name: str) -> None:
        with network.sessions.scope(write=write):
            order.append(name)

    with ThreadPoolExecutor(2) as pool:
        with network.read:
            writer = pool.submit(use, True, "writer")
            while not gate.lock_for(network.store.identity, network.store.location)._waiting:
                time.sleep(0.001)
            reader = pool.submit(use, False, "reader")
            time.sleep(0.05)
            assert [] == order
        writer.result(LONG)
        reader.result(LONG)
    assert ["writer", "reader"] == order


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_who_waits_for_a_thread_is_woken_when_that_ends(
    network: Recorder, monkeypatch: pytest.MonkeyPatch, first: bool, second: bool
) -> None:
    monkeypatch.setattr(gate, "POLL_INTERVAL", LONG)
    gate_here = gate.lock_for(network.store.identity, network.store.location)

    def use() -> None:
        with network.sessions.scope(write=second):
            pass

    with ThreadPoolExecutor(1) as pool:
        with network.sessions.scope(write=first):
            waiting = pool.submit(use)
            while (first or second) and not gate_here._waiting:
                time.sleep(0.001)
        start = time.monotonic()
        waiting.result(LONG)
    assert time.monotonic() - start < PATIENCE / 2
    assert not gate_here._waiting


def test_a_writer_that_gives_up_lets_readers_in_again() -> None:
    network = Recorder(limit=SHORT)
    network.sessions.create(create_network)

    def write() -> None:
        with network.write:
            pytest.fail("a writer came in beside a reader")

    with network.read:
        with pytest.raises(LockTimeoutError):
            elsewhere(write)
        assert () == network.names()


def test_sessions_of_one_place_exclude_each_other_however_they_were_made(
    network: Recorder,
) -> None:
    other = Recorder(MemoryStore(network.store.location))
    with network.write as session:
        add(session, "a")
        with other.read as joined:
            assert joined is session
    assert ("a",) == other.names()


def test_each_waits_as_long_as_its_own_limit_says() -> None:
    patient = Recorder(limit=LONG)
    patient.sessions.create(create_network)
    hasty = Recorder(MemoryStore(patient.store.location), limit=SHORT)
    given_up = threading.Event()

    def write() -> None:
        try:
            with hasty.write:
                pytest.fail("two threads wrote")
        finally:
            given_up.set()

    with ThreadPoolExecutor(1) as pool:
        with patient.read:
            waiting = pool.submit(write)
            in_time = given_up.wait(10 * SHORT)
        with pytest.raises((LockTimeoutError, pytest.fail.Exception)) as caught:
            waiting.result(LONG)
    assert in_time
    assert LockTimeoutError is caught.type
