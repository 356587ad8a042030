"""The end of a process in which scopes are open, or daemon threads read or write."""

from __future__ import annotations

import atexit

# Its pools take nothing any more once what it registered has run: see below.
import concurrent.futures.thread  # noqa: F401
import contextlib
import threading
from collections.abc import Callable

from .interrupts import leave_scopes, stop_daemon_threads

# Seconds for the operations of daemon threads. One that takes longer is cut off, as by a kill.
_GRACE = 1.0
_HOOKS: list[Callable[[], object]] = []


def at_end_of_process(hook: Callable[[], object]) -> None:
    """Register a function that is called once all scopes of the main thread are closed."""
    _HOOKS.append(hook)


def _end() -> None:
    """Close everything before Python, as it ends, closes it in any order."""
    leave_scopes()
    _stop()
    for hook in _HOOKS:
        hook()


def _stop() -> None:
    stop_daemon_threads(_GRACE)


# The last that is registered runs first.
_register: Callable[..., object] | None = getattr(threading, "_register_atexit", None)
if _register is not None:
    with contextlib.suppress(RuntimeError):
        _register(_stop)
atexit.register(_end)
