"""A storage in a file of its own, in either layout, and a network of two cell types in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from bsb import Storage

from tests.face.layouts import new_storage
from tests.face.samples import SmallNetwork, build_wide_network
from tests.storages import layout, path, storage

__all__ = ["layout", "path", "storage"]

FileOf = Callable[[str], Path]


@pytest.fixture(scope="session")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> FileOf:
    """The file of a small network in a layout, for all tests to copy."""

    @cache
    def small_file(layout: str) -> Path:
        path = tmp_path_factory.mktemp("small") / "network.hdf5"
        SmallNetwork.build(new_storage(path, layout))
        return path

    return small_file


@pytest.fixture
def small(path: Path, small_file: FileOf, layout: str) -> SmallNetwork:
    """A few cells of two types, labels, connections, morphologies and files."""
    shutil.copyfile(small_file(layout), path)
    return SmallNetwork.of(new_storage(path, layout))


@pytest.fixture(scope="session")
def wide_file(tmp_path_factory: pytest.TempPathFactory) -> FileOf:
    """The file of a network in which one chunk is connected to very many, for all to copy."""

    @cache
    def wide_file(layout: str) -> Path:
        path = tmp_path_factory.mktemp("wide") / "network.hdf5"
        build_wide_network(new_storage(path, layout))
        return path

    return wide_file


@pytest.fixture
def wide(path: Path, wide_file: FileOf, layout: str) -> Storage:
    """One cell of type ``a`` that is connected to one of type ``b`` in each of many chunks."""
    shutil.copyfile(wide_file(layout), path)
    return new_storage(path, layout)
