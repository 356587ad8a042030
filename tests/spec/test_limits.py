"""What an engine can't do is said in the documentation, in the words of the engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.adapters.zarr.store import ZarrStore

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"
STORES = {"hdf5": Hdf5Store, "zarr": ZarrStore, "memory": MemoryStore}


@pytest.mark.parametrize("engine", STORES)
def test_the_page_lists_the_limits_of_each_engine(engine: str) -> None:
    store: Any = STORES[engine]
    rows = re.findall(rf"^\| `{engine}` \| (\w+) \| (.*\.) \|$", PAGE.read_text(), re.M)
    assert dict(rows) == {str(capability): said for capability, said in store.limits.items()}
    assert rows
