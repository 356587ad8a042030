"""One rank of a parallel test run; ``launcher.py`` starts it with mpiexec.

``python program.py DIRECTORY TEST_LIMIT RUN_LIMIT MODULE...`` runs the tests of modules with
pytest. The ranks go through them in step and leave in ``DIRECTORY``:

- ``rank-N.log``: all that the rank and the libraries below it print;
- ``rank-N.outcomes``: one line for each outcome of a test, written when it is known;
- ``rank-N.stacks``: where every thread stands, written when a limit (in seconds) has passed.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
from pathlib import Path
from typing import TextIO

import pytest

# A rank whose launcher was killed ends itself this many seconds after the run should be over.
ORPHAN_GRACE = 60
# Which rank it is, before MPI is started: of mpich and Intel MPI, and of Open MPI.
RANK_VARIABLES = ("PMI_RANK", "OMPI_COMM_WORLD_RANK")


class InStep:
    """The pytest plugin of a rank: it writes outcomes, and meets the other ranks after a test."""

    def __init__(self, outcomes: TextIO, stacks: int, test_limit: float, run_limit: float):
        self._outcomes = outcomes
        self._stacks = stacks
        self._test_limit = test_limit
        self._deadline = time.monotonic() + run_limit
        # To import everything may take longer than a test, on a machine that is busy.
        self._show_stacks_after(run_limit)

    def _show_stacks_after(self, seconds: float) -> None:
        left = max(0.1, self._deadline - time.monotonic())
        faulthandler.dump_traceback_later(min(seconds, left), file=self._stacks)

    def _write(self, *words: str) -> None:
        print(*words, file=self._outcomes, flush=True)

    def pytest_sessionstart(self) -> None:
        from mpi4py import MPI

        # A communicator of its own: a meeting never pairs with a collective of the engine, so
        # that a rank that failed and a rank that did not part ways where they really did.
        self._ranks = MPI.COMM_WORLD.Dup()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._write("started", nodeid)
        self._show_stacks_after(self._test_limit)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self._write(report.outcome, report.nodeid)
        if report.failed:
            # pytest prints failures at the end, which a rank that waits for ever never sees.
            for line in report.longreprtext.splitlines():
                self._write("|", line)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._write("waits for the other ranks after", nodeid)
        # Again, because pytest cancels the timer when a test fails.
        self._show_stacks_after(self._test_limit)
        self._ranks.Barrier()


def send_output_to(log: Path) -> None:
    """Redirect the descriptors, since MPI's libraries print without asking Python."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for standard in (sys.stdout, sys.stderr):
        os.dup2(descriptor, standard.fileno())


def main(directory: Path, test_limit: float, run_limit: float, modules: list[str]) -> int:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(int(run_limit) + ORPHAN_GRACE)
    rank = f"rank-{next(os.environ[name] for name in RANK_VARIABLES if name in os.environ)}"
    send_output_to(directory / f"{rank}.log")
    # A descriptor that is never closed: a rank can also hang when MPI is finalized at its exit.
    stacks = os.open(directory / f"{rank}.stacks", os.O_WRONLY | os.O_CREAT)
    with open(directory / f"{rank}.outcomes", "w", encoding="utf-8") as outcomes:
        # The settings of the project hold on a rank too, except those that are the launcher's.
        options = ["addopts=", "timeout=0", "faulthandler_timeout=0"]
        # Other ranks may be at work in the folder of one whose test has passed.
        options.append("tmp_path_retention_policy=all")
        return pytest.main(
            [
                *modules,
                "-v",
                "--import-mode=importlib",
                "-pno:cacheprovider",
                # In a fork, packages that have plugins are there before pytest is.
                "-Wignore:Module already imported so cannot be rewritten",
                f"--basetemp={directory / rank}",
                *(f"--override-ini={option}" for option in options),
            ],
            plugins=[InStep(outcomes, stacks, test_limit, run_limit)],
        )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), sys.argv[4:]))
