"""The network that the walk builds, in each engine and layout."""

from __future__ import annotations

from tests.spec.sentences.conftest import world, worlds

__all__ = ["world", "worlds"]
