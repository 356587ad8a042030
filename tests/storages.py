"""Fixtures: a storage in a file of its own, in either layout."""

from __future__ import annotations

from pathlib import Path

import pytest
from bsb import Storage

from tests.face.layouts import LAYOUTS, new_storage


@pytest.fixture(params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    """How the storage is laid out."""
    name: str = request.param
    return name


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the storage lies."""
    return tmp_path / "network.hdf5"


@pytest.fixture
def storage(path: Path, layout: str) -> Storage:
    """An empty storage that gives up on locks after seconds."""
    return new_storage(path, layout)
