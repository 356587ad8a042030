"""
Which sentences of the specification which tests hold.

A test names the members that it is about, with their module::

    @holds("bsb_hdf5.placement_set.PlacementSet.label")
    def test_cells_get_labels(...): ...

The names are those of the specification (``api.json``) and of BSB's own interfaces
(``bsb.storage.interfaces``); ``test_sentences.py`` fails for a member that no test names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TypeVar

Test = TypeVar("Test", bound=Callable[..., object])

HELD: dict[str, list[str]] = defaultdict(list)
"""The names of tests by the member that they are about."""


def holds(*members: str) -> Callable[[Test], Test]:
    """Note that a test holds what is said of these members."""

    def note(test: Test) -> Test:
        for member in members:
            HELD[member].append(f"{test.__module__}::{test.__qualname__}")
        return test

    return note
