"""Types of JSON documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Document: TypeAlias = dict[str, Any]
"""A JSON object. Its values may be anything, so code that uses one has to check it."""
DocumentView: TypeAlias = Mapping[str, Any]
"""A read-only JSON object."""
