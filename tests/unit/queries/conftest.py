"""Fixtures: random networks, read in pieces of any size."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsb_hdf5.queries import streams
from tests.unit.queries.networks import ENGINES, Sample, new_storage, random_network

SEEDS = (1, 2)


@pytest.fixture(params=ENGINES, scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """An engine, or a layout of the HDF5 engine."""
    name: str = request.param
    return name


@pytest.fixture(params=SEEDS, scope="session")
def sample(
    engine: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Sample:
    """A network that tests only read."""
    folder = tmp_path_factory.mktemp("sample")
    return random_network(new_storage(engine, folder), request.param)


@pytest.fixture
def own_sample(engine: str, tmp_path: Path) -> Sample:
    """A network that a test may change."""
    return random_network(new_storage(engine, tmp_path), 1)


@pytest.fixture(params=[(streams._MOST, 3), (2, streams._CUT)], ids=["at once", "in pieces"])
def _pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that are read at once, and those of them that are counted at once."""
    most, cut = request.param
    monkeypatch.setattr(streams, "_MOST", most)
    monkeypatch.setattr(streams, "_CUT", cut)
