"""The side file of a commit: complete, or nothing; of this file, or of no use."""

from __future__ import annotations

import errno
import os
import stat
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.adapters.hdf5 import opened
from bsb_hdf5.adapters.hdf5.journal import (
    SECTOR,
    Journal,
    Piece,
    finish_commit,
    read_journal,
)
from bsb_hdf5.adapters.hdf5.overlay import OverlayFile
from bsb_hdf5.adapters.hdf5.store import Hdf5Settings, Hdf5Store
from bsb_hdf5.errors import StoreAccessError, StoreIOError
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
pieces = st.lists(
    st.builds(
        Piece.replacing,
        st.integers(0, 2**40),
        st.binary(min_size=SIZE, max_size=SIZE),
        st.binary(min_size=1, max_size=SIZE),
    ),
    max_size=5,
)


@given(pieces, st.integers(0, 2**50), st.integers(0, 2**50))
def test_what_is_written_is_read(pieces: list[Piece], base_size: int, size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "journal")
        Journal(base_size, size, pieces).write(path, durable=False)
        found = read_journal(path)
    assert found is not None
    assert (base_size, size) == (found.base_size, found.size)
    expected = [(each.start, list(each.before), each.data) for each in pieces]
    read = [(each.start, list(each.before), each.data) for each in found.pieces]
    assert expected == read


