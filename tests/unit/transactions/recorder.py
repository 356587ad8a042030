"""Sessions of a network in memory, and a lock that fails where they would block a rank."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import attrs

from bsb_hdf5.adapters.memory.store import MemoryStore, MemoryWriteSession
from bsb_hdf5.core.layouts.detection import open_network
from bsb_hdf5.core.provenance import WriterInfo
from bsb_hdf5.transactions.sessions import Sessions
from bsb_hdf5.transactions.store_lock import LockSettings
from bsb_hdf5.transactions.transaction import TransactionContext
from tests.unit.memory import new_store

LONG = 20.0

# Sessions that block each other for good are to fail a test, not to hang it.
LIMIT = 5.0

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
        limits = LockSettings(**{"limit": LIMIT, **settings})
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
    session.network_writer.create_placement(name, created_at="now")
