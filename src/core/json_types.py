"""Types of JSON documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Document: TypeAlias = dict[str, Any]
"""A JSON object that was read. Its values may be anything: whoever uses one checks it."""
DocumentView: TypeAlias = Mapping[str, Any]
"""A JSON object that is not changed."""
