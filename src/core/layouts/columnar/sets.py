"""What placement and connectivity sets have in common."""

from __future__ import annotations

from typing import Any, Protocol

from ....ports.arrays import AttributeWriter
from ...recollection import Memory


class Holder(Protocol):
    """The network that a set belongs to."""

    @property
    def memory(self) -> Memory: ...

    def touch(self) -> None: ...


def advance_revision(attributes: AttributeWriter) -> None:
    """Count a session that changed a set."""
    revision: Any = attributes.get("revision")
    attributes.set("revision", 1 if revision is None else int(revision) + 1)
