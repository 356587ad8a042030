"""The pauses between the tries of a read that others disturb."""

from __future__ import annotations

import random
import time

import pytest

from bsb_hdf5.errors import LockTimeoutError
from bsb_hdf5.transactions.deadline import POLL_INTERVAL, Deadline, SlowWait
from bsb_hdf5.transactions.repeats import Repeats
from bsb_hdf5.transactions.store_lock import LockSettings


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each pause takes at most; none takes any time."""
    found: list[float] = []

    def longest(_: float, end: float) -> float:
        found.append(end)
        return 0.0

    monkeypatch.setattr(random, "uniform", longest)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return found


def test_pauses_get_longer_with_the_wait_up_to_a_limit(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    repeats = Repeats("here", LockSettings(limit=600.0))
    for waited in (0.0, 0.5, 100.0):
        monkeypatch.setattr(Deadline, "waited", waited)
        repeats.pause(None)
    assert pauses == sorted(pauses)
    assert POLL_INTERVAL / 100 > pauses[0] > 0
    assert POLL_INTERVAL == pauses[-1]


def test_a_reader_that_is_disturbed_for_long_is_warned(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow: list[SlowWait] = []
    repeats = Repeats("here", LockSettings(limit=600.0, on_slow=slow.append))
    for waited in (0.0, 10.0, 20.0):
        monkeypatch.setattr(Deadline, "waited", waited)
        repeats.pause(None)
    assert ["here"] == [wait.location for wait in slow]


def test_after_the_limit_an_error_says_that_others_change_it() -> None:
    repeats, cause = Repeats("here", LockSettings(limit=0.0)), KeyError("half of it")
    with pytest.raises(LockTimeoutError, match=r"changes all the time.*without a lock") as caught:
        repeats.pause(cause)
    assert cause is caught.value.__cause__
