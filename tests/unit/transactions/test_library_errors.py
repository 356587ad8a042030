"""What the library of a backend raises becomes an error of this package, wherever it is raised."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from bsb_hdf5.adapters.memory import store as memory
from bsb_hdf5.core.layouts.detection import create_network
from bsb_hdf5.errors import StoreIOError
from tests.unit.transactions.recorder import Recorder


class LibraryError(Exception):
    """Of a library."""


class FailingStore(memory.MemoryStore):
    """A store whose library may fail."""

    errors = (LibraryError,)


def fail(*_: Any, **__: Any) -> None:
    raise LibraryError("the disk is gone")


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


@pytest.mark.parametrize("write", [True, False])
def test_an_operation_that_fails(recorder: Recorder, write: bool) -> None:
    with pytest.raises(StoreIOError, match="LibraryError: the disk is gone") as caught:
        recorder.sessions.run(fail, write=write)
    assert LibraryError is type(caught.value.__cause__)


def test_a_commit_that_fails(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.MemoryWriteSession, "commit", fail)
    with pytest.raises(StoreIOError, match="the disk is gone"):
        recorder.sessions.run(lambda session: None, write=True)


@pytest.mark.parametrize("verb", ["hold_shared", "hold_exclusive"])
def test_a_store_that_can_not_be_copied_or_moved(recorder: Recorder, verb: str) -> None:
    with pytest.raises(StoreIOError, match="the disk is gone"), getattr(recorder.sessions, verb)():
        fail()


def test_an_error_of_a_scope_stays_what_it_is(recorder: Recorder) -> None:
    with pytest.raises(LibraryError), recorder.sessions.scope(write=False):
        fail()
