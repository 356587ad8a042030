"""Networks that both engines compiled, and the simulators that read them."""

from __future__ import annotations

import csv
import os
import subprocess
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import attrs
import pytest

import bsb_hdf5
from tests.compat.exchange import LEAKING_VARIABLES
from tests.compat.upstream import (
    REPOSITORY,
    UpstreamUnavailableError,
    environment_python,
    upstream_is_required,
    upstream_python,
)

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
EXAMPLE = REPOSITORY / "examples" / "simulate" / "run.py"
TIME_LIMIT = 100.0

Spikes = list[tuple[str, ...]]
"""Time in ms, cell type and cell, as the texts that the example writes."""


@attrs.frozen
class Engine:
    """The environment of the simulators, with one of the two engines in it."""

    python: Path
    home: Path
    imports: Path | None

    def compile(self, network: Path, *options: str) -> Path:
        self._run("--network", str(network), "--compile-only", *options)
        return network

    def spikes(self, network: Path, simulator: str) -> Spikes:
        written = network.with_name(f"{network.name}.{simulator}.csv")
        self._run("--network", str(network), "--simulator", simulator, "--spikes", str(written))
        with written.open(newline="") as file:
            return [tuple(row) for row in csv.reader(file)][1:]

    def _run(self, *options: str) -> None:
        done = subprocess.run(
            [self.python, EXAMPLE, *options],
            cwd=self.home,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
        )
        assert 0 == done.returncode, f"{options}\n{done.stdout[-1000:]}\n{done.stderr[-4000:]}"

    def _environment(self) -> dict[str, str]:
        kept = {name: each for name, each in os.environ.items() if not leaks(name)}
        if self.imports is not None:
            kept["PYTHONPATH"] = str(self.imports)
        home = str(self.home)
        # The packages below NEURON write into the home of the user; the first use of glia runs pip,
        # which would replace it by an older one. All mechanisms here are NEURON's own.
        kept |= {"HOME": home, "XDG_CACHE_HOME": home, "XDG_DATA_HOME": home}
        kept |= {"PIP_NO_INDEX": "1", "PIP_DRY_RUN": "1"}
        kept |= {"GLIA_NOCOMPILE": "1", "GLIA_NOLOAD": "1"}
        # BSB takes each variable whose name has "mpi" in it, as "NOCOMPILE", for a sign of MPI.
        return kept | {"BSB_IGNORE_PARALLEL": "1"}


def leaks(name: str) -> bool:
    """Whether a variable would change what the other interpreter does."""
    return name.startswith((*LEAKING_VARIABLES, "BSB_", "GLIA_", "PIP_"))


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """8.0.2, upon whose environment that of the simulators stands."""
    try:
        python = environment_python(REQUIREMENTS, upon=upstream_python())
        return Engine(python, tmp_path_factory.mktemp("theirs"), None)
    except UpstreamUnavailableError as error:
        reason = f"no environment of the simulators: {error}"
    if upstream_is_required():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def ours(theirs: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The engine under test, before 8.0.2 in the same environment."""
    folder = tmp_path_factory.mktemp("imports")
    (folder / "bsb_hdf5").symlink_to(Path(bsb_hdf5.__file__).parent)
    installed = distribution("bsb-hdf5")
    metadata = folder / f"bsb_hdf5-{installed.version}.dist-info"
    metadata.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (metadata / name).write_text(installed.read_text(name) or "")
    return Engine(theirs.python, tmp_path_factory.mktemp("ours"), folder)


class Networks:
    """The same network in several files, each made when the first test asks for it."""

    def __init__(self, ours: Engine, theirs: Engine, folder: Path) -> None:
        self._ours = ours
        self._theirs = theirs
        self._folder = folder
        self.file = cache(self._file)
        self.reference = cache(self._reference)

    def _file(self, name: str) -> Path:
        if "of 8.0.2" == name:
            return self._theirs.compile(self._folder / "theirs.hdf5")
        if "converted" == name:
            target = self._folder / "converted.hdf5"
            bsb_hdf5.convert(str(self.file("of 8.0.2")), str(target), layout="columnar")
            return target
        if "zarr" == name:
            return self._ours.compile(self._folder / "network.zarr")
        return self._ours.compile(self._folder / f"{name}.hdf5", "--layout", name)

    def _reference(self, simulator: str) -> Spikes:
        """What a simulator makes of the file of 8.0.2 that 8.0.2 reads."""
        return self._theirs.spikes(self.file("of 8.0.2"), simulator)


@pytest.fixture(scope="session")
def networks(ours: Engine, theirs: Engine, tmp_path_factory: pytest.TempPathFactory) -> Networks:
    return Networks(ours, theirs, tmp_path_factory.mktemp("networks"))
