"""HDF5 files that stay open between sessions, and what others do to them meanwhile."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bsb_hdf5.adapters.hdf5 import file_pool
from bsb_hdf5.adapters.hdf5.file_opener import Hdf5Settings
from bsb_hdf5.adapters.hdf5.file_pool import FILE_POOL, MOST_KEPT
from bsb_hdf5.adapters.hdf5.open_file import OpenFile
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import SessionClosedError, StoreIOError, StoreNotFoundError
from bsb_hdf5.testing.contents import make, reading, writing

ROOT = Path(__file__).parents[4]


@pytest.fixture
def store(path: Path) -> Hdf5Store:
    """A store whose file was written, and stays open."""
    store = Hdf5Store(str(path), Hdf5Settings(lock_limit=0.1))
    make(store)
    with writing(store) as root:
        root.create_array("rows", np.arange(100))
    return store


def descriptors_of(path: Path) -> int:
    """How often this process has a file open."""
    folder = Path("/proc/self/fd")
    return sum(os.path.realpath(folder / name) == str(path) for name in os.listdir(folder))


def rows_of(store: Hdf5Store) -> list[int]:
    with reading(store) as root:
        rows: list[int] = root.array("rows").read().tolist()
        return rows


def version_of(store: Hdf5Store) -> object:
    session = store.open_read()
    session.close()
    return session.version


def refuse(number: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return fail


def test_the_next_session_opens_no_file(store: Hdf5Store, monkeypatch: pytest.MonkeyPatch) -> None:
    system_open = os.open

    def refuse_the_network(name: Any, *rest: Any, **options: Any) -> int:
        assert str(name) != store.location
        return system_open(name, *rest, **options)

    monkeypatch.setattr(os, "open", refuse_the_network)
    assert list(range(100)) == rows_of(store)
    with writing(store) as root:
        root.array("rows").write(0, np.array([7]))
    assert 7 == rows_of(store)[0]


@pytest.mark.parametrize("mode", ["r+", "w"])
def test_other_programs_can_use_the_file_between_sessions(
    store: Hdf5Store, path: Path, mode: str
) -> None:
    with h5py.File(path, mode) as file:
        file.require_dataset("rows", (100,), int)[3] = 33
    assert 33 == rows_of(store)[3]
    with writing(store) as root:
        root.array("rows").write(4, np.array([44]))
    with h5py.File(path, "r") as file:
        assert [33, 44] == file["rows"][3:5].tolist()


def test_a_file_that_another_store_changed_is_read_again(store: Hdf5Store, path: Path) -> None:
    other = Hdf5Store(str(path))
    for value in range(10):
        for changing, reader in ((store, other), (other, store)):
            with writing(changing) as root:
                root.array("rows").write(0, np.array([value]))
                root.array("rows").append(np.array([value]))
            assert value == rows_of(reader)[0] == rows_of(reader)[-1]
    assert 120 == len(rows_of(store))


def test_a_file_that_was_replaced_is_opened_again(store: Hdf5Store, path: Path) -> None:
    other = Hdf5Store(str(path.with_name("other.hdf5")))
    make(other)
    with writing(other) as root:
        root.create_array("rows", -np.arange(5))
    os.replace(path.with_name("other.hdf5"), path)
    assert [0, -1, -2, -3, -4] == rows_of(store)
    path.unlink()
    with pytest.raises(StoreNotFoundError):
        store.open_read()


def test_what_a_killed_session_added_is_cut_off_before_the_next_one_writes(
    store: Hdf5Store, path: Path
) -> None:
    # Else all that this one adds would wait in memory, and be written twice.
    size = path.stat().st_size
    os.truncate(path, size + 1_000_000)
    before = path.read_bytes()
    assert list(range(100)) == rows_of(store)
    assert before == path.read_bytes()
    session = store.open_write()
    assert size == path.stat().st_size
    session.root.create_array("more", np.arange(50_000))
    assert path.stat().st_size > size + 300_000
    session.rollback()
    assert before[:size] == path.read_bytes()
    assert list(range(100)) == rows_of(store)


def test_who_changed_nothing_without_locks_undoes_nothing_of_another(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "FALSE")
    idle = store.open_write()
    with writing(Hdf5Store(str(path))) as root:
        root.create_array("more", np.arange(50_000))
    idle.commit()
    with reading(store) as root:
        assert 49_999 == root.array("more").read()[-1]


def test_who_opens_a_file_without_locks_cuts_nothing_off(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Somebody may be adding it.
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "FALSE")
    size = path.stat().st_size
    os.truncate(path, size + 100_000)
    store.open_write().commit()
    assert size + 100_000 == path.stat().st_size


def test_a_file_of_which_nothing_can_be_cut_off_is_not_kept_open(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.truncate(path, path.stat().st_size + 1000)
    FILE_POOL.drop(store)
    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", refuse(errno.EIO))
        with pytest.raises(StoreIOError):
            store.open_write()
    assert 0 == descriptors_of(path)
    with writing(store) as root:
        root.array("rows").write(0, np.array([7]))
    assert 7 == rows_of(store)[0]


def test_to_open_a_file_changes_nothing_in_it(store: Hdf5Store, path: Path) -> None:
    FILE_POOL.drop(store)
    status = path.stat()
    session = store.open_write()
    assert session._file.content.is_untouched
    session.rollback()
    assert status.st_mtime_ns == path.stat().st_mtime_ns


def test_a_file_that_grew_meanwhile_is_not_cut(store: Hdf5Store, path: Path) -> None:
    with h5py.File(path, "r+") as file:
        file["more"] = np.arange(100_000)
    content = path.read_bytes()
    FILE_POOL.drop(store)
    assert content == path.read_bytes()


def test_a_session_that_was_rolled_back_leaves_nothing_open(store: Hdf5Store, path: Path) -> None:
    session = store.open_write()
    session.root.array("rows").write(0, np.array([9]))
    session.rollback()
    assert 0 == descriptors_of(path)
    assert 0 == rows_of(store)[0]


@pytest.mark.parametrize("writes", [True, False])
def test_the_groups_and_arrays_of_a_session_end_with_it(store: Hdf5Store, writes: bool) -> None:
    session: Any = store.open_write() if writes else store.open_read()
    root = session.root
    array = root.array("rows")
    (session.commit if writes else session.close)()
    for use in (array.read, root.names, lambda: root.array("rows"), root.attributes.names):
        with pytest.raises(SessionClosedError):
            use()


def test_a_store_that_is_gone_leaves_nothing_open(store: Hdf5Store, path: Path) -> None:
    other = Hdf5Store(str(path))
    rows_of(other)
    assert 2 == descriptors_of(path)
    del other
    gc.collect()
    assert 1 == descriptors_of(path)


def test_a_store_that_is_removed_or_moved_leaves_nothing_open(store: Hdf5Store, path: Path) -> None:
    store.move(str(path.with_name("moved.hdf5")))
    moved = Hdf5Store(str(path.with_name("moved.hdf5")))
    assert 100 == len(rows_of(moved))
    moved.remove()
    assert 0 == descriptors_of(path.with_name("moved.hdf5"))
    assert not os.listdir(path.parent)


def test_few_files_stay_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    stores = [Hdf5Store(str(tmp_path / f"{i}.hdf5")) for i in range(MOST_KEPT + 9)]
    for each in stores:
        make(each)
        with writing(each) as root:
            root.create_array("rows", np.arange(3))
    assert len(os.listdir("/proc/self/fd")) <= before + MOST_KEPT
    assert all([0, 1, 2] == rows_of(each) for each in stores)


def test_a_filesystem_that_keeps_no_times_is_used_without(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "utime", refuse(errno.EPERM))
    session = store.open_write()
    session.root.array("rows").write(0, np.array([5]))
    session.commit()
    assert session.version is None
    assert 0 == descriptors_of(path)
    assert 5 == rows_of(store)[0]


def test_files_that_nobody_can_lock_are_not_kept_open(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # HDF5 looks at it where a file is opened.
    FILE_POOL.drop(store)
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "FALSE")
    with writing(store) as root:
        root.array("rows").write(0, np.array([5]))
    assert 0 == descriptors_of(path)


def test_a_change_so_recent_that_another_could_look_the_same_makes_no_version(
    store: Hdf5Store, path: Path
) -> None:
    with h5py.File(path, "r+") as file:
        file["rows"][0] = 1
    session = store.open_read()
    assert session.version is None
    session.close()
    assert 0 == descriptors_of(path)


def test_what_another_process_stored_just_now_is_a_version_that_stays_open(
    store: Hdf5Store, path: Path
) -> None:
    before = version_of(store)
    child = os.fork()
    if not child:
        with writing(Hdf5Store(str(path))) as root:
            root.array("rows").write(0, np.array([5]))
        os._exit(0)
    assert 0 == os.waitpid(child, 0)[1]
    found = version_of(store)
    assert None is not found != before
    assert found == version_of(store)
    assert 1 == descriptors_of(path)
    assert 5 == rows_of(store)[0]


def test_a_plain_write_right_after_a_commit_makes_another_version(
    store: Hdf5Store, path: Path
) -> None:
    for value in range(50):
        with writing(store) as root:
            root.array("rows").write(0, np.array([value]))
        before = store.open_read()
        before.close()
        with open(path, "r+b", buffering=0) as file:
            first = file.read(1)
            file.seek(0)
            file.write(first)
        assert before.version != version_of(store)


def test_a_forked_child_shares_no_lock_with_its_parent(store: Hdf5Store, path: Path) -> None:
    assert 100 == len(rows_of(store))
    child = os.fork()
    if not child:
        with writing(store) as root:
            root.array("rows").append(np.array([1]))
        os._exit(0 if 101 == len(rows_of(store)) else 1)
    assert 0 == os.waitpid(child, 0)[1]
    assert 101 == len(rows_of(store))


PROGRAM = """
import sys
import numpy as np
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.testing.contents import make, reading, writing
store = Hdf5Store(sys.argv[1])
make(store)
with writing(store) as root:
    root.create_array("rows", np.arange(3))
