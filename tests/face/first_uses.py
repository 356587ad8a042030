"""What a storage may be asked first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bsb import Storage

from tests.face.samples import (
    cell_type,
    morphology,
)

FIRST_USES: dict[str, Callable[[Storage], Any]] = {
    "read": lambda storage: storage.get_placement_set(cell_type("a")),
    "list": lambda storage: storage.get_connectivity_sets(),
    "write": lambda storage: storage.require_placement_set(cell_type("a")),
    "store": lambda storage: storage.files.store("text", "id"),
    "save": lambda storage: storage.morphologies.save("new", morphology()),
    "clear": lambda storage: storage.clear_placement(),
    "statistics": lambda storage: storage.get_chunk_stats(),
    "versions": lambda storage: storage._engine.versions,
    "metadata": lambda storage: storage._engine.metadata,
    "create": lambda storage: storage.create(),
    "a read scope": lambda storage: storage.read_scope().__enter__(),
    "a write scope": lambda storage: storage.write_scope().__enter__(),
}
