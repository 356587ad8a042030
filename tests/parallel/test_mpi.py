"""The engine on two MPI ranks: BSB's suite and our own tests, under limits.

The tests themselves are in ``bsb_suite.py`` and in the ``rank_*.py`` modules, which mpiexec
starts; here they are launched, and what every rank ran is counted.
"""

from __future__ import annotations

import ast
import os
import time
from pathlib import Path

import pytest

from tests.parallel import bsb_suite
from tests.parallel.engine import KINDS
from tests.parallel.launcher import HERE, Limits, RankReport, RankRun, run_on_ranks
from tests.parallel.suite import LIMITS, SERIAL_ONLY, SUITE, run_suite, suite_of_bsb

RANKS = 2
# No barrier stands between an assertion of these and the next write.
RACY = {"TestPlacementSet": {"test_clear", "test_label"}}
OUR_MODULES = sorted(path.name for path in HERE.glob("rank_*.py"))

pytestmark = pytest.mark.timeout(LIMITS.run + 60)


# What ranks do to sets is up to the core, which is the same for each kind of store.
LEFT_OUT: dict[str, set[str]] = {
    "hdf5 classic": set(),
    "hdf5 columnar": set(),
    "zarr": {"rank_connectivity.py", "rank_placement.py"},
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The engine of all networks that the ranks make, and the layout of its files."""
    name: str = request.param
    monkeypatch.delenv("BSB_HDF5_LAYOUT", raising=False)
    for variable, value in KINDS[name].items():
        monkeypatch.setenv(variable, value)
    return name


def defined_in(module: str) -> set[str]:
    """The names of the tests that a module defines."""
    nodes = ast.parse((HERE / module).read_text(encoding="utf-8")).body
    functions = (node.name for node in nodes if isinstance(node, ast.FunctionDef))
    return {name for name in functions if name.startswith("test_")}


def without_parameters(tests: set[str]) -> set[str]:
    return {test.partition("[")[0] for test in tests}


@pytest.mark.usefixtures("kind")
def test_the_suite_of_bsb_passes_on_every_rank(tmp_path: Path) -> None:
    run_suite(RANKS, tmp_path)


def test_the_suite_of_bsb_is_whole() -> None:
    assert 31 <= len(suite_of_bsb() - SERIAL_ONLY)
    assert SERIAL_ONLY < suite_of_bsb()


def test_only_the_two_racy_tests_of_bsb_are_overridden() -> None:
    for name in SUITE:
        members = vars(getattr(bsb_suite, name)).items()
        code = {member for member, value in members if callable(value) or hasattr(value, "__get__")}
        assert RACY.get(name, set()) == code


def test_our_tests_pass_on_every_rank(kind: str, tmp_path: Path) -> None:
    modules = [each for each in OUR_MODULES if each not in LEFT_OUT[kind]]
    run = run_on_ranks(*modules, directory=tmp_path, ranks=RANKS, limits=LIMITS)
    assert run.succeeded, str(run)
    for report in run.reports:
        assert set() == report.tests("skipped"), str(run)
        defined = set().union(*map(defined_in, modules))
        assert defined == without_parameters(report.tests("passed")), str(run)
    # Ranks that end carry out what they have logged.
    assert [] == list(tmp_path.rglob("*.staged"))


@pytest.fixture(scope="module")
def stuck(tmp_path_factory: pytest.TempPathFactory) -> tuple[RankRun, Path]:
    """A run that hangs, and its folder, which the command line of each process names."""
    folder = tmp_path_factory.mktemp("stuck")
    limits = Limits(test=1.0, run=30.0)
    run = run_on_ranks("sample_stuck.py", directory=folder, ranks=RANKS, limits=limits, anew=True)
    return run, folder


def test_a_run_that_hangs_ends_and_shows_where_each_rank_stands(
    stuck: tuple[RankRun, Path],
) -> None:
    run, _ = stuck
    assert run.out_of_time
    assert not run.succeeded
    for report, function in zip(run.reports, ("wait_for_the_others", "never_arrive"), strict=True):
        assert f" in {function}\n" in report.stacks
        assert f"--- rank {report.rank}: where its threads stand ---" in str(run)
        assert "started tests/parallel/sample_stuck.py::test_that_hangs" in report.outcomes


def test_a_run_that_hangs_leaves_no_process_behind(stuck: tuple[RankRun, Path]) -> None:
    # The ranks die when they miss mpiexec, which takes a moment.
    deadline = time.monotonic() + 5
    while (left := processes_that_mention(stuck[1])) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [] == left


def processes_that_mention(directory: Path) -> list[str]:
    """Command lines that name a directory; those of mpiexec and of its ranks name theirs."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # It ended meanwhile.
    return [line for line in lines if os.fspath(directory) in line]


def test_a_test_that_fails_on_one_rank_fails_the_run(tmp_path: Path) -> None:
    run = run_on_ranks("sample_failing.py", directory=tmp_path, ranks=RANKS, limits=LIMITS)
    assert not run.succeeded
    assert not run.out_of_time
    main, other = run.reports
    assert {"test_that_fails_on_one_rank", "test_that_passes"} == main.tests("passed")
    assert {"test_that_fails_on_one_rank"} == other.tests("failed")
    assert {"test_that_passes"} == other.tests("passed")
    assert {"test_that_is_skipped"} == main.tests("skipped") == other.tests("skipped")
    assert "this rank is not the main one" in str(run)


def test_the_worst_outcome_of_a_test_counts() -> None:
    outcomes = "passed m.py::test_a\nfailed m.py::test_a\npassed m.py::C::test_b\n| passed m.py::x"
    report = RankReport(rank=0, log="", outcomes=outcomes, stacks="")
    assert {"test_a"} == report.tests("failed")
    assert {"C::test_b"} == report.tests("passed")
