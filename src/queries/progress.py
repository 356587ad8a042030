"""How far a long task is: a bar on stderr, and counts for whoever shows them."""

from __future__ import annotations

import sys

from tqdm import tqdm

from ..core.layouts.protocols import NetworkReader

# Seconds that pass before there is a bar.
_DELAY = 1.0


def progress_bar(total: int, title: str, shown: bool | None) -> tqdm:
    """
    A bar that counts connections.

    :param shown: whether to show it; None where stderr is a terminal.
    """
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    hidden = not (on_terminal if shown is None else shown)
    return tqdm(
        total=total,
        desc=title,
        unit=" connections",
        unit_scale=True,
        disable=hidden,
        delay=_DELAY,
        leave=False,
    )


class Work:
    """
    Rows of cells and connections that a task has gone through.

    :ivar done: how many.
    :ivar expected: of how many; 0 if that is not known.
    """

    def __init__(self) -> None:
        self.done = self.expected = 0

    def begin(self) -> None:
        """Reset the count."""
        self.done = self.expected = 0

    def expect(self, rows: int) -> None:
        """Count rows that will be done."""
        self.expected += rows

    def advance(self, rows: int) -> None:
        """Count rows that are done."""
        self.done += rows


WORK = Work()
"""That of this process: a command does one task at a time."""


def rows_in(network: NetworkReader) -> int:
    """The cells and connections of a network, by its counts."""
    cells = sum(network.placement(name).counts().total for name in network.placement_names())
    return cells + sum(network.connectivity(tag).count for tag in network.connectivity_tags())