with reading(store) as root:
    print(root.array("rows").read().tolist(), flush=True)
"""


# A scope that is open when Python ends.
OPEN_SCOPE = """
scope = reading(store)
scope.__enter__()
"""


@pytest.mark.parametrize("more", ["", OPEN_SCOPE])
def test_a_program_that_leaves_files_open_ends_well(path: Path, more: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-W", "error", "-c", PROGRAM + more, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
    )
    assert (0, "[0, 1, 2]\n", "") == (done.returncode, done.stdout, done.stderr)
    with h5py.File(path, "r") as file:
        assert [0, 1, 2] == file["rows"][:].tolist()


@pytest.mark.parametrize("writes", [True, False])
def test_a_forked_child_that_leaves_a_session_of_its_parent_changes_nothing(
    store: Hdf5Store, path: Path, writes: bool
) -> None:
    session: Any = store.open_write() if writes else store.open_read()
    if writes:
        session.root.create_array("more", np.arange(100_000))
        # So much is on the disk before the commit.
        session.root.array("more").read()
    size = path.stat().st_size
    child = os.fork()
    if not child:
        (session.rollback if writes else session.close)()
        os._exit(0)
    assert 0 == os.waitpid(child, 0)[1]
    assert size == path.stat().st_size
    with open(path, "rb") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    (session.commit if writes else session.close)()
    with reading(Hdf5Store(str(path))) as root:
        assert not writes or 100_000 == len(root.array("more").read())


def test_a_forked_child_can_not_commit_for_its_parent(store: Hdf5Store, path: Path) -> None:
    session = store.open_write()
    session.root.array("rows").write(0, np.array([9]))
    child = os.fork()
    if not child:
        try:
            session.commit()
        except SessionClosedError:
            os._exit(0)
        os._exit(1)
    assert 0 == os.waitpid(child, 0)[1]
    session.rollback()
    assert 0 == rows_of(store)[0]


def test_a_file_whose_folder_went_is_neither_used_nor_kept_locked(
    store: Hdf5Store, path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    moved = tmp_path_factory.mktemp("elsewhere") / "folder"
    os.rename(path.parent, moved)
    path.parent.write_text("a file now")
    with pytest.raises(StoreNotFoundError):
        store.open_read()
    with open(moved / path.name, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    path.parent.unlink()


def test_a_store_that_is_found_to_be_gone_while_files_are_kept_stops_nobody(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[Hdf5Store] = []

    class Files(dict[int, OpenFile]):
        def setdefault(self, key: int, file: Any = None) -> Any:
            # As the garbage collector may do at any time.
            others.clear()
            return super().setdefault(key, file)

    monkeypatch.setattr(FILE_POOL, "_kept", Files(FILE_POOL._kept))
    others.append(Hdf5Store(str(path)))
    thread = threading.Thread(target=rows_of, args=(store,), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert 1 == descriptors_of(path)


@pytest.mark.parametrize("verb", ["drop_gone", "drop_named"])
def test_stores_that_go_while_files_are_looked_at_stop_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    paths = [tmp_path / name for name in "abc"]
    stores = [Hdf5Store(str(path)) for path in paths]
    for each in stores:
        make(each)
        with writing(each) as root:
            root.create_array("rows", np.arange(3))
    del each, root
    assert [1, 1, 1] == [descriptors_of(path) for path in paths]

    def look(*_: object) -> bool:
        # As if the garbage collector ran now.
        stores.clear()
        return False

    monkeypatch.setattr(file_pool, "is_named", look)
    getattr(FILE_POOL, verb)(*[str(paths[0])] * (verb == "drop_named"))
    monkeypatch.undo()
    assert [0, 0, 0] == [descriptors_of(path) for path in paths]


def test_a_file_that_can_not_be_looked_at_is_closed(
    store: Hdf5Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: OpenFile, path: str) -> bool:
        raise KeyboardInterrupt

    with reading(store):
        pass
    descriptor = FILE_POOL._kept[id(store)].descriptor
    monkeypatch.setattr(OpenFile, "is_as_it_was", fail)
    with pytest.raises(KeyboardInterrupt):
        store.open_read()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
    monkeypatch.undo()
    with reading(store) as root:
        assert 100 == root.array("rows").shape[0]


def test_a_pool_that_ended_keeps_no_file(store: Hdf5Store, monkeypatch: pytest.MonkeyPatch) -> None:
    FILE_POOL.drop(store)
    before = set(FILE_POOL._open)
    session = store.open_read()
    (file,) = set(FILE_POOL._open) - before
    monkeypatch.setattr(FILE_POOL, "_is_over", True)
    session.close()
    assert not file.id.valid
    assert FILE_POOL.take(store) is None
