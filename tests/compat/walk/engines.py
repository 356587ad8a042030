"""Run the walk in each engine, in processes and folders of their own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from tests.compat.exchange import LEAKING_VARIABLES
from tests.compat.walk.compare import Difference, Outcomes, differences
from tests.compat.walk.recording import recorded
from tests.faults.programs import run_program
from tests.scratch import fast_folder

REPOSITORY = Path(__file__).parents[3]
TIME_LIMIT = 600.0


OTHERS = ("columnar", "memory", "zarr")
OURS = {
    "classic": ("hdf5", "classic"),
    "columnar": ("hdf5", "columnar"),
    "memory": ("memory", ""),
    "zarr": ("zarr", ""),
}
"""Engine and layout by name, the usual one first."""

WALK = """
    import os, sys
    from tests.compat.walk.run import write_outcomes
    folder, engine, layout = sys.argv[1:]
    os.chdir(folder)
    os.dup2(1, 2)
    os.environ |= {"BSB_HDF5_LAYOUT": layout} if layout else {}
    write_outcomes(engine, "outcomes.json")
"""


@contextmanager
def new_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(
        prefix="walk-", dir=fast_folder(), ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


def outcomes_in(folder: Path) -> Outcomes:
    found: Outcomes = json.loads((folder / "outcomes.json").read_text())
    return found


def ours(name: str) -> Outcomes:
    """Walk in an engine of ours."""
    with new_folder() as folder:
        run_program(WALK, str(folder), *OURS[name], seconds=TIME_LIMIT)
        return outcomes_in(folder)


def theirs(python: Path) -> Outcomes:
    """Walk in 8.0.2, whose environment has an interpreter of its own."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(LEAKING_VARIABLES)
    } | {"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(python), "-m", "tests.compat.walk.run", "hdf5", "outcomes.json"]
    with new_folder() as folder:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return outcomes_in(folder)


@attrs.frozen
class Observed:
    """What both engines did, and where ours differs from 8.0.2 or from our own classic layout."""

    theirs: Outcomes
    ours: dict[str, Outcomes]
    differences: list[Difference]

    @property
    def classic(self) -> Outcomes:
        return self.ours["classic"]


def observe(others: Sequence[str] = OTHERS) -> Observed:
    """
    Walk in engines of ours, and compare.

    :param others: beside the usual one.
    :raises RuntimeError: the walk of 8.0.2 was recorded with other calls.
    """
    expected = recorded()
    found = {name: ours(name) for name in ("classic", *others)}
    different = differences(expected, found["classic"])
    for name in others:
        different += differences(found["classic"], found[name], f"{name}, ")
    return Observed(expected, found, different)
