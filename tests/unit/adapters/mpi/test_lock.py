"""The lock between ranks: whoever waits for it does so with a limit."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest

from bsb_hdf5.adapters.mpi.lock import MpiLock
from bsb_hdf5.errors import LockTimeoutError
from bsb_hdf5.transactions.deadline import SlowWait, WaitPolicy

SPAN: ContextVar[str] = ContextVar("span", default="none")


class Ranks:
    """A controller whose lock another rank holds, until it is told to let go."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.log: list[str] = []
        self.error: BaseException | None = None

    @contextmanager
    def _lock(self, kind: str) -> Iterator[None]:
        assert self.free.wait(10)
        if self.error is not None:
            raise self.error
        self.log.append(kind)
        before = SPAN.set(kind)
        yield
        # It must be the same context.
        SPAN.reset(before)
        self.log.append(f"{kind} over")

    def read(self) -> Any:
        return self._lock("read")

    def write(self) -> Any:
        return self._lock("write")


@pytest.fixture
def ranks() -> Ranks:
    return Ranks()


def lock_of(ranks: Ranks, limit: float = 0.1, slow: Any = None) -> MpiLock:
    told = (lambda waited: None) if slow is None else slow
    return MpiLock(ranks, WaitPolicy(limit, told, lambda: "network.hdf5"))


@pytest.mark.parametrize("kind", ["shared", "exclusive"])
def test_a_lock_that_is_free_is_taken_and_given_back(ranks: Ranks, kind: str) -> None:
    ranks.free.set()
    with getattr(lock_of(ranks, 10), kind)():
        assert 1 == len(ranks.log)
    assert 2 == len(ranks.log)


def test_who_reads_one_state_waits_for_no_rank(ranks: Ranks) -> None:
    policy = WaitPolicy(0.1, lambda waited: None, lambda: "s3://lab/network")
    lock = MpiLock(ranks, policy, snapshots=True)
    with lock.shared(), lock.shared():
        assert [] == ranks.log
    with pytest.raises(LockTimeoutError), lock.exclusive():
        pytest.fail("the lock of another rank was taken")


@pytest.mark.parametrize("kind", ["shared", "exclusive"])
def test_a_wait_beyond_the_limit_ends_with_an_error_that_says_for_what(
    ranks: Ranks, kind: str
) -> None:
    lock = lock_of(ranks)
    start = time.monotonic()
    with pytest.raises(LockTimeoutError, match=r"network\.hdf5.*another rank") as caught:
        getattr(lock, kind)().__enter__()
    assert 0.1 <= time.monotonic() - start < 5
    assert "network.hdf5" == caught.value.fields["location"]


def test_a_lock_that_comes_late_is_given_back_before_it_is_asked_for_again(ranks: Ranks) -> None:
    lock = lock_of(ranks)
    for _ in range(2):
        with pytest.raises(LockTimeoutError):
            lock.exclusive().__enter__()
    ranks.free.set()
    with lock.shared(), lock.shared():
        assert ["write", "write over", "read"] == ranks.log
    assert ["write", "write over", "read", "read over"] == ranks.log


def test_a_waiter_is_warned_once_of_a_long_wait(
    ranks: Ranks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bsb_hdf5.transactions.deadline._WARN_AFTER", 0.0)
    told: list[SlowWait] = []
    with pytest.raises(LockTimeoutError):
        lock_of(ranks, 0.7, told.append).exclusive().__enter__()
    assert [("network.hdf5", ("another rank",))] == [(w.location, w.holders) for w in told]


def test_an_interrupt_ends_the_waiting_and_the_lock_comes_for_nobody(
    ranks: Ranks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("bsb_hdf5.transactions.deadline.call_pending", interrupt)
        lock = lock_of(ranks, 10)
        with pytest.raises(KeyboardInterrupt):
            lock.exclusive().__enter__()
    ranks.free.set()
    with lock.exclusive():
        assert ["write", "write over", "write"] == ranks.log


def test_an_error_of_the_lock_is_raised_to_who_takes_it(ranks: Ranks) -> None:
    ranks.error = RuntimeError("MPI failed")
    ranks.free.set()
    lock = lock_of(ranks, 10)
    for kind in ("shared", "exclusive", "shared"):
        with pytest.raises(RuntimeError, match="MPI failed"):
            getattr(lock, kind)().__enter__()
    ranks.error = None
    with lock.exclusive():
        assert ["write"] == ranks.log


def test_where_threads_may_not_use_mpi_the_lock_is_taken_by_who_asks(ranks: Ranks) -> None:
    ranks.free.set()
    threads = threading.active_count()
    lock = MpiLock(ranks, WaitPolicy(1.0, lambda waited: None, str), apart=False)
    with lock.exclusive():
        assert threads == threading.active_count()
    assert ["write", "write over"] == ranks.log
