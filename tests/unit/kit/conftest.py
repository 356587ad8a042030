"""Engines of tests, as BSB finds those of other packages."""

from __future__ import annotations

from tests.unit.kit.registration import install

__all__ = ["install"]
