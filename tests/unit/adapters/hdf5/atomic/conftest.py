"""A store, and one whose commit was interrupted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bsb_hdf5.adapters.hdf5.file_opener import Hdf5Settings
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.testing.contents import make, writing
from tests.unit.adapters.hdf5.atomic.commits import interrupt, is_interrupted


@pytest.fixture
def store(path: Path) -> Hdf5Store:
    store = Hdf5Store(str(path), Hdf5Settings(lock_limit=0.1))
    make(store)
    with writing(store) as root:
        root.create_array("rows", np.arange(3000))
    return store


@pytest.fixture
def interrupted(store: Hdf5Store, path: Path) -> Path:
    """A network whose commit was interrupted when half of it was applied."""
    interrupt(store)
    assert is_interrupted(path)
    return path
