"""
Ctrl-C, held up while an operation is under way.

Python raises KeyboardInterrupt between any two of its instructions: between taking a lock
and noting that it was taken, or in a method that C code calls back, which no exception may
leave. So an interrupt that comes within an operation is raised at its end. Only the main
thread is ever interrupted; where the program handles interrupts itself, nothing is held up.
"""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import AbstractContextManager
from types import FrameType, TracebackType
from typing import Any, Generic, TypeVar

T = TypeVar("T")

# The functions of the ``signal`` module wrap those of the interpreter, to return members of
# enumerations: that takes longer than all else that a session does in memory.
_signals: Any = sys.modules.get("_signal", signal)
_get_handler, _set_handler = _signals.getsignal, _signals.signal
_INTERRUPT = int(signal.SIGINT)


class _Held:
    """How many operations are under way in the main thread, and whether an interrupt came."""

    depth = 0
    pending = False


def _hold(number: int, frame: FrameType | None) -> None:
    _Held.pending = True


def begin_uninterrupted() -> None:
    if not _in_main_thread():
        return
    if not _Held.depth and _get_handler(_INTERRUPT) is signal.default_int_handler:
        _set_handler(_INTERRUPT, _hold)
    _Held.depth += 1


def _end() -> None:
    if not _in_main_thread():
        return
    _Held.depth -= 1
    if not _Held.depth and _get_handler(_INTERRUPT) is _hold:
        _set_handler(_INTERRUPT, signal.default_int_handler)


def end_uninterrupted() -> None:
    _end()
    if not _Held.depth:
        raise_held()


def _in_main_thread() -> bool:
    return threading.get_ident() == threading.main_thread().ident


def raise_held() -> None:
    """Raise the interrupt that came, if any; for operations that wait."""
    if _Held.pending and _in_main_thread():
        _Held.pending = False
        raise KeyboardInterrupt


class uninterrupted(AbstractContextManager[T], Generic[T]):  # noqa: N801  # used like a function
    """
    Enter and leave a context manager without interrupts.

    :param inner: the context manager.
    :param throughout: hold them up within the block as well.
    """

    def __init__(self, inner: AbstractContextManager[T], *, throughout: bool = False) -> None:
        self._inner = inner
        self._throughout = throughout

    def __enter__(self) -> T:
        begin_uninterrupted()
        try:
            value = self._inner.__enter__()
        except BaseException:
            end_uninterrupted()
            raise
        if not self._throughout:
            _end()
            if _Held.pending and not _Held.depth:
                self._interrupt()
        return value

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        if not self._throughout:
            begin_uninterrupted()
        try:
            suppressed = self._inner.__exit__(kind, error, trace)
        except BaseException:
            end_uninterrupted()
            raise
        end_uninterrupted()
        return suppressed

    def _interrupt(self) -> Any:
        try:
            raise_held()
        except KeyboardInterrupt as interrupt:
            begin_uninterrupted()
            try:
                self._inner.__exit__(type(interrupt), interrupt, interrupt.__traceback__)
            finally:
                _end()
            raise
