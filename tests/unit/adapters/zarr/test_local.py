"""Folders: their locks, and what is read of them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5.adapters.zarr.local import LocalLocation, NewDirectory
from bsb_hdf5.adapters.zarr.paths import MANIFEST
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.adapters.zarr.zarr_objects import together
from bsb_hdf5.errors import (
    InputError,
    LockTimeoutError,
    SessionAbortedError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
)
from bsb_hdf5.testing.contents import make, snapshot, writing
from tests.unit.adapters.zarr.stores import change, check_changed, filled


@contextlib.contextmanager
def held(path: Path, operation: int) -> Iterator[None]:
    with open(path / ".lock", "a", encoding="ascii") as file:
        fcntl.flock(file, operation)
        yield


def test_writers_of_other_programs_are_waited_for(path: Path) -> None:
    filled(path)
    store = ZarrStore(path, limit=0.05)
    with held(path, fcntl.LOCK_EX):
        for verb in (store.open_read, store.open_write, store.remove):
            with pytest.raises(LockTimeoutError, match=r"gave up after 0\.05"):
                verb()
        store.open_read(locking=False).close()
    store.open_write().rollback()


def test_readers_of_other_programs_hold_off_writers_only(path: Path) -> None:
    filled(path)
    store = ZarrStore(path, limit=0.05)
    with held(path, fcntl.LOCK_SH):
        store.open_read().close()
        with pytest.raises(LockTimeoutError):
            store.open_write()


def test_a_session_holds_its_lock_until_it_ends(path: Path) -> None:
    store = filled(path)
    other = ZarrStore(path, limit=0)
    writer = store.open_write()
    with pytest.raises(LockTimeoutError):
        other.open_write()
    writer.rollback()
    reader = store.open_read()
    with pytest.raises(LockTimeoutError):
        other.open_write()
    reader.close()
    other.open_write().rollback()


def test_a_store_without_its_lock_file_is_read_and_written(path: Path) -> None:
    store = filled(path)
    os.unlink(path / ".lock")
    with writing(store) as root:
        change(root)
    check_changed(store)


def test_a_commit_of_another_program_fails_ours(path: Path) -> None:
    store, other = filled(path), ZarrStore(path)
    session = store.open_write()
    change(session.root)
    # As where there are no locks.
    os.unlink(path / ".lock")
    with writing(other) as root:
        root.attributes.set("of", "another")
    with pytest.raises(SessionAbortedError, match="another program changed"):
        session.commit()
    assert "another" == snapshot(store)["attributes"]["of"][1]
    assert "gone" in snapshot(store)["members"]["placement"]["members"]["granule"]["members"]


def test_a_link_that_leads_nowhere_gets_its_folder(tmp_path: Path) -> None:
    (tmp_path / "network").symlink_to(tmp_path / "elsewhere")
    store = ZarrStore(tmp_path / "network")
    assert not store.exists()
    make(store)
    assert store.exists() and (tmp_path / "network").is_symlink()
    assert (tmp_path / "elsewhere" / "zarr.json").exists()


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError, match=f"the folder '{tmp_path / 'missing'}'"):
        ZarrStore(tmp_path / "missing" / "network").create()


def test_a_name_may_be_as_long_as_the_filesystem_takes(tmp_path: Path) -> None:
    store = make(ZarrStore(tmp_path / ("n" * 255)))
    store.copy(str(tmp_path / ("c" * 255)))
    store.move(str(tmp_path / ("m" * 255)))
    assert ["c" * 255, "m" * 255] == sorted(os.listdir(tmp_path))
    ZarrStore(tmp_path / ("m" * 255)).remove()
    assert ["c" * 255] == os.listdir(tmp_path)


def test_a_path_with_a_nul_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="NUL"):
        ZarrStore(f"{tmp_path}/a\0b")


@pytest.mark.parametrize("kind", ["a network", "a file", "an empty folder"])
def test_nothing_is_moved_or_copied_onto_what_is_there(path: Path, kind: str) -> None:
    store, target = filled(path), path.with_name("other.zarr")
    if kind == "a network":
        change_of = filled(target)
        with writing(change_of) as root:
            change(root)
    elif kind == "a file":
        target.write_text("mine")
    else:
        target.mkdir()
    before = snapshot(store)
    there = {each: each.is_dir() or each.read_bytes() for each in target.rglob("*")}
    for verb in (store.move, store.copy):
        with pytest.raises(StoreExistsError, match=r"other\.zarr"):
            verb(str(target))
    assert before == snapshot(store) == snapshot(ZarrStore(path))
    assert there == {each: each.is_dir() or each.read_bytes() for each in target.rglob("*")}
    assert {path.name, target.name} == {each.name for each in path.parent.iterdir()}


@pytest.mark.parametrize("verb", ["move", "copy"])
def test_a_network_goes_to_a_link_that_leads_nowhere_and_to_a_folder_that_another_left(
    path: Path, tmp_path: Path, verb: str
) -> None:
    left, link = tmp_path / "left.zarr", tmp_path / "link.zarr"
    earlier = make(ZarrStore(left))
    (left / "notes.txt").write_text("mine")
    earlier.remove()
    link.symlink_to("elsewhere")
    for target in (left, link):
        store = filled(path)
        before = snapshot(store)
        getattr(store, verb)(str(target))
        assert before == snapshot(ZarrStore(target))
        assert (verb == "copy") is store.exists()
        if store.exists():
            store.remove()
    assert "mine" == (left / "notes.txt").read_text()
    assert link.is_symlink() and (tmp_path / "elsewhere" / MANIFEST).exists()
    assert {"left.zarr", "link.zarr", "elsewhere"} == set(os.listdir(tmp_path))


@pytest.mark.parametrize("folder", ["", "notes", "placement/granule"])
def test_a_copy_within_the_folder_of_a_network_does_not_hold_itself(
    path: Path, folder: str
) -> None:
    store = filled(path)
    before = snapshot(store)
    (path / "notes").mkdir()
    (path / "notes" / "notes.txt").write_text("mine")
    copy = path / folder / "copy.zarr"
    store.copy(str(copy))
    assert before == snapshot(ZarrStore(copy)) == snapshot(store)
    assert "mine" == (copy / "notes" / "notes.txt").read_text()
    assert ("notes",) == ZarrStore(copy).foreign()
    assert ["notes.txt"] == os.listdir(copy / "notes")


def test_a_target_that_is_taken_at_the_last_moment_is_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, target = filled(path), path.with_name("other.zarr")
    before = snapshot(store)
    filled(target)
    with writing(ZarrStore(target)) as root:
        change(root)
    there, exists = snapshot(ZarrStore(target)), LocalLocation.exists
    not_yet = lambda self: exists(self) and str(target) not in self.root  # noqa: E731
    monkeypatch.setattr(LocalLocation, "exists", not_yet)
    for verb in (store.move, store.copy):
        with pytest.raises(StoreExistsError):
            verb(str(target))
    monkeypatch.undo()
    assert there == snapshot(ZarrStore(target))
    assert before == snapshot(store)


def test_a_network_is_removed_with_the_link_that_it_is_reached_by(
    path: Path, tmp_path: Path
) -> None:
    filled(path)
    link = tmp_path / "link.zarr"
    link.symlink_to(path)
    ZarrStore(link).remove()
    assert not link.is_symlink()
    assert not path.exists()


def test_messages_name_a_new_network_by_its_own_name(tmp_path: Path) -> None:
    place = NewDirectory(str(tmp_path / "net.zarr"), None)
    place.remove()
    with pytest.raises(StoreNotFoundError, match=r"net\.zarr'$") as caught:
        place.remove()
    assert ".new" not in str(caught.value)


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EIO, errno.ENOTEMPTY])
def test_a_network_moves_to_another_filesystem_as_a_copy(
    path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(path)
    before = snapshot(store)
    target = path.with_name("moved")
    rename = os.rename

    def across(first: str, second: str) -> None:
        if str(first) == str(path) and str(second) == str(target):
            raise OSError(number, os.strerror(number))
        rename(first, second)

    monkeypatch.setattr(os, "rename", across)
    if number == errno.EXDEV:
        store.move(str(target))
        assert before == snapshot(ZarrStore(target))
        assert [target.name] == os.listdir(path.parent)
        return
    refused = StoreExistsError if number == errno.ENOTEMPTY else StoreIOError
    with pytest.raises(refused):
        store.move(str(target))
    assert before == snapshot(ZarrStore(path))
    assert [path.name] == os.listdir(path.parent)


def test_what_another_program_makes_within_a_network_that_is_removed_is_kept(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(path)
    rename = os.rename

    def make_meanwhile(first: str, second: str) -> None:
        rename(first, second)
        if str(first) == str(path):
            Path(second, "notes.txt").write_text("mine")

    monkeypatch.setattr(os, "rename", make_meanwhile)
    store.remove()
    assert [path.name] == os.listdir(path.parent)
    assert ["notes.txt"] == os.listdir(path)
    assert not ZarrStore(path).recognizes()


def test_a_network_that_does_not_get_whole_into_the_folder_of_another_leaves_nothing_there(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, target = filled(path), path.with_name("other.zarr")
    before = snapshot(store)
    filled(target)
    Path(target, "notes.txt").write_text("mine")
    ZarrStore(target).remove()
    kept = sorted(os.listdir(target))
    rename = os.rename

    def fail_at_the_manifest(first: str, second: str) -> None:
        if str(second) == str(target / MANIFEST):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rename(first, second)

    monkeypatch.setattr(os, "rename", fail_at_the_manifest)
    with pytest.raises(StoreIOError):
        store.copy(str(target))
    assert kept == sorted(os.listdir(target))
    monkeypatch.undo()
    store.copy(str(target))
    assert before == snapshot(ZarrStore(target)) == snapshot(store)


def test_requests_at_once_have_all_ended_when_one_fails() -> None:
    ended: list[str] = []

    async def request(name: str, seconds: float, fails: bool) -> str:
        await asyncio.sleep(seconds)
        ended.append(name)
        if fails:
            raise InputError(name)
        return name

    def asked(*fails: bool) -> list[Any]:
        return [partial(request, str(i), 0.002 * i, each) for i, each in enumerate(fails)]

    assert ["0", "1", "2"] == asyncio.run(together(asked(False, False, False)))
    ended.clear()
    with pytest.raises(InputError, match="0"):
        asyncio.run(together(asked(True, False, True)))
    assert ["0", "1", "2"] == ended
    assert [] == asyncio.run(together([]))
