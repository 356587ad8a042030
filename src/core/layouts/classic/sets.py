"""Common parts of placement and connectivity sets."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from ....ports.cache import CacheView
from ...statistics import NetworkTotals


class Repository(Protocol):
    """The morphologies of a network."""

    def lacks(self, names: Collection[str]) -> Collection[str]: ...


class Totals(Protocol):
    """The network that a set counts in."""

    @property
    def totals(self) -> NetworkTotals: ...

    @property
    def cache(self) -> CacheView: ...

    def touch(self) -> None: ...


class Network(Totals, Protocol):
    """The network of cells and their morphologies."""

    @property
    def morphologies(self) -> Repository: ...

    def unlist_morphology(self, name: str) -> None: ...
