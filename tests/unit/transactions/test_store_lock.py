"""The lock on a store, among the threads of a process and the ranks of a program."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bsb_hdf5.errors import LockTimeoutError
from bsb_hdf5.platform import Forks
from bsb_hdf5.transactions.store_lock import LockSettings, StoreLock


class Ranks:
    """A lock among ranks that notes what becomes of it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.done: list[str] = []
        self._error = error

    @contextmanager
    def _hold(self, kind: str) -> Iterator[None]:
        if self._error is not None:
            raise self._error
        self.done.append(kind)
        yield
        self.done.append("released")

    def exclusive(self) -> Any:
        return self._hold("exclusive")

    def shared(self) -> Any:
        return self._hold("shared")


@pytest.fixture
def identity() -> str:
    return f"test:{uuid.uuid4().hex}"


def lock(identity: str, ranks: Any = None) -> StoreLock:
    return StoreLock(identity, "here", ranks, LockSettings(limit=0.05))


@pytest.mark.parametrize(("exclusive", "kind"), [(True, "exclusive"), (False, "shared")])
def test_ranks_are_held_off_as_threads_are(identity: str, exclusive: bool, kind: str) -> None:
    ranks = Ranks()
    held = lock(identity, ranks)
    hold = held.acquire(exclusive=exclusive)
    assert [kind] == ranks.done
    held.release(hold)
    assert [kind, "released"] == ranks.done
    # It may be had again.
    held.release(held.acquire(exclusive=True))


def test_ranks_may_be_left_out(identity: str) -> None:
    ranks = Ranks()
    held = lock(identity, ranks)
    held.release(held.acquire(exclusive=True, ranks=False))
    assert [] == ranks.done
    alone = lock(identity)
    alone.release(alone.acquire(exclusive=False))


def test_readers_share_and_writers_exclude(identity: str) -> None:
    reader, other, writer = (lock(identity) for _ in range(3))
    holds = [each.acquire(exclusive=False) for each in (reader, reader, other)]
    for each, hold in zip((reader, reader, other), holds, strict=True):
        with pytest.raises(LockTimeoutError):
            writer.acquire(exclusive=True)
        each.release(hold)
    hold = writer.acquire(exclusive=True)
    with pytest.raises(LockTimeoutError):
        reader.acquire(exclusive=False)
    writer.release(hold)
    reader.release(reader.acquire(exclusive=False))


def test_where_ranks_can_not_be_held_off_threads_are_let_go(identity: str) -> None:
    error = LockTimeoutError("a rank took long")
    with pytest.raises(LockTimeoutError) as caught:
        lock(identity, Ranks(error)).acquire(exclusive=True)
    assert error is caught.value
    held = lock(identity)
    held.release(held.acquire(exclusive=True))


def test_it_is_of_one_store_in_one_process(identity: str, monkeypatch: pytest.MonkeyPatch) -> None:
    held = lock(identity)
    assert held.is_of(identity)
    assert not held.is_of(f"{identity}-other")
    monkeypatch.setattr(Forks, "count", Forks.count + 1)
    assert not held.is_of(identity)
