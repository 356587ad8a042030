"""Files as transactions, their creation, other programs, and files that a caller opened."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bsb_hdf5.adapters.files import locking
from bsb_hdf5.adapters.hdf5 import file_opener
from bsb_hdf5.adapters.hdf5.file_opener import Hdf5Settings
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import (
    LockTimeoutError,
    SessionClosedError,
    StoreExistsError,
    StoreIOError,
)
from bsb_hdf5.testing.contents import make, reading, snapshot, writing
from bsb_hdf5.transactions.deadline import SlowWait
from tests.unit.adapters.hdf5.stores import Hold, change_much, fail_with, files


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
            session.root.create_fixed_array("large", np.ones(2_000_000))
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


def test_a_creation_that_is_rolled_back_leaves_no_file(path: Path, tmp_path: Path) -> None:
    session = Hdf5Store(str(path)).create()
    session.root.create_array("x", np.ones(1000))
    session.rollback()
    assert [] == files(tmp_path)


def test_what_a_creation_made_can_only_be_used_until_it_ends(path: Path) -> None:
    for end in ("commit", "rollback"):
        session = Hdf5Store(str(path)).create()
        root = session.root
        array = root.create_array("x", np.ones(10))
        getattr(session, end)()
        for use in (array.read, root.names, partial(array.append, np.ones(1))):
            with pytest.raises(SessionClosedError):
                use()
        path.unlink(missing_ok=True)


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
def test_what_is_made_or_copied_is_on_the_disk_before_it_has_a_name_and_then_the_name_if_it_is_to(
    path: Path, calls: list[str], durable: bool
) -> None:
    store = Hdf5Store(str(path), Hdf5Settings(durable=durable))
    named = ["link file", "fsync folder"] if durable else ["link file"]
    make(store)
    assert ["fsync file", *named] == calls
    calls.clear()
    store.copy(f"{path}.copy")
    assert ["fsync file", *named] == calls
    calls.clear()
    store.move(f"{path}.moved")
    assert named == calls


def test_what_is_rewritten_survives_a_power_cut(store: Hdf5Store, calls: list[str]) -> None:
    store.rewrite().commit()
    assert ["fsync file", "replace file", "fsync folder"] == calls


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


def test_a_slow_lock_is_reported_to_those_who_wait(
    store: Hdf5Store, path: Path, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(path)
    slow: list[SlowWait] = []
    monkeypatch.setattr("bsb_hdf5.adapters.files.locking._WARN_AFTER", 0.02)
    impatient = Hdf5Store(str(path), Hdf5Settings(lock_limit=0.2, on_slow=slow.append))
    with pytest.raises(LockTimeoutError):
        impatient.open_read()
    assert [(str(path), 0.2)] == [(wait.location, wait.limit) for wait in slow]


def test_a_file_that_was_replaced_while_it_was_waited_for_is_opened_again(
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

    monkeypatch.setattr(file_opener, "lock_file", replace_once)
    with reading(store) as read:
        assert "the other" == read.attributes.get("of")


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
