"""The progress of a long task: a bar on stderr, and counts for other displays."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import attrs
from tqdm import tqdm

from ..core.layouts.protocols import NetworkReader

# Seconds before the bar appears.
_DELAY = 1.0


def is_shown(asked: bool | None) -> bool:
    """Whether to show progress: as asked, or where stderr is a terminal."""
    # A program may be started without stderr.
    on_terminal = sys.stderr is not None and sys.stderr.isatty()
    return on_terminal if asked is None else asked


def progress_bar(total: int, title: str, shown: bool | None) -> tqdm:
    """
    A bar that counts connections.

    :param shown: whether to show it; None where stderr is a terminal.
    """
    return tqdm(
        total=total,
        desc=title,
        unit=" connections",
        unit_scale=True,
        disable=not is_shown(shown),
        delay=_DELAY,
        leave=False,
    )


@attrs.define
class Work:
    """
    Rows of cells and connections that a task has gone through.

    :param done: how many.
    :param expected: number of rows in all; 0 if unknown.
    """

    done: int = 0
    expected: int = 0


_WORK: ContextVar[Work] = ContextVar("work")


@contextmanager
def counted() -> Iterator[Work]:
    """Count the rows that the tasks of a block go through."""
    token = _WORK.set(Work())
    try:
        yield _WORK.get()
    finally:
        _WORK.reset(token)


def count_expected(rows: int) -> None:
    """Count rows that will be done."""
    if work := _WORK.get(None):
        work.expected += rows


def count_done(rows: int) -> None:
    """Count rows that are done."""
    if work := _WORK.get(None):
        work.done += rows


def rows_in(network: NetworkReader) -> int:
    """The cells and connections of a network, by its counts."""
    cells = sum(network.placement(name).counts().total for name in network.placement_names())
    return cells + sum(network.connectivity(tag).count for tag in network.connectivity_tags())
