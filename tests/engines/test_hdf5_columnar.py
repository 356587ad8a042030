"""BSB's own suite for storage engines, unchanged, on the ``hdf5`` engine in columns."""

from __future__ import annotations

import unittest
from collections.abc import Iterator

import pytest
from bsb_test import RandomStorageFixture

from tests.engines.suite import suite_of_bsb


@pytest.fixture(scope="class", autouse=True)
def columnar() -> Iterator[None]:
    """Let the files that BSB's suite makes be columnar: it doesn't say how they are to be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BSB_HDF5_LAYOUT", "columnar")
        yield


TestStorage, TestPlacementSet, TestMorphologyRepository, TestConnectivitySet = suite_of_bsb("hdf5")


class TestLayout(RandomStorageFixture, unittest.TestCase, engine_name="hdf5"):  # type: ignore[arg-type]
    """What the suite above ran on."""

    def test_the_storages_that_the_suite_is_given_are_columnar(self) -> None:
        assert "columnar" == self.random_storage()._engine.layout
