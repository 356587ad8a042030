"""What is read without a lock, while another program writes, belongs to one state."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5 import errors as e
from bsb_hdf5.adapters.hdf5 import open_file
from bsb_hdf5.placement_labels import LabelledCells
from bsb_hdf5.transactions.session import Session
from tests.face.layouts import new_storage
from tests.face.samples import SmallNetwork, chunk, positions

_DAMAGE = b"no HDF5!"
CHANGES = "changes all the time, and is read without a lock; gave up after 0 seconds"


@pytest.fixture
def small(tmp_path: Path, layout: str) -> SmallNetwork:
    """A small network whose file is closed."""
    small = SmallNetwork.build(new_storage(tmp_path / "network", layout))
    small.storage._engine.close()
    return small


@pytest.fixture(params=["alone", "in a scope"])
def reading(small: SmallNetwork, request: pytest.FixtureRequest) -> Iterator[SmallNetwork]:
    """The network in read-only mode, and perhaps within a scope."""
    with ExitStack() as blocks:
        blocks.enter_context(small.storage.read_only())
        if request.param == "in a scope":
            blocks.enter_context(small.storage.read_scope())
        yield small


def touch(path: Path) -> None:
    """Change the file as a commit of another program does."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))


def overwrite(path: Path, data: bytes) -> None:
    """Write to the begin of a file, as another program that commits."""
    with path.open("r+b") as file:
        file.write(data)
    touch(path)


@contextmanager
def opened(before: Callable[[int], object], after: Callable[[int], object]) -> Iterator[list[None]]:
    """Do something before and after HDF5 opens a file, given how often it has."""
    opens: list[None] = []
    open_hdf5 = open_file._open

    def open_between(*args: Any) -> Any:
        opens.append(None)
        before(len(opens))
        try:
            return open_hdf5(*args)
        finally:
            after(len(opens))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_file, "_open", open_between)
        yield opens


@contextmanager
def committing(path: Path, times: float) -> Iterator[list[None]]:
    """Another program commits while the file is opened, so many times."""
    whole = path.read_bytes()[: len(_DAMAGE)]

    def write(data: bytes, count: int) -> None:
        if count <= times:
            overwrite(path, data)

    with opened(partial(write, _DAMAGE), partial(write, whole)) as opens:
        yield opens


def impatient(small: SmallNetwork) -> None:
    small.storage._engine.sessions.settings.limit = 0.0


def run(small: SmallNetwork, read: Callable[[Session], Any]) -> Any:
    return small.storage._engine.sessions.run(read, write=False)


def test_a_file_that_changes_while_it_is_opened_is_opened_again(small: SmallNetwork) -> None:
    with committing(small.path, 2) as opens, small.storage.read_only():
        assert 7 == len(small.b)
    assert 3 == len(opens)


def test_a_scope_on_a_file_that_changes_begins_with_one_state(small: SmallNetwork) -> None:
    with (
        committing(small.path, 2) as opens,
        small.storage.read_only(),
        small.storage.read_scope(),
    ):
        assert 7 == len(small.b)
    assert 3 == len(opens)


@pytest.mark.parametrize("scope", [False, True])
def test_a_file_that_changes_whenever_it_is_opened_is_not_called_damaged(
    small: SmallNetwork, scope: bool
) -> None:
    with (
        small.storage.read_only(),
        committing(small.path, float("inf")),
        pytest.raises(e.LockTimeoutError, match=CHANGES) as caught,
    ):
        impatient(small)
        if scope:
            with small.storage.read_scope():
                pytest.fail("a scope began on half of a change")
        len(small.b)
    assert str(small.path) == caught.value.fields["location"]


def test_a_file_that_was_opened_while_it_changed_is_not_trusted(small: SmallNetwork) -> None:
    def change(count: int) -> None:
        if count == 1:
            touch(small.path)

    with opened(change, lambda _: None) as opens, small.storage.read_only():
        assert 7 == len(small.b)
    assert 2 == len(opens)


@pytest.mark.parametrize("scope", [False, True])
def test_a_damaged_file_that_does_not_change_is_reported_at_once(
    small: SmallNetwork, scope: bool
) -> None:
    overwrite(small.path, _DAMAGE)
    with (
        opened(lambda _: None, lambda _: None) as opens,
        small.storage.read_only(),
        pytest.raises(e.NotANetworkError, match="damaged"),
    ):
        if scope:
            with small.storage.read_scope():
                pytest.fail("a scope began on a damaged file")
        len(small.b)
    assert 1 == len(opens)


@pytest.mark.parametrize("error", [None, e.StoreIOError("half of it"), KeyError("half of it")])
def test_what_is_read_while_another_program_commits_is_read_again(
    reading: SmallNetwork, error: Exception | None
) -> None:
    calls: list[Any] = []

    def read(session: Session) -> int:
        calls.append(session.root)
        if len(calls) < 3:
            touch(reading.path)
            if error is not None:
                raise error
        return len(calls)

    assert 3 == run(reading, read)
    assert 3 == len(calls)


@pytest.mark.parametrize("by_name", [True, False])
def test_what_can_be_read_once_is_there_for_each_try(
    reading: SmallNetwork, by_name: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[None] = []
    resolve = LabelledCells.get_label_mask

    def disturbed(cells: Any, *args: Any, **kwargs: Any) -> Any:
        found = resolve(cells, *args, **kwargs)
        tries.append(None)
        if len(tries) < 3:
            touch(reading.path)
        return found

    monkeypatch.setattr(LabelledCells, "get_label_mask", disturbed)
    labels = iter(["core"])
    find = reading.b.get_labelled
    assert [0, 1] == (find(labels=labels) if by_name else find(labels)).tolist()
    assert 3 == len(tries)


def test_a_file_that_changes_in_each_read_ends_the_read_with_an_error(
    reading: SmallNetwork,
) -> None:
    impatient(reading)
    with pytest.raises(e.LockTimeoutError, match=CHANGES):
        run(reading, lambda _: touch(reading.path))
    assert 7 == len(reading.b)


def test_an_error_of_an_unchanged_file_is_raised_at_once(reading: SmallNetwork) -> None:
    calls: list[None] = []

    def read(session: Session) -> int:
        calls.append(None)
        raise KeyError("a mistake")

    with pytest.raises(KeyError, match="a mistake"):
        run(reading, read)
    assert 1 == len(calls)


def test_a_call_within_a_call_is_repeated_with_it(reading: SmallNetwork) -> None:
    inner: list[None] = []
    outer: list[None] = []

    def read_within(session: Session) -> int:
        inner.append(None)
        if len(inner) == 1:
            touch(reading.path)
        return len(inner)

    def read(session: Session) -> tuple[int, bool]:
        outer.append(None)
        network = session.network
        found: int = run(reading, read_within)
        return found, network is session.network

    assert (2, True) == run(reading, read)
    assert 2 == len(outer)


def test_a_scope_sees_what_another_program_stores_between_two_calls(small: SmallNetwork) -> None:
    other = SmallNetwork.of(new_storage(small.path, small.layout))
    with small.storage.read_only(), small.storage.read_scope() as handle:
        assert 7 == len(small.b)
        other.b.append_data(chunk(5), positions(3))
        assert 10 == len(small.b.load_positions()) == len(small.b.load_positions(handle=handle))
