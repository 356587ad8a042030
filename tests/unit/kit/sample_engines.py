"""Engines as other packages define them."""

from __future__ import annotations

from typing import Any

from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.kit import define_engine
from bsb_hdf5.ports.store import Capabilities

OPENED: list[tuple[object, dict[str, Any]]] = []


class SampleStore(MemoryStore):
    """Networks in memory, of another engine."""

    def __init__(self, root: str, **options: Any) -> None:
        OPENED.append((root, options))
        super().__init__(f"sample {root}")


class SilentStore(SampleStore):
    """A store that claims nothing."""

    capabilities = Capabilities()


class BrokenStore(SampleStore):
    """A store that fails with errors of its library."""

    def exists(self) -> bool:
        raise ZeroDivisionError("the library failed")

    recognizes = exists


sample = define_engine("sample", SampleStore)
silent = define_engine("silent", SilentStore, default_root=lambda: "quiet")
broken = define_engine("broken", BrokenStore)
late = define_engine("late", "tests.unit.kit.sample_engines:SampleStore")
missing = define_engine("missing", "no_such_package.store:Store")
numbered = define_engine("numbered", SampleStore, distribution="numpy")
