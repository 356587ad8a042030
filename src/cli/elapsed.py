"""A line on stderr that shows how far a command is."""

from __future__ import annotations

import sys
import threading
from types import TracebackType

from tqdm import tqdm

from ..queries.progress import WORK

# Seconds that pass before there is a line, and between its changes.
_INTERVAL = 1.0


class Elapsed:
    """
    Shows the name of a command, for how long it has been running and what is done, from one second
    on.

    :param title: of the line.
    :param shown: whether to show it at all; None where stderr is a terminal.
    """

    def __init__(self, title: str, shown: bool | None = None) -> None:
        self._title = title
        # A program may be started without stderr.
        on_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._shown = on_terminal if shown is None else shown
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> None:
        WORK.begin()
        if self._shown:
            self._thread = threading.Thread(target=self._show, daemon=True)
            self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def _show(self) -> None:
        if self._end.wait(_INTERVAL):
            return
        # A bar that counts connections finds its place below.
        line = tqdm(desc=self._title, bar_format="{desc}: {elapsed}{postfix}", leave=False)
        while not self._end.wait(_INTERVAL):
            line.set_postfix_str(_done(line.format_dict["elapsed"]))
        line.close()


def _done(seconds: float) -> str:
    """How many cells and connections a command has gone through, of how many, and how fast."""
    done, expected = WORK.done, WORK.expected
    if not done:
        return ""
    rate = f"{tqdm.format_sizeof(done / seconds)} cells and connections/s"
    # What is added while it runs comes on top.
    return f"{min(99, 100 * done // expected)} %, {rate}" if expected else rate
