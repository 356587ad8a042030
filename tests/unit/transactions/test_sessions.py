"""Who may read and write when, and what a transaction is."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import attrs
import pytest

from bsb_hdf5.adapters.memory.store import MemoryStore, MemoryWriteSession
from bsb_hdf5.core.layouts.detection import create_network, open_network
from bsb_hdf5.core.provenance import WriterInfo
from bsb_hdf5.errors import (
    HandleError,
    LockTimeoutError,
    NotANetworkError,
    ReadOnlyError,
    SessionAbortedError,
    SessionClosedError,
    StoreExistsError,
    StoreNotFoundError,
)
from bsb_hdf5.transactions import read_write_lock as gate
from bsb_hdf5.transactions.session import _ACTIVE, Session
from bsb_hdf5.transactions.sessions import Sessions
from bsb_hdf5.transactions.store_lock import LockSettings
from bsb_hdf5.transactions.transaction import TransactionContext
from tests.unit.memory import new_store

LONG = 20.0
# Sessions that block each other for good are to fail a test, not to hang it.
PATIENCE = 5.0
SHORT = 0.15


class InterruptionError(Exception):
    """What goes wrong in a test."""


class ExclusionLock:
    """A lock of one rank that fails where sessions would block another rank, or deadlock."""

    def __init__(self) -> None:
        self.readers = 0
        self.writers = 0
        self.history: list[str] = []
        self._mutex = threading.Lock()

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._mutex:
            assert not self.writers
            self.readers += 1
            self.history.append("shared")
        yield from self._until_released("readers")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        with self._mutex:
            assert not self.writers
            assert not self.readers
            self.writers += 1
            self.history.append("exclusive")
        yield from self._until_released("writers")

    def _until_released(self, kind: str) -> Iterator[None]:
        try:
            yield
        finally:
            with self._mutex:
                setattr(self, kind, getattr(self, kind) - 1)


@attrs.define
class Handle:
    """A store that a caller opened."""

    store: MemoryStore
    writable: bool = True


class AdoptingStore(MemoryStore):
    """A store in memory whose callers may open it themselves."""

    def adopt(self, handle: Any) -> tuple[MemoryWriteSession, bool] | None:
        if not isinstance(handle, Handle):
            return None
        return handle.store.open_write(), handle.writable


class Recorder:
    """The sessions of one network, and what a test asks of them."""

    def __init__(self, store: MemoryStore | None = None, **settings: Any) -> None:
        self.store = store or AdoptingStore(new_store().location)
        self.lock = ExclusionLock()
        self.upgrades = 0
        writer = WriterInfo("8.0.2", "8.1.0", lambda: {"storage_id": "s"}, self._upgraded)
        limits = LockSettings(**{"limit": PATIENCE, **settings})
        context = TransactionContext(self.store, self.lock, open_network, writer, limits)
        self.sessions = Sessions(context)

    def _upgraded(self) -> None:
        self.upgrades += 1

    @property
    def read(self) -> Any:
        return self.sessions.scope(write=False)

    @property
    def write(self) -> Any:
        return self.sessions.scope(write=True)

    def names(self) -> tuple[str, ...]:
        """Placement sets, as a session of another thread finds them."""
        names: tuple[str, ...] = elsewhere(self._names)
        return names

    def state(self) -> int:
        with self.read as session:
            return int(session.network.provenance.get("state_id", -1))

    def found(self) -> tuple[Any, tuple[str, ...]]:
        """The session that is open here, or a new one, and the placement sets that it sees."""
        with self.read as session:
            return session, tuple(session.network.placement_names())

    def _names(self) -> tuple[str, ...]:
        return self.found()[1]


def elsewhere(action: Callable[[], Any]) -> Any:
    """What another thread gets, which belongs to no session."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(action).result(LONG)


def add(session: Any, name: str) -> None:
    session.network.create_placement(name, created_at="now")


@pytest.fixture
def network() -> Recorder:
    recorder = Recorder()
    recorder.sessions.create(create_network)
    return recorder


# Transactions


def test_what_a_scope_stores_is_there_afterwards(network: Recorder) -> None:
    with network.write as session:
        add(session, "a")
    assert ("a",) == network.names()


def test_an_exception_stores_nothing(network: Recorder) -> None:
    with pytest.raises(InterruptionError), network.write as session:
        add(session, "a")
        raise InterruptionError
    assert () == network.names()
    assert -1 == network.state()


def test_an_inner_scope_joins_the_outer_one(network: Recorder) -> None:
    with network.write as outer:
        with network.write as inner, network.read as innermost:
            assert outer is inner is innermost
            add(inner, "a")
        assert ("a",) == outer.network.placement_names()
    assert ["exclusive"] * 2 == network.lock.history
    assert ("a",) == network.names()


def test_what_an_inner_scope_stored_is_undone_with_the_outer_one(network: Recorder) -> None:
    with pytest.raises(InterruptionError), network.write:
        with network.write as inner:
            add(inner, "a")
        raise InterruptionError
    assert () == network.names()


