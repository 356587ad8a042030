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
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import get_ident
from types import FrameType, TracebackType
from typing import Any, Generic, TypeVar

from ..platform import after_fork_in_child

T = TypeVar("T")

# The functions of the ``signal`` module wrap those of the interpreter, to return members of
# enumerations: that takes longer than all else that a session does in memory.
_signals: Any = sys.modules.get("_signal", signal)
_get_handler, _set_handler = _signals.getsignal, _signals.signal
_INTERRUPT, _DEFAULT = int(signal.SIGINT), signal.default_int_handler


class _Pending:
    """
    What is held up in the main thread.

    ``depth`` is how many operations are under way, ``pending`` whether an interrupt came.
    """

    __slots__ = ("depth", "pending", "thread")

    def __init__(self) -> None:
        self.thread = threading.main_thread().ident
        self.depth = 0
        self.pending = False


_PENDING = _Pending()


def _hold(number: int, frame: FrameType | None) -> None:
    _PENDING.pending = True


def begin_uninterrupted() -> None:
    if get_ident() != _PENDING.thread:
        return
    if not _PENDING.depth and _get_handler(_INTERRUPT) is _DEFAULT:
        _set_handler(_INTERRUPT, _hold)
    _PENDING.depth += 1


def _end() -> None:
    if get_ident() != _PENDING.thread:
        return
    _PENDING.depth -= 1
    if not _PENDING.depth and _get_handler(_INTERRUPT) is _hold:
        _set_handler(_INTERRUPT, _DEFAULT)


def end_uninterrupted() -> None:
    _end()
    if _PENDING.pending and not _PENDING.depth:
        raise_pending()


def raise_pending() -> None:
    """Raise the interrupt that came, if any; for operations that wait."""
    if _PENDING.pending and get_ident() == _PENDING.thread:
        _PENDING.pending = False
        raise KeyboardInterrupt


def _reset_in_child() -> None:
    """A forked child goes on with one thread of its parent, which is its main thread now."""
    if get_ident() != _PENDING.thread:
        # The operations of the parent's main thread are not under way here.
        _PENDING.thread, _PENDING.depth, _PENDING.pending = get_ident(), 0, False
        if _get_handler(_INTERRUPT) is _hold:
            _set_handler(_INTERRUPT, _DEFAULT)


after_fork_in_child(_reset_in_child)


class uninterrupted(AbstractContextManager[T], Generic[T]):  # noqa: N801  # used like a function
    """
    Enter and leave a context manager without interrupts.

    :param make: makes the context manager.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[T]]) -> None:
        self._make = make

    def __enter__(self) -> T:
        begin_uninterrupted()
        try:
            self._inner = self._make()
            value = self._inner.__enter__()
        except BaseException:
            end_uninterrupted()
            raise
        _end()
        if _PENDING.pending and not _PENDING.depth:
            self._interrupt()
        return value

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        begin_uninterrupted()
        try:
            suppressed = self._inner.__exit__(kind, error, trace)
        except BaseException:
            end_uninterrupted()
            raise
        end_uninterrupted()
        return suppressed

    def _interrupt(self) -> None:
        try:
            raise_pending()
        except KeyboardInterrupt as interrupt:
            begin_uninterrupted()
            try:
                self._inner.__exit__(type(interrupt), interrupt, interrupt.__traceback__)
            finally:
                _end()
            raise
