"""One hold on a store, among the threads of a process and the ranks of a program."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from bsb_hdf5.errors import LockTimeoutError
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
    held.acquire(exclusive=exclusive)
    assert [kind] == ranks.done
    held.release()
    assert [kind, "released"] == ranks.done
    held.release()
    assert [kind, "released"] == ranks.done
    # It may be had again.
    held.acquire(exclusive=True)
    held.release()


def test_ranks_may_be_left_out(identity: str) -> None:
    ranks = Ranks()
    held = lock(identity, ranks)
    held.acquire(exclusive=True, ranks=False)
    held.release()
    assert [] == ranks.done
    alone = lock(identity)
    alone.acquire(exclusive=False)
    alone.release()


def test_readers_share_and_writers_exclude(identity: str) -> None:
    reader, other, writer = (lock(identity) for _ in range(3))
    reader.acquire(exclusive=False)
    other.acquire(exclusive=False)
    with pytest.raises(LockTimeoutError):
        writer.acquire(exclusive=True)
    reader.release()
    other.release()
    writer.acquire(exclusive=True)
    with pytest.raises(LockTimeoutError):
        reader.acquire(exclusive=False)
    writer.release()
    reader.acquire(exclusive=False)
    reader.release()


def test_where_ranks_can_not_be_held_off_threads_are_let_go(identity: str) -> None:
    error = LockTimeoutError("a rank took long")
    with pytest.raises(LockTimeoutError) as caught:
        lock(identity, Ranks(error)).acquire(exclusive=True)
    assert error is caught.value
    held = lock(identity)
    held.acquire(exclusive=True)
    held.release()
