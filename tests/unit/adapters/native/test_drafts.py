"""Networks that appear whole, and stores of local paths."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5.adapters.native import drafts
from bsb_hdf5.adapters.native.drafts import Draft, delete, give_name, rename_within
from bsb_hdf5.adapters.native.store import ArrayStore, free_path
from bsb_hdf5.errors import (
    CorruptNetworkError,
    InputError,
    LockTimeoutError,
    StoreAccessError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
)
from bsb_hdf5.transactions.deadline import SlowWait


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def fill(path: str, kind: str) -> None:
    if kind == "folder":
        os.mkdir(path)
        path = os.path.join(path, "file")
    Path(path).write_text("whole")


kinds = pytest.mark.parametrize("kind", ["file", "folder"])


@kinds
def test_a_draft_gets_its_name_when_it_is_whole(tmp_path: Path, kind: str) -> None:
    draft = Draft(str(tmp_path / "net"), ("-lock",))
    assert str(tmp_path / "net") == draft.target
    assert [] == names(tmp_path)
    fill(draft.path, kind)
    Path(f"{draft.path}-lock").touch()
    (tmp_path / "net-lock").touch()
    draft.publish()
    assert ["net", "net-lock"] == names(tmp_path)
    whole = tmp_path / "net" / "file" if kind == "folder" else tmp_path / "net"
    assert "whole" == whole.read_text()
    draft.discard()
    assert ["net", "net-lock"] == names(tmp_path)


@kinds
def test_a_draft_that_is_discarded_leaves_nothing(tmp_path: Path, kind: str) -> None:
    draft = Draft(str(tmp_path / "net"), ("-lock", "-wal"))
    fill(draft.path, kind)
    Path(f"{draft.path}-wal").touch()
    draft.discard()
    assert [] == names(tmp_path)


@kinds
def test_what_can_not_be_deleted_is_reported(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    fill(str(tmp_path / "net"), kind)
    monkeypatch.setattr(os, "rename" if kind == "folder" else "unlink", refuse)
    with pytest.raises(StoreAccessError, match="net' may not be"):
        delete(str(tmp_path / "net"))
    assert ["net"] == names(tmp_path)


@kinds
def test_a_name_that_is_taken_meanwhile_is_kept(tmp_path: Path, kind: str) -> None:
    draft = Draft(str(tmp_path / "net"))
    fill(draft.path, kind)
    (tmp_path / "net").write_text("mine")
    with pytest.raises(StoreExistsError, match=r"net' exists") as caught:
        draft.publish()
    assert str(tmp_path / "net") == caught.value.fields["location"]
    assert ["net"] == names(tmp_path)
    assert "mine" == (tmp_path / "net").read_text()


def test_an_empty_folder_is_not_replaced_either(tmp_path: Path) -> None:
    fill(str(tmp_path / "a"), "folder")
    (tmp_path / "b").mkdir()
    with pytest.raises(StoreExistsError):
        give_name(str(tmp_path / "a"), str(tmp_path / "b"))
    assert ["a", "b"] == names(tmp_path)


def test_an_error_of_the_system_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(drafts, "give_other_name", fail)
    (tmp_path / "a").touch()
    with pytest.raises(StoreIOError, match="Input/output error") as caught:
        give_name(str(tmp_path / "a"), str(tmp_path / "b"))
    assert (errno.EIO, str(tmp_path / "b")) == (
        caught.value.errno,
        caught.value.fields["location"],
    )


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.EXDEV, False), (errno.EIO, StoreIOError), (errno.ENOTEMPTY, StoreExistsError)],
)
def test_a_folder_is_renamed_within_its_filesystem_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: Any
) -> None:
    path, target = str(tmp_path / "x"), str(tmp_path / "y")
    fill(path, "folder")

    def fail(*_: str) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", fail)
        if expected is False:
            assert not rename_within(path, target)
        else:
            with pytest.raises(expected):
                rename_within(path, target)
    assert ["x"] == names(tmp_path)
    assert rename_within(path, target)
    assert ["y"] == names(tmp_path)


def test_a_link_is_deleted_and_not_what_it_leads_to(tmp_path: Path) -> None:
    fill(str(tmp_path / "folder"), "folder")
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    (tmp_path / "link-lock").touch()
    delete(str(tmp_path / "link"), ("-lock", "-more"))
    assert ["folder"] == names(tmp_path)
    assert ["file"] == names(tmp_path / "folder")
    delete(str(tmp_path / "folder"))
    delete(str(tmp_path / "folder"))
    assert [] == names(tmp_path)


def test_a_place_is_free_where_its_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path / "net") == free_path("net")
    (tmp_path / "nowhere").symlink_to("missing")
    with pytest.raises(StoreExistsError, match="exists"):
        free_path("nowhere")
    with pytest.raises(StoreNotFoundError, match="create it first"):
        free_path("no/net")
    with pytest.raises(InputError, match="NUL"):
        free_path("a\0b")


class OddError(Exception):
    """An error of a library."""


class Store(ArrayStore):
    """A store of which one session is opened, or none."""

    errors = (OddError,)
    failure: Exception | None = None
    closed = 0

    def open_read(self, *, locking: bool = True) -> Any:
        assert not locking
        if self.failure is not None:
            raise self.failure
        return self

    def close(self) -> None:
        self.closed += 1

    create = open_write = copy = move = remove = ArrayStore.check_there  # type: ignore[assignment]


def test_a_store_recognizes_what_it_can_open(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "net"))
    assert not store.exists() and not store.recognizes()
    with pytest.raises(StoreNotFoundError, match="there is no file"):
        store.check_there()
    (tmp_path / "net").touch()
    store.check_there()
    assert store.exists() and store.recognizes()
    assert 1 == store.closed
    for failure in (OddError(), CorruptNetworkError("odd")):
        store.failure = failure
        assert not store.recognizes()
    store.failure = KeyError()
    with pytest.raises(KeyError):
        store.recognizes()


def test_a_store_is_the_same_by_whatever_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("net")
    store, link = Store(str(tmp_path / "net")), Store(str(tmp_path / "link"))
    assert f"Store:{os.path.realpath(tmp_path / 'net')}" == store.identity == link.identity
    assert str(tmp_path / "link") == link.location


def test_a_file_is_locked_for_those_who_lock_nothing(tmp_path: Path) -> None:
    told: list[SlowWait] = []
    store = Store(str(tmp_path / "net"), lock_limit=0.05, on_slow=told.append)
    path = str(tmp_path / "lock")
    with (
        store.lock(path, exclusive=False),
        store.lock(path, exclusive=False),
        pytest.raises(LockTimeoutError, match=r"net' is locked.* gave up after 0\.05"),
    ):
        store.lock(path, exclusive=True)
    with store.lock(path, exclusive=True), pytest.raises(LockTimeoutError):
        store.lock(path, exclusive=False)
    store.lock(path, exclusive=True).close()
    with pytest.raises(StoreNotFoundError):
        store.lock(str(tmp_path / "no" / "lock"), exclusive=True)
    wait = store.deadline(lambda: ["somebody"])
    assert 0.05 == wait.limit
    assert "net' is locked by somebody; gave up" in str(wait.expired())
    assert "is locked; gave up" in str(store.deadline().expired())
