"""One network in each engine and layout."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from bsb import Storage

from bsb_hdf5.adapters.memory.store import _NETWORKS
from tests.compat.walk.holdings import holdings
from tests.compat.walk.world import World, Worlds

ENGINES = {
    "classic": ("hdf5", "classic"),
    "columnar": ("hdf5", "columnar"),
    "memory": ("memory", ""),
    "zarr": ("zarr", ""),
}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], World]:
    """The network in an engine and layout, for all tests to copy."""

    @cache
    def built(name: str) -> World:
        engine, layout = ENGINES[name]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("BSB_HDF5_LAYOUT", layout or "classic")
            return Worlds(engine, prefix=f"{tmp_path_factory.mktemp('built')}/").template

    return built


@pytest.fixture(params=ENGINES)
def worlds(
    request: pytest.FixtureRequest,
    built: Callable[[str], World],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Worlds]:
    """Networks of one engine and layout, equal to each other."""
    engine, layout = ENGINES[request.param]
    monkeypatch.chdir(tmp_path)
    if layout:
        monkeypatch.setenv("BSB_HDF5_LAYOUT", layout)
    prefix = f"{tmp_path.name}-"
    yield Worlds(engine, prefix=prefix, built=built(request.param))
    # Those in memory outlive the folder, whose name may be that of another test's.
    for root in [each for each in _NETWORKS if each.startswith(prefix)]:
        Storage("memory", root).remove()


@pytest.fixture
def world(worlds: Worlds) -> World:
    """
    A network: five cells ``a`` in two chunks with everything, seven cells ``b`` with positions,
    six ``entities``, a ``silent`` set without cells; connections ``a_to_b``, ``a_to_a``, ``void``.
    """
    return worlds.template


@pytest.fixture(scope="session")
def held_by(built: Callable[[str], World]) -> Callable[[str], dict[str, Any]]:
    """What the network holds in an engine and layout, before a test."""
    return cache(lambda name: holdings(built(name)))


@pytest.fixture
def held(
    request: pytest.FixtureRequest, world: World, held_by: Callable[[str], dict[str, Any]]
) -> dict[str, Any]:
    """What ``world`` holds before the test."""
    name: str = request.node.callspec.params["worlds"]
    return held_by(name)
