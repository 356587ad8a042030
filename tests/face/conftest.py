"""A storage in a file of its own, and a network of two cell types in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from bsb import Storage

from tests.face.samples import SmallNetwork, build_wide_network, open_engine_quickly


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the storage lies."""
    return tmp_path / "network.hdf5"


@pytest.fixture
def storage(path: Path) -> Storage:
    """An empty storage that gives up on locks after seconds."""
    return open_engine_quickly(Storage("hdf5", str(path)))


@pytest.fixture(scope="session")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a small network, for all tests to copy."""
    path = tmp_path_factory.mktemp("small") / "network.hdf5"
    SmallNetwork.build(Storage("hdf5", str(path)))
    return path


@pytest.fixture
def small(path: Path, small_file: Path) -> SmallNetwork:
    """A few cells of two types, labels, connections, morphologies and files."""
    shutil.copyfile(small_file, path)
    return SmallNetwork.of(open_engine_quickly(Storage("hdf5", str(path))))


@pytest.fixture(scope="session")
def wide_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a network in which one chunk is connected to very many, for all to copy."""
    path = tmp_path_factory.mktemp("wide") / "network.hdf5"
    build_wide_network(Storage("hdf5", str(path)))
    return path


@pytest.fixture
def wide(path: Path, wide_file: Path) -> Storage:
    """One cell of type ``a`` that is connected to one of type ``b`` in each of many chunks."""
    shutil.copyfile(wide_file, path)
    return open_engine_quickly(Storage("hdf5", str(path)))
