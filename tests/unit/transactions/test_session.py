"""Which session a thread or a context joins, and handles."""

from __future__ import annotations

import contextvars
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from bsb_hdf5.core.layouts.detection import create_network
from bsb_hdf5.errors import (
    HandleError,
    InputError,
    LockTimeoutError,
    ReadOnlyError,
    SessionAbortedError,
)
from bsb_hdf5.transactions.session import ACTIVE, Session
from tests.unit.transactions.recorder import (
    LONG,
    SHORT,
    Handle,
    InterruptionError,
    Recorder,
    add,
    elsewhere,
)


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


@pytest.mark.parametrize("write", [False, True])
def test_a_thread_does_not_wait_for_ever_for_another_of_the_same_scope(write: bool) -> None:
    def use() -> None:
        with pytest.raises(LockTimeoutError, match="in use by another thread of the same scope"):
            network.sessions.run(lambda session: None, write=write)
        with pytest.raises(LockTimeoutError), network.sessions.hold_shared():
            pytest.fail("half of a change was copied")

    network = Recorder(limit=SHORT)
    network.sessions.create(create_network)
    with network.read:
        context = contextvars.copy_context()
        with network.write as session:
            elsewhere(lambda: context.run(use))
            add(session, "a")
        assert ("a",) == network.found()[1]


@pytest.mark.parametrize("write", [False, True])
def test_a_forked_child_leaves_a_scope_in_which_another_thread_was_at_work(
    network: Recorder, write: bool
) -> None:
    def work(session: Session) -> None:
        begun.set()
        over.wait(LONG)

    begun, over = threading.Event(), threading.Event()
    scope = network.sessions.scope(write=write)
    with ThreadPoolExecutor(1) as pool, scope:
        context = contextvars.copy_context()
        working = pool.submit(context.run, partial(network.sessions.run, work, write=False))
        assert begun.wait(LONG)
        child = os.fork()
        if not child:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(5)
            try:
                scope.__exit__(SystemExit, SystemExit(), None)
                os._exit(0)
            finally:
                os._exit(1)
        assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        over.set()
        working.result(LONG)


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
    assert () == ACTIVE.get()


def test_scopes_that_end_in_another_context_are_not_kept(network: Recorder) -> None:
    for _ in range(3):
        scope = network.read
        scope.__enter__()
        contextvars.copy_context().run(scope.__exit__, None, None, None)
        assert 1 == len(ACTIVE.get())
    with network.read as session:
        assert (session,) == ACTIVE.get()
    assert () == ACTIVE.get()


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


def test_the_handle_of_a_read_that_is_suspended_reads_what_is_written(network: Recorder) -> None:
    with network.read as reader:
        with network.write as writer:
            add(writer, "a")
            with network.sessions.scope(write=False, handle=reader) as same:
                assert ("a",) == tuple(same.network.placement_names())
        assert ("a",) == tuple(reader.network.placement_names())


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


def test_the_first_error_is_why_a_session_can_not_go_on(network: Recorder) -> None:
    first, second = InterruptionError("first"), InterruptionError("second")
    with pytest.raises(SessionAbortedError) as raised, network.write as session:
        with pytest.raises(InterruptionError), network.write:
            try:
                with network.write:
                    add(session, "a")
                    raise first
            except InterruptionError:
                raise second from None
        assert session.aborted_by is first
    assert str(raised.value).endswith("InterruptionError: first")
    assert () == network.names()


def test_an_error_before_anything_is_changed_aborts_nothing(network: Recorder) -> None:
    with network.write as session:
        add(session, "a")
        with pytest.raises(InterruptionError), network.write:
            raise InterruptionError
        with pytest.raises(InterruptionError), network.read:
            raise InterruptionError
        assert session.aborted_by is None
    assert ("a",) == network.names()


def test_what_another_thread_changes_meanwhile_does_not_count_as_a_change_of_an_error(
    network: Recorder,
) -> None:
    adding, failing = threading.Event(), threading.Event()

    def slowly(session: Session) -> None:
        adding.set()
        assert failing.wait(10)
        # The other thread is waiting for its turn, or will be.
        time.sleep(0.05)
        add(session, "a")

    def refuse(_: Session) -> None:
        raise InputError("nothing was changed")

    def fail() -> None:
        assert adding.wait(10)
        failing.set()
        with pytest.raises(InputError):
            network.sessions.run(refuse, write=True)

    with network.write, ThreadPoolExecutor(2) as pool:
        calls = (partial(network.sessions.run, slowly, write=True), fail)
        for done in [pool.submit(contextvars.copy_context().run, each) for each in calls]:
            done.result(LONG)
    assert ("a",) == network.names()


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


def test_who_only_reads_gets_readers(network: Recorder) -> None:
    with network.read as session:
        for writer in ("network_writer", "writable_root"):
            with pytest.raises(ReadOnlyError, match="only reads"):
                getattr(session, writer)
        assert not session.bypassed


def test_only_a_root_that_can_be_changed_is_a_way_past_the_network(network: Recorder) -> None:
    with network.write as session:
        session.root.names()
        assert not session.bypassed
        session.writable_root.names()
        assert session.bypassed
