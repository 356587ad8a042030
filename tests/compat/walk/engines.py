"""Run the walk in each engine, in processes and folders of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import attrs

from tests.compat.exchange import LEAKING_VARIABLES
from tests.compat.upstream import upstream_python
from tests.compat.walk.compare import Difference, Outcomes, differences
from tests.compat.walk.recording import recorded
from tests.scratch import fast_folder

REPOSITORY = Path(__file__).parents[3]
TIME_LIMIT = 600.0


@attrs.frozen
class Walker:
    """An engine, and the interpreter that has it."""

    name: str
    python: Path
    engine: str = "hdf5"
    layout: str | None = None

    def start(self) -> Walk:
        folder = tempfile.TemporaryDirectory(
            prefix="walk-", dir=fast_folder(), ignore_cleanup_errors=True
        )
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith(LEAKING_VARIABLES)
        } | {"PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
        if self.layout:
            environment["BSB_HDF5_LAYOUT"] = self.layout
        command = [str(self.python), "-m", "tests.compat.walk.run", self.engine, "outcomes.json"]
        process = subprocess.Popen(
            command,
            cwd=folder.name,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        return Walk(self, folder, process)


@attrs.frozen
class Walk:
    """A walk that was begun."""

    walker: Walker
    folder: tempfile.TemporaryDirectory[str]
    process: subprocess.Popen[str]

    def outcomes(self) -> Outcomes:
        with self.folder:
            _, errors = self.process.communicate(timeout=TIME_LIMIT)
            assert self.process.returncode == 0, f"{self.walker.name}: {errors[-4000:]}"
            found: Outcomes = json.loads(Path(self.folder.name, "outcomes.json").read_text())
        return found


def ours(name: str) -> Walker:
    engine, layout = {
        "classic": ("hdf5", "classic"),
        "columnar": ("hdf5", "columnar"),
        "memory": ("memory", None),
        "zarr": ("zarr", None),
    }[name]
    return Walker(name, Path(sys.executable), engine, layout)


OTHERS = ("columnar", "memory", "zarr")


def theirs() -> Walker:
    return Walker("8.0.2", upstream_python())


@attrs.frozen
class Observed:
    """What both engines did, and where ours differs from 8.0.2 or from our own classic layout."""

    theirs: Outcomes
    ours: dict[str, Outcomes]
    differences: list[Difference]

    @property
    def classic(self) -> Outcomes:
        return self.ours["classic"]


def observe() -> Observed:
    """
    Walk in each engine of ours, and compare.

    :raises RuntimeError: the walk of 8.0.2 was recorded with other calls.
    """
    expected = recorded()
    classic, *others = (ours(name).start().outcomes() for name in ("classic", *OTHERS))
    found = differences(expected, classic)
    for name, outcomes in zip(OTHERS, others, strict=True):
        found += differences(classic, outcomes, f"{name}, ")
    return Observed(
        expected, dict(zip(("classic", *OTHERS), (classic, *others), strict=True)), found
    )
