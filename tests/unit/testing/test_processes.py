"""Other processes and threads: what comes of those that fail, end or never answer."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from bsb_hdf5.testing.processes import (
    FailedElsewhereError,
    OtherProcess,
    Rendezvous,
    in_threads,
)
from bsb_hdf5.testing.waits import WAITS


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WAITS, "test", 0.5)


@pytest.fixture
def thread_that_waits() -> Iterator[Callable[[], object]]:
    event = threading.Event()
    yield event.wait
    event.set()


def forever() -> None:
    while True:
        time.sleep(60)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("ask", [OtherProcess.result, OtherProcess.status, OtherProcess.begin])
def test_a_process_that_does_not_answer_is_an_error_that_says_why(
    ask: Callable[[OtherProcess], object],
) -> None:
    error = r"the forked process did not answer within 0\.1 seconds; it may wait for a lock"
    with pytest.raises(AssertionError, match=error), OtherProcess(forever) as other:
        ask(other)


def test_a_process_is_not_waited_for_when_the_test_has_failed() -> None:
    point = Rendezvous()
    with pytest.raises(ZeroDivisionError), OtherProcess(point.reached) as other:
        other.comes_to(point)
        raise ZeroDivisionError
    point.close()


@pytest.mark.usefixtures("impatient")
def test_a_process_that_does_not_answer_is_shown_with_its_place() -> None:
    with pytest.raises(FailedElsewhereError) as found, OtherProcess(forever) as other:
        other.result()
    ((_, frames),) = found.value.chain
    assert (__name__, __file__, forever.__code__.co_firstlineno + 2) == frames[-1]


@pytest.mark.usefixtures("impatient")
def test_a_process_that_does_not_come_is_an_error() -> None:
    point = Rendezvous()
    with (
        pytest.raises(AssertionError, match=r"has not come so far in 0\.1 seconds"),
        OtherProcess(forever) as other,
    ):
        other.comes_to(point)
    point.close()


def test_a_process_that_raises_before_it_comes_is_not_waited_for() -> None:
    def act() -> None:
        raise OSError("of the other")

    point = Rendezvous()
    with (
        pytest.raises(FailedElsewhereError, match="OSError: of the other"),
        OtherProcess(act) as other,
    ):
        other.comes_to(point)
    point.close()


def test_a_process_that_ends_before_it_comes_is_an_error() -> None:
    point = Rendezvous()
    with (
        pytest.raises(pytest.fail.Exception, match="ended before it came so far"),
        OtherProcess(lambda: None) as other,
    ):
        other.comes_to(point)
    point.close()


def test_a_process_that_is_killed_is_an_error_that_names_the_signal() -> None:
    def act() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(AssertionError, match="by the signal SIGKILL"), OtherProcess(act) as other:
        other.result()


def test_an_error_of_another_process_comes_with_its_places() -> None:
    def act() -> None:
        try:
            raise KeyError("a")
        except KeyError as error:
            raise OSError("of the other") from error

    with OtherProcess(act) as other:
        assert 3 == other.status()
        with pytest.raises(FailedElsewhereError) as found:
            other.result()
    assert str(found.value).startswith("in a forked process: OSError: of the other\n")
    assert ["OSError", "KeyError"] == [each.error for each in found.value.chain]
    assert {__name__} == {each.frames[-1].module for each in found.value.chain}


@pytest.mark.usefixtures("impatient")
def test_a_thread_that_does_not_end_is_an_error(
    thread_that_waits: Callable[[], object],
) -> None:
    with pytest.raises(AssertionError, match=r"a thread did not end within 0\.1 seconds"):
        in_threads(thread_that_waits)


def test_threads_give_what_they_return_and_raise() -> None:
    assert [1, 2] == in_threads(lambda: 1, lambda: 2)
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda: 1 // 0)


def test_no_limit_is_one_that_may_be_asked_for() -> None:
    before = WAITS.test
    try:
        WAITS.set(0)
        assert (None, None) == (WAITS.test, WAITS.other)
        with OtherProcess(lambda: 7) as other:
            assert 7 == other.result()
    finally:
        WAITS.test = before
