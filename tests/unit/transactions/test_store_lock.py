"""The lock on a store, among the threads of a process and the ranks of a program."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, TypeAlias

import pytest

from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.core.layouts.detection import open_network
from bsb_hdf5.core.provenance import WriterInfo
from bsb_hdf5.errors import LockTimeoutError
from bsb_hdf5.platform import Forks
from bsb_hdf5.transactions import read_write_lock
from bsb_hdf5.transactions.deadline import ignore_slow
from bsb_hdf5.transactions.read_write_lock import lock_for
from bsb_hdf5.transactions.store_lock import LockSettings, RankedLock, StoreLock
from bsb_hdf5.transactions.transaction import TransactionContext

Acquire: TypeAlias = Callable[[StoreLock], Thread]


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
    threads = lock_for(identity, "here")
    return threads if ranks is None else RankedLock(threads, ranks)


def shared(held: StoreLock) -> Thread:
    return held.acquire_shared(0.05, ignore_slow)


def exclusive(held: StoreLock) -> Thread:
    return held.acquire_exclusive(0.05, ignore_slow)


@pytest.mark.parametrize(("acquire", "kind"), [(exclusive, "exclusive"), (shared, "shared")])
def test_ranks_are_held_off_as_threads_are(identity: str, acquire: Acquire, kind: str) -> None:
    ranks = Ranks()
    held = lock(identity, ranks)
    thread = acquire(held)
    assert [kind] == ranks.done
    held.release(thread)
    assert [kind, "released"] == ranks.done
    # It may be had again.
    held.release(exclusive(held))


def test_readers_share_and_writers_exclude(identity: str) -> None:
    readers, writer = [lock(identity, Ranks()) for _ in range(3)], lock(identity, Ranks())
    for each, thread in [(each, shared(each)) for each in readers]:
        with pytest.raises(LockTimeoutError):
            exclusive(writer)
        each.release(thread)
    thread = exclusive(writer)
    with pytest.raises(LockTimeoutError):
        shared(readers[0])
    writer.release(thread)
    readers[0].release(shared(readers[0]))


@pytest.mark.parametrize("acquire", [exclusive, shared])
def test_where_ranks_can_not_be_held_off_threads_are_let_go(
    identity: str, acquire: Acquire
) -> None:
    error = LockTimeoutError("a rank took long")
    with pytest.raises(LockTimeoutError) as caught:
        acquire(lock(identity, Ranks(error)))
    assert error is caught.value
    held = lock(identity)
    held.release(exclusive(held))


def context_of(identity: str, ranks: Any = None) -> TransactionContext:
    writer = WriterInfo("8.0.2", "8.1.0", lambda: {}, lambda: None)
    return TransactionContext(MemoryStore(identity), ranks, open_network, writer, LockSettings())


def test_the_lock_of_a_store_is_that_of_its_other_users_in_this_process(
    identity: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, other = context_of(identity), context_of(identity)
    found = context.lock(identity)
    assert found is other.lock(identity) is lock(identity)
    assert found is not context.lock(f"{identity}-other")
    assert found is context.lock(identity)
    monkeypatch.setattr(read_write_lock, "_LOCKS", {})
    monkeypatch.setattr(Forks, "count", Forks.count + 1)
    assert found is not context.lock(identity)
    assert context.lock(identity) is other.lock(identity)


def test_ranks_may_be_left_out(identity: str) -> None:
    ranks = Ranks()
    context = context_of(identity, ranks)
    held = context.lock(identity, ranks=False)
    held.release(exclusive(held))
    assert [] == ranks.done
    held = context.lock(identity)
    held.release(shared(held))
    assert ["shared", "released"] == ranks.done
