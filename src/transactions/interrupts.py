"""
Signal handlers, held up while an operation is under way.

Python calls the handlers of signals in the main thread, between any two of its instructions:
between the lock that is acquired and the note that it was, or in a method that C code calls back,
which no exception may leave. Handlers raise: KeyboardInterrupt is raised by that of Ctrl-C, and
programs raise a timeout for SIGALRM, or SystemExit for SIGTERM. So the handler of a signal that
comes within an operation is called at its end, or where the operation waits or can be undone.
Within the block of a scope it is called at once, but not in the methods that enter and leave the
scope: an exception before they have begun, or after they are done, would leave it open for ever;
nor in those that HDF5 calls back while the block uses h5py.
"""

from __future__ import annotations

import contextlib
import functools
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import get_ident
from types import CodeType, FrameType, TracebackType
from typing import Any, Generic, ParamSpec, TypeVar

from ..errors import SessionAbortedError
from ..platform import after_fork_in_child, signal_main_thread

T = TypeVar("T")
P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])

# The functions of the ``signal`` module wrap those of the interpreter, to return members of
# enumerations: that takes longer than all else that a session does in memory.
_signals: Any = sys.modules.get("_signal", signal)
_get_handler, _set_handler = _signals.getsignal, _signals.signal
# Signals that stop, time or notify programs; those of profilers are not held
# up, as they look at what is running.
# perf: load a chunk; checking all handlers takes three times as long.
_NAMES = ("INT", "TERM", "ALRM", "HUP", "QUIT", "USR1", "USR2", "XCPU", "BREAK")
_SIGNALS = tuple(
    int(getattr(signal, f"SIG{name}")) for name in _NAMES if hasattr(signal, f"SIG{name}")
)
# Methods in which no handler may raise, nor in what they call.
_GUARDED: set[CodeType] = set()
# Seconds between two looks at the operations of other threads.
_LOOK_INTERVAL = 0.005
# Seconds until a finalizer in which a signal came has returned.
_FINALIZER_TIME = 0.02


class _State:
    """
    What is held up in the main thread.

    ``depth`` is how many operations are under way, ``scopes`` how many scopes are open,
    ``pending`` the signals that came, and ``handlers`` those of the program by signal.
    ``seen`` are the handlers that were found last, ``held`` the signals among them that a function
    handles, and ``free`` those of these that are not held up. ``busy`` are the operations of other
    threads, by their ids.
    """

    __slots__ = (
        *("busy", "depth", "free", "handlers", "held", "is_ending"),
        *("pending", "scopes", "seen", "thread"),
    )

    def __init__(self) -> None:
        self.thread = threading.main_thread().ident
        self.depth = self.scopes = 0
        self.pending: dict[int, None] = {}
        self.handlers: dict[int, Any] = {}
        self.seen: list[Any] = []
        self.held: list[int] = []
        self.free: list[int] = []
        self.busy: dict[int, int] = {}
        # Whether the process ends, which waits for no daemon thread.
        self.is_ending = False


_STATE = _State()


def _handle(number: int, frame: FrameType | None) -> None:
    """The handler that replaces those of the program; outside of operations it calls them."""
    if _STATE.depth or (_STATE.scopes and _is_critical(frame)):
        _STATE.pending[number] = None
    else:
        _STATE.handlers[number](number, frame)


def _is_critical(frame: FrameType | None) -> bool:
    """Whether a scope is being entered or left, or Python would discard an exception."""
    while frame is not None:
        code = frame.f_code
        if code in _GUARDED or code.co_name == "__del__":
            return True
        if frame.f_globals.get("__name__") == "weakref":
            return True
        frame = frame.f_back
    return False


def guarded(method: F) -> F:
    """
    Declare a method in which no handler may raise: a signal in it is handled later.

    It enters or leaves a scope, or is called back by C code within one.
    """
    _GUARDED.add(method.__code__)
    return method


def begin_uninterrupted() -> None:
    """Hold up the handlers of signals, until :func:`end_uninterrupted`."""
    state = _STATE
    if get_ident() != state.thread:
        if state.is_ending and threading.current_thread().daemon:
            # Whatever it began now would be cut off half-way.
            threading.Event().wait()
        ident = get_ident()
        state.busy[ident] = state.busy.get(ident, 0) + 1
        return
    try:
        if not state.depth:
            # perf: load a chunk; the handlers are seldom others than those before.
            seen = [*map(_get_handler, _SIGNALS)]
            if seen != state.seen:
                _look_at(seen)
            for number in state.free:
                _set_handler(number, _handle)
        state.depth += 1
    except BaseException:
        # A handler that was not held up yet, or only just.
        _release()
        raise


def _look_at(seen: list[Any]) -> None:
    """Store the handlers of the program, and find those to replace."""
    found = {number: each for number, each in zip(_SIGNALS, seen, strict=True) if callable(each)}
    free = {number: each for number, each in found.items() if each is not _handle}
    _STATE.handlers.update(free)
    _STATE.held, _STATE.free, _STATE.seen = list(found), list(free), seen


def _release() -> None:
    """Restore the handlers of the program, unless it has set others meanwhile."""
    state = _STATE
    handlers = state.handlers
    for number in state.held:
        if _get_handler(number) is _handle:
            _set_handler(number, handlers[number])


