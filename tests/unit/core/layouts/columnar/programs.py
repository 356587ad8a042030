"""Programs that use one store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.core.layouts.detection import open_network
from bsb_hdf5.transactions.versioned_cache import VersionedCache


class Program:
    """A program that uses a store: what it remembers, and what it reads and writes."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.cache = VersionedCache()

    @contextmanager
    def writing(self) -> Iterator[Any]:
        session = self.store.open_write()
        before = session.version
        network = open_network(session.root, "here", self.cache.at(before))
        try:
            yield network
        except ZeroDivisionError:
            session.rollback()
            self.cache.clear()
            raise
        network.flush()
        session.commit()
        self.cache.advance(before, session.version)

    def reading(self) -> Any:
        session = self.store.open_read()
        return open_network(session.root, "here", self.cache.at(session.version))
