"""The side file of a commit: complete, or nothing; of this file, or of no use."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.adapters.hdf5 import opened
from bsb_hdf5.adapters.hdf5.journal import Journal, Page, finish_commit, read_journal
from bsb_hdf5.adapters.hdf5.overlay import OverlayFile
from bsb_hdf5.adapters.hdf5.store import Hdf5Settings, Hdf5Store
from bsb_hdf5.errors import StoreAccessError
from bsb_hdf5.testing.contents import make, reading, writing

SIZE = 16


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "network.hdf5"


@pytest.fixture
def store(path: Path) -> Hdf5Store:
    store = Hdf5Store(str(path), Hdf5Settings(lock_limit=0.1))
    make(store)
    with writing(store) as root:
        root.create_array("rows", np.arange(3000))
    return store


@pytest.fixture
def interrupted(store: Hdf5Store, path: Path) -> Path:
    """A network whose commit was interrupted when half of it was applied; its side file."""
    half_applied(store)
    sidecar = path.with_name("network.hdf5.journal")
    assert sidecar.exists()
    return sidecar


def half_applied(store: Hdf5Store) -> None:
    """Do what a process does that is killed within a commit."""
    session = store.open_write()
    session.root.array("rows").write(0, -np.arange(3000))
    session.root.array("rows").append(np.ones(5))
    overlay = session._file.overlay
    apply = OverlayFile._write_all

    def write_half(self: OverlayFile, pages: Any) -> None:
        apply(self, pages[: len(pages) // 2])
        raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(OverlayFile, "_write_all", write_half)
        patch.setattr(OverlayFile, "_write_back", lambda *_: None)
        patch.setattr(OverlayFile, "rollback", lambda *_: None)
        patch.setattr("bsb_hdf5.adapters.hdf5.overlay.remove_journal", lambda *_: None)
        session.commit()
    assert overlay.error is not None


def rows(store: Hdf5Store, *, locking: bool = True) -> list[int]:
    session = store.open_read(locking=locking)
    try:
        found: list[int] = session.root.array("rows").read().tolist()
    finally:
        session.close()
    return found


AFTER = [*(-np.arange(3000)).tolist(), 1, 1, 1, 1, 1]
pages = st.lists(
    st.builds(
        Page,
        st.integers(0, 2**40),
        st.integers(0, 2**32 - 1),
        st.binary(min_size=1, max_size=SIZE),
    ),
    max_size=5,
)


@given(pages, st.integers(0, 2**50), st.integers(0, 2**50))
def test_what_is_written_is_read(pages: list[Page], base_size: int, size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "journal")
        Journal(SIZE, base_size, size, pages).write(path, durable=False)
        found = read_journal(path)
    assert found is not None
    assert (SIZE, base_size, size) == (found.page_size, found.base_size, found.size)
    expected = [(each.number, each.before, bytes(each.data)) for each in pages]
    assert expected == [(each.number, each.before, bytes(each.data)) for each in found.pages]


def test_one_that_is_incomplete_or_damaged_counts_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(SIZE, 32, 32, [Page(0, 1, b"x" * SIZE), Page(1, 2, b"y")]).write(
        str(path), durable=True
    )
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert read_journal(str(path)) is None, length
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 0x40
        path.write_bytes(damaged)
        assert read_journal(str(path)) is None, place
    path.write_bytes(content)
    assert read_journal(str(path)) is not None


def test_the_next_reader_finishes_a_commit(interrupted: Path, path: Path) -> None:
    assert AFTER == rows(Hdf5Store(str(path)))
    assert not interrupted.exists()


def test_the_next_writer_finishes_a_commit(interrupted: Path, path: Path) -> None:
    with writing(Hdf5Store(str(path))) as root:
        root.array("rows").append(np.array([7]))
    assert [*AFTER, 7] == rows(Hdf5Store(str(path)))
    assert not interrupted.exists()


def test_the_store_of_the_writer_finishes_it_too(interrupted: Path, store: Hdf5Store) -> None:
    assert AFTER == rows(store)


@pytest.mark.parametrize("act", ["copy", "move"])
def test_what_is_copied_or_moved_is_finished_first(interrupted: Path, path: Path, act: str) -> None:
    target = path.with_name("other.hdf5")
    getattr(Hdf5Store(str(path)), act)(str(target))
    assert AFTER == rows(Hdf5Store(str(target)))
    assert not interrupted.exists()


def test_what_is_removed_leaves_nothing(interrupted: Path, path: Path) -> None:
    Hdf5Store(str(path)).remove()
    assert not os.listdir(path.parent)


def test_a_file_that_may_not_be_written_is_read_as_if_the_commit_were_finished(
    interrupted: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, descriptor = path.read_bytes(), os.open

    def refuse(name: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_RDWR:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return descriptor(name, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    store = Hdf5Store(str(path))
    assert AFTER == rows(store) == rows(store, locking=False)
    with pytest.raises(StoreAccessError):
        store.open_write()
    assert before == path.read_bytes()
    assert interrupted.exists()


def test_one_of_another_file_is_dropped(interrupted: Path, path: Path) -> None:
    path.unlink()
    other = Hdf5Store(str(path.with_name("other.hdf5")))
    make(other)
    with writing(other) as root:
        root.create_array("rows", np.arange(2999) % 251)
    os.replace(path.with_name("other.hdf5"), path)
    assert list(np.arange(2999) % 251) == rows(Hdf5Store(str(path)))
    assert not interrupted.exists()


def test_one_of_a_file_that_is_gone_does_not_reach_a_new_one(interrupted: Path, path: Path) -> None:
    path.unlink()
    store = Hdf5Store(str(path))
    make(store)
    assert not interrupted.exists()


def test_pages_that_a_power_cut_tore_are_written_again(tmp_path: Path) -> None:
    path, sidecar = tmp_path / "file", tmp_path / "journal"
    old, new = bytes(range(1, 256)) * 40, bytes(range(255, 0, -1)) * 40
    Journal(4096, 8192, 8192, [Page(1, 0, new[:4096])]).write(str(sidecar), durable=True)
    path.write_bytes(old[:4096] + new[:1024] + old[1024:4096])
    descriptor = os.open(path, os.O_RDWR)
    finish_commit(str(sidecar), descriptor, durable=True)
    os.close(descriptor)
    assert old[:4096] + new[:4096] == path.read_bytes()
    assert not sidecar.exists()


def test_a_folder_that_may_not_be_written_is_told_before_anything_changes(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, descriptor = path.read_bytes(), os.open

    def refuse(name: Any, flags: int, *rest: Any, **options: Any) -> int:
        if str(name).endswith(".journal"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return descriptor(name, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    session = store.open_write()
    session.root.array("rows").write(0, np.array([9]))
    with pytest.raises(StoreAccessError):
        session.commit()
    assert before == path.read_bytes()


def test_a_durable_commit_syncs_in_the_right_order(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Hdf5Store(str(path), Hdf5Settings(durable=True))
    make(store)
    calls: list[str] = []
    for name in ("pwritev", "pwrite", "writev", "ftruncate", "fsync", "unlink"):
        call = getattr(os, name)

        def noted(*arguments: Any, call: Any = call, name: str = name) -> Any:
            calls.append(f"{name} {kind_of(arguments[0])}")
            return call(*arguments)

        monkeypatch.setattr(os, name, noted)
    with writing(store) as root:
        root.create_array("rows", np.arange(30_000))
        # What is added is written first.
        root.array("rows").read()
    order = [each for i, each in enumerate(calls) if i == 0 or each != calls[i - 1]]
    assert [
        "pwrite file",
        "fsync file",
        "writev sidecar",
        "fsync sidecar",
        "fsync folder",
        "pwritev file",
        "ftruncate file",
        "fsync file",
        "unlink sidecar",
    ] == [each for each in order if each != "ftruncate file"][:5] + order[-4:]


def kind_of(argument: Any) -> str:
    if not isinstance(argument, int):
        return "sidecar" if str(argument).endswith(".journal") else "file"
    if stat.S_ISDIR(os.fstat(argument).st_mode):
        return "folder"
    name = os.readlink(f"/proc/self/fd/{argument}")
    return "sidecar" if name.endswith(".journal") else "file"


def test_a_commit_leaves_no_side_file(store: Hdf5Store, path: Path) -> None:
    with writing(store) as root:
        root.array("rows").write(0, np.array([1]))
    opened.KEPT.drop(id(store))
    assert [path.name] == os.listdir(path.parent)
    with reading(store) as root:
        assert 1 == root.array("rows").read()[0]
