"""What an engine can't do is said in the documentation, in the words of the engine."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5 import platform
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.ports.store import Capability

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"
STORES = {"hdf5": Hdf5Store, "zarr": ZarrStore, "memory": MemoryStore}


@pytest.mark.parametrize("engine", STORES)
def test_the_page_lists_the_limits_of_each_engine(engine: str) -> None:
    store: Any = STORES[engine]("network")
    rows = re.findall(rf"^\| `{engine}` \| (\w+) \| (.*\.) \|$", PAGE.read_text(), re.M)
    assert dict(rows) == {
        str(capability): said for capability, said in store.capabilities.limits.items()
    }
    assert rows


@pytest.mark.parametrize("engine", ["hdf5", "zarr"])
def test_where_no_file_can_be_locked_the_limit_says_so_in_the_words_of_the_page(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Any = STORES[engine]("network")
    before = dict(store.capabilities.limits)
    monkeypatch.setattr(platform, "fcntl", None)
    monkeypatch.setitem(sys.modules, "portalocker", None)
    quoted = " ".join(PAGE.read_text().replace("\n> ", " ").split())
    assert store.capabilities.limits[Capability.LOCKING] != before.pop(Capability.LOCKING)
    assert store.capabilities.limits[Capability.LOCKING] in quoted
    assert before.items() <= store.capabilities.limits.items()
