"""Handlers of signals, held up while an operation is under way."""

from __future__ import annotations

import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from typing import Any

import pytest

from bsb_hdf5.adapters.hdf5.errors import translated as of_hdf5
from bsb_hdf5.adapters.zarr.errors import Translated
from bsb_hdf5.errors import StorageError
from bsb_hdf5.targets import writing
from bsb_hdf5.transactions import interrupts
from bsb_hdf5.transactions.deadline import ignore_slow
from bsb_hdf5.transactions.interrupts import (
    begin_uninterrupted,
    call_pending,
    end_finalizer,
    end_uninterrupted,
    guarded,
    is_of_handler,
    stop_daemon_threads,
    uninterrupted,
    without_interrupts,
)
from bsb_hdf5.transactions.read_write_lock import ReadWriteLock

SIGNALS = (signal.SIGINT, signal.SIGALRM, signal.SIGTERM)


class HandledError(Exception):
    """What a handler raises."""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[dict[int, Any]]:
    """Handlers that raise, in place of what pytest and its plugins handle."""

    def handle(number: int, frame: object) -> None:
        raise HandledError(number)

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    yield dict.fromkeys(SIGNALS, handle)
    for number, handler in before.items():
        signal.signal(number, handler)


def current() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in SIGNALS}


@pytest.mark.parametrize("number", SIGNALS)
def test_what_a_handler_raises_within_an_operation_comes_out_at_its_end(
    number: int, handlers: dict[int, Any]
) -> None:
    done = []

    @without_interrupts
    def operate() -> None:
        signal.raise_signal(number)
        done.append(True)

    with pytest.raises(HandledError) as raised:
        operate()
    assert [True] == done
    assert (number,) == raised.value.args
    assert handlers == current()


def test_no_signal_of_several_is_lost(handlers: dict[int, Any]) -> None:
    begin_uninterrupted()
    for number in SIGNALS:
        signal.raise_signal(number)
    with pytest.raises(HandledError) as raised:
        end_uninterrupted()
    found: list[int] = []
    error: BaseException | None = raised.value
    while error is not None:
        found += error.args
        error = error.__context__
    assert list(SIGNALS) == found[::-1]
    assert handlers == current()


def test_a_handler_that_returns_disturbs_nothing() -> None:
    seen: list[int] = []
    signal.signal(signal.SIGALRM, lambda number, frame: seen.append(number))
    with uninterrupted(nullcontext):
        begin_uninterrupted()
        signal.raise_signal(signal.SIGALRM)
        assert [] == seen
        end_uninterrupted()
        assert [signal.SIGALRM] == seen
        # Between operations nothing is held up.
        signal.raise_signal(signal.SIGALRM)
        assert [signal.SIGALRM] * 2 == seen
    assert [signal.SIGALRM] * 2 == seen


class Entered:
    """A context manager that a signal interrupts as it is entered."""

    def __init__(self) -> None:
        self.left: list[object] = []

    def __enter__(self) -> None:
        signal.raise_signal(signal.SIGTERM)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.left.append(kind)


def test_a_signal_as_a_scope_is_entered_is_handled_before_its_block(
    handlers: dict[int, Any],
) -> None:
    entered = Entered()
    with pytest.raises(HandledError), uninterrupted(lambda: entered):
        pytest.fail("the block began")
    assert [HandledError] == entered.left
    assert handlers == current()


