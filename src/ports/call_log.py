"""
A log of calls beside a network, which wait to be carried out in it.

The ranks of a program append calls under a brief lock of the log. Whoever writes to the network
next carries them out first, in the order of the log ("folds" them), and the log starts again. A
mark in the network says which log belongs to it, and which calls of the log it has not seen.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Protocol, TypeAlias

import attrs

Buffer: TypeAlias = bytes | memoryview
Record: TypeAlias = tuple[bytes, memoryview]
"""The title of a call, and its rows."""


@attrs.frozen
class Mark:
    """
    What a network says of its log.

    :param token: token of the log, which bears the same.
    :param generation: number of the log that the network has not seen; one more after each fold.
    """

    token: int
    generation: int

    def next(self) -> Mark:
        """After a fold."""
        return Mark(self.token, self.generation + 1)


@attrs.frozen
class Position:
    """
    What a call that is appended was checked against.

    :param token: token of the log.
    :param state: state of the network; it changes with everything but folds.
    """

    token: int
    state: int


class Publication(enum.Enum):
    """The outcome of an attempt to append a call."""

    DONE = enum.auto()
    STALE = enum.auto()
    """The network is in another state than that which the call was checked against."""
    FULL = enum.auto()
    """The log is as long as it may be."""


class HeldLog(Protocol):
    """A locked log: until it is released, no other program appends to it or folds it."""

    def records(self) -> Sequence[Record]:
        """The calls that the network has not seen, in order."""

    @property
    def state(self) -> int:
        """As in :class:`Position`; 0 if appending is not allowed."""

    def close(self, mark: Mark) -> None:
        """
        Prohibit appending until :meth:`restart`, even if this program ends; called before a commit.

        :param mark: mark of the network before it.
        """

    def restart(self, mark: Mark, state: int) -> None:
        """Begin again without calls, after the commit of the mark."""

    def remove(self) -> None:
        """Delete the log, after the commit of a network without a mark."""

    def release(self) -> None:
        """Let others append."""


class CallLog(Protocol):
    """The log of one network."""

    @property
    def is_found_by_all(self) -> bool:
        """Whether everyone who opens the network finds it."""

    def titles(self, mark: Mark, after: int) -> tuple[list[bytes], int]:
        """
        What the calls are that the network has not seen.

        :param after: where an earlier answer ended, of which this one is to go on; 0 for all.
        :returns: these, and where the answer ends.
        :raises CorruptNetworkError: the log is missing, or of another network.
        """

    def position(self, mark: Mark) -> Position | None:
        """The position that a call can be checked against; None if appending is not allowed now."""

    def publish(self, position: Position, title: bytes, rows: Sequence[Buffer], /) -> Publication:
        """
        Append a call, which counts once this returns.

        :raises StoreIOError: there is no room; the log is as it was.
        :raises LockTimeoutError: others held the log for too long.
        """

    def hold(self, mark: Mark | None) -> HeldLog:
        """
        Wait for the log.

        :param mark: mark of the network; None to make a new log.
        :raises CorruptNetworkError: as for :meth:`titles`.
        """
