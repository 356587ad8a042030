"""
What a user sees who interrupts a command before it begins.

It is imported before all else, so it imports nothing that is slow to import.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 128 + signal.SIGINT
"""The exit code of an interrupted command, as of shells."""


@contextmanager
def ending_at_interrupts() -> Iterator[None]:
    """
    End the process at Ctrl-C within the block, which imports modules.

    Some of them would raise another error for the exception that Python raises then.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
