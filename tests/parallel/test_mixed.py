"""Processes that log calls beside others that write and read, and that are killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parallel.mixed import run


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", range(3))
def test_each_call_that_returned_counts_once_whoever_is_killed(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BSB_HDF5_LAYOUT", "columnar")
    assert "killed" in run(seed, tmp_path)
