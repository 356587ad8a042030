"""Exclusion between the processes that share a store as ranks of one program."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol


class Lock(Protocol):
    """Many readers or one writer; readers may be threads of one process."""

    def shared(self) -> AbstractContextManager[None]:
        """Hold off writers; may be held by many."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Exclude all other holders."""
