"""
What a user sees who interrupts a command before it begins.

It is imported before all else, so it imports nothing that is slow to import.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 128 + signal.SIGINT
"""The exit code of an interrupted command, as of shells."""


@contextmanager
def ending_at_interrupts() -> Iterator[None]:
    """
    End the process at Ctrl-C within the block, which imports modules.

    Some of them would raise another error for the exception that Python raises then. A program that
    handles interrupts itself, or runs the command in a thread, goes on to do so.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
