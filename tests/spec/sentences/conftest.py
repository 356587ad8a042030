"""One network in each engine and layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat.walk.world import World, Worlds

ENGINES = {
    "classic": ("hdf5", "classic"),
    "columnar": ("hdf5", "columnar"),
    "memory": ("memory", ""),
    "zarr": ("zarr", ""),
}


@pytest.fixture(params=ENGINES)
def worlds(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Worlds]:
    """Networks of one engine and layout, equal to each other."""
    engine, layout = ENGINES[request.param]
    monkeypatch.chdir(tmp_path)
    if layout:
        monkeypatch.setenv("BSB_HDF5_LAYOUT", layout)
    worlds = Worlds(engine, prefix=f"{tmp_path.name}-")
    yield worlds
    if engine == "memory":
        worlds.template.engine.remove()


@pytest.fixture
def world(worlds: Worlds) -> World:
    """
    A network: five cells ``a`` in two chunks with everything, seven cells ``b`` with positions,
    six ``entities``, a ``silent`` set without cells; connections ``a_to_b``, ``a_to_a``, ``void``.
    """
    return worlds.template
