"""Whoever opens a network finishes a commit that was interrupted."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bsb_hdf5.adapters.hdf5.atomic.journal import finish_commit
from bsb_hdf5.adapters.hdf5.atomic.pieces import Piece
from bsb_hdf5.adapters.hdf5.file_opener import Hdf5Settings
from bsb_hdf5.adapters.hdf5.file_pool import FILE_POOL
from bsb_hdf5.adapters.hdf5.session import Hdf5WriteSession
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import StoreAccessError, StoreIOError
from bsb_hdf5.testing.contents import writing
from tests.unit.adapters.hdf5.atomic.commits import (
    AFTER,
    NEW,
    SIZE,
    after,
    announced,
    content_of,
    interrupt,
    is_interrupted,
    opened_file,
    rows,
)


def test_the_next_reader_finishes_a_commit(interrupted: Path) -> None:
    assert AFTER == rows(Hdf5Store(str(interrupted)))
    assert not is_interrupted(interrupted)


def test_the_next_writer_finishes_a_commit(interrupted: Path) -> None:
    with writing(Hdf5Store(str(interrupted))) as root:
        root.array("rows").append(np.array([7]))
    assert [*AFTER, 7] == rows(Hdf5Store(str(interrupted)))
    assert not is_interrupted(interrupted)


def test_the_store_of_the_writer_finishes_it_too(interrupted: Path, store: Hdf5Store) -> None:
    assert AFTER == rows(store)


@pytest.mark.parametrize("act", ["copy", "move"])
def test_what_is_copied_or_moved_is_finished(interrupted: Path, act: str) -> None:
    target = interrupted.with_name("other.hdf5")
    getattr(Hdf5Store(str(interrupted)), act)(str(target))
    assert AFTER == rows(Hdf5Store(str(target)))


@pytest.mark.parametrize("act", ["copy", "move"])
def test_what_may_not_be_written_is_copied_or_moved_as_it_is(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    before, target = interrupted.read_bytes(), interrupted.with_name("other.hdf5")
    may_only_read(interrupted, monkeypatch)
    getattr(Hdf5Store(str(interrupted)), act)(str(target))
    assert before == target.read_bytes()
    assert AFTER == rows(Hdf5Store(str(target)))


def test_a_copy_that_another_program_made_is_finished_too(
    interrupted: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.hdf5"
    copy.write_bytes(interrupted.read_bytes())
    assert AFTER == rows(Hdf5Store(str(copy)))


def test_what_is_removed_leaves_nothing(interrupted: Path) -> None:
    Hdf5Store(str(interrupted)).remove()
    assert not os.listdir(interrupted.parent)


def test_a_program_that_knows_no_journals_finds_what_was_before(
    store: Hdf5Store, path: Path
) -> None:
    interrupt(store, applied=0)
    for mode in ("r", "r+"):
        with h5py.File(path, mode) as file:
            assert list(range(3000)) == file["rows"][()].tolist()
    assert list(range(3000)) == rows(store)


def may_only_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system_open = os.open

    def refuse(name: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_RDWR and str(name) == str(path):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return system_open(name, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)


def test_a_file_that_may_not_be_written_is_read_as_if_the_commit_were_finished(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = interrupted.read_bytes()
    may_only_read(interrupted, monkeypatch)
    store = Hdf5Store(str(interrupted))
    assert AFTER == rows(store) == rows(store, locking=False)
    with pytest.raises(StoreAccessError):
        store.open_write()
    assert before == interrupted.read_bytes()


def test_who_reads_without_locks_leaves_a_commit_to_its_writer(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "FALSE")
    before = interrupted.read_bytes()
    assert AFTER == rows(Hdf5Store(str(interrupted)))
    assert before == interrupted.read_bytes()


def test_who_only_reads_changes_nothing(interrupted: Path) -> None:
    before, status = interrupted.read_bytes(), interrupted.stat()
    assert AFTER == rows(Hdf5Store(str(interrupted)), locking=False)
    assert before == interrupted.read_bytes()
    assert status.st_mtime_ns == interrupted.stat().st_mtime_ns


def damage(path: Path) -> None:
    """Change a byte of the journal that a file ends in, before its trailer."""
    content = path.read_bytes()
    path.write_bytes(content[:-200] + bytes([content[-200] ^ 1]) + content[-199:])


@pytest.mark.parametrize("damaged", [False, True])
def test_a_commit_that_can_not_be_finished_keeps_readers_apart_from_nobody(
    store: Hdf5Store, path: Path, damaged: bool
) -> None:
    interrupt(store, applied=0 if damaged else 0.5)
    if damaged:
        damage(path)
    before = path.read_bytes()
    with opened_file(path) as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert (list(range(3000)) if damaged else AFTER) == rows(store)
    assert before == path.read_bytes()


def test_who_reads_can_do_without_finishing_a_commit(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = interrupted.read_bytes()

    def fail(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", fail)
    store = Hdf5Store(str(interrupted))
    assert AFTER == rows(store)
    with pytest.raises(StoreIOError):
        store.open_write()
    assert before == interrupted.read_bytes()


@pytest.mark.parametrize("act", ["move", "remove"])
def test_what_can_not_be_finished_on_a_full_disk_is_taken_away(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    def fail(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = interrupted.with_name("other.hdf5")
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", fail)
        getattr(Hdf5Store(str(interrupted)), act)(*[str(target)][: act == "move"])
    assert not interrupted.exists()
    if act == "move":
        assert AFTER == rows(Hdf5Store(str(target)))


def test_a_reader_that_can_not_read_the_end_of_the_file_gets_an_error(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FILE_POOL.drop(store)

    def fail(*_: Any) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", fail)
    with pytest.raises(StoreIOError):
        store.open_read()


def test_pieces_that_a_power_cut_tore_are_written_again() -> None:
    pieces: list[Piece] = [(100, NEW[100:9000])]
    for torn in (100, 612, 4196, 9000):
        with announced(SIZE, pieces) as descriptor:
            os.pwrite(descriptor, NEW[100:torn], 100)
            finish_commit(descriptor)
            assert after(SIZE, pieces) == content_of(descriptor)


@pytest.mark.parametrize("writing", [False, True])
def test_who_finishes_a_commit_keeps_the_promise_of_who_began_it(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch, writing: bool
) -> None:
    # Which may be that it survives a power cut.
    calls: list[str] = []
    for name in ("pwrite", "fsync", "ftruncate"):
        call = getattr(os, name)

        def noted(*arguments: Any, call: Any = call, name: str = name) -> Any:
            calls.append(name)
            return call(*arguments)

        monkeypatch.setattr(os, name, noted)
    store = Hdf5Store(str(interrupted), Hdf5Settings(durable=False))
    session = store.open_write() if writing else store.open_read()
    assert ["fsync", "ftruncate"] == [each for each in calls if each != "pwrite"]
    assert ["pwrite", "fsync"] == calls[-3:-1]
    (session.rollback if isinstance(session, Hdf5WriteSession) else session.close)()
