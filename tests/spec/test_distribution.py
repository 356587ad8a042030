"""What is installed is whole, and BSB finds in it the classes that users know."""

from __future__ import annotations

import importlib
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from bsb.storage import get_engine_support

from tests.spec.source import PACKAGE, package_folder

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
DISCOVERED = {
    "ConnectivitySet": "ConnectivitySet",
    "Engine": "HDF5Engine",
    "FileStore": "FileStore",
    "MorphologyRepository": "MorphologyRepository",
    "PlacementSet": "PlacementSet",
    "StorageNode": "StorageNode",
}


def test_every_package_of_the_source_is_distributed() -> None:
    folder = package_folder()
    modules = (path.relative_to(folder) for path in folder.rglob("*.py"))
    packages = {".".join((PACKAGE, *module.parent.parts)) for module in modules}
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))
    assert packages == set(project["tool"]["setuptools"]["packages"])


def test_the_package_says_that_it_is_typed() -> None:
    assert (package_folder() / "py.typed").is_file()


@pytest.mark.parametrize("engine", ["hdf5", "memory"])
def test_the_entry_point_is_one_engine_module(engine: str) -> None:
    (entry,) = entry_points(group="bsb.storage.engines", name=engine)
    assert f"{PACKAGE}.engines.{engine}" == entry.load().__name__


@pytest.mark.parametrize("interface", DISCOVERED)
def test_bsb_discovers_the_exported_class(interface: str) -> None:
    exported = getattr(importlib.import_module(PACKAGE), DISCOVERED[interface])
    assert exported is get_engine_support("hdf5")[interface]