def test_a_signal_once_a_scope_is_entered_does_not_keep_it_open(
    handlers: dict[int, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    count_scope, began = interrupts._count_scope, []

    def count_and_press(change: int) -> None:
        count_scope(change)
        if change > 0:
            press()

    monkeypatch.setattr(interrupts, "_count_scope", count_and_press)
    scope = uninterrupted(nullcontext)
    with pytest.raises(HandledError), scope:
        # An error now would come before ``with`` knows that there is something to leave.
        began.append(True)
    assert [True] == began
    assert scope not in interrupts._OPEN
    assert handlers == current()


def test_a_handler_that_is_set_within_a_scope_is_held_up_and_stays() -> None:
    seen: list[int] = []

    def handle(number: int, frame: object) -> None:
        seen.append(number)

    with uninterrupted(nullcontext):
        signal.signal(signal.SIGALRM, handle)
        begin_uninterrupted()
        signal.raise_signal(signal.SIGALRM)
        assert [] == seen
        end_uninterrupted()
    assert [signal.SIGALRM] == seen
    assert signal.getsignal(signal.SIGALRM) is handle


def test_an_operation_that_waits_is_ended_by_a_handler(handlers: dict[int, Any]) -> None:
    lock = ReadWriteLock("network")
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        thread = lock.acquire_exclusive(10.0, ignore_slow)
        held.set()
        done.wait(10)
        lock.release(thread)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    start = time.monotonic()
    with pytest.raises(HandledError):
        without_interrupts(partial(lock.acquire_shared, 10.0, ignore_slow))()
    assert time.monotonic() - start < 5
    done.set()
    thread.join()
    lock.release(lock.acquire_exclusive(10.0, ignore_slow))
    assert handlers == current()


def test_an_operation_that_can_be_undone_may_let_handlers_end_it() -> None:
    begin_uninterrupted()
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(HandledError):
        call_pending()
    call_pending()
    end_uninterrupted()


class Finalized:
    pass


def finalized(callback: Callable[[], object]) -> None:
    """Something is collected as garbage, and says so."""
    gone = Finalized()
    weakref.finalize(gone, callback)
    del gone


def press() -> None:
    signal.raise_signal(signal.SIGTERM)


def test_a_signal_in_a_finalizer_within_a_scope_is_handled_at_its_end() -> None:
    went_on = []
    with pytest.raises(HandledError), uninterrupted(nullcontext):
        finalized(press)
        went_on.append(True)
    assert [True] == went_on


def test_a_signal_in_a_finalizer_that_holds_handlers_up_is_sent_again_when_it_is_over() -> None:
    def finalize() -> None:
        begin_uninterrupted()
        press()
        end_finalizer()
        timers.extend(each for each in threading.enumerate() if isinstance(each, threading.Timer))

    timers: list[threading.Timer] = []
    with pytest.raises(HandledError):
        finalized(finalize)
        time.sleep(10)
    # A program that ends does not wait for it.
    assert [True] == [each.daemon for each in timers]


@guarded
def called_back(calls: int) -> None:
    """What C code calls back, which no exception may leave."""
    below(calls)


def below(calls: int) -> None:
    if calls:
        below(calls - 1)
    else:
        press()


@pytest.mark.parametrize("calls", [0, 1, 10])
def test_a_signal_anywhere_in_a_callback_within_a_scope_is_handled_at_its_end(calls: int) -> None:
    went_on = []
    with pytest.raises(HandledError), uninterrupted(nullcontext):
        called_back(calls)
        went_on.append(True)
    assert [True] == went_on


def test_a_scope_that_ends_within_another_leaves_that_guarded(handlers: dict[int, Any]) -> None:
    went_on = []
    with pytest.raises(HandledError), uninterrupted(nullcontext):
        for _ in range(2):
            with uninterrupted(nullcontext):
                pass
        called_back(0)
        went_on.append(True)
    assert [True] == went_on
    assert handlers == current()


def test_what_a_handler_raises_in_the_block_of_a_scope_is_known_as_its_own() -> None:
    with pytest.raises(HandledError) as raised, uninterrupted(nullcontext):
        press()
    assert is_of_handler(raised.value)


class LateError(TimeoutError):
    """What a program raises from a handler."""


@pytest.mark.parametrize("translate", [of_hdf5, Translated, writing])
def test_what_a_handler_raises_is_no_error_of_the_system(translate: Any) -> None:
    def late(number: int, frame: object) -> None:
        raise LateError

    before = signal.signal(signal.SIGALRM, late)
    try:

        @without_interrupts
        def wait() -> None:
            signal.raise_signal(signal.SIGALRM)
            with translate("network"):
                call_pending()

        with pytest.raises(LateError):
            wait()
    finally:
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(StorageError), translate("network"):
        raise LateError(5, "the system's own")


def test_a_thread_that_ends_more_than_it_began_is_not_busy() -> None:
    before = dict(interrupts._STATE.busy)

    def work() -> None:
        for begun in (0, 1, 2):
            for _ in range(begun):
                begin_uninterrupted()
            assert begun == interrupts._STATE.busy.get(threading.get_ident(), 0)
            for _ in range(begun + 1):
                end_uninterrupted()
            assert threading.get_ident() not in interrupts._STATE.busy

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
    assert before == interrupts._STATE.busy


@pytest.mark.parametrize("daemon", [False, True])
def test_a_process_that_ends_waits_for_operations_of_daemon_threads(
    daemon: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python itself waits for the others."""
    begun, go = threading.Event(), threading.Event()

    @without_interrupts
    def operate() -> None:
        begun.set()
        go.wait(10)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        go.set()
        thread.join()

    slept: list[float] = []
    thread = threading.Thread(target=operate, daemon=daemon)
    thread.start()
    begun.wait(10)
    monkeypatch.setattr(interrupts._STATE, "is_ending", False)
    monkeypatch.setattr(time, "sleep", sleep)
    stop_daemon_threads(-1.0)
    assert [] == slept
    stop_daemon_threads(1.0)
    assert daemon == bool(slept)
    go.set()
    thread.join()


@pytest.mark.parametrize("end", [False, True], ids=["begins", "ends"])
def test_a_handler_that_raises_as_an_operation_begins_or_ends_leaves_none_held_up(
    end: bool, handlers: dict[int, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_handler = interrupts._set_handler

    def set_and_press(number: int, handler: Any) -> None:
        set_handler(number, handler)
        monkeypatch.setattr(interrupts, "_set_handler", set_handler)
        raise HandledError(number)

    if end:
        begin_uninterrupted()
    monkeypatch.setattr(interrupts, "_set_handler", set_and_press)
    with pytest.raises(HandledError):
        (end_uninterrupted if end else begin_uninterrupted)()
    assert handlers == current()
    assert (0, {}) == (interrupts._STATE.depth, interrupts._STATE.pending)


def test_a_thread_that_forks_is_the_main_thread_of_the_child() -> None:
    """What the main thread of the parent was about is not under way in the child."""
    seen: list[int] = []

    def handle(number: int, frame: object) -> None:
        seen.append(number)

    def holds_up() -> bool:
        begin_uninterrupted()
        signal.raise_signal(signal.SIGALRM)
        held = not seen
        end_uninterrupted()
        return held and len(seen) == 1 and signal.getsignal(signal.SIGALRM) is handle

    def fork() -> None:
        child = os.fork()
        if not child:
            try:
                os._exit(0 if holds_up() else 1)
            finally:
                os._exit(2)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))

    codes: list[int] = []
    signal.signal(signal.SIGALRM, handle)
    with uninterrupted(nullcontext):
        begin_uninterrupted()
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
        end_uninterrupted()
    assert ([0], []) == (codes, seen)
