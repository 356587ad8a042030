"""
BSB's suite for storage engines on every rank at once.

``python -m tests.parallel.suite --count 100 --ranks 4`` runs it so often, in networks of each kind
in turn, and says how each run ended.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import unittest
from pathlib import Path

from tests.parallel import bsb_suite
from tests.parallel.engine import KINDS
from tests.parallel.launcher import Limits, run_on_ranks

LIMITS = Limits(test=60.0, run=240.0)
SUITE = ("TestConnectivitySet", "TestMorphologyRepository", "TestPlacementSet", "TestStorage")
# BSB skips these itself when there is more than one rank.
SERIAL_ONLY = {
    "TestConnectivitySet::test_connect_connect",
    "TestMorphologyRepository::test_swc_ldc_mdc",
    "TestMorphologyRepository::test_swc_saveload",
    "TestMorphologyRepository::test_swc_saveload_eq",
    "TestPlacementSet::test_chunk_size",
    "TestPlacementSet::test_example_labels",
    "TestPlacementSet::test_list_input",
    "TestPlacementSet::test_overwrite_labels",
    "TestPlacementSet::test_require",
}


def suite_of_bsb() -> set[str]:
    """Every test of the suite, as ``Class::test``."""
    find = unittest.TestLoader().getTestCaseNames
    return {f"{name}::{test}" for name in SUITE for test in find(getattr(bsb_suite, name))}


def run_suite(ranks: int, folder: Path) -> None:
    """
    Run it on ranks, with the engine that the environment names.

    :raises AssertionError: a test failed or is missing, or the ranks did not end.
    """
    run = run_on_ranks("bsb_suite.py", directory=folder, ranks=ranks, limits=LIMITS)
    assert run.succeeded, str(run)
    for report in run.reports:
        assert SERIAL_ONLY == report.tests("skipped"), str(run)
        assert suite_of_bsb() - SERIAL_ONLY == report.tests("passed"), str(run)


def main() -> None:
    parser = argparse.ArgumentParser(description="BSB's suite on ranks, again and again.")
    parser.add_argument("--count", type=int, default=3, help="of runs")
    parser.add_argument("--ranks", type=int, default=4)
    options = parser.parse_args()
    failed = 0
    for number in range(options.count):
        kind = list(KINDS)[number % len(KINDS)]
        os.environ.update(KINDS[kind])
        ended = "passed"
        with tempfile.TemporaryDirectory() as folder:
            try:
                run_suite(options.ranks, Path(folder))
            except AssertionError as error:
                failed, ended = failed + 1, f"failed\n{error}"
        print(f"{number + 1} of {options.count}: {kind}, {ended}", flush=True)
    sys.exit(f"{failed} of {options.count} runs failed" if failed else 0)


if __name__ == "__main__":
    main()
