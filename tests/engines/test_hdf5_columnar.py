"""BSB's own suite for storage engines, unchanged, on the ``hdf5`` engine in columns."""

from __future__ import annotations

import unittest
from collections.abc import Iterator

import pytest
from bsb_test import RandomStorageFixture, engines

from bsb_hdf5.engines.hdf5 import LAYOUT_VARIABLE


@pytest.fixture(scope="class", autouse=True)
def columnar() -> Iterator[None]:
    """Let the files that BSB's suite makes be columnar: it doesn't say how they are to be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LAYOUT_VARIABLE, "columnar")
        yield


class TestStorage(engines.TestStorage, unittest.TestCase, engine_name="hdf5"):  # type: ignore[arg-type]
    """Storages are created, moved, removed and compared."""


class TestPlacementSet(engines.TestPlacementSet, unittest.TestCase, engine_name="hdf5"):  # type: ignore[arg-type]
    """Placement sets store cells and labels."""


class TestMorphologyRepository(
    engines.TestMorphologyRepository,
    unittest.TestCase,
    engine_name="hdf5",  # type: ignore[arg-type]
):
    """Morphologies come back as they were saved."""


class TestConnectivitySet(engines.TestConnectivitySet, unittest.TestCase, engine_name="hdf5"):  # type: ignore[arg-type]
    """Connectivity sets store connections and iterate over them."""


class TestLayout(RandomStorageFixture, unittest.TestCase, engine_name="hdf5"):  # type: ignore[arg-type]
    """What the suite above ran on."""

    def test_the_storages_that_the_suite_is_given_are_columnar(self) -> None:
        assert "columnar" == self.random_storage()._engine.layout
