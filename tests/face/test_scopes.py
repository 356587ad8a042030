"""Scopes: what they store, how they nest, and what they lock."""

from __future__ import annotations

import fcntl
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bsb import Storage

from bsb_hdf5 import errors as e
from tests.face.layouts import new_storage
from tests.face.samples import (
    SmallNetwork,
    chunk,
    connections,
    digest,
    on_soma,
    open_engine_quickly,
    positions,
    untouched,
)
from tests.face.states import InterruptedScopeError, change_everything


def test_a_scope_that_raises_stores_nothing(small: SmallNetwork) -> None:
    with untouched(small.path), pytest.raises(InterruptedScopeError), small.storage.write_scope():
        change_everything(small)
        raise InterruptedScopeError
    assert [5, 7, 3] == [len(each) for each in (small.a, small.b, small.ab)]


def test_an_outer_scope_that_raises_stores_nothing_of_the_inner_ones(small: SmallNetwork) -> None:
    with untouched(small.path), pytest.raises(InterruptedScopeError), small.storage.write_scope():
        with small.storage.write_scope():
            change_everything(small)
        with small.storage.read_scope(), small.storage.write_scope():
            small.b.append_data(chunk(7), positions(1))
        raise InterruptedScopeError


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError])
def test_a_scope_that_is_interrupted_stores_nothing(
    small: SmallNetwork, error: type[BaseException]
) -> None:
    with untouched(small.path), pytest.raises(error), small.storage.write_scope():
        change_everything(small)
        raise error
    small.b.append_data(chunk(0), positions(1))
    assert 8 == len(small.b)


def test_a_scope_over_an_inner_one_that_raised_stores_nothing(small: SmallNetwork) -> None:
    with (
        untouched(small.path),
        pytest.raises(e.SessionAbortedError, match="InterruptedScopeError"),
        small.storage.write_scope(),
    ):
        small.b.append_data(chunk(0), positions(1))
        with pytest.raises(InterruptedScopeError), small.storage.write_scope():
            small.b.append_data(chunk(0), positions(1))
            raise InterruptedScopeError


def test_an_inner_scope_that_raised_before_it_changed_anything_spoils_nothing(
    small: SmallNetwork,
) -> None:
    with small.storage.write_scope():
        small.b.append_data(chunk(0), positions(1))
        with pytest.raises(InterruptedScopeError), small.storage.write_scope():
            raise InterruptedScopeError
    assert 8 == len(small.b)


def test_a_read_scope_that_raises_keeps_the_writes_within_it(small: SmallNetwork) -> None:
    with pytest.raises(InterruptedScopeError), small.storage.read_scope():
        small.b.append_data(chunk(0), positions(1))
        raise InterruptedScopeError
    assert 8 == len(small.b)


def test_a_scope_in_which_nothing_happens_changes_nothing(small: SmallNetwork) -> None:
    with untouched(small.path):
        with small.storage.write_scope():
            pass
        with small.storage.write_scope(), small.storage.read_scope():
            assert 5 == len(small.a)


def test_a_write_scope_reads_what_it_wrote_and_stores_it_at_its_end(small: SmallNetwork) -> None:
    before = digest(small.path)
    with small.storage.write_scope(), small.storage.write_scope(), small.storage.read_scope():
        small.b.append_data(chunk(0), positions(2))
        small.ab.connect(small.a, small.b, on_soma(0), on_soma(8))
        assert 9 == len(small.b)
        assert 4 == len(small.ab)
    assert before != digest(small.path)
    assert 9 == len(small.b)
    again = open_engine_quickly(Storage("hdf5", small.storage.root))
    assert 9 == len(again.get_placement_set(small.b.cell_type))


def test_a_write_within_a_read_scope_is_stored_at_once_and_seen_by_the_reads_that_follow(
    small: SmallNetwork,
) -> None:
    with small.storage.read_scope():
        assert 7 == len(small.b)
        small.b.append_data(chunk(0), positions(1))
        assert 8 == len(small.b)
        with small.storage.read_scope(), small.storage.write_scope():
            small.b.append_data(chunk(0), positions(1))
            assert 9 == len(small.b)
        assert 9 == len(small.b)
        with pytest.raises(InterruptedScopeError), small.storage.write_scope():
            small.b.append_data(chunk(0), positions(1))
            raise InterruptedScopeError
        assert 9 == len(small.b)
        with ThreadPoolExecutor(1) as pool:
            assert 9 == pool.submit(len, small.b).result()


