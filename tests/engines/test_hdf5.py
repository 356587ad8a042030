"""BSB's own suite for storage engines, unchanged, on the ``hdf5`` engine."""

from __future__ import annotations

import unittest

from bsb_test import engines


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