def end_uninterrupted(*, calling: bool = True) -> None:
    """
    Call the handlers of the signals that came, if this is the outermost operation.

    :param calling: False leaves them to the next operation.
    :raises BaseException: what a handler raises, such as KeyboardInterrupt.
    """
    state = _STATE
    if get_ident() != state.thread:
        _end_elsewhere()
        return
    try:
        # A forked child may end what its parent began.
        if state.depth:
            state.depth -= 1
        if not state.depth and not state.scopes:
            _release()
    except BaseException:
        # Of a handler that is held up no more.
        if not state.depth and not state.scopes:
            _release()
        raise
    finally:
        if calling and state.pending and not state.depth:
            call_pending()


def _end_elsewhere() -> None:
    """Count the operation of another thread."""
    ident = get_ident()
    left = _STATE.busy.pop(ident, 1) - 1
    if left:
        _STATE.busy[ident] = left


def end_finalizer() -> None:
    """As :func:`end_uninterrupted`, where Python would discard what a handler raises."""
    end_uninterrupted(calling=False)
    if _STATE.pending and not _STATE.depth and get_ident() == _STATE.thread:
        numbers = list(_STATE.pending)
        _STATE.pending.clear()
        later = threading.Timer(_FINALIZER_TIME, _send_again, [numbers])
        later.daemon = True
        later.start()


def _send_again(numbers: list[int]) -> None:
    for number in numbers:
        signal_main_thread(number)


def call_pending() -> None:
    """
    Call the handlers of the signals that came, if any.

    For operations that wait, or that take long and can be undone: what a handler raises ends
    them.
    """
    if not _STATE.pending or get_ident() != _STATE.thread:
        return
    number = next(iter(_STATE.pending))
    del _STATE.pending[number]
    try:
        _STATE.handlers[number](number, sys._getframe(1))
    finally:
        call_pending()


def is_of_handler(error: BaseException) -> bool:
    """
    Whether the handler of a signal raised an error.

    A program may raise an ``OSError`` of the system from it, such as ``TimeoutError`` for an alarm,
    which says nothing of the network.
    """
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in _CALLERS:
            return True
        trace = trace.tb_next
    return False


# What calls the handlers of the program.
_CALLERS = (call_pending.__code__, _handle.__code__)


def without_interrupts(function: Callable[P, T]) -> Callable[P, T]:
    """Hold up the handlers of signals while a function runs."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        begin_uninterrupted()
        try:
            return function(*args, **kwargs)
        finally:
            end_uninterrupted()

    return call


def _count_scope(change: int) -> None:
    """Count a scope that is entered or left, while the caller holds up the handlers."""
    if get_ident() == _STATE.thread:
        _STATE.scopes = max(0, _STATE.scopes + change)


def leave_scopes() -> None:
    """Leave the scopes of the main thread that are open as the process ends, and undo them."""
    for scope, thread in list(_OPEN.items())[::-1]:
        if thread == _STATE.thread:
            # There is no caller left to report an error to.
            with contextlib.suppress(BaseException):
                scope.__exit__(SystemExit, SystemExit(), None)
        scope.is_over = True


def stop_daemon_threads(limit: float) -> None:
    """
    Let no daemon thread begin an operation any more, and wait for those that are under way.

    :param limit: seconds to wait.
    """
    _STATE.is_ending = True
    end = time.monotonic() + limit
    while _are_daemons_busy() and time.monotonic() < end:
        time.sleep(_LOOK_INTERVAL)


def _are_daemons_busy() -> bool:
    busy = set(_STATE.busy)
    return bool(busy) and any(each.ident in busy and each.daemon for each in threading.enumerate())


def _reset_in_child() -> None:
    """A forked child goes on with one thread of its parent, which is its main thread now."""
    _STATE.busy.clear()
    _STATE.is_ending = False
    if get_ident() != _STATE.thread:
        # The operations of the parent's main thread are not under way here.
        _STATE.thread = get_ident()
        _STATE.pending.clear()
        _STATE.depth = _STATE.scopes = 0
        _release()


after_fork_in_child(_reset_in_child)


class uninterrupted(AbstractContextManager[T], Generic[T]):  # noqa: N801  # used like a function
    """
    Enter and leave a context manager without interrupts.

    :param make: makes the context manager.
    """

    def __init__(self, make: Callable[[], AbstractContextManager[T]]) -> None:
        self._make = make
        # Whether the process ends: the globals of modules are gone when a generator is closed.
        self.is_over = False

    @guarded
    def __enter__(self) -> T:
        if self in _OPEN:
            raise SessionAbortedError(
                "this scope is open already; call read_scope() or write_scope() for each block"
            )
        begin_uninterrupted()
        try:
            self._inner = self._make()
            value = self._inner.__enter__()
            self._call_pending()
        except BaseException:
            end_uninterrupted()
            raise
        _count_scope(1)
        _OPEN[self] = get_ident()
        # What comes from now on is handled by the next operation, or at the end of the scope.
        end_uninterrupted(calling=False)
        return value

    @guarded
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        if self.is_over:
            return None
        begin_uninterrupted()
        try:
            if _OPEN.pop(self, None) is None:
                return None
            _count_scope(-1)
            return self._inner.__exit__(kind, error, trace)
        finally:
            end_uninterrupted()

    def _call_pending(self) -> None:
        try:
            call_pending()
        except BaseException as error:
            self._inner.__exit__(type(error), error, error.__traceback__)
            raise


# The scopes that are open, the innermost last, and the threads that entered them.
_OPEN: dict[uninterrupted[Any], int] = {}