def test_iteration_goes_on_when_its_read_scope_writes(small: SmallNetwork) -> None:
    expected = connections(small.ab)
    seen: list[tuple[int, ...]] = []
    with small.storage.read_scope():
        for _, local, far, (near, remote) in small.ab.flat_iter_connections("out"):
            small.b.append_data(chunk(5), positions(1))
            seen.extend(
                (int(local.id), int(far.id), *a, *b)
                for a, b in zip(near.tolist(), remote.tolist(), strict=True)
            )
    assert expected == seen


def test_a_read_scope_sees_one_state(small: SmallNetwork) -> None:
    """What another thread stores meanwhile waits until the scope is over."""
    started = threading.Event()

    def append() -> None:
        started.set()
        small.b.append_data(chunk(0), positions(1))

    with ThreadPoolExecutor(1) as pool:
        with small.storage.read_scope():
            before = len(small.b)
            future = pool.submit(append)
            assert started.wait(5)
            with pytest.raises(TimeoutError):
                future.result(timeout=0.2)
            assert before == len(small.b)
        future.result(timeout=5)
    assert before + 1 == len(small.b)


def test_scopes_of_two_storages_are_independent(small: SmallNetwork, tmp_path: Path) -> None:
    other = SmallNetwork.build(new_storage(tmp_path / "other", small.layout))
    with pytest.raises(InterruptedScopeError), small.storage.write_scope():
        small.b.append_data(chunk(0), positions(1))
        with other.storage.write_scope():
            other.b.append_data(chunk(0), positions(2))
        raise InterruptedScopeError
    assert [7, 9] == [len(small.b), len(other.b)]


def test_two_storages_of_one_file_share_a_scope(small: SmallNetwork) -> None:
    twin = Storage("hdf5", small.storage.root)
    with pytest.raises(InterruptedScopeError), small.storage.write_scope():
        twin.get_placement_set(small.b.cell_type).append_data(chunk(0), positions(1))
        assert 8 == len(small.b)
        raise InterruptedScopeError
    assert 7 == len(small.b)


@pytest.mark.parametrize("method", ["move", "remove"])
@pytest.mark.parametrize("write", [False, True], ids=["read scope", "write scope"])
def test_a_storage_is_not_moved_or_removed_within_a_scope_on_it(
    small: SmallNetwork, method: str, write: bool
) -> None:
    arguments = [str(small.path) + "2"] if method == "move" else []
    scope = small.storage.write_scope() if write else small.storage.read_scope()
    with untouched(small.path), scope, pytest.raises(e.SessionAbortedError):
        getattr(small.storage, method)(*arguments)
    assert str(small.path) == small.storage.root


def _lock_is_free(path: Path, operation: int) -> bool:
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_a_write_scope_keeps_everybody_else_out_and_a_read_scope_writers_only(
    small: SmallNetwork,
) -> None:
    with small.storage.write_scope():
        assert not _lock_is_free(small.path, fcntl.LOCK_SH)
    with small.storage.read_scope():
        assert _lock_is_free(small.path, fcntl.LOCK_SH)
        assert not _lock_is_free(small.path, fcntl.LOCK_EX)
    assert _lock_is_free(small.path, fcntl.LOCK_EX)


def _times_open(path: Path) -> int:
    """How many descriptors of this process are of the file."""
    links = Path("/proc/self/fd").iterdir()
    return [os.path.realpath(link) for link in links].count(os.path.realpath(path))


def test_no_file_stays_open_or_locked_after_an_error(small: SmallNetwork) -> None:
    # It stays open between sessions, once.
    assert 7 == len(small.b)
    before = _times_open(small.path)
    for _ in range(5):
        with pytest.raises(InterruptedScopeError), small.storage.write_scope():
            change_everything(small)
            raise InterruptedScopeError
        with pytest.raises(e.InputError):
            small.b.append_data(chunk(0), [[1.0]])
        with pytest.raises(e.SetNotFoundError):
            small.storage.get_connectivity_set("other")
    assert before == _times_open(small.path)
    assert _lock_is_free(small.path, fcntl.LOCK_EX)