def test_one_that_is_incomplete_or_damaged_counts_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    Journal(32, 32, [Piece(0, [1], b"x" * SIZE), Piece(SIZE, [2], b"y")]).write(
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


def test_pieces_that_a_power_cut_tore_are_written_again(tmp_path: Path) -> None:
    path, sidecar = tmp_path / "file", tmp_path / "journal"
    old, new = bytes(range(1, 256)) * 40, bytes(range(255, 0, -1)) * 40
    piece = Piece.replacing(4096, old[:4096], new[:4096])
    Journal(8192, 8192, [piece]).write(str(sidecar), durable=True)
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
    for name in ("pwrite", "writev", "ftruncate", "fsync", "unlink"):
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
        "pwrite file",
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


HUGE = 2**64 - 1
HOSTILE: dict[str, tuple[tuple[int, int, int], list[tuple[int, int, bytes]]]] = {
    "no piece": ((10, 10, 0), []),
    "more pieces than there are": ((10, 10, HUGE), []),
    "a piece that is empty": ((10, 10, 1), [(0, 0, b"")]),
    "a piece beyond all files": ((10, 10, 1), [(HUGE, 1, b"x")]),
    "a piece past the end": ((10, 10, 1), [(2**63 - 1, 1, b"x")]),
    "a piece that ends past the end": ((1, 1, 1), [(0, 2, b"xy")]),
    "a piece of fewer bytes than it says": ((10, 10, 1), [(0, 2**32 - 1, b"x")]),
    "pieces on each other": ((10, 10, 2), [(0, 1, b"\x89"), (0, 1, b"\x89")]),
    "an end beyond all files": ((10, HUGE, 1), [(0, 1, b"\x89")]),
    "a beginning beyond all files": ((HUGE, 10, 1), [(0, 1, b"\x89")]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_one_that_no_commit_wrote_changes_nothing(name: str, store: Hdf5Store, path: Path) -> None:
    head, entries = HOSTILE[name]
    body = struct.pack("<16sIQQQ", b"bsb-hdf5 journal", 3, *head)
    for number, length, data in entries:
        body += struct.pack("<QII", number, length, zlib.crc32(data)) + data
    sidecar = path.with_name("network.hdf5.journal")
    sidecar.write_bytes(body + struct.pack("<I", zlib.crc32(body)))
    before = path.read_bytes()
    assert list(range(3000)) == rows(store, locking=False) == rows(store)
    assert not sidecar.exists()
    assert before == path.read_bytes()


# Bytes of its network, and pieces, that a side file of a terabyte declares.
CLAIMS = {
    "nothing": (2**40, 0),
    "one piece": (2**40, 1),
    "a piece a sector": (2**40, 2**31),
    "pieces of no bytes": (0, 2**40),
    "all there can be": (HUGE, HUGE),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_one_larger_than_the_file_can_need_is_not_read(
    name: str, store: Hdf5Store, path: Path
) -> None:
    size, count = CLAIMS[name]
    sidecar = path.with_name("network.hdf5.journal")
    with open(sidecar, "wb") as file:
        file.write(struct.pack("<16sIQQQ", b"bsb-hdf5 journal", 3, size, size, count))
        file.truncate(2**40)
    before = path.read_bytes()
    assert list(range(3000)) == rows(store, locking=False) == rows(store)
    assert not sidecar.exists()
    assert before == path.read_bytes()


@given(st.integers(1, 30 * SECTOR), st.integers(0, 3), st.binary(max_size=40))
def test_the_largest_that_a_file_can_need_is_read(size: int, spare: int, tail: bytes) -> None:
    held = bytes(size)
    sectors = [(start, held[start : start + SECTOR]) for start in range(0, size, SECTOR)]
    pieces = [Piece.replacing(start, sector, sector) for start, sector in sectors]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "journal")
        Journal(size, size + len(tail), pieces).write(path, durable=False)
        found = read_journal(path, size + spare)
        assert found is not None
        assert len(pieces) == len(found.pieces)


def test_a_pipe_in_its_place_makes_nobody_wait(store: Hdf5Store, path: Path) -> None:
    os.mkfifo(path.with_name("network.hdf5.journal"))
    assert list(range(3000)) == rows(store, locking=False) == rows(store)


def test_what_can_not_be_read_is_a_typed_error(
    interrupted: Path, store: Hdf5Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    system_open = os.open

    def refuse(name: Any, flags: int, *rest: Any, **options: Any) -> int:
        if name == str(interrupted):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return system_open(name, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)
    for locking in (True, False):
        with pytest.raises(StoreAccessError):
            rows(store, locking=locking)


def test_one_of_another_state_of_the_file_does_not_belong_to_it(tmp_path: Path) -> None:
    old, new = bytes(range(1, 256)) * 17, bytes(range(255, 0, -1)) * 17
    piece = Piece.replacing(0, old[:4096], new[:512] + old[512:3584] + new[3584:4096])
    # Between what was and what was to be, all but one sector is the same.
    assert piece.fits(old[:4096])
    assert piece.fits(piece.data)
    assert piece.fits(old[:3584] + new[3584:4096])
    for place in range(0, 4096, 512):
        other = bytearray(old[:4096])
        other[place] ^= 1
        assert not piece.fits(bytes(other)), place


def test_a_link_in_its_place_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("of somebody")
    (tmp_path / "journal").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic"):
        Journal(1, 1, [Piece.replacing(0, b"x", b"y")]).write(
            str(tmp_path / "journal"), durable=False
        )
    assert "of somebody" == (tmp_path / "other").read_text()


def refuse_to_delete(monkeypatch: pytest.MonkeyPatch) -> None:
    unlink = os.unlink

    def refuse(name: Any, *rest: Any, **options: Any) -> None:
        if str(name).endswith(".journal"):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        unlink(name, *rest, **options)

    monkeypatch.setattr(os, "unlink", refuse)


def test_one_that_can_not_be_deleted_is_emptied(
    interrupted: Path, store: Hdf5Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_to_delete(monkeypatch)
    assert AFTER == rows(store)
    with writing(store) as root:
        root.array("rows").append(np.array([7]))
    assert b"" == interrupted.read_bytes()
    monkeypatch.undo()
    assert [*AFTER, 7] == rows(Hdf5Store(store.location))
    assert not interrupted.exists()


def test_a_commit_whose_side_file_can_be_neither_deleted_nor_emptied_is_stored(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system_open = os.open

    def refuse(name: Any, flags: int, *rest: Any, **options: Any) -> int:
        if str(name).endswith(".journal") and flags & os.O_TRUNC and not flags & os.O_CREAT:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        return system_open(name, flags, *rest, **options)

    refuse_to_delete(monkeypatch)
    monkeypatch.setattr(os, "open", refuse)
    with writing(store) as root:
        root.create_array("more", np.arange(20_000))
    with pytest.raises(StoreAccessError):
        rows(store)
    monkeypatch.undo()
    with reading(store) as found:
        assert list(range(20_000)) == found.array("more").read().tolist()
    assert [path.name] == os.listdir(path.parent)


def test_a_commit_that_is_not_applied_and_whose_side_file_stays_is_not_stored(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    before = path.read_bytes()
    refuse_to_delete(monkeypatch)
    monkeypatch.setattr(OverlayFile, "_write_all", fail)
    session = store.open_write()
    session.root.create_array("more", np.arange(20_000))
    with pytest.raises(StoreIOError):
        session.commit()
    monkeypatch.undo()
    assert before == path.read_bytes()
    assert list(range(3000)) == rows(store)
    assert before == path.read_bytes()


def may_only_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system_open = os.open

    def refuse(name: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_RDWR and str(name) == str(path):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return system_open(name, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refuse)


def test_a_copy_of_a_file_that_may_not_be_written_is_finished(
    interrupted: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, target = path.read_bytes(), path.with_name("copy.hdf5")
    may_only_read(path, monkeypatch)
    Hdf5Store(str(path)).copy(str(target))
    assert AFTER == rows(Hdf5Store(str(target)))
    assert before == path.read_bytes()


def test_a_file_that_may_not_be_written_is_not_moved_away_from_its_side_file(
    interrupted: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_only_read(path, monkeypatch)
    with pytest.raises(StoreAccessError, match="interrupted"):
        Hdf5Store(str(path)).move(str(path.with_name("moved.hdf5")))
    monkeypatch.undo()
    assert AFTER == rows(Hdf5Store(str(path)))


def test_who_reads_without_locks_leaves_a_commit_to_its_writer(
    interrupted: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "FALSE")
    before = path.read_bytes()
    assert AFTER == rows(Hdf5Store(str(path)))
    assert interrupted.exists()
    assert before == path.read_bytes()
