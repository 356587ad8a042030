"""What is remembered between sessions, and when it is not."""

from __future__ import annotations

import os
from typing import Any

import pytest

from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.core.layouts.detection import create_network, open_network
from bsb_hdf5.core.provenance import Author
from bsb_hdf5.core.recollection import Memory, Recollection
from bsb_hdf5.core.sessions import Sessions
from bsb_hdf5.core.turns import Settings
from bsb_hdf5.ports.arrays import GroupReader
from tests.unit.memory import new_store


class SerialLock:
    """Nobody else is there."""

    def shared(self) -> Any:
        return pytest.MonkeyPatch.context()

    exclusive = shared


class Observed:
    """The sessions of a network, and the memory that the last of them was given."""

    def __init__(self, store: MemoryStore) -> None:
        self.memory = Recollection().at(None)
        author = Author("8.0.2", "8.1.0", lambda: {"storage_id": "s"}, lambda: None)
        self.sessions = Sessions(store, SerialLock(), self._open, author, Settings())

    def _open(self, root: GroupReader, location: str, memory: Memory) -> Any:
        self.memory = memory
        return open_network(root, location, memory)

    def recalled(self) -> Any:
        """What a new session recalls."""
        with self.sessions.scope(write=False):
            return self.memory.recall("key")

    def write(self, value: Any = None, *, change: bool = True) -> None:
        with self.sessions.scope(write=True) as session:
            if value is not None:
                self.memory.note("key", value)
            if change:
                session.network.touch()


@pytest.fixture
def store() -> MemoryStore:
    return new_store()


@pytest.fixture
def network(store: MemoryStore) -> Observed:
    observed = Observed(store)
    observed.sessions.create(create_network)
    return observed


def test_what_a_session_found_out_is_known_to_the_next(network: Observed) -> None:
    with network.sessions.scope(write=False):
        network.memory.note("key", "value")
    assert "value" == network.recalled()


def test_what_a_session_stored_is_known_to_the_next(network: Observed) -> None:
    network.write("first")
    assert "first" == network.recalled()
    network.write()
    assert "first" == network.recalled()
    network.write("second")
    assert "second" == network.recalled()


def test_what_another_stored_makes_it_outdated(network: Observed, store: MemoryStore) -> None:
    network.write("value")
    Observed(store).write()
    assert network.recalled() is None
    assert "value" == network.memory.recall_outdated("key")


def test_what_another_rolled_back_does_not(network: Observed, store: MemoryStore) -> None:
    network.write("value")
    with pytest.raises(ZeroDivisionError), Observed(store).sessions.scope(write=True) as session:
        session.network.touch()
        raise ZeroDivisionError
    assert "value" == network.recalled()


def test_a_session_that_is_rolled_back_leaves_nothing_to_recall(network: Observed) -> None:
    network.write("before")
    with pytest.raises(ZeroDivisionError), network.sessions.scope(write=True) as session:
        network.memory.note("key", "never stored")
        session.network.touch()
        raise ZeroDivisionError
    assert network.recalled() is None
    assert network.memory.recall_outdated("key") is None


def test_a_commit_that_fails_leaves_nothing_to_recall(
    network: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr("bsb_hdf5.adapters.memory.store.MemoryWriteSession.commit", fail)
        with pytest.raises(OSError):
            network.write("never stored")
    assert network.memory.recall_outdated("key") is None


def test_what_was_written_past_the_network_makes_all_of_it_unknown(network: Observed) -> None:
    network.write("before")
    with network.sessions.scope(write=True) as session:
        session.root.require_group("foreign")  # type: ignore[attr-defined]
    assert network.recalled() is None


def test_a_network_of_the_same_name_is_another_one(network: Observed, store: MemoryStore) -> None:
    network.write("before")
    store.remove()
    network.sessions.create(create_network)
    assert network.recalled() is None


def test_what_was_forgotten_is_not_recalled(network: Observed) -> None:
    network.write("value")
    network.memory.forget("key")
    network.memory.forget("never noted")
    assert network.recalled() is None


def test_a_store_that_does_not_tell_its_versions_apart_has_nothing_recalled() -> None:
    recollection = Recollection()
    memory = recollection.at(None)
    memory.note("key", "value")
    recollection.advance(None, None)
    assert memory.recall("key") is None
    assert recollection.at(None).recall("key") is None
    assert "value" == memory.recall_outdated("key")


def test_a_view_of_what_was_before_a_commit_recalls_and_notes_nothing() -> None:
    recollection = Recollection()
    memory = recollection.at("first")
    memory.note("key", "value")
    recollection.advance("first", "second")
    assert memory.recall("key") is None
    assert "value" == recollection.at("second").recall("key")
    memory.note("key", "late")
    assert recollection.at("second").recall("key") is None
    assert recollection.at("first").recall("key") is None


def test_a_view_of_what_was_rolled_back_notes_nothing() -> None:
    recollection = Recollection()
    memory = recollection.at("version")
    recollection.forget()
    memory.note("key", "late")
    assert recollection.at("version").recall("key") is None


def test_sessions_that_see_two_versions_at_once_share_nothing() -> None:
    recollection = Recollection()
    new = recollection.at("new")
    new.note("key", "new")
    old = recollection.at("old")
    assert old.recall("key") is None
    old.note("key", "old")
    assert new.recall("key") is None
    assert "old" == old.recall("key")
    assert recollection.at("new").recall("key") is None


def test_a_commit_after_a_version_that_is_not_remembered_changes_nothing() -> None:
    recollection = Recollection()
    recollection.at("here").note("key", "value")
    recollection.advance("elsewhere", "committed")
    assert "value" == recollection.at("here").recall("key")
    assert recollection.at("committed").recall("key") is None


def test_a_commit_of_a_version_that_can_not_be_told_makes_all_unknown() -> None:
    recollection = Recollection()
    recollection.at("version").note("key", "value")
    recollection.advance("version", None)
    assert recollection.at(None).recall("key") is None
    assert recollection.at("version").recall("key") is None


def test_a_forked_child_remembers_nothing_that_its_parent_may_roll_back() -> None:
    recollection = Recollection()
    recollection.at(1).note("key", "value")
    child = os.fork()
    if not child:
        os._exit(0 if recollection.at(1).recall("key") is None else 1)
    assert 0 == os.waitpid(child, 0)[1]
    assert "value" == recollection.at(1).recall("key")
