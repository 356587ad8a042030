"""A test that fails on one rank only; ``test_mpi.py`` checks that this fails the run."""

from __future__ import annotations

import pytest

from tests.parallel.ranks import MAIN


def test_that_fails_on_one_rank() -> None:
    assert MAIN, "this rank is not the main one"


def test_that_passes() -> None:
    pass


@pytest.mark.skip(reason="what is skipped is counted")
def test_that_is_skipped() -> None:
    pass
