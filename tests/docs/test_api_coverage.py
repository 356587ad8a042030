"""The documentation is not built if a public name has no entry in the API reference."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

EXTENSION = Path(__file__).parents[2] / "docs" / "api_coverage.py"


@pytest.fixture
def extension() -> ModuleType:
    spec = importlib.util.spec_from_file_location("api_coverage", EXTENSION)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_exported_and_specified_names_are_public(extension: ModuleType) -> None:
    names = set(extension.public_names())
    assert {
        ("bsb_hdf5", "convert"),
        ("bsb_hdf5.testing", "StoreContract"),
        ("bsb_hdf5.chunks", "ChunkLoader.chunk_context"),
    } <= names


def test_a_name_without_entry_is_found(extension: ModuleType) -> None:
    names = [("bsb_hdf5", "convert"), ("bsb_hdf5", "verify")]
    assert ["bsb_hdf5.verify"] == extension.without_entry(names, {"bsb_hdf5.convert"})


def test_an_entry_where_a_name_is_defined_is_enough(extension: ModuleType) -> None:
    names = [("bsb_hdf5", "HDF5Engine"), ("bsb_hdf5", "PlacementSet.append_data")]
    defined = {
        "bsb_hdf5.engines.hdf5.HDF5Engine",
        "bsb_hdf5.placement_set.PlacementSet.append_data",
    }
    assert [] == extension.without_entry(names, defined)
