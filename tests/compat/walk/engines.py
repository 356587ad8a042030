"""Run the walk in each engine, in processes and folders of their own."""

from __future__ import annotations

import hashlib
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


def outcomes_of_8_0_2() -> Outcomes:
    """As 8.0.2 ends each call: kept in its environment, for as long as the walk stays the same."""
    python = upstream_python()
    sources = sorted(Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"".join(each.read_bytes() for each in sources)).hexdigest()[:16]
    kept = python.parents[1] / f"walk-{digest}.json"
    if not kept.exists():
        found = Walker("8.0.2", python).start().outcomes()
        written = kept.with_suffix(f".{os.getpid()}")
        written.write_text(json.dumps(found), encoding="utf-8")
        written.replace(kept)
    outcomes: Outcomes = json.loads(kept.read_text(encoding="utf-8"))
    return outcomes


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
    # Two at a time: as many as the smallest machine has cores.
    first = ours("classic").start()
    theirs = outcomes_of_8_0_2()
    classic = first.outcomes()
    others = {name: ours(name).start().outcomes() for name in OTHERS}
    found = differences(theirs, classic)
    for name, outcomes in others.items():
        found += differences(classic, outcomes, f"{name}, ")
    return Observed(theirs, {"classic": classic, **others}, found)
