"""A store with something in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bsb_hdf5.adapters.hdf5.file_opener import Hdf5Settings
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.testing.contents import make, writing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "network.hdf5"


@pytest.fixture
def store(path: Path) -> Hdf5Store:
    """A store with something in it."""
    store = Hdf5Store(str(path), Hdf5Settings(lock_limit=0.1))
    make(store)
    with writing(store) as root:
        root.create_array("rows", np.arange(3000.0)).attributes.set("text", "before")
        root.require_group("group").create_array("x", np.arange(5))
    return store
