"""Copies, moves and removals of files."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5.adapters.files import locking
from bsb_hdf5.adapters.hdf5 import file_opener, paths
from bsb_hdf5.adapters.hdf5.file_opener import Hdf5Settings
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import (
    StoreAccessError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
)
from bsb_hdf5.testing.contents import make, snapshot
from tests.unit.adapters.hdf5.stores import fail_with, files


def test_a_copy_keeps_who_may_read_it(store: Hdf5Store, path: Path, tmp_path: Path) -> None:
    path.chmod(0o640)
    store.copy(str(tmp_path / "copy"))
    assert 0o640 == stat.S_IMODE((tmp_path / "copy").stat().st_mode)
    assert path.read_bytes() == (tmp_path / "copy").read_bytes()
    assert ["copy", "network.hdf5"] == files(tmp_path)


def test_a_copy_that_fails_leaves_nothing(
    store: Hdf5Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "pwrite", fail_with(errno.ENOSPC))
    with pytest.raises(StoreIOError, match="No space left"):
        store.copy(str(tmp_path / "copy"))
    assert ["network.hdf5"] == files(tmp_path)


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("verb", ["copy", "move", "create"])
def test_a_first_name_that_can_not_be_removed_is_undone_or_reported(
    store: Hdf5Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, times: int
) -> None:
    target, unlink, failures = tmp_path / "target.hdf5", os.unlink, iter(range(times))

    def fail_at_first(path: str, **options: Any) -> None:
        if next(failures, None) is not None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", fail_at_first)
    message = "is complete, but its former name" if times > 1 else "Input/output error"
    with pytest.raises(StoreIOError, match=message) as caught:
        if verb == "create":
            Hdf5Store(str(target)).create().commit()
        else:
            getattr(store, verb)(str(target))
    assert errno.EIO == caught.value.errno
    assert (times > 1) == target.exists()
    store.open_write().rollback()
    if target.exists():
        Hdf5Store(str(target)).open_write().rollback()
    expected = ["network.hdf5", *["target.hdf5"] * target.exists()]
    assert expected == files(tmp_path)


@pytest.mark.parametrize("act", ["move", "remove"])
def test_files_are_taken_away_on_network_filesystems(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    # Those of NFS are not for one alone unless the file is open to be written.
    flock = fcntl.flock

    def lock(descriptor: int, operation: int) -> None:
        access = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        if operation & fcntl.LOCK_EX and access == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", lock)
    target = path.with_name("target.hdf5")
    getattr(store, act)(*[str(target)][: act == "move"])
    assert [target.name][: act == "move"] == os.listdir(path.parent)


@pytest.mark.parametrize("act", ["move", "remove"])
def test_files_that_may_not_be_written_are_taken_away(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    system_open = os.open

    def refuse(name: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_RDWR and str(name) == str(path):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return system_open(name, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    target = path.with_name("target.hdf5")
    getattr(store, act)(*[str(target)][: act == "move"])
    assert [target.name][: act == "move"] == os.listdir(path.parent)


def test_a_move_to_another_filesystem_copies_before_it_removes(
    store: Hdf5Store, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, before = os.link, snapshot(store)

    def link_within(source: str, target: str, **options: Any) -> None:
        if source == store.location:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        link(source, target, **options)

    monkeypatch.setattr(os, "link", link_within)
    synced: list[str] = []
    monkeypatch.setattr(paths, "sync_name", synced.append)
    store.move(str(tmp_path / "moved"))
    assert ["moved"] == files(tmp_path)
    # Else a power cut could take the copy when the original is gone.
    assert [str(tmp_path / "moved")] == synced
    assert before == snapshot(Hdf5Store(str(tmp_path / "moved")))


def test_a_target_in_no_folder_leaves_the_store_where_it_is(
    store: Hdf5Store, path: Path, tmp_path: Path
) -> None:
    for verb in (store.copy, store.move):
        with pytest.raises(StoreNotFoundError, match="missing"):
            verb(str(tmp_path / "missing" / "x.hdf5"))
    assert ["network.hdf5"] == files(tmp_path)


@pytest.mark.parametrize("verb", ["copy", "move"])
def test_a_target_that_is_taken_meanwhile_keeps_what_is_there(
    store: Hdf5Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    target, lock_file = tmp_path / "target", locking.lock_file

    def take_the_target(*arguments: Any, **options: Any) -> None:
        target.write_bytes(b"taken")
        lock_file(*arguments, **options)

    monkeypatch.setattr(file_opener, "lock_file", take_the_target)
    with pytest.raises(StoreExistsError, match="target"):
        getattr(store, verb)(str(target))
    assert b"taken" == target.read_bytes()
    assert ["network.hdf5", "target"] == files(tmp_path)


def test_what_moves_to_another_filesystem_through_a_link_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, link, target = (tmp_path / name for name in ("source", "link", "target"))
    make(Hdf5Store(str(source)))
    link.symlink_to(source)
    give = os.link

    def refuse(path: str, *rest: Any, **options: Any) -> None:
        if path == str(source):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        give(path, *rest, **options)

    monkeypatch.setattr(os, "link", refuse)
    Hdf5Store(str(link)).move(str(target))
    assert ["target"] == os.listdir(tmp_path)


@pytest.mark.parametrize("far", [False, True], ids=["rename", "copy"])
def test_a_link_that_can_not_be_removed_keeps_the_network_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, far: bool
) -> None:
    source, link, target = (tmp_path / name for name in ("source", "link", "target"))
    store = make(Hdf5Store(str(source)))
    link.symlink_to(source)
    before, unlink, give = snapshot(store), os.unlink, os.link
    refused = source if far else link

    def keep(path: str, **options: Any) -> None:
        if str(path) == str(refused):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        unlink(path, **options)

    def refuse(path: str, *rest: Any, **options: Any) -> None:
        if far and path == str(source):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        give(path, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", keep)
        patch.setattr(os, "link", refuse)
        with pytest.raises(StoreAccessError):
            Hdf5Store(str(link)).move(str(target))
    assert ["link", "source"] == files(tmp_path)
    assert before == snapshot(Hdf5Store(str(link))) == snapshot(Hdf5Store(str(source)))


def test_who_hurries_waits_no_longer_than_before(path: Path) -> None:
    store = Hdf5Store(str(path), Hdf5Settings(lock_limit=5.0))
    for limit, found in ((7.0, 5.0), (2.0, 2.0), (3.0, 2.0)):
        store.hurry(limit)
        assert (found, found) == (store._settings.lock_limit, store.calls.limit)
