"""BSB's own suite for storage engines, unchanged."""

from __future__ import annotations

import types
import unittest

from bsb_test import engines

_PARTS = (
    engines.TestStorage,
    engines.TestPlacementSet,
    engines.TestMorphologyRepository,
    engines.TestConnectivitySet,
)


def suite_of_bsb(engine: str) -> tuple[type[unittest.TestCase], ...]:
    """Storages, placement sets, morphologies and connectivity sets, on an engine."""
    return tuple(
        types.new_class(part.__name__, (part, unittest.TestCase), {"engine_name": engine})
        for part in _PARTS
    )
