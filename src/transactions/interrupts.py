"""
Ctrl-C, held up while an operation is under way.

Python raises KeyboardInterrupt between any two of its instructions: between taking a lock
and noting that it was taken, or in a method that C code calls back, which no exception may
leave. So an interrupt that comes within an operation is raised at its end. Within the block of a
scope it is raised at once, but not in the methods that enter and leave the scope: one that comes
before they have begun, or after they are done, would leave the scope open for ever. Only the main
thread is ever interrupted; where the program handles interrupts itself, nothing is held up.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import get_ident
from types import CodeType, FrameType, TracebackType
from typing import Any, Generic, TypeVar

from ..platform import after_fork_in_child

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

# The functions of the ``signal`` module wrap those of the interpreter, to return members of
# enumerations: that takes longer than all else that a session does in memory.
_signals: Any = sys.modules.get("_signal", signal)
_get_handler, _set_handler = _signals.getsignal, _signals.signal
_INTERRUPT, _DEFAULT = int(signal.SIGINT), signal.default_int_handler
# Methods that enter and leave scopes, and how many calls below them an interrupt can come.
_GUARDED: set[CodeType] = set()
_CALLS_BELOW = 3


class _Pending:
    """
    What is held up in the main thread.

    ``depth`` is how many operations are under way, ``scopes`` how many scopes are open, and
    ``pending`` whether an interrupt came.
    """

    __slots__ = ("depth", "pending", "scopes", "thread")

    def __init__(self) -> None:
        self.thread = threading.main_thread().ident
        self.depth = self.scopes = 0
        self.pending = False


_PENDING = _Pending()


def _hold(number: int, frame: FrameType | None) -> None:
    _PENDING.pending = True


def _guard(number: int, frame: FrameType | None) -> None:
    """The handler within the block of a scope."""
    caller = frame
    for _ in range(_CALLS_BELOW):
        if caller is None:
            break
        if caller.f_code in _GUARDED:
            _PENDING.pending = True
            return
        caller = caller.f_back
    raise KeyboardInterrupt


def guarded(method: F) -> F:
    """Declare a method that enters or leaves a scope: an interrupt in it is raised later."""
    _GUARDED.add(method.__code__)
    return method


def begin_uninterrupted() -> None:
    if get_ident() != _PENDING.thread:
        return
    if not _PENDING.depth and _get_handler(_INTERRUPT) in (_DEFAULT, _guard):
        _set_handler(_INTERRUPT, _hold)
    _PENDING.depth += 1


def _end() -> None:
    if get_ident() != _PENDING.thread:
        return
    _PENDING.depth -= 1
    if not _PENDING.depth and _get_handler(_INTERRUPT) is _hold:
        _set_handler(_INTERRUPT, _guard if _PENDING.scopes else _DEFAULT)


def _count_scope(change: int) -> None:
    """A scope is entered or left; the caller holds interrupts up."""
    if get_ident() == _PENDING.thread:
        _PENDING.scopes = max(0, _PENDING.scopes + change)


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
        _PENDING.thread, _PENDING.pending = get_ident(), False
        _PENDING.depth = _PENDING.scopes = 0
        if _get_handler(_INTERRUPT) in (_hold, _guard):
            _set_handler(_INTERRUPT, _DEFAULT)


after_fork_in_child(_reset_in_child)


class uninterrupted(AbstractContextManager[T], Generic[T]):  # noqa: N801  # used like a function
    """
    Enter and leave a context manager without interrupts.

    :param make: makes the context manager.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[T]]) -> None:
        self._make = make

    @guarded
    def __enter__(self) -> T:
        begin_uninterrupted()
        try:
            self._inner = self._make()
            value = self._inner.__enter__()
        except BaseException:
            end_uninterrupted()
            raise
        _count_scope(1)
        _end()
        if _PENDING.pending and not _PENDING.depth:
            self._interrupt()
        return value

    @guarded
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        begin_uninterrupted()
        _count_scope(-1)
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
            _count_scope(-1)
            try:
                self._inner.__exit__(type(interrupt), interrupt, interrupt.__traceback__)
            finally:
                _end()
            raise
