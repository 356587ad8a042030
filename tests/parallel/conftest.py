"""Fixtures of the tests that run on ranks; a module that imports MPI loads when one is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def shared_path(tmp_path: Path) -> Path:
    """A directory that is empty at first, the same one on every rank."""
    from bsb import MPI

    path: Path = MPI.bcast(tmp_path)
    return path


@pytest.fixture
def storage(shared_path: Path) -> Any:
    """A new storage that all ranks have opened."""
    from bsb import Storage

    from tests.parallel.engine import ENGINE

    return Storage(ENGINE, str(shared_path / f"network.{ENGINE}"))


@pytest.fixture
def columnar(monkeypatch: pytest.MonkeyPatch) -> None:
    """New HDF5 files are columnar."""
    monkeypatch.setenv("BSB_HDF5_LAYOUT", "columnar")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where a network begins that is written by processes or ranks."""
    from tests.parallel.staged import begin

    root = tmp_path / "network.hdf5"
    begin(root)
    return root
