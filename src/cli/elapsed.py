"""A line on stderr that shows how far a command is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from ..queries.progress import Work, counted, is_shown

# Seconds before the first line, and between its updates.
_INTERVAL = 1.0


@contextmanager
def elapsed(title: str, shown: bool | None = None) -> Iterator[None]:
    """
    Show for how long a command has been running and what is done, from one second on.

    :param title: title of the line.
    :param shown: whether to show it at all; None where stderr is a terminal.
    """
    if not is_shown(shown):
        yield
        return
    end = threading.Event()
    with counted() as work:
        thread = threading.Thread(target=_show, args=(title, work, end), daemon=True)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()


def _show(title: str, work: Work, end: threading.Event) -> None:
    if end.wait(_INTERVAL):
        return
    # A progress bar of connections is shown below it.
    line = tqdm(desc=title, bar_format="{desc}: {elapsed}{postfix}", leave=False)
    while not end.wait(_INTERVAL):
        line.set_postfix_str(_done(work, line.format_dict["elapsed"]))
    line.close()


def _done(work: Work, seconds: float) -> str:
    """How many cells and connections a command has gone through, of how many, and how fast."""
    if not work.done:
        return ""
    rate = f"{tqdm.format_sizeof(work.done / seconds)} cells and connections/s"
    # More work may be added while it runs.
    return f"{min(99, 100 * work.done // work.expected)} %, {rate}" if work.expected else rate