def test_an_inner_scope_that_fails_after_a_change_dooms_the_outer_one(network: Recorder) -> None:
    with (
        pytest.raises(SessionAbortedError, match="InterruptionError: half-way"),
        network.write as outer,
    ):
        add(outer, "before")
        with pytest.raises(InterruptionError), network.write as inner:
            add(inner, "a")
            raise InterruptionError("half-way")
    assert () == network.names()


def test_a_doomed_scope_takes_no_more_changes_but_can_be_read(network: Recorder) -> None:
    with pytest.raises(SessionAbortedError), network.write:
        with pytest.raises(InterruptionError), network.write as inner:
            add(inner, "a")
            raise InterruptionError
        with network.read as session:
            assert ("a",) == session.network.placement_names()
        with network.write:
            pytest.fail("a aborted_by scope went on")
    assert () == network.names()


def test_an_inner_scope_that_fails_before_any_change_does_no_harm(network: Recorder) -> None:
    with network.write as outer:
        add(outer, "a")
        with pytest.raises(InterruptionError), network.write:
            raise InterruptionError
        with pytest.raises(InterruptionError), network.read:
            raise InterruptionError
        add(outer, "b")
    assert ("a", "b") == network.names()


def test_a_scope_moves_the_state_once_and_only_if_it_changed_something(network: Recorder) -> None:
    with network.write as session:
        add(session, "a")
        with network.write as inner:
            add(inner, "b")
    assert 1 == network.state()
    with network.write as session:
        assert ("a", "b") == session.network.placement_names()
    assert 1 == network.state()
    with network.write as session:
        session.root.attributes.set("x", 1)
    assert 2 == network.state()
    with network.read as session:
        assert ("8.0.2", "8.1.0") == session.network.versions


def test_a_network_without_provenance_is_upgraded_once(network: Recorder) -> None:
    for name in ("a", "b"):
        with network.write as session:
            add(session, name)
    assert 1 == network.upgrades
    with network.read as session:
        assert {"storage_id": "s", "state_id": 2} == session.network.provenance


def test_a_session_can_not_be_used_after_its_end(network: Recorder) -> None:
    with network.write as written:
        pass
    with network.read as read:
        pass
    for session in (written, read):
        assert session.closed
        for use in ("root", "network", "changes"):
            with pytest.raises(SessionClosedError):
                getattr(session, use)
        with (
            pytest.raises(SessionClosedError),
            network.sessions.scope(write=False, handle=session),
        ):
            pytest.fail("a session that had ended was used")


# Promotion


def test_a_write_within_a_read_scope_is_seen_by_it(network: Recorder) -> None:
    with network.read as reader:
        assert () == reader.network.placement_names()
        with network.write as writer:
            assert writer is not reader
            add(writer, "a")
        assert ("a",) == reader.network.placement_names()
        assert not reader.writable
        with network.write as writer:
            add(writer, "b")
        assert ("a", "b") == reader.network.placement_names()
    assert ["exclusive", "shared", "exclusive", "shared", "exclusive", "shared"] == (
        network.lock.history
    )
    assert (0, 0) == (network.lock.readers, network.lock.writers)
    assert ("a", "b") == network.names()


def test_a_write_that_fails_within_a_read_scope_stores_nothing_and_the_scope_goes_on(
    network: Recorder,
) -> None:
    with network.read as reader:
        with pytest.raises(InterruptionError), network.write as writer:
            add(writer, "a")
            raise InterruptionError
        assert () == reader.network.placement_names()
        with network.write as writer:
            add(writer, "b")
    assert ("b",) == network.names()


def test_scopes_within_a_promoted_write_join_the_write(network: Recorder) -> None:
    with network.read, network.write as writer, network.read as inner, network.write as innermost:
        assert writer is inner is innermost
        add(innermost, "a")
    assert ("a",) == network.names()


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


# Threads


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


def test_a_thread_with_a_copy_of_the_context_joins_the_scope(network: Recorder) -> None:
    def append(name: str) -> Any:
        def add_to(session: Session) -> Session:
            add(session, name)
            return session

        return network.sessions.run(add_to, write=True)

    with pytest.raises(InterruptionError), network.write as outer, ThreadPoolExecutor(4) as pool:
        contexts = [contextvars.copy_context() for _ in range(8)]
        joined = [pool.submit(c.run, append, f"{i}") for i, c in enumerate(contexts)]
        assert all(done.result(LONG) is outer for done in joined)
        assert 8 == len(outer.network.placement_names())
        raise InterruptionError
    assert () == network.names()


def test_operations_of_threads_that_share_a_session_take_turns(network: Recorder) -> None:
    inside = 0

    def read(session: Session) -> None:
        nonlocal inside
        inside += 1
        assert 1 == inside
        time.sleep(0.005)
        inside -= 1

    def operate() -> None:
        network.sessions.run(read, write=False)

    with network.read, ThreadPoolExecutor(4) as pool:
        contexts = [contextvars.copy_context() for _ in range(8)]
        for done in [pool.submit(c.run, operate) for c in contexts]:
            done.result(LONG)


