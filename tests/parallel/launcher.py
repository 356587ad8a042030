"""
Runs a module of tests on several MPI ranks, under a limit, and says what each rank did.

Ranks are forks of a process that has imported BSB and this package already, where it is mpich that
starts them: to import them takes longer than most ranks work.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.parallel import forked, origin

HERE = Path(__file__).parent
PROGRAM = HERE / "program.py"
# From the first rank that shows its stacks to the end of the run.
SECONDS_TO_SHOW_STACKS = 5.0
POLL = 0.05
# Open MPI starts no more ranks than there are cores, and none for root, unless it is asked to. Of
# ranks that share a core, those that wait are to let the others work, as those of MPICH do.
_OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_mpi_yield_when_idle": "1",
}


@dataclass(frozen=True)
class Limits:
    """Seconds that one test, and the whole run, may take on a rank."""

    test: float = 60.0
    run: float = 240.0


@dataclass(frozen=True)
class RankReport:
    """What one rank left behind."""

    rank: int
    log: str
    outcomes: str
    stacks: str

    def tests(self, outcome: str) -> set[str]:
        """The tests with an outcome, as ``Class::test`` or ``test``; the worst one counts."""
        worse = {"passed": ("skipped", "failed"), "skipped": ("failed",), "failed": ()}
        return self._lines(outcome) - {
            test for name in worse[outcome] for test in self._lines(name)
        }

    def _lines(self, outcome: str) -> set[str]:
        pairs = (line.partition(" ") for line in self.outcomes.splitlines())
        return {node.partition("::")[2] for word, _, node in pairs if word == outcome}

    def __str__(self) -> str:
        parts = {"log": self.log, "outcomes": self.outcomes, "where its threads stand": self.stacks}
        return "\n".join(
            f"--- rank {self.rank}: {title} ---\n{text.rstrip()}"
            for title, text in parts.items()
            if text.strip()
        )


@dataclass(frozen=True)
class RankRun:
    """What a run on several ranks came to."""

    exit_status: int
    out_of_time: bool
    launcher_log: str
    reports: Sequence[RankReport]

    @property
    def succeeded(self) -> bool:
        return self.exit_status == 0 and not self.out_of_time

    def __str__(self) -> str:
        verdict = "ran out of time" if self.out_of_time else f"ended with status {self.exit_status}"
        return "\n".join(
            [f"{len(self.reports)} ranks {verdict}", self.launcher_log, *map(str, self.reports)]
        )


def mpiexec() -> Path:
    """The launcher that came with this environment; another one would start another MPI."""
    launcher = Path(sys.executable).with_name("mpiexec")
    if not launcher.exists():
        raise FileNotFoundError(
            f"there is no mpiexec beside {sys.executable}: install the extra 'parallel' and mpich"
        )
    return launcher


def as_rank(*program: str) -> list[str]:
    """
    The command by which mpiexec starts a rank, which is a fork.

    :param program: what follows ``python`` in the command that it stands for.
    """
    if not _is_mpich():
        return [sys.executable, *program]
    return [sys.executable, "-I", "-S", forked.__file__, _origin(os.getpid()), *program]


@cache
def _is_mpich() -> bool:
    """Whether it is mpich: what others tell a rank to speak with is for its own process only."""
    said = subprocess.run([mpiexec(), "--version"], capture_output=True, text=True, check=True)
    return "HYDRA" in said.stdout


@cache
def _origin(of: int) -> str:
    """Where the origin of the ranks of a process is asked for them."""
    name = f"bsb-hdf5-ranks-{of}-{time.monotonic_ns()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{name}")
        listener.listen(64)
        process = subprocess.Popen(
            [sys.executable, "-m", origin.__name__, str(listener.fileno())],
            cwd=HERE.parents[1],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
        )
    atexit.register(process.communicate)
    return name


def run_on_ranks(
    *modules: str,
    directory: Path,
    ranks: int = 2,
    limits: Limits | None = None,
    anew: bool = False,
) -> RankRun:
    """
    Run modules of this folder on every rank.

    :param directory: takes the files of the run.
    :param anew: whether mpiexec starts a Python for each rank, rather than a fork.
    """
    limits = limits or Limits()
    launcher_log = directory / "mpiexec.log"
    program = [str(PROGRAM), str(directory), str(limits.test), str(limits.run)]
    program += [str(HERE / each) for each in modules]
    rank = [sys.executable, *program] if anew else as_rank(*program)
    with open(launcher_log, "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [mpiexec(), "-n", str(ranks), *rank],
            cwd=directory,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        out_of_time = not ends_in_time(process, directory, ranks, limits)
    finally:
        end_group(process)
    return RankRun(
        exit_status=process.wait(),
        out_of_time=out_of_time,
        launcher_log=launcher_log.read_text(encoding="utf-8"),
        reports=[report_of(rank, directory) for rank in range(ranks)],
    )


def launch(
    program: Sequence[str], ranks: int, variables: Mapping[str, str]
) -> subprocess.Popen[str]:
    """Start a module of this repository on ranks; what they print comes through the pipe."""
    return subprocess.Popen(
        [mpiexec(), "-n", str(ranks), *as_rank("-m", *program)],
        cwd=HERE.parents[1],
        env=environment() | dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def log_of(process: subprocess.Popen[str], seconds: float) -> str:
    """
    What the ranks printed, when they have ended.

    :param seconds: that they may take, after which they show where they stand, and a few more.
    :raises TimeoutError: they did not end, and were killed.
    """
    try:
        return process.communicate(timeout=seconds + SECONDS_TO_SHOW_STACKS)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise TimeoutError(f"the ranks did not end: {process.communicate()[0]}") from None


def environment() -> dict[str, str]:
    """Ours, without what is meant for the pytest above, and with UCX's remarks silenced.

    mpilock's thread that keeps the main rank responsive is off unless it is asked for: now and
    then mpich 5.0.2 crashes in that thread while another one makes a window, which every job
    pool of BSB does. The main rank is responsive without it, as these tests have it call MPI.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {"MPILOCK_PUMP": "0", **_OPEN_MPI, **kept, "UCX_LOG_LEVEL": "error"}


def ends_in_time(
    process: subprocess.Popen[bytes], directory: Path, ranks: int, limits: Limits
) -> bool:
    """Wait for the run; once a rank has shown its stacks, only until all of them have."""
    deadline = time.monotonic() + limits.run + SECONDS_TO_SHOW_STACKS
    shown = 0
    while process.poll() is None:
        before, shown = shown, sum(bool(read(directory, rank, "stacks")) for rank in range(ranks))
        if shown and not before:
            deadline = min(deadline, time.monotonic() + SECONDS_TO_SHOW_STACKS)
        if shown == ranks:
            # The last dump may be half written.
            deadline = min(deadline, time.monotonic() + 2 * POLL)
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return True


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill mpiexec and what is left of its process group; its proxy then ends the ranks."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def read(directory: Path, rank: int, kind: str) -> str:
    path = directory / f"rank-{rank}.{kind}"
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def report_of(rank: int, directory: Path) -> RankReport:
    kinds = {kind: read(directory, rank, kind) for kind in ("log", "outcomes", "stacks")}
    return RankReport(rank=rank, **kinds)
