"""HDF5 files as stores: what can go wrong with files."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bsb_hdf5.adapters.files import locking
from bsb_hdf5.adapters.hdf5 import store as store_module
from bsb_hdf5.adapters.hdf5.store import Hdf5Settings, Hdf5Store
from bsb_hdf5.errors import (
    LockTimeoutError,
    NotANetworkError,
    StoreAccessError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
)
from bsb_hdf5.testing.contents import make, reading, snapshot, writing

Hold = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "network.hdf5"


@pytest.fixture
def store(path: Path) -> Hdf5Store:
    """A store with something in it."""
    store = Hdf5Store(str(path), Hdf5Settings(lock_limit=0.1))
    make(store)
    with writing(store) as root:
        root.create_array("rows", np.arange(3000.0)).attributes.set("text", "before")
        root.require_group("group").create_array("x", np.arange(5))
    return store


def change_much(root: Any) -> None:
    root.array("rows").write(0, -np.arange(3000.0))
    root.array("rows").append(np.ones(200_000))
    root.delete("group")
    root.write_document("new", "x" * 10_000)
    root.array("rows").attributes.set("text", "after, and longer")


def fail_with(number: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


# Transactions in files


def test_the_bytes_that_were_there_change_at_the_commit_only(store: Hdf5Store, path: Path) -> None:
    before = path.read_bytes()
    session = store.open_write()
    change_much(session.root)
    assert before == path.read_bytes()[: len(before)]
    session.commit()
    assert before != path.read_bytes()[: len(before)]
    with h5py.File(path) as file:
        assert 203_000 == len(file["rows"])
        assert -2999.0 == file["rows"][2999]
        assert ["new", "rows"] == list(file)


def test_a_rollback_leaves_the_file_as_it_was_byte_for_byte(store: Hdf5Store, path: Path) -> None:
    before = path.read_bytes()
    session = store.open_write()
    change_much(session.root)
    session.rollback()
    assert before == path.read_bytes()


def test_sessions_that_change_nothing_do_not_touch_the_file(store: Hdf5Store, path: Path) -> None:
    before, time = path.read_bytes(), path.stat().st_mtime_ns
    with writing(store) as root:
        root.array("rows").read()
        root.attributes.get("x")
    with reading(store) as read:
        read.array("rows").read()
    assert (before, time) == (path.read_bytes(), path.stat().st_mtime_ns)


@pytest.mark.parametrize("moment", ["the write", "the commit"])
def test_a_full_disk_is_reported_and_leaves_the_file_as_it_was(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    before = path.read_bytes()
    session = store.open_write()
    if moment == "the commit":
        session.root.array("rows").write(0, -np.arange(3000.0))
    monkeypatch.setattr(os, "pwrite", fail_with(errno.ENOSPC))
    with pytest.raises(StoreIOError, match="No space left") as caught:
        if moment == "the write":
            session.root.create_array("large", np.ones(2_000_000), growable=False)
            session.root.array("large").read()
        session.commit()
    assert errno.ENOSPC == caught.value.fields["errno"]
    if moment == "the write":
        with contextlib.suppress(StoreIOError):
            session.rollback()
    monkeypatch.undo()
    assert before == path.read_bytes()
    assert 3000 == len(snapshot(store)["members"]["rows"]["rows"][3])


def test_a_session_gives_its_file_back(store: Hdf5Store) -> None:
    # Stores that are gone give back theirs.
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    store.open_read().close()
    store.open_write().commit()
    store.open_write().rollback()
    session = store.open_write()
    change_much(session.root)
    session.commit()
    assert before == len(os.listdir("/proc/self/fd"))


# Creation


def files(tmp_path: Path) -> list[str]:
    return sorted(os.listdir(tmp_path))


def test_a_creation_that_is_rolled_back_leaves_no_file(path: Path, tmp_path: Path) -> None:
    session = Hdf5Store(str(path)).create()
    session.root.create_array("x", np.ones(1000))
    session.rollback()
    assert [] == files(tmp_path)


def test_a_creation_whose_place_was_taken_leaves_no_file(path: Path, tmp_path: Path) -> None:
    session = Hdf5Store(str(path)).create()
    path.write_bytes(b"taken")
    with pytest.raises(StoreExistsError, match=r"network\.hdf5"):
        session.commit()
    assert b"taken" == path.read_bytes()
    assert ["network.hdf5"] == files(tmp_path)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Which files get their names, and what is made sure of, in order."""
    found: list[str] = []

    def note(name: str, kind: Callable[[Any], str]) -> None:
        call = getattr(os, name)

        def noted(*arguments: Any, **options: Any) -> Any:
            found.append(f"{name} {kind(arguments[0])}")
            return call(*arguments, **options)

        monkeypatch.setattr(os, name, noted)

    def kind_of(descriptor: int) -> str:
        return "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"

    note("fsync", kind_of)
    note("link", lambda path: "file")
    note("replace", lambda path: "file")
    return found


