"""BSB's own suite for storage engines on every rank at once; run by ``test_mpi.py``."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from bsb import MPI
from bsb_test import engines

from tests.parallel.engine import ENGINE


@contextmanager
def ranks_meet_after_each_assertion(case: unittest.TestCase) -> Iterator[None]:
    """Give a test the barrier that it lacks between an assertion and the next write.

    Without it a fast rank passes its assertion and writes on, and a slow rank finds what was
    written since where it asserts what was there before.
    """

    def and_meet(check: Callable[..., Any]) -> Callable[..., None]:
        @wraps(check)
        def check_and_meet(*args: Any, **kwargs: Any) -> None:
            check(*args, **kwargs)
            MPI.barrier()

        return check_and_meet

    # The assertions on arrays end in assertTrue, so these two are all that BSB's suite uses here.
    names = ("assertEqual", "assertTrue")
    for name in names:
        setattr(case, name, and_meet(getattr(case, name)))
    try:
        yield
    finally:
        for name in names:
            delattr(case, name)


class TestStorage(engines.TestStorage, unittest.TestCase, engine_name=ENGINE):  # type: ignore[arg-type]
    """Storages are created, moved, removed and compared."""


class TestPlacementSet(engines.TestPlacementSet, unittest.TestCase, engine_name=ENGINE):  # type: ignore[arg-type]
    """Placement sets store cells and labels."""

    def test_clear(self) -> None:
        with ranks_meet_after_each_assertion(self):
            super().test_clear()

    def test_label(self) -> None:
        with ranks_meet_after_each_assertion(self):
            super().test_label()


class TestMorphologyRepository(
    engines.TestMorphologyRepository,
    unittest.TestCase,
    engine_name=ENGINE,  # type: ignore[arg-type]
):
    """Morphologies come back as they were saved."""


class TestConnectivitySet(engines.TestConnectivitySet, unittest.TestCase, engine_name=ENGINE):  # type: ignore[arg-type]
    """Connectivity sets store connections and iterate over them."""
