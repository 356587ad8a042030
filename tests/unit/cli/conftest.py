"""Fixtures: a small stored network, and commands that are carried out in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5.cli.running import main
from tests.unit.queries.networks import Sample, copied_network


class Outcome:
    """What a command printed, and the code that it exits with."""

    def __init__(self, code: int, captured: Any) -> None:
        self.code = code
        self.out: str = captured.out
        self.err: str = captured.err

    def document(self) -> Any:
        """What it printed as JSON."""
        return json.loads(self.out)


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Carry out a command; paths are given relative to the folder of the test."""

    def run(*arguments: str | Path) -> Outcome:
        capsys.readouterr()
        code = main([str(each) for each in arguments])
        return Outcome(code, capsys.readouterr())

    return run


@pytest.fixture(params=["classic", "columnar"])
def layout(request: pytest.FixtureRequest) -> str:
    """How the network is laid out."""
    name: str = request.param
    return name


@pytest.fixture
def network(tmp_path: Path, layout: str) -> Sample:
    """A network in a file."""
    return copied_network(layout, tmp_path, 1)


@pytest.fixture
def root(network: Sample) -> Path:
    """Its file."""
    return Path(network.storage.root)
