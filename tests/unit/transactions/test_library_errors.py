"""What the library of a backend raises becomes an error of this package, wherever it is raised."""

from __future__ import annotations

import contextlib
import gc
import uuid
import weakref
from typing import Any

import pytest

from bsb_hdf5.adapters.memory import store as memory
from bsb_hdf5.core.layouts.classic.network import ClassicNetwork as Network
from bsb_hdf5.core.layouts.detection import create_network
from bsb_hdf5.errors import StoreIOError
from tests.unit.transactions.recorder import SHORT, Recorder, add


class LibraryError(Exception):
    """Of a library."""


class FailingStore(memory.MemoryStore):
    """A store whose library may fail."""

    errors = (LibraryError,)


def fail(*_: Any, **__: Any) -> None:
    raise LibraryError("the disk is gone")


def len_of_names(session: Any) -> int:
    return len(session.network.placement_names())


@pytest.fixture
def recorder() -> Recorder:
    store = FailingStore(uuid.uuid4().hex)
    recorder = Recorder(store)
    recorder.sessions.create(create_network)
    return recorder


@pytest.mark.parametrize(("verb", "write"), [("open_read", False), ("open_write", True)])
def test_a_session_that_can_not_begin(
    recorder: Recorder, verb: str, write: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FailingStore, verb, fail)
    with pytest.raises(StoreIOError, match="LibraryError: the disk is gone"):
        recorder.sessions.run(lambda session: None, write=write)
    with pytest.raises(StoreIOError), recorder.sessions.scope(write=write):
        pass


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("error", [LibraryError, ZeroDivisionError])
def test_a_network_that_can_not_be_opened_stays_free(
    recorder: Recorder, write: bool, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise error("in the midst of it")

    ended: list[Any] = []

    def end(session: Any) -> None:
        ended.append(session)

    monkeypatch.setattr(memory.MemoryReadSession, "close", end)
    monkeypatch.setattr(memory.MemoryWriteSession, "rollback", end)
    context = recorder.sessions._context
    open_network, context.open_network = context.open_network, stop  # type: ignore[assignment]
    with pytest.raises(StoreIOError if error is LibraryError else error):
        recorder.sessions.run(lambda session: None, write=write)
    context.open_network = open_network
    assert 1 == len(ended)
    monkeypatch.undo()
    assert (0, 0) == (recorder.lock.readers, recorder.lock.writers)
    context.settings.limit = SHORT
    with recorder.write as session:
        add(session, "a")
    assert ("a",) == recorder.names()


@pytest.mark.parametrize("write", [True, False])
def test_an_operation_that_fails(recorder: Recorder, write: bool) -> None:
    with pytest.raises(StoreIOError, match="LibraryError: the disk is gone") as caught:
        recorder.sessions.run(fail, write=write)
    assert LibraryError is type(caught.value.__cause__)


def test_a_commit_that_fails(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.MemoryWriteSession, "commit", fail)
    with pytest.raises(StoreIOError, match="the disk is gone"):
        recorder.sessions.run(lambda session: None, write=True)


def test_a_state_that_can_not_be_stored(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Network, "flush", fail)
        with pytest.raises(StoreIOError, match="the disk is gone"):
            recorder.sessions.run(lambda session: add(session, "a"), write=True)
    assert () == recorder.names()


@pytest.mark.parametrize("place", [(memory.MemoryWriteSession, "commit"), (Network, "flush")])
def test_a_creation_that_fails(place: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(FailingStore(uuid.uuid4().hex))
    with monkeypatch.context() as patch:
        patch.setattr(*place, fail)
        with pytest.raises(StoreIOError, match="the disk is gone"):
            recorder.sessions.create(create_network)
    assert (0, 0) == (recorder.lock.readers, recorder.lock.writers)


@pytest.mark.parametrize(
    ("session", "verb", "write"),
    [(memory.MemoryReadSession, "close", False), (memory.MemoryWriteSession, "rollback", True)],
)
def test_a_session_that_can_not_end(
    session: Any, verb: str, write: bool, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = getattr(session, verb)

    def end_and_fail(ended: Any) -> None:
        end(ended)
        fail()

    with monkeypatch.context() as patch:
        patch.setattr(session, verb, end_and_fail)
        with pytest.raises(StoreIOError, match="the disk is gone"):
            recorder.sessions.run(fail if write else len_of_names, write=write)
    assert (0, 0) == (recorder.lock.readers, recorder.lock.writers)
    assert () == recorder.names()


@pytest.mark.parametrize("verb", ["hold_shared", "hold_exclusive"])
def test_a_store_that_can_not_be_copied_or_moved(recorder: Recorder, verb: str) -> None:
    with pytest.raises(StoreIOError, match="the disk is gone"), getattr(recorder.sessions, verb)():
        fail()


def test_an_error_of_a_scope_stays_what_it_is(recorder: Recorder) -> None:
    with pytest.raises(LibraryError), recorder.sessions.scope(write=False):
        fail()


class FailingOfSystemStore(memory.MemoryStore):
    """A store whose library raises errors of the system."""

    errors = (OSError,)


@pytest.mark.parametrize("place", ["operation", "begin", "commit"])
def test_an_error_of_this_package_keeps_its_cause(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_with_cause(*_: Any) -> None:
        raise StoreIOError("no room") from cause

    cause = KeyError("why")
    recorder = Recorder(FailingOfSystemStore(uuid.uuid4().hex))
    recorder.sessions.create(create_network)
    if place == "begin":
        monkeypatch.setattr(FailingOfSystemStore, "open_write", fail_with_cause)
    if place == "commit":
        monkeypatch.setattr(memory.MemoryWriteSession, "commit", fail_with_cause)
    with pytest.raises(StoreIOError, match="no room") as caught:
        recorder.sessions.run(fail_with_cause if place == "operation" else id, write=True)
    assert cause is caught.value.__cause__


def test_an_error_is_no_garbage_once_it_is_handled(recorder: Recorder) -> None:
    class Held:
        """What a frame of a traceback refers to."""

    def fail_with_held(session: Any) -> None:
        held = Held()
        found.append(weakref.ref(held))
        raise ZeroDivisionError

    found: list[Any] = []
    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(ZeroDivisionError):
            recorder.sessions.run(fail_with_held, write=True)
        assert found[0]() is None
    finally:
        gc.enable()
