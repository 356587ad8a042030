"""
Ctrl-C while HDF5 is at work.

Python raises KeyboardInterrupt between any two of its instructions, also in the methods
that HDF5 calls back from C code, which no exception may leave. There it is noted with the
file, and raised by whoever called HDF5.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType

from . import overlay

_CALLBACKS = overlay.__file__
# A callback calls no deeper than this.
_DEPTH = 4


def note_interrupts() -> bool:
    """
    From now on note interrupts that come within a callback.

    :returns: whether that is to be ended with :func:`raise_interrupts`: not if somebody else
        handles them, or in a thread that is never interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return False
    signal.signal(signal.SIGINT, _interrupt)
    return True


def raise_interrupts() -> None:
    """Interrupts are raised wherever they come, as they were before."""
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread may change this; noting them does no harm meanwhile.
        return
    if signal.getsignal(signal.SIGINT) is _interrupt:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    file = _file_at_work(frame)
    if file is None:
        signal.default_int_handler(number, frame)
    elif file.error is None:
        file.error = KeyboardInterrupt()


def _file_at_work(frame: FrameType | None) -> overlay.OverlayFile | None:
    for _ in range(_DEPTH):
        if frame is None:
            return None
        if frame.f_code.co_filename == _CALLBACKS:
            file = frame.f_locals.get("self")
            return file if isinstance(file, overlay.OverlayFile) else None
        frame = frame.f_back
    return None
