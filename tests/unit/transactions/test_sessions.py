"""Sessions of a place: modes, creation and removal."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from bsb_hdf5.adapters.memory.store import MemoryWriteSession
from bsb_hdf5.core.layouts.detection import create_network
from bsb_hdf5.errors import (
    CommitConflictError,
    LockTimeoutError,
    NotANetworkError,
    ReadOnlyError,
    SessionAbortedError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
)
from tests.unit.transactions.recorder import LONG, SHORT, InterruptionError, Recorder, add


def test_read_only_mode_reads_without_locks_and_refuses_to_write(network: Recorder) -> None:
    network.sessions.settings.read_only = True
    before = list(network.lock.history)
    with network.read as session:
        assert () == session.network.placement_names()
        with pytest.raises(ReadOnlyError, match="read-only"), network.write:
            pytest.fail("something was written")
    with pytest.raises(ReadOnlyError), network.sessions.hold_exclusive():
        pytest.fail("the store was changed")
    with pytest.raises(ReadOnlyError):
        network.sessions.create(create_network)
    assert before == network.lock.history


def test_a_creation_that_fails_leaves_nothing() -> None:
    network = Recorder()

    def prepare(root: Any) -> Any:
        create_network(root)
        raise InterruptionError

    with pytest.raises(InterruptionError):
        network.sessions.create(prepare)
    assert not network.store.exists()
    assert (0, 0) == (network.lock.readers, network.lock.writers)


def test_what_exists_is_not_created_again(network: Recorder) -> None:
    with pytest.raises(StoreExistsError):
        network.sessions.create(create_network)


def test_a_missing_store_is_not_found_and_nothing_stays_locked() -> None:
    network = Recorder(limit=SHORT)
    for write in (False, True):
        with pytest.raises(StoreNotFoundError), network.sessions.scope(write=write):
            pytest.fail("there is nothing")
    network.sessions.create(create_network)
    with network.write as session:
        add(session, "a")


def test_what_is_no_network_is_reported_and_nothing_stays_locked() -> None:
    network = Recorder(limit=SHORT)
    network.store.create().commit()
    for write in (False, True):
        with pytest.raises(NotANetworkError), network.sessions.scope(write=write):
            pytest.fail("there is no network")
    with network.sessions.hold_exclusive():
        network.store.remove()
    assert (0, 0) == (network.lock.readers, network.lock.writers)


@pytest.mark.parametrize("write", [False, True])
def test_a_store_is_not_removed_within_a_scope_on_it(network: Recorder, write: bool) -> None:
    with network.sessions.scope(write=write):
        alone = network.sessions.hold_exclusive()
        with pytest.raises(SessionAbortedError), alone:
            pytest.fail("the store was removed under a session")


def test_a_store_is_copied_while_it_is_read_but_not_while_it_is_written(
    network: Recorder,
) -> None:
    with network.sessions.hold_shared():
        assert 1 == network.lock.readers
    with network.read, network.sessions.hold_shared():
        assert 1 == network.lock.readers
    with network.write, pytest.raises(SessionAbortedError), network.sessions.hold_shared():
        pytest.fail("half of a transaction was copied")


def test_a_store_is_not_copied_while_another_thread_writes_whatever_was_written_here() -> None:
    network = Recorder(limit=SHORT)
    network.sessions.create(create_network)

    def write_and_wait() -> None:
        with network.write as session:
            add(session, "b")
            begun.set()
            over.wait(LONG)

    begun, over = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool, network.read:
        with network.write as session:
            add(session, "a")
        writing = pool.submit(write_and_wait)
        assert begun.wait(LONG)
        with pytest.raises(LockTimeoutError), network.sessions.hold_shared():
            pytest.fail("half of a change was copied")
        over.set()
        writing.result(LONG)
        with network.sessions.hold_shared():
            assert ("a", "b") == network.found()[1]


@pytest.mark.parametrize("write", [False, True])
def test_a_scope_is_entered_once_at_a_time(network: Recorder, write: bool) -> None:
    scope = network.sessions.scope(write=write)
    with pytest.raises(SessionAbortedError, match="open already"), scope, scope:
        pytest.fail("it was entered twice")
    assert (0, 0) == (network.lock.readers, network.lock.writers)
    with scope:
        assert network.sessions.in_scope


def test_sessions_of_two_places_are_independent(network: Recorder) -> None:
    other = Recorder()
    other.sessions.create(create_network)
    with pytest.raises(InterruptionError), network.write as first:
        with other.write as second:
            assert first is not second
            add(first, "a")
            add(second, "b")
        raise InterruptionError
    assert () == network.names()
    assert ("b",) == other.names()


def test_an_operation_without_enough_memory_names_the_network(network: Recorder) -> None:
    def fail(_: object) -> None:
        raise MemoryError("of 1 TiB")

    for write in (False, True):
        with pytest.raises(StoreIOError, match="more than fits in memory: of 1 TiB") as caught:
            network.sessions.run(fail, write=write)
        assert network.store.location == caught.value.fields["location"]


@contextmanager
def overtaken(
    network: Recorder, monkeypatch: pytest.MonkeyPatch, times: int
) -> Iterator[list[None]]:
    """Other programs commit so many times before this one, which each time is sent a signal."""
    tries: list[None] = []
    commit = MemoryWriteSession.commit

    def conflict(session: MemoryWriteSession) -> None:
        tries.append(None)
        if len(tries) > times:
            return commit(session)
        signal.raise_signal(signal.SIGALRM)
        session.rollback()
        raise CommitConflictError("another program was first", location=network.store.location)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryWriteSession, "commit", conflict)
        patch.setattr(random, "uniform", lambda *_: 0.0)
        yield tries


def test_a_call_that_is_overtaken_is_made_again_until_the_limit(
    network: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    try:
        with overtaken(network, monkeypatch, 3) as tries:
            network.sessions.run(lambda session: add(session, "a"), write=True)
        assert 4 == len(tries)
        network.sessions.settings.limit = 0.0
        with overtaken(network, monkeypatch, 3), pytest.raises(CommitConflictError):
            network.sessions.run(lambda session: add(session, "b"), write=True)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ("a",) == network.names()


def test_a_call_that_is_overtaken_is_ended_by_a_handler(
    network: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def handle(number: int, frame: object) -> None:
        raise InterruptionError

    before = signal.signal(signal.SIGALRM, handle)
    try:
        with overtaken(network, monkeypatch, 1) as tries, pytest.raises(InterruptionError):
            network.sessions.run(lambda session: add(session, "a"), write=True)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert 1 == len(tries)
    assert () == network.names()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_signals_are_handled_again_however_an_operation_ends(
    network: Recorder, write: bool, read_only: bool, fails: bool
) -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: seen.append(number))

    def operate(session: Any) -> str:
        signal.raise_signal(signal.SIGALRM)
        assert [] == seen
        if fails:
            raise InterruptionError
        return "done"

    network.sessions.settings.read_only = read_only
    refused = write and read_only
    try:
        if refused or fails:
            with pytest.raises(ReadOnlyError if refused else InterruptionError):
                network.sessions.run(operate, write=write)
        else:
            assert "done" == network.sessions.run(operate, write=write)
        signal.raise_signal(signal.SIGALRM)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert [signal.SIGALRM] * (1 if refused else 2) == seen
