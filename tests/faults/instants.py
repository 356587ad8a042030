"""Instants at which a signal comes: a line of this package, or a time."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import bsb_hdf5

SOURCE = str(Path(bsb_hdf5.__file__).parent)


class AlarmError(TimeoutError):
    """What a program raises from its handler of SIGALRM."""


def on_alarm(number: int, frame: FrameType | None) -> None:
    for each in _STARTED:
        each.note()
    raise AlarmError


class AtLine:
    """
    Sends a signal before one of the lines of this package that are run.

    :param number: of the line; None only counts them.
    """

    def __init__(self, number: int | None, sent: int = signal.SIGINT) -> None:
        self.lines = 0
        self.came = ""
        self._number = number
        self._sent = sent

    def __enter__(self) -> AtLine:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
        name = frame.f_code.co_filename
        return self._line if name.startswith(SOURCE) or "contextlib" in name else None

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            self.lines += 1
            if self.lines == self._number:
                self.came = f"{frame.f_code.co_filename[len(SOURCE) :]}:{frame.f_lineno}"
                signal.raise_signal(self._sent)
        return self._line


class AfterTime:
    """
    Sends an alarm when so many seconds have passed.

    :func:`on_alarm` handles it, and is to be set by the program.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.came = ""

    def note(self) -> None:
        self.came = f"after {self._seconds:.6f} s"

    def __enter__(self) -> AfterTime:
        _STARTED[:] = [self]
        signal.setitimer(signal.ITIMER_REAL, self._seconds)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)


# The one that was started last. A signal may come before any of its lines: it sets no handler.
_STARTED: list[AfterTime] = []
