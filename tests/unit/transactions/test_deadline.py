"""Waits for others: how long they took, what is said of them, and their end."""

from __future__ import annotations

import math
from typing import Any

import pytest

from bsb_hdf5.errors import LockTimeoutError
from bsb_hdf5.transactions import deadline
from bsb_hdf5.transactions.deadline import (
    Deadline,
    SlowWait,
    ignore_slow,
    waits_begun,
    waits_for_itself,
)


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(deadline, "time", clock)
    return clock


def test_a_deadline_is_over_after_its_limit(clock: Clock) -> None:
    wait = Deadline("here", 10.0, ignore_slow, list)
    for seconds, left, over in ((0.0, 10.0, False), (9.5, 0.5, False), (10.0, 0.0, True)):
        clock.now = 100.0 + seconds
        assert (seconds, left, over) == (wait.waited, wait.remaining(99.0), wait.is_over)
        assert 3.0 - seconds == wait.remaining(3.0)
    assert not Deadline("here", math.inf, ignore_slow, list).is_over


@pytest.mark.parametrize(("warn_after", "seconds"), [(None, 2.0), (1.0, 1.0), (0.0, 0.0)])
def test_a_long_wait_is_reported_once(
    clock: Clock, warn_after: float | None, seconds: float
) -> None:
    told: list[SlowWait] = []
    wait = Deadline("here", 10.0, told.append, lambda: ["rank 1"], warn_after=warn_after)
    clock.now = 100.0 + seconds
    wait.poll()
    assert [] == told
    clock.now += 0.25
    wait.poll()
    assert [SlowWait("here", ("rank 1",), seconds + 0.25, 10.0)] == told
    clock.now += 5
    wait.poll()
    assert 1 == len(told)


def test_signals_are_handled_while_one_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[bool] = []
    monkeypatch.setattr(deadline, "call_pending", lambda: called.append(True))
    Deadline("here", 10.0, ignore_slow, list).poll()
    assert [True] == called


@pytest.mark.parametrize(
    ("limit", "end"), [(600.0, "for up to 600 seconds"), (0.5, "for up to 0.5 seconds")]
)
@pytest.mark.parametrize(
    ("holders", "by"),
    [((), ""), (("rank 1",), " by rank 1"), (("rank 1", "rank 2"), " by rank 1 and rank 2")],
)
def test_a_wait_says_for_what(limit: float, end: str, holders: tuple[str, ...], by: str) -> None:
    text = f"waiting {end} for 'here', which is locked{by}; 1.5 seconds so far"
    assert text == str(SlowWait("here", holders, 1.52, limit))
    error: Any = Deadline("here", limit, ignore_slow, lambda: holders).expired(holders=[1])
    assert f"'here' is locked{by}; gave up after {limit:g} seconds" == str(error)
    assert {"location": "here", "limit": limit, "holders": [1]} == error.fields


def test_a_wait_for_what_is_not_locked_says_what_it_does() -> None:
    waits: list[SlowWait] = []
    wait = Deadline("here", 2.0, waits.append, list, warn_after=-1.0, state="moves")
    wait.poll()
    assert "for 'here', which moves; " in str(waits[0])
    assert "'here' moves; gave up after 2 seconds" == str(wait.expired())


def test_a_wait_may_be_without_limit() -> None:
    assert "waiting without limit for" in str(SlowWait("here", (), 1.0, math.inf))


def test_each_wait_of_a_thread_is_counted() -> None:
    before = waits_begun()
    Deadline("here", 10.0, ignore_slow, list)
    assert before + 1 == waits_begun()


def test_a_wait_for_oneself_says_what_to_do() -> None:
    error = waits_for_itself("here", "a scope", "end it first")
    assert isinstance(error, LockTimeoutError)
    assert "'here' is locked by a scope of this thread" in str(error)
    assert str(error).endswith("; end it first")
    assert {"location": "here", "limit": 0.0} == error.fields
