"""The ranks of one program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Communicator(Protocol):
    """Knows its rank. Its methods are collective: every rank calls them, in the same order."""

    @property
    def rank(self) -> int: ...

    @property
    def size(self) -> int: ...

    def on_main(self, action: Callable[[], T], /) -> T:
        """
        Run on rank 0, once every rank has called; all get its result, or raise its error.
        """

    def all_true(self, test: Callable[[], bool], /) -> bool:
        """Run on every rank; whether it was true on all of them. An error counts as false."""
