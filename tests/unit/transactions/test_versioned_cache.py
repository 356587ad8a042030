"""What is kept between sessions, and when it is not."""

from __future__ import annotations

import os
from typing import Any

import pytest

from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.core.layouts.detection import create_network, open_network
from bsb_hdf5.core.provenance import WriterInfo
from bsb_hdf5.errors import StoreIOError
from bsb_hdf5.ports.cache import CacheView
from bsb_hdf5.transactions.sessions import Sessions
from bsb_hdf5.transactions.store_lock import LockSettings
from bsb_hdf5.transactions.transaction import TransactionContext
from bsb_hdf5.transactions.versioned_cache import VersionedCache
from tests.unit.memory import new_store


class Observed:
    """The sessions of a network, and the view of the cache that the last of them was given."""

    def __init__(self, store: MemoryStore) -> None:
        self.cache: CacheView = VersionedCache().at(None)
        writer = WriterInfo("8.0.2", "8.1.0", lambda: {"storage_id": "s"}, lambda: None)
        context = TransactionContext(store, None, self._open, writer, LockSettings())
        self.sessions = Sessions(context)

    def _open(self, root: Any, location: str, cache: Any) -> Any:
        self.cache = cache
        return open_network(root, location, cache)

    def cached(self) -> Any:
        """What a new session gets."""
        with self.sessions.scope(write=False):
            return self.cache.get("key")

    def write(self, value: Any = None, *, change: bool = True) -> None:
        with self.sessions.scope(write=True) as session:
            if value is not None:
                self.cache.put("key", value)
            if change:
                session.network_writer.touch()


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
        network.cache.put("key", "value")
    assert "value" == network.cached()


def test_what_a_session_stored_is_known_to_the_next(network: Observed) -> None:
    network.write("first")
    assert "first" == network.cached()
    network.write()
    assert "first" == network.cached()
    network.write("second")
    assert "second" == network.cached()


def test_what_another_stored_makes_it_stale(network: Observed, store: MemoryStore) -> None:
    network.write("value")
    Observed(store).write()
    assert network.cached() is None
    assert "value" == network.cache.get_stale("key")


def test_what_another_rolled_back_does_not(network: Observed, store: MemoryStore) -> None:
    network.write("value")
    with pytest.raises(ZeroDivisionError), Observed(store).sessions.scope(write=True) as session:
        session.network_writer.touch()
        raise ZeroDivisionError
    assert "value" == network.cached()


def test_a_session_that_is_rolled_back_leaves_nothing_in_the_cache(network: Observed) -> None:
    network.write("before")
    with pytest.raises(ZeroDivisionError), network.sessions.scope(write=True) as session:
        network.cache.put("key", "never stored")
        session.network_writer.touch()
        raise ZeroDivisionError
    assert network.cached() is None
    assert network.cache.get_stale("key") is None


@pytest.mark.parametrize("errors", [(), (OSError,)], ids=["any error", "of the library"])
def test_a_commit_that_fails_leaves_nothing_in_the_cache(
    network: Observed, errors: tuple[type[Exception], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> None:
        raise OSError

    network.sessions._context.errors = errors
    with monkeypatch.context() as patch:
        patch.setattr("bsb_hdf5.adapters.memory.store.MemoryWriteSession.commit", fail)
        with pytest.raises(StoreIOError if errors else OSError):
            network.write("never stored")
    assert network.cache.get_stale("key") is None
    assert network.cached() is None


def test_what_was_written_past_the_network_makes_all_of_it_unknown(network: Observed) -> None:
    network.write("before")
    with network.sessions.scope(write=True) as session:
        session.writable_root.require_group("foreign")
    assert network.cached() is None


def test_a_network_of_the_same_name_is_another_one(network: Observed, store: MemoryStore) -> None:
    network.write("before")
    store.remove()
    network.sessions.create(create_network)
    assert network.cached() is None


def test_what_was_invalidated_is_gone(network: Observed) -> None:
    network.write("value")
    network.cache.invalidate("key")
    network.cache.invalidate("never put")
    assert network.cached() is None
    assert network.cache.get_stale("key") is None


def test_a_store_that_does_not_distinguish_its_versions_has_nothing_cached() -> None:
    cache = VersionedCache()
    view = cache.at(None)
    view.put("key", "value")
    cache.advance(None, None)
    assert view.get("key") is None
    assert cache.at(None).get("key") is None
    assert "value" == view.get_stale("key")


def test_a_view_of_what_was_before_a_commit_gets_and_puts_nothing() -> None:
    cache = VersionedCache()
    view = cache.at("first")
    view.put("key", "value")
    cache.advance("first", "second")
    assert view.get("key") is None
    assert "value" == cache.at("second").get("key")
    view.put("key", "late")
    assert view.get("key") is None
    assert "value" == cache.at("second").get("key")
    assert cache.at("first").get("key") is None


def test_a_view_of_what_was_rolled_back_puts_nothing() -> None:
    cache = VersionedCache()
    view = cache.at("version")
    cache.clear()
    view.put("key", "late")
    assert cache.at("version").get("key") is None


def test_sessions_that_see_two_versions_at_once_share_nothing() -> None:
    cache = VersionedCache()
    new = cache.at("new")
    new.put("key", "new")
    old = cache.at("old")
    assert old.get("key") is None
    old.put("key", "old")
    assert "new" == new.get("key")
    assert "old" == old.get("key")
    assert cache.at("new").get("key") is None


def test_a_commit_after_a_version_that_is_not_cached_changes_nothing() -> None:
    cache = VersionedCache()
    cache.at("here").put("key", "value")
    cache.advance("elsewhere", "committed")
    assert "value" == cache.at("here").get("key")
    assert cache.at("committed").get("key") is None


def test_a_commit_of_a_version_that_can_not_be_determined_makes_all_unknown() -> None:
    cache = VersionedCache()
    cache.at("version").put("key", "value")
    cache.advance("version", None)
    assert cache.at(None).get("key") is None
    assert cache.at("version").get("key") is None


def test_a_forked_child_keeps_nothing_that_its_parent_may_roll_back() -> None:
    cache = VersionedCache()
    cache.at(1).put("key", "value")
    child = os.fork()
    if not child:
        os._exit(0 if cache.at(1).get("key") is None else 1)
    assert 0 == os.waitpid(child, 0)[1]
    assert "value" == cache.at(1).get("key")
