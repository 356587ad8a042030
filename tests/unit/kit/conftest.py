"""Engines of tests, as BSB finds those of other packages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint

import pytest
from bsb import plugins
from bsb.storage import discover_engines, get_engine_support, get_engines

Install = Callable[..., None]
_CACHES = (discover_engines, get_engine_support, get_engines)


@pytest.fixture
def install() -> Iterator[Install]:
    """Makes engines known to BSB until the end of the test, each by name and place."""
    points = plugins._unittest_plugins["storage.engines"]
    before = list(points)

    def install(**engines: str) -> None:
        points.extend(EntryPoint(*each, "bsb.storage.engines") for each in engines.items())
        for known in _CACHES:
            known.cache_clear()

    yield install
    points[:] = before
    for known in _CACHES:
        known.cache_clear()
