"""A store in memory with a network in the columnar layout, and what is read of it."""

from __future__ import annotations

from typing import Any

import pytest

from bsb_hdf5.adapters.memory.arrays import (
    MemoryArray,
    MemoryAttributes,
)
from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.core.layouts.detection import create_network
from tests.unit.memory import new_store


@pytest.fixture
def store() -> MemoryStore:
    place = new_store()
    session = place.create()
    network = create_network(session.root, "columnar")
    network.create_placement("cell", created_at="now")
    network.create_connectivity("loop", "cell", "cell", created_at="now")
    network.flush()
    session.commit()
    return place


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is read of arrays (rows) and attributes (names)."""
    seen: list[Any] = []
    read, read_ranges, get = MemoryArray.read, MemoryArray.read_ranges, MemoryAttributes.get

    def note_read(self: Any, *bounds: Any) -> Any:
        rows = read(self, *bounds)
        seen.append(len(rows))
        return rows

    def note_ranges(self: Any, *bounds: Any) -> Any:
        rows = read_ranges(self, *bounds)
        seen.append(len(rows))
        return rows

    def note_get(self: Any, name: str) -> Any:
        seen.append(name)
        return get(self, name)

    monkeypatch.setattr(MemoryArray, "read", note_read)
    monkeypatch.setattr(MemoryArray, "read_ranges", note_ranges)
    monkeypatch.setattr(MemoryAttributes, "get", note_get)
    return seen