@pytest.mark.parametrize("durable", [False, True])
def test_what_is_made_or_copied_survives_a_power_cut_if_it_is_to(
    path: Path, calls: list[str], durable: bool
) -> None:
    store = Hdf5Store(str(path), Hdf5Settings(durable=durable))
    named = ["fsync file", "link file", "fsync folder"] if durable else ["link file"]
    make(store)
    assert named == calls
    calls.clear()
    store.copy(f"{path}.copy")
    assert named == calls
    calls.clear()
    store.move(f"{path}.moved")
    assert named[-2:] == calls


def test_what_is_written_anew_survives_a_power_cut(store: Hdf5Store, calls: list[str]) -> None:
    store.rewrite().commit()
    assert ["fsync file", "replace file", "fsync folder"] == calls


def test_a_link_that_leads_nowhere_is_not_replaced(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreExistsError):
        Hdf5Store(str(path)).create().commit()
    assert path.is_symlink()
    assert ["network.hdf5"] == files(tmp_path)


@pytest.mark.parametrize("folder", ["missing/network.hdf5", "file/network.hdf5"])
def test_a_place_in_no_folder_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises((StoreNotFoundError, StoreIOError), match=folder):
        Hdf5Store(str(tmp_path / folder)).create()


def test_filesystems_without_hard_links_are_used_too(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", fail_with(errno.EPERM))
    store = make(Hdf5Store(str(path)))
    with writing(store) as root:
        root.create_array("x", np.arange(3))
    before = snapshot(store)
    store.copy(str(tmp_path / "copy"))
    store.move(str(tmp_path / "moved"))
    assert ["copy", "moved"] == files(tmp_path)
    for name in files(tmp_path):
        assert before == snapshot(Hdf5Store(str(tmp_path / name)))


# What else may lie at a path


def lay(path: Path, store: Hdf5Store, kind: str) -> None:
    """Replace the file of a store."""
    content = path.read_bytes()
    path.unlink()
    if kind == "a directory":
        path.mkdir()
    else:
        path.write_bytes(
            {
                "an empty file": b"",
                "a text": b"{}" * 1000,
                "noise": np.random.default_rng(3).bytes(5000),
                "a signature": content[:8],
                "a truncated file": content[: len(content) // 2],
                "a damaged file": content[:20] + b"\xff" * 60 + content[80:],
            }[kind]
        )


OTHERS = [
    "a directory",
    "an empty file",
    "a text",
    "noise",
    "a signature",
    "a truncated file",
    "a damaged file",
]


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_hdf5_file_is_reported_and_stays_as_it_is(
    store: Hdf5Store, path: Path, kind: str
) -> None:
    lay(path, store, kind)
    before = None if path.is_dir() else path.read_bytes()
    for verb in (store.open_read, store.open_write):
        with pytest.raises(NotANetworkError, match=r"network\.hdf5"):
            verb()
    assert store.exists()
    assert before == (None if path.is_dir() else path.read_bytes())


@pytest.mark.parametrize("kind", ["a directory", "an empty file", "a text", "noise"])
def test_what_is_no_hdf5_file_is_not_recognized(store: Hdf5Store, path: Path, kind: str) -> None:
    assert store.recognizes()
    lay(path, store, kind)
    assert not store.recognizes()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_file_that_may_not_be_opened_is_reported(
    store: Hdf5Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "open", fail_with(number))
    other = Hdf5Store(store.location)
    for verb in (other.open_read, other.open_write):
        with pytest.raises(StoreAccessError, match=r"network\.hdf5"):
            verb()


def test_a_path_may_lead_over_links(store: Hdf5Store, path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.hdf5"
    link.symlink_to(path)
    assert store.identity == Hdf5Store(str(link)).identity
    assert snapshot(store) == snapshot(Hdf5Store(str(link)))


@pytest.mark.parametrize("folder", [".", "other"])
def test_a_file_of_several_names_is_one_network(
    store: Hdf5Store, path: Path, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "other").mkdir()
    other = tmp_path / folder / "name.hdf5"
    os.link(path, other)
    before = snapshot(store)
    stores = store, Hdf5Store(str(path)), Hdf5Store(str(other))
    for number, each in enumerate(stores):
        with writing(each) as root:
            root.array("rows").append(np.array([float(number)]))
    assert before != snapshot(store) == snapshot(stores[1]) == snapshot(stores[2])
    # It would have one name, and be another network.
    for each in stores:
        with pytest.raises(StoreAccessError, match="several names"):
            each.rewrite()
    store.remove()
    stores[2].rewrite().rollback()
    assert 3003 == len(snapshot(stores[2])["members"]["rows"]["rows"][3])


def test_a_name_that_a_killed_creation_left_is_removed(store: Hdf5Store, path: Path) -> None:
    left = path.with_name(".network.hdf5.0123abcd.new")
    os.link(path, left)
    with reading(store):
        assert left.exists()
    with writing(store) as root:
        change_much(root)
    assert not left.exists()
    assert path.exists()


def test_a_file_that_moved_with_its_link_is_followed(
    store: Hdf5Store, path: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    link, moved = tmp_path / "link", tmp_path / "other" / "network.hdf5"
    link.symlink_to(path)
    linked = Hdf5Store(str(link))
    with writing(linked) as root:
        root.array("rows").write(0, np.array([5.0]))
    path.rename(moved)
    link.unlink()
    link.symlink_to(moved)
    assert Hdf5Store(str(moved)).identity == linked.identity
    with writing(linked) as root:
        root.array("rows").write(0, np.array([7.0]))
    with reading(Hdf5Store(str(moved))) as root:
        assert 7.0 == root.array("rows").read()[0]


def test_a_link_that_was_moved_to_another_file_is_followed(
    store: Hdf5Store, path: Path, tmp_path: Path
) -> None:
    link, other = tmp_path / "link", tmp_path / "other.hdf5"
    store.copy(str(other))
    with writing(Hdf5Store(str(other))) as root:
        root.array("rows").write(0, np.array([7.0]))
    link.symlink_to(path)
    linked = Hdf5Store(str(link))
    for target, value in ((path, 0.0), (other, 7.0), (path, 0.0)):
        link.unlink()
        link.symlink_to(target)
        with reading(linked) as root:
            assert value == root.array("rows").read()[0]
        assert Hdf5Store(str(target)).identity == linked.identity


def test_a_relative_path_is_meant_where_it_was_given(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    relative = Hdf5Store(path.name)
    monkeypatch.chdir("/")
    assert store.location == relative.location
    assert relative.exists()


# Copies and moves


def test_a_copy_keeps_who_may_read_it(store: Hdf5Store, path: Path, tmp_path: Path) -> None:
    path.chmod(0o640)
    store.copy(str(tmp_path / "copy"))
    assert 0o640 == stat.S_IMODE((tmp_path / "copy").stat().st_mode)
    assert path.read_bytes() == (tmp_path / "copy").read_bytes()
    assert ["copy", "network.hdf5"] == files(tmp_path)


def test_a_copy_that_fails_leaves_nothing(
    store: Hdf5Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "copyfileobj", fail_with(errno.ENOSPC))
    with pytest.raises(StoreIOError, match="No space left"):
        store.copy(str(tmp_path / "copy"))
    assert ["network.hdf5"] == files(tmp_path)


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
    store.move(str(tmp_path / "moved"))
    assert ["moved"] == files(tmp_path)
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

    monkeypatch.setattr(store_module, "lock_file", take_the_target)
    with pytest.raises(StoreExistsError, match="target"):
        getattr(store, verb)(str(target))
    assert b"taken" == target.read_bytes()
    assert ["network.hdf5", "target"] == files(tmp_path)


# Other programs


@pytest.mark.parametrize("verb", ["open_write", "open_read", "remove"])
def test_a_file_that_another_process_holds_is_waited_for(
    store: Hdf5Store, path: Path, hold: Hold, verb: str
) -> None:
    hold(path)
    with pytest.raises(LockTimeoutError, match=r"network\.hdf5.* is locked"):
        getattr(store, verb)()
    assert path.exists()


@pytest.mark.parametrize("verb", ["copy", "move"])
def test_a_file_that_another_process_writes_goes_nowhere(
    store: Hdf5Store, path: Path, tmp_path: Path, hold: Hold, verb: str
) -> None:
    hold(path)
    with pytest.raises(LockTimeoutError):
        getattr(store, verb)(str(tmp_path / "target"))
    assert ["network.hdf5"] == files(tmp_path)


def test_a_file_that_another_process_holds_is_read_without_locks(
    store: Hdf5Store, path: Path, hold: Hold
) -> None:
    hold(path)
    session = store.open_read(locking=False)
    assert 3000 == session.root.array("rows").shape[0]
    session.close()


def test_a_file_that_another_process_reads_is_read_but_not_written(
    store: Hdf5Store, path: Path, hold: Hold
) -> None:
    hold(path, exclusive=False)
    store.open_read().close()
    with pytest.raises(LockTimeoutError):
        store.open_write()


def test_programs_that_use_hdf5_are_kept_out(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HDF5_USE_FILE_LOCKING", raising=False)
    session = store.open_write()
    with pytest.raises(OSError, match="lock"):
        h5py.File(path, "r")
    session.rollback()
    read = store.open_read()
    with pytest.raises(OSError, match="lock"):
        h5py.File(path, "r+")
    with h5py.File(path, "r") as file:
        assert 3000 == len(file["rows"])
    read.close()
    with h5py.File(path, "r+"), pytest.raises(LockTimeoutError):
        store.open_read()


def test_a_slow_lock_is_told_to_whom_it_concerns(
    store: Hdf5Store, path: Path, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(path)
    slow: list[float] = []
    monkeypatch.setattr("bsb_hdf5.adapters.files.locking._WARN_AFTER", 0.02)
    impatient = Hdf5Store(str(path), Hdf5Settings(lock_limit=0.2, on_slow=slow.append))
    with pytest.raises(LockTimeoutError):
        impatient.open_read()
    assert 1 == len(slow)


def test_a_file_that_was_replaced_while_it_was_waited_for_is_opened_anew(
    store: Hdf5Store, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.hdf5"
    store.copy(str(other))
    with writing(Hdf5Store(str(other))) as root:
        root.attributes.set("of", "the other")
    lock_file = locking.lock_file

    def replace_once(*arguments: Any, **options: Any) -> None:
        if other.exists():
            os.replace(other, path)
        lock_file(*arguments, **options)

    monkeypatch.setattr(store_module, "lock_file", replace_once)
    with reading(store) as read:
        assert "the other" == read.attributes.get("of")


# Handles


@pytest.mark.parametrize(("mode", "writable"), [("r", False), ("r+", True), ("a", True)])
def test_an_open_file_is_adopted_and_stays_open(
    store: Hdf5Store, path: Path, mode: str, writable: bool
) -> None:
    with h5py.File(path, mode) as file:
        for handle in (file, file["group"]):
            adopted = store.adopt(handle)
            assert adopted is not None
            session, may_write = adopted
            assert writable is may_write
            assert ("group", "rows") == session.root.names()
            session.commit()
        assert file
        assert 3000 == len(file["rows"])


def test_what_an_adopted_session_changed_is_in_the_file_of_the_caller(
    store: Hdf5Store, path: Path
) -> None:
    with h5py.File(path, "r+") as file:
        adopted = store.adopt(file)
        assert adopted is not None
        session, _ = adopted
        session.root.create_array("new", np.arange(3))
        assert 0 < session.changes
        session.rollback()
        assert [0, 1, 2] == file["new"][:].tolist()


def test_a_file_that_was_closed_is_no_handle(store: Hdf5Store, path: Path) -> None:
    with h5py.File(path, "r") as file:
        group = file["group"]
    assert store.adopt(file) is None
    assert store.adopt(group) is None


def test_a_dataset_is_no_handle(store: Hdf5Store, path: Path) -> None:
    with h5py.File(path, "r") as file:
        assert store.adopt(file["rows"]) is None


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