def test_a_context_that_outlives_its_scope_opens_a_new_session(network: Recorder) -> None:
    with network.write as first:
        context = contextvars.copy_context()
        add(first, "a")

    session, names = context.run(network.found)
    assert session is not first
    assert ("a",) == names


def test_a_context_that_outlives_a_write_joins_the_read_around_it(network: Recorder) -> None:
    with network.read as reader:
        with network.write as writer:
            context = contextvars.copy_context()
            add(writer, "a")
        found, names = context.run(network.found)
        assert reader is found
        assert ("a",) == names


def test_scopes_of_two_places_may_end_in_any_order(network: Recorder) -> None:
    other = Recorder()
    other.sessions.create(create_network)
    first, second = network.write, other.write
    with first as outer:
        second.__enter__()
        add(outer, "a")
    assert ("a",) == network.found()[1]
    add(other.found()[0], "b")
    second.__exit__(None, None, None)
    assert ("b",) == other.names()
    assert () == _ACTIVE.get()


def test_scopes_that_end_in_another_context_are_not_kept(network: Recorder) -> None:
    for _ in range(3):
        scope = network.read
        scope.__enter__()
        contextvars.copy_context().run(scope.__exit__, None, None, None)
        assert 1 == len(_ACTIVE.get())
    with network.read as session:
        assert (session,) == _ACTIVE.get()
    assert () == _ACTIVE.get()


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


# Modes and handles


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


def test_a_session_is_a_handle(network: Recorder) -> None:
    with network.write as session, network.sessions.scope(write=True, handle=session) as same:
        assert session is same
        add(same, "a")
    assert ("a",) == network.names()


def test_a_session_of_another_place_is_no_handle(network: Recorder) -> None:
    other = Recorder()
    other.sessions.create(create_network)
    with other.read as session:
        scope = network.sessions.scope(write=False, handle=session)
        with pytest.raises(HandleError), scope:
            pytest.fail("a session of another place was used")


def test_a_handle_is_used_by_threads_that_have_no_session(network: Recorder) -> None:
    def append() -> None:
        network.sessions.run(partial(add, name="a"), write=True, handle=session)

    with network.write as session:
        elsewhere(append)
    assert ("a",) == network.names()


def test_a_handle_is_joined_until_its_scope_ends_whatever_began_meanwhile(
    network: Recorder,
) -> None:
    other = Recorder()
    other.sessions.create(create_network)

    def use() -> list[Any]:
        given, between = network.sessions.scope(write=False, handle=session), other.read
        given.__enter__()
        with between:
            found = [network.found()[0]]
            given.__exit__(None, None, None)
            return [*found, network.found()[0]]

    with network.read as session:
        within, after = elsewhere(use)
    assert session is within
    assert session is not after


def test_the_handle_of_a_read_that_is_suspended_does_not_hide_the_write(network: Recorder) -> None:
    with network.read as reader, network.write as writer:
        with network.sessions.scope(write=False, handle=reader) as same:
            assert reader is same is network.found()[0]
        assert writer is network.found()[0]


def test_a_handle_that_reads_writes_nothing(network: Recorder) -> None:
    with (
        network.read as session,
        pytest.raises(ReadOnlyError, match="handle"),
        network.sessions.scope(write=True, handle=session),
    ):
        pytest.fail("something was written")


def test_an_error_within_a_handle_dooms_its_session(network: Recorder) -> None:
    with pytest.raises(SessionAbortedError), network.write as session:
        inner = network.sessions.scope(write=True, handle=session)
        with pytest.raises(InterruptionError), inner:
            add(session, "a")
            raise InterruptionError
    assert () == network.names()


def test_an_open_file_of_the_backend_is_a_handle(network: Recorder) -> None:
    handle = Handle(network.store)
    with network.sessions.scope(write=True, handle=handle) as session:
        add(session, "a")
    assert session.closed
    assert ("a",) == network.names()
    assert 1 == network.state()
    with network.sessions.scope(write=False, handle=handle) as session:
        assert ("a",) == session.network.placement_names()
    assert 1 == network.state()


def test_an_open_file_that_only_reads_is_not_written(network: Recorder) -> None:
    handle = Handle(network.store, writable=False)
    with pytest.raises(ReadOnlyError), network.sessions.scope(write=True, handle=handle):
        pytest.fail("something was written")
    with network.sessions.scope(write=False, handle=handle) as session:
        assert () == session.network.placement_names()


@pytest.mark.parametrize("handle", ["path", 5, object()], ids=type)
def test_anything_else_is_no_handle(network: Recorder, handle: Any) -> None:
    with (
        pytest.raises(HandleError, match=type(handle).__name__),
        network.sessions.scope(write=False, handle=handle),
    ):
        pytest.fail("it was taken for a handle")


# The place


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
