"""The network that the walk builds, in each engine and layout."""

from __future__ import annotations

from tests.spec.sentences.conftest import built, held, held_by, world, worlds

__all__ = ["built", "held", "held_by", "world", "worlds"]
