"""An action that is stopped again and again, for tests of what others see meanwhile."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Iterator
from types import FrameType

# Seconds that an action is stopped for, whatever others do, and that the next stop may take.
_LONGEST_STOP, _LONGEST_WAIT = 1.0, 20.0
_STOP, _END = b".", b"!"


class Steps:
    """
    The steps of an action in another process; made before that process is.

    A step ends wherever a function that is written in C returns: an action without such calls has
    none.
    """

    def __init__(self) -> None:
        self._listen, self._tell = os.pipe()
        self._wait, self._go = os.pipe()

    def take(self, action: Callable[[], object]) -> None:
        """In the other process: act, and stop after each step until the other one has looked."""
        sys.setprofile(self._after)
        try:
            action()
        finally:
            sys.setprofile(None)
            os.write(self._tell, _END)

    def _after(self, frame: FrameType, event: str, called: object) -> None:
        if event != "c_return":
            return
        os.write(self._tell, _STOP)
        if select.select([self._wait], [], [], _LONGEST_STOP)[0]:
            os.read(self._wait, 1)
        else:
            # Who looks may wait for the action to end.
            sys.setprofile(None)

    def until_the_end(self) -> Iterator[None]:
        """Stop the action at each step for the time that the loop takes to look."""
        while True:
            came = select.select([self._listen], [], [], _LONGEST_WAIT)[0]
            assert came, "the other process takes no step"
            if os.read(self._listen, 1) == _END:
                return
            yield
            os.write(self._go, _STOP)

    def close(self) -> None:
        for descriptor in (self._listen, self._tell, self._wait, self._go):
            os.close(descriptor)
