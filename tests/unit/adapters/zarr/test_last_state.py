"""A state that was found a moment ago counts as the last one, unless this process changed it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import icechunk
import pytest

from bsb_hdf5.adapters.zarr import repository, states
from bsb_hdf5.adapters.zarr.manifest import read_manifest
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import CommitConflictError, StoreIOError
from bsb_hdf5.platform import Forks
from bsb_hdf5.ports.services import ServiceOptions
from bsb_hdf5.testing.contents import make, reading, writing


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A note for each time that it is asked for the last commit."""
    notes: list[str] = []
    original = icechunk.Repository.readonly_session

    def note(self: icechunk.Repository, branch: str | None = None, **options: Any) -> Any:
        notes.extend([] if branch is None else [branch])
        return original(self, branch, **options)

    monkeypatch.setattr(icechunk.Repository, "readonly_session", note)
    return notes


@pytest.fixture
def root(tmp_path: Path) -> str:
    root = f"memory://{tmp_path.name}{os.getpid()}/net"
    make(ZarrStore(root))
    repository._RECENT.clear()
    return root


def state(store: ZarrStore) -> object:
    with reading(store) as group:
        return group.attributes.get("state") if "state" in group.attributes.names() else None


def change(store: ZarrStore, value: str) -> None:
    with writing(store) as group:
        group.attributes.set("state", value)


def change_elsewhere(root: str, value: str) -> None:
    """Change a network as another process does, of which this one notes nothing."""
    before = dict(states._CHANGES)
    change(ZarrStore(root), value)
    states._CHANGES.clear()
    states._CHANGES.update(before)


def test_only_opening_asks_once(
    root: str, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "_OPENING", 3600.0)
    store = ZarrStore(root)
    assert store.exists() and ZarrStore(root).recognizes()
    assert state(store) is state(store) is None
    assert 1 == len(asked)
    repository._RECENT.clear()
    monkeypatch.setattr(states, "_OPENING", 0.0)
    monkeypatch.setattr(states, "_PAUSE", 0.0)
    store = ZarrStore(root)
    for number in (2, 3):
        state(store)
        assert number == len(asked)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock says, long after anything was opened."""
    now = [1000.0]
    monkeypatch.setattr(states, "_OPENING", 0.0)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_burst_of_reads_asks_once_but_no_longer_than_a_second(
    root: str, asked: list[str], now: list[float]
) -> None:
    store = ZarrStore(root)
    # Seconds after the read before, and how often it was asked until then.
    for pause, count in ((0.0, 1), (0.009, 1), (0.011, 2), (0.009, 2), (0.009, 2), (1.0, 3)):
        now[0] += pause
        state(store)
        assert count == len(asked), pause
    for _ in range(300):
        now[0] += 0.005
        state(store)
    assert 4 == len(asked)


def test_a_read_that_takes_long_does_not_end_a_burst(
    root: str, asked: list[str], now: list[float]
) -> None:
    store = ZarrStore(root)
    for _ in range(5):
        with reading(store):
            now[0] += 0.1
            # As at the end of a request for rows.
            store._location.at(store._seen[1]).get("zarr.json")  # type: ignore[index]
        now[0] += 0.009
    assert 1 == len(asked)


def test_this_process_sees_what_it_stored_at_once(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "_OPENING", 3600.0)
    for options in (ServiceOptions(), ServiceOptions(max_age=3600.0)):
        reader, writer = ZarrStore(root, options=options), ZarrStore(root)
        for value in ("first", "second"):
            state(reader)
            change(writer, value)
            assert value == state(reader) == state(writer)


def test_a_conflict_shows_what_the_other_stored(root: str) -> None:
    store = ZarrStore(root, options=ServiceOptions(max_age=3600.0))
    state(store)
    session = store.open_write()
    session.root.attributes.set("state", "refused")
    change_elsewhere(root, "stored")
    with pytest.raises(CommitConflictError):
        session.commit()
    assert "stored" == state(store)


def test_a_conflict_is_one_if_it_is_an_error_of_icechunk_as_well(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is in icechunk 2, and not in icechunk 1."""

    class ConflictError(icechunk.IcechunkError):
        pass

    def conflicts(*_: object) -> str:
        raise ConflictError("expected another parent")

    store = ZarrStore(root)
    session = store.open_write()
    session.root.attributes.set("state", "refused")
    monkeypatch.setattr(icechunk, "ConflictError", ConflictError)
    monkeypatch.setattr(icechunk.Session, "commit", conflicts)
    with pytest.raises(CommitConflictError, match="another program changed"):
        session.commit()


def test_a_forked_process_is_refused_instead_of_waiting_for_threads_that_it_lacks(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ZarrStore(root)
    state(store)
    monkeypatch.setattr(Forks, "count", Forks.count + 1)
    for use in (store.open_read, store.open_write):
        with pytest.raises(StoreIOError, match="start processes with the method 'spawn'"):
            use()


@pytest.mark.parametrize("is_conflict", [True, False])
def test_a_commit_of_which_nobody_knows_is_neither_repeated_nor_said_not_to_be_stored(
    root: str, monkeypatch: pytest.MonkeyPatch, is_conflict: bool
) -> None:
    store = ZarrStore(root)
    session = store.open_write()
    session.root.attributes.set("state", "unknown")
    commit = icechunk.Session.commit

    def lose_answer(self: icechunk.Session, *arguments: Any) -> str:
        commit(self, *arguments)
        if is_conflict:
            # Of the second attempt, as the first one was stored.
            raise icechunk.ConflictError("expected another parent")
        raise icechunk.IcechunkError("connection closed")

    def fail(*_: object, **__: object) -> str:
        raise icechunk.IcechunkError("no connection")

    with monkeypatch.context() as patch:
        patch.setattr(icechunk.Session, "commit", lose_answer)
        patch.setattr(icechunk.Repository, "ancestry", fail)
        with pytest.raises(
            StoreIOError, match=r"nor whether it is stored .*no connection"
        ) as caught:
            session.commit()
    assert not isinstance(caught.value, CommitConflictError)
    assert "unknown" == state(store)


@pytest.mark.parametrize(("age", "expected"), [(3600.0, None), (0.0, "new"), (None, "new")])
def test_max_age_says_how_old_a_state_may_be(
    root: str, age: float | None, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "_OPENING", 0.0)
    monkeypatch.setattr(states, "_PAUSE", 0.0)
    store = ZarrStore(root, options=ServiceOptions(max_age=age))
    assert state(store) is None
    change_elsewhere(root, "new")
    assert expected == state(store)
    # A session that writes begins with the last state in any case.
    session = store.open_write()
    assert "new" == session.root.attributes.get("state")
    session.rollback()


def test_a_network_that_another_is_about_to_make_is_looked_for_again(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "_OPENING", 3600.0)
    root = f"memory://{tmp_path.name}{os.getpid()}/later"
    session = ZarrStore(root).create()
    other = ZarrStore(root)
    assert not other.exists()
    before = dict(states._CHANGES)
    session.commit()
    states._CHANGES.clear()
    states._CHANGES.update(before)
    assert other.exists()


def test_versions_are_not_taken_for_the_last_state(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "_OPENING", 3600.0)
    store = ZarrStore(root)
    for value in ("first", "second"):
        change(store, value)
    first = ZarrStore(root, version=store.versions()[1].id)
    assert ("first", "second", "first") == (state(first), state(ZarrStore(root)), state(first))
    data = store._location.at(store.versions()[0].id).get("zarr.json")
    assert read_manifest(data or b"", root).generation != ""
