"""Engines of tests, as BSB finds those of other packages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint

import pytest
from bsb import StorageNode, plugins
from bsb.storage import discover_engines, get_engine_support, get_engines

Install = Callable[..., None]
_CACHES = (discover_engines, get_engine_support, get_engines)


@contextmanager
def registered(**engines: str) -> Iterator[None]:
    """Engines that BSB knows in a block, each by name and place."""
    points = plugins._unittest_plugins["storage.engines"]
    before = list(points)
    try:
        register(**engines)
        yield
    finally:
        points[:] = before
        _forget()


def register(**engines: str) -> None:
    """Make engines known to BSB, each by name and place."""
    points = plugins._unittest_plugins["storage.engines"]
    points.extend(EntryPoint(*each, "bsb.storage.engines") for each in engines.items())
    _forget()


def _forget() -> None:
    """Let BSB look for engines again."""
    for known in _CACHES:
        known.cache_clear()
    if "_plugins" in vars(StorageNode):
        del StorageNode._plugins


@pytest.fixture
def install() -> Iterator[Install]:
    """Makes engines known to BSB until the end of the test, each by name and place."""
    with registered():
        yield register
