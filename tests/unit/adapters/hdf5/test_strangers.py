"""Files that may come from anybody: what they cost, and that nothing else is changed."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from bsb_hdf5.adapters.hdf5.atomic.atomic_file import AtomicFile
from bsb_hdf5.adapters.hdf5.atomic.journal import Journal
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import CorruptNetworkError, NotANetworkError
from bsb_hdf5.testing.contents import make, reading, snapshot, writing
from tests.unit.adapters.hdf5.atomic.commits import AFTER, interrupt, is_interrupted, rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "network.hdf5"


def end_in_journal(path: Path, journal: Journal) -> None:
    descriptor = os.open(path, os.O_RDWR)
    journal.write(descriptor)
    os.close(descriptor)


@pytest.mark.parametrize("verb", ["open_read", "open_write", "copy", "move", "remove"])
def test_a_file_that_is_not_hdf5_is_left_alone_though_it_ends_in_a_journal(
    path: Path, verb: str
) -> None:
    path.write_text("a diary\n" * 1000)
    end_in_journal(path, Journal(8000, 3000, [(0, b"overwritten")]))
    before = path.read_bytes()
    store, target = Hdf5Store(str(path)), path.with_name("other")
    assert not store.recognizes()
    if verb.startswith("open"):
        with pytest.raises(NotANetworkError):
            getattr(store, verb)()
    else:
        getattr(store, verb)(*[str(target)] * (verb != "remove"))
    left = [each.read_bytes() for each in (path, target) if each.exists()]
    assert [before] * (2 if verb == "copy" else verb != "remove") == left


def with_user_block(path: Path, size: int) -> Hdf5Store:
    with h5py.File(path, "w", userblock_size=size, libver="v108") as file:
        file.create_dataset("rows", data=np.arange(3000), maxshape=(None,), chunks=(500,))
    with open(path, "r+b") as raw:
        raw.write(b"#!/bin/sh\n")
    return Hdf5Store(str(path))


@pytest.mark.parametrize("size", [512, 1024, 8192])
def test_a_file_with_a_user_block_is_recognized_read_and_written(path: Path, size: int) -> None:
    store = with_user_block(path, size)
    assert store.recognizes()
    block = path.read_bytes()[:size]
    for count in range(3):
        assert [*range(3000), *[1] * 700 * count] == rows(Hdf5Store(str(path)))
        with writing(store) as root:
            root.array("rows").append(np.ones(700, dtype=np.int64))
            root.create_array(f"new{count}", np.arange(5000))
    assert block == path.read_bytes()[:size]
    with h5py.File(path) as file:
        assert 5100 == len(file["rows"])
        assert np.array_equal(np.arange(5000), file["new2"][()])


@pytest.mark.parametrize("size", [512, 1 << 21])
def test_a_file_that_is_rewritten_keeps_its_user_block(path: Path, size: int) -> None:
    store = with_user_block(path, size)
    with open(path, "r+b") as raw:
        raw.seek(size - 9)
        raw.write(b"end of it")
    block = path.read_bytes()[:size]
    session = store.rewrite()
    session.root.create_array("rows", session.before.array("rows").read())
    session.commit()
    assert block == path.read_bytes()[:size]
    assert [*range(3000)] == rows(store)
    with h5py.File(path) as file:
        assert size == file.userblock_size
        assert ["rows"] == list(file)
    with writing(Hdf5Store(str(path))) as root:
        root.array("rows").append(np.arange(3))
    assert block == path.read_bytes()[:size]
    assert 3003 == len(rows(Hdf5Store(str(path))))


@pytest.mark.parametrize("applied", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("writable", [False, True])
def test_an_interrupted_commit_of_a_file_with_a_user_block_is_finished(
    path: Path, applied: float, writable: bool
) -> None:
    store = with_user_block(path, 1024)
    block = path.read_bytes()[:1024]
    interrupt(store, applied)
    assert is_interrupted(path)
    other = Hdf5Store(str(path))
    if writable:
        other.open_write().rollback()
        assert not is_interrupted(path)
    assert AFTER == rows(other)
    assert block == path.read_bytes()[:1024]


def test_a_signature_elsewhere_makes_no_hdf5_file(path: Path) -> None:
    path.write_bytes(bytes(700) + b"\x89HDF\r\n\x1a\n" + bytes(5000))
    assert not Hdf5Store(str(path)).recognizes()


def peak_of(action: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_journal_takes_no_more_memory_than_some_times_its_size(path: Path) -> None:
    store = Hdf5Store(str(path))
    make(store)
    with writing(store) as root:
        root.create_array("rows", np.arange(3000))
    store.let_go()
    expected, size = snapshot(store), path.stat().st_size
    store.let_go()
    # As if the file had been larger before: pieces that lie apart, one of each page.
    count, base = 50_000, 4096 * 50_100
    pieces = [(size + 4096 * i, b"x") for i in range(count)]
    os.truncate(path, base)
    end_in_journal(path, Journal(base, base, pieces))
    path.chmod(0o400)
    # A reader that may not write shows the file as if it were finished.
    descriptor = os.open(path, os.O_RDONLY)

    def read() -> None:
        file = AtomicFile.open(descriptor, writable=False)
        file.seek(size + 4096 * 7)
        buffer = bytearray(5000)
        file.readinto(buffer)
        assert [0, 4096] == [i for i, byte in enumerate(buffer) if byte == ord("x")]

    assert 20 * 17 * count > peak_of(read)
    os.close(descriptor)
    path.chmod(0o600)
    assert 20 * 17 * count > peak_of(lambda: store.open_write().rollback())
    assert expected == snapshot(Hdf5Store(str(path)))


def test_a_piece_is_not_unpacked_for_a_few_rows_if_the_file_holds_next_to_nothing(
    path: Path,
) -> None:
    with h5py.File(path, "w") as file:
        made = file.create_dataset(
            "rows", (1 << 26,), "u1", chunks=(1 << 26,), compression="gzip", maxshape=(None,)
        )
        made[:5] = 1
    assert 1 << 20 > path.stat().st_size
    with (
        reading(Hdf5Store(str(path))) as root,
        pytest.raises(CorruptNetworkError, match="pieces of 67108864 bytes"),
    ):
        root.array("rows").read(0, 5)


def test_a_large_piece_is_read_as_a_whole(path: Path) -> None:
    with h5py.File(path, "w") as file:
        made = file.create_dataset(
            "rows", (1 << 26,), "u1", chunks=(1 << 26,), compression="gzip", maxshape=(None,)
        )
        made[:5] = 1
    with reading(Hdf5Store(str(path))) as root:
        assert 5 == int(root.array("rows").read().sum())


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
@pytest.mark.parametrize("umask", [0, 0o077])
def test_a_copy_has_the_mode_of_the_file_from_its_first_byte(
    path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, umask: int
) -> None:
    store = Hdf5Store(str(path))
    make(store)
    path.chmod(mode)
    seen: set[int] = set()
    original = os.open

    def opened(name: str, flags: int, *arguments: int, **keywords: int) -> int:
        descriptor = original(name, flags, *arguments, **keywords)
        if flags & os.O_CREAT:
            seen.add(os.fstat(descriptor).st_mode & 0o777)
        return descriptor

    monkeypatch.setattr(os, "open", opened)
    before = os.umask(umask)
    try:
        store.copy(f"{path}.copy")
    finally:
        os.umask(before)
    assert {mode & ~umask} == seen
    assert mode == os.stat(f"{path}.copy").st_mode & 0o777


def test_a_private_file_is_private_while_it_is_repacked(path: Path) -> None:
    store = Hdf5Store(str(path))
    make(store)
    path.chmod(0o600)
    before = os.umask(0)
    try:
        session = store.rewrite()
        modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
        session.commit()
    finally:
        os.umask(before)
    assert 2 == len(modes)
    assert {0o600} == set(modes.values())
    assert 0o600 == path.stat().st_mode & 0o777
