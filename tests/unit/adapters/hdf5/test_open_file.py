"""An HDF5 file that is closed, although something still refers to it."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from h5py import File, h5f, h5i

from bsb_hdf5.adapters.hdf5 import open_file
from bsb_hdf5.adapters.hdf5.atomic import overlay
from bsb_hdf5.adapters.hdf5.atomic.atomic_file import AtomicFile
from bsb_hdf5.adapters.hdf5.file_opener import Hdf5Settings
from bsb_hdf5.adapters.hdf5.new_file import NewFile
from bsb_hdf5.adapters.hdf5.open_file import close_hdf5
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import NotANetworkError, StoreIOError
from bsb_hdf5.testing.contents import make, writing
from tests.unit.adapters.hdf5.atomic.commits import interrupt
from tests.unit.adapters.hdf5.stores import fail_with


def open_files() -> int:
    """How many files HDF5 has open in this process."""
    return int(h5f.get_obj_count(h5f.OBJ_ALL, h5f.OBJ_FILE))


@pytest.fixture
def store(path: Path) -> Hdf5Store:
    store = Hdf5Store(str(path), Hdf5Settings(lock_limit=0.1))
    make(store)
    with writing(store) as root:
        root.create_array("rows", np.arange(100))
    store.let_go()
    return store


@pytest.mark.parametrize("calls", [0, 1])
@pytest.mark.parametrize("locking", [True, False])
def test_a_file_whose_state_the_system_does_not_say_is_not_left_locked(
    store: Hdf5Store, monkeypatch: pytest.MonkeyPatch, calls: int, locking: bool
) -> None:
    before, stamp, left = open_files(), open_file._stamp, iter(range(calls))

    def fail(descriptor: int) -> open_file.Stamp:
        if next(left, None) is None:
            raise OSError(errno.ESTALE, "Stale file handle")
        return stamp(descriptor)

    with monkeypatch.context() as stale:
        stale.setattr(open_file, "_stamp", fail)
        with pytest.raises(OSError, match="Stale"):
            store.open_read(locking=locking)
    assert before == open_files()
    store.open_write().rollback()


def test_a_commit_after_which_the_system_does_not_say_the_state_is_stored(
    store: Hdf5Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as stale, writing(store) as root:
        stale.setattr(open_file, "_give_new_stamp", fail_with(errno.ESTALE))
        root.array("rows").write(0, np.arange(5)[::-1])
    other = Hdf5Store(store.location, Hdf5Settings(lock_limit=0.1))
    with writing(other) as root:
        assert [4, 3, 2, 1, 0] == root.array("rows").read(0, 5).tolist()


def test_a_session_that_is_rolled_back_closes_its_file(store: Hdf5Store) -> None:
    before, session = open_files(), store.open_write()
    root: Any = session.root
    file = h5i.get_file_id(root._id)
    session.rollback()
    assert before == open_files()
    assert not file.valid


def test_a_new_file_that_is_discarded_is_closed(path: Path) -> None:
    before, made = open_files(), NewFile(str(path))
    file = h5i.get_file_id(made.id)
    made.discard()
    assert before == open_files()
    assert not file.valid


def test_a_new_file_that_is_complete_is_closed(path: Path) -> None:
    before, made = open_files(), NewFile(str(path))
    file = h5i.get_file_id(made.id)
    made.complete()
    assert before == open_files()
    assert not file.valid
    os.unlink(made.temporary)


def test_a_file_that_can_not_be_read_as_it_is_opened_is_closed(
    store: Hdf5Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, error = open_files(), OSError(5, "Input/output error")

    def read_and_fail(self: AtomicFile, view: memoryview, start: int) -> None:
        read(self, view, start)
        self._note(error)

    read = AtomicFile._read
    monkeypatch.setattr(AtomicFile, "_read", read_and_fail)
    with pytest.raises(StoreIOError) as raised:
        store.open_write()
    assert before == open_files()
    assert 5 == raised.value.fields["errno"]


def test_a_file_that_is_closed_already_is_left_alone(path: Path) -> None:
    with File(path, "w") as file:
        id_ = file.id
    close_hdf5(id_)
    assert not id_.valid


def test_an_empty_file_leaves_the_collection_of_garbage_on(path: Path) -> None:
    path.touch()
    with pytest.raises(NotANetworkError, match="empty"):
        Hdf5Store(str(path)).open_read()
    assert gc.isenabled()


def test_what_h5py_could_not_read_is_reported_as_the_session_ends(store: Hdf5Store) -> None:
    session = store.open_read(locking=False)
    rows = session.root.native()["rows"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlay, "read_into", fail_with(errno.EIO))
        with contextlib.suppress(OSError):
            rows[:]
    with pytest.raises(StoreIOError) as raised:
        session.close()
    assert errno.EIO == raised.value.errno


def test_a_commit_that_is_not_finished_is_no_change_of_whoever_reads(path: Path) -> None:
    store = Hdf5Store(str(path))
    make(store)
    with writing(store) as root:
        root.create_array("rows", np.arange(3000))
    interrupt(store)
    session = Hdf5Store(str(path)).open_read(locking=False)
    assert [0, -1, -2] == session.root.native()["rows"][:3].tolist()
    session.close()
