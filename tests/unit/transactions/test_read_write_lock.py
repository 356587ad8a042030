"""How threads that read and write exclude each other, and wait."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import signal
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest

from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.core.layouts.detection import create_network
from bsb_hdf5.errors import (
    LockTimeoutError,
)
from bsb_hdf5.transactions import deadline, read_write_lock
from bsb_hdf5.transactions.read_write_lock import ReadWriteLock, lock_for
from tests.unit.transactions.recorder import LIMIT, LONG, SHORT, Recorder, add, elsewhere


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


@pytest.mark.parametrize("holder", [True, False])
def test_waiting_for_a_thread_ends_at_the_limit(holder: bool) -> None:
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
        with pytest.raises(LockTimeoutError, match="'writing thread'") as caught, network.write:
            pytest.fail("two threads wrote")
    finally:
        done.set()
        thread.join(LONG)
    assert SHORT == caught.value.fields["limit"]
    assert network.store.location in str(caught.value)
    with network.write as session:
        add(session, "a")
    assert ("a",) == network.names()


@pytest.mark.parametrize(("held", "wanted"), [(True, True), (True, False), (False, True)])
def test_another_context_of_a_thread_gets_an_error_at_once_where_it_would_wait_for_itself(
    network: Recorder, held: bool, wanted: bool
) -> None:
    apart = contextvars.copy_context()

    def use() -> None:
        with network.sessions.scope(write=wanted):
            pytest.fail("two contexts of a thread share what excludes others")

    start = time.monotonic()
    with network.sessions.scope(write=held) as session:
        if held:
            add(session, "a")
        with pytest.raises(LockTimeoutError, match="scope of this thread, which would wait") as at:
            apart.run(use)
    assert time.monotonic() - start < LIMIT / 2
    assert "handle" in str(at.value) and network.store.location in str(at.value)
    # The scope that was open is whole, and others go on.
    assert (("a",) if held else ()) == network.names()
    apart.run(network.sessions.run, partial(add, name="b"), write=True)
    assert "b" == network.names()[-1]


def test_contexts_of_a_thread_read_beside_each_other(network: Recorder) -> None:
    apart = contextvars.copy_context()
    with network.read:
        assert () == apart.run(network.names)


def test_tasks_of_an_event_loop_that_would_wait_for_each_other_get_an_error(
    network: Recorder,
) -> None:
    async def store(name: str) -> str:
        try:
            with network.write as session:
                await asyncio.sleep(0)
                add(session, name)
        except LockTimeoutError:
            return "refused"
        return "stored"

    async def both() -> list[str]:
        return list(await asyncio.gather(store("a"), store("b")))

    assert ["stored", "refused"] == asyncio.run(both())
    assert ("a",) == network.names()


def test_a_signal_handler_joins_the_scope_of_the_thread_that_it_interrupts(
    network: Recorder,
) -> None:
    def handle(*_: object) -> None:
        network.sessions.run(partial(add, name="of the handler"), write=True)

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with network.write as session:
            add(session, "a")
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert ("a", "of the handler") == network.names()


def test_a_long_wait_says_who_is_waited_for_and_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "_WARN_AFTER", SHORT / 10)
    slow: list[deadline.SlowWait] = []
    network = Recorder(limit=SHORT)
    network.sessions.settings.on_slow = slow.append
    network.sessions.create(create_network)
    monkeypatch.setattr(read_write_lock, "POLL_INTERVAL", SHORT / 10)
    with network.read:
        waiting = threading.Thread(target=partial(_fail_to_write, network))
        waiting.start()
        waiting.join(LONG)
    (wait,) = slow
    assert (network.store.location, SHORT) == (wait.location, wait.limit)
    assert ("thread 'MainThread' of this process",) == wait.holders
    assert SHORT / 10 < wait.waited < SHORT
    assert str(wait).startswith(
        f"waiting for up to {SHORT} seconds for '{wait.location}', which is"
    )


def _fail_to_write(network: Recorder) -> None:
    with pytest.raises(LockTimeoutError), network.write:
        pytest.fail("a thread wrote while another one read")


def test_a_writer_that_waits_gets_its_turn_before_new_readers(network: Recorder) -> None:
    order: list[str] = []

    def use(write: bool, name: str) -> None:
        with network.sessions.scope(write=write):
            order.append(name)

    with ThreadPoolExecutor(2) as pool:
        with network.read:
            writer = pool.submit(use, True, "writer")
            while not read_write_lock.lock_for(
                network.store.identity, network.store.location
            )._waiting:
                time.sleep(0.001)
            reader = pool.submit(use, False, "reader")
            time.sleep(0.05)
            assert [] == order
        writer.result(LONG)
        reader.result(LONG)
    assert ["writer", "reader"] == order


@pytest.mark.parametrize("write", [False, True])
def test_the_lock_of_a_store_is_not_made_again_for_each_session(
    network: Recorder, write: bool
) -> None:
    store = network.store
    with network.sessions.scope(write=write):
        held = weakref.ref(read_write_lock.lock_for(store.identity, store.location))
    with network.sessions.scope(write=write):
        assert held() is read_write_lock.lock_for(store.identity, store.location)


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
def test_who_waits_for_a_thread_is_woken_when_that_ends(
    network: Recorder, monkeypatch: pytest.MonkeyPatch, first: bool, second: bool
) -> None:
    monkeypatch.setattr(read_write_lock, "POLL_INTERVAL", LONG)
    gate_here = read_write_lock.lock_for(network.store.identity, network.store.location)

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
    assert time.monotonic() - start < LIMIT / 2
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


def test_the_lock_of_a_store_is_one_while_anybody_uses_it() -> None:
    identity = "a store that is used"
    first = lock_for(identity, "network")
    assert first is lock_for(identity, "network")
    reference = weakref.ref(first)
    del first
    gc.collect()
    assert reference() is None
    assert identity not in read_write_lock._LOCKS


def test_a_lock_that_is_forgotten_late_leaves_the_one_that_follows_it() -> None:
    identity = "a store that is used again"
    first = lock_for(identity, "network")
    late = read_write_lock._LOCKS[identity]
    del read_write_lock._LOCKS[identity]
    second = lock_for(identity, "network")
    del first
    read_write_lock._forget(identity, late)
    assert second is lock_for(identity, "network")


def test_after_a_writer_that_waited_readers_come_in_at_once() -> None:
    lock = lock_for("test:after a writer", "here")
    reader = lock.acquire_shared(LONG, deadline.ignore_slow)
    with ThreadPoolExecutor(1) as pool:

        def write() -> None:
            lock.release(lock.acquire_exclusive(LONG, deadline.ignore_slow))

        waiting = pool.submit(write)
        end = time.monotonic() + LONG
        while not lock._writers_waiting and time.monotonic() < end:
            time.sleep(0.001)
        assert 1 == lock._writers_waiting
        lock.release(reader)
        waiting.result(LONG)
    assert 0 == lock._writers_waiting
    assert lock._is_quiet() and lock._is_free()


# Seconds to wait for what is free already.
HASTE = 0.02


@contextmanager
def held_elsewhere(lock: ReadWriteLock, holders: list[bool]) -> Iterator[None]:
    """Other threads hold a lock, exclusively or not, or wait for it where it is not free."""
    done = threading.Event()

    def hold(exclusive: bool, begun: threading.Event) -> None:
        acquire = lock.acquire_exclusive if exclusive else lock.acquire_shared
        thread = acquire(LONG, deadline.ignore_slow)
        begun.set()
        done.wait(LONG)
        lock.release(thread)

    with ThreadPoolExecutor(max(1, len(holders))) as pool:
        for each in holders:
            begun, waiting = threading.Event(), lock._waiting
            pool.submit(hold, each, begun)
            while not begun.is_set() and lock._waiting == waiting:
                time.sleep(0.001)
        yield
        done.set()


# Who holds the lock, or waits for it, exclusively or not; and what others get then.
STATES = [
    ([], True, True),
    ([False], True, False),
    ([False, False], True, False),
    ([True], False, False),
    # A writer waits for a reader: others come in beside that one, if only after a while.
    ([False, True], True, False),
    # A second writer, and a reader, wait for a writer.
    ([True, True], False, False),
    ([True, False], False, False),
]


@pytest.mark.parametrize("courtesy", [0.0, 10.0])
def test_one_writer_or_many_readers_hold_a_lock(
    courtesy: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_write_lock, "_COURTESY", courtesy)
    for holders, shared, exclusive in STATES:
        lock = ReadWriteLock("the store")
        with held_elsewhere(lock, holders):
            for acquire, is_free in (
                (lock.acquire_shared, shared),
                (lock.acquire_exclusive, exclusive),
            ):
                before = dict(lock._readers), lock._writer
                if is_free:
                    lock.release(acquire(HASTE, deadline.ignore_slow))
                else:
                    with pytest.raises(LockTimeoutError, match="the store"):
                        acquire(HASTE, deadline.ignore_slow)
                assert before == (lock._readers, lock._writer), holders
        assert lock._is_free(), holders
        assert (0, 0) == (lock._waiting, lock._writers_waiting), holders
