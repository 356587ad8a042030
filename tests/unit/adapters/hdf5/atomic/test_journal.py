"""The journal of a commit: complete, or nothing; of its own file, or of no use."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.adapters.hdf5 import file_pool as opened
from bsb_hdf5.adapters.hdf5.atomic.commit import Commit
from bsb_hdf5.adapters.hdf5.atomic.journal import Journal, finish_commit, has_journal, read_journal
from bsb_hdf5.adapters.hdf5.atomic.overlay import OverlayFile
from bsb_hdf5.adapters.hdf5.atomic.pieces import Piece
from bsb_hdf5.adapters.hdf5.session import Hdf5WriteSession
from bsb_hdf5.adapters.hdf5.store import Hdf5Settings, Hdf5Store
from bsb_hdf5.errors import StoreAccessError, StoreIOError
from bsb_hdf5.testing.contents import make, reading, writing


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
    """A network whose commit was interrupted when half of it was applied."""
    interrupt(store)
    assert is_interrupted(path)
    return path


def interrupt(store: Hdf5Store, applied: float = 0.5) -> None:
    """Do what a process does that is killed within a commit."""
    session = store.open_write()
    session.root.array("rows").write(0, -np.arange(3000))
    session.root.array("rows").append(np.ones(5))
    overlay = session._file.overlay
    replace = Commit._replace

    def replace_some(self: Commit, replacements: list[Any]) -> None:
        replace(self, replacements[: int(len(replacements) * applied)])
        raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Commit, "_replace", replace_some)
        patch.setattr(Commit, "_write_back", lambda *_: None)
        patch.setattr(OverlayFile, "rollback", lambda *_: None)
        patch.setattr(Journal, "withdraw", lambda *_: None)
        session.commit()
    assert overlay.error is not None


@contextmanager
def opened_file(path: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def is_interrupted(path: Path) -> bool:
    with opened_file(path) as descriptor:
        return has_journal(descriptor)


def rows(store: Hdf5Store, *, locking: bool = True) -> list[int]:
    session = store.open_read(locking=locking)
    try:
        found: list[int] = session.root.array("rows").read().tolist()
    finally:
        session.close()
    return found


AFTER = [*(-np.arange(3000)).tolist(), 1, 1, 1, 1, 1]
SIZE = 20_000
OLD, NEW = (bytes(range(1, 251)) * (SIZE // 250), bytes(range(250, 0, -1)) * (SIZE // 250))


@st.composite
def commits(draw: st.DrawFn) -> tuple[int, list[Piece]]:
    """The size of a file after a commit, and pieces that it replaces."""
    size = draw(st.integers(100, SIZE + 100))
    bounds = sorted(draw(st.sets(st.integers(0, min(size, SIZE)), min_size=2, max_size=8)))
    pairs = zip(bounds[::2], bounds[1::2], strict=False)
    return size, [(start, NEW[start:stop]) for start, stop in pairs]


@contextmanager
def announced(size: int, pieces: list[Piece], grown: int = 0) -> Iterator[int]:
    """An open file of old bytes in which the journal of a commit stands."""
    with tempfile.TemporaryFile() as file:
        file.write(OLD + bytes(grown))
        file.flush()
        Journal(SIZE, size, pieces).write(file.fileno())
        yield file.fileno()


def after(size: int, pieces: list[Piece]) -> bytes:
    content = bytearray(OLD.ljust(size, b"\0"))
    for start, data in pieces:
        content[start : start + len(data)] = data
    return bytes(content[:size])


def content_of(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


@given(commits())
def test_what_is_written_is_read_and_applied(commit: tuple[int, list[Piece]]) -> None:
    size, pieces = commit
    with announced(size, pieces) as descriptor:
        found = read_journal(descriptor)
        assert found is not None
        assert (SIZE, size) == (found.base_size, found.size)
        finish_commit(descriptor)
        assert after(size, pieces) == content_of(descriptor)
        assert not has_journal(descriptor)


def test_one_that_is_written_in_several_goes_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bsb_hdf5.adapters.hdf5.atomic.journal._MOST_AT_ONCE", 1000)
    monkeypatch.setattr("bsb_hdf5.adapters.hdf5.atomic.journal._MOST_ENTRIES", 2)
    pieces: list[Piece] = [(start, NEW[start : start + 900]) for start in range(0, SIZE, 1000)]
    with announced(SIZE, pieces) as descriptor:
        finish_commit(descriptor)
        assert after(SIZE, pieces) == content_of(descriptor)


def test_one_that_is_incomplete_or_damaged_counts_for_nothing() -> None:
    pieces: list[Piece] = [(3, NEW[3:40]), (100, NEW[100:110])]
    with announced(SIZE, pieces) as descriptor:
        content = content_of(descriptor)
        for length in range(SIZE, len(content)):
            os.ftruncate(descriptor, length)
            assert read_journal(descriptor) is None, length
            os.pwrite(descriptor, content[length:], length)
        for place in range(SIZE, len(content)):
            os.pwrite(descriptor, bytes([content[place] ^ 0x40]), place)
            assert read_journal(descriptor) is None, place
            os.pwrite(descriptor, content[place : place + 1], place)
        assert read_journal(descriptor) is not None


def test_one_of_a_file_that_is_kept_in_another_is_not_of_that(
    interrupted: Path, tmp_path: Path
) -> None:
    outer = tmp_path / "outer"
    outer.write_bytes(bytes(8) + interrupted.read_bytes())
    with opened_file(outer) as descriptor:
        assert read_journal(descriptor) is None


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


def test_who_can_not_read_the_end_of_the_file_is_told(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.FILE_POOL.drop(id(store))

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


def test_a_durable_commit_syncs_in_the_right_order(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Hdf5Store(str(path), Hdf5Settings(durable=True))
    make(store)
    with writing(store) as root:
        root.create_array("rows", np.arange(3000))
    size, calls = path.stat().st_size, []
    for name in ("pwrite", "ftruncate", "fsync"):
        call = getattr(os, name)

        def noted(*arguments: Any, call: Any = call, name: str = name) -> Any:
            added = name == "pwrite" and arguments[2] >= size
            is_journal = added and b"bsb-hdf5 journal" in bytes(arguments[1])
            calls.append(f"{name}{' journal' if is_journal else ' added' if added else ''}")
            return call(*arguments)

        monkeypatch.setattr(os, name, noted)
    with writing(store) as root:
        root.create_array("more", np.arange(30_000))
    order = [each for i, each in enumerate(calls) if i == 0 or each != calls[i - 1]]
    assert [
        "pwrite added",
        "fsync",
        "pwrite journal",
        "fsync",
        "pwrite",
        "fsync",
        "ftruncate",
    ] == [each for i, each in enumerate(order) if each != "ftruncate" or i + 1 == len(order)]


def test_a_commit_leaves_nothing_beside_the_file(store: Hdf5Store, path: Path) -> None:
    with writing(store) as root:
        root.array("rows").write(0, np.array([1]))
    assert [path.name] == os.listdir(path.parent)
    assert not is_interrupted(path)
    opened.FILE_POOL.drop(id(store))
    with reading(store) as root:
        assert 1 == root.array("rows").read()[0]


def test_a_commit_opens_no_other_file(store: Hdf5Store, monkeypatch: pytest.MonkeyPatch) -> None:
    # The folder may belong to somebody else.
    session = store.open_write()
    session.root.array("rows").write(0, np.array([9]))
    monkeypatch.setattr(os, "open", None)
    session.commit()
    monkeypatch.undo()
    assert [9, 1] == rows(store)[:2]


@pytest.mark.parametrize("name", ["ftruncate", "fsync"])
def test_a_commit_that_fails_at_its_end_is_not_stored_later(
    path: Path, store: Hdf5Store, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    session = Hdf5Store(str(path), Hdf5Settings(durable=True)).open_write()
    session.root.create_array("more", np.arange(20_000))
    session.root.array("rows").write(0, -np.arange(3000))
    replace = Commit._replace

    def replace_and_fail(self: Commit, replacements: list[Any]) -> None:
        replace(self, replacements)
        # And never again, so that the journal can't be cut off either.
        monkeypatch.setattr(os, name, fail)

    monkeypatch.setattr(Commit, "_replace", replace_and_fail)
    with pytest.raises(StoreIOError):
        session.commit()
    monkeypatch.undo()
    assert list(range(3000)) == rows(store)
    with writing(store) as root:
        assert "more" not in root


HUGE = 2**64 - 1
FAR = 2**63 - 1
FINE = (10, 10)
# Sizes of the file before and after, and entries.
HOSTILE: dict[str, tuple[tuple[int, int], list[tuple[int, int]]]] = {
    "no piece": (FINE, []),
    "a piece that is empty": (FINE, [(0, 0)]),
    "a piece of less than nothing": (FINE, [(4, -1)]),
    "a piece before the file": (FINE, [(-1, 1)]),
    "a piece beyond all files": (FINE, [(FAR, 1)]),
    "a piece that ends past the end": (FINE, [(9, 2)]),
    "a piece that ends past what is kept": ((10, 5), [(4, 2)]),
    "a piece of more bytes than one has": (FINE, [(0, 5000)]),
    "pieces on each other": (FINE, [(0, 2), (1, 1)]),
    "pieces that descend": (FINE, [(5, 1), (2, 1)]),
    "an end beyond all files": ((10, HUGE), [(0, 1)]),
    "a beginning beyond all files": ((HUGE, 10), [(0, 1)]),
}


def add_journal(
    path: Path, sizes: tuple[int, int], entries: list[tuple[int, int]], **fields: int
) -> None:
    """Write one by hand past the end of a file."""
    length = path.stat().st_size
    # Of a file that is not smaller, so that its place is right.
    sizes = (length, length) if sizes == FINE else sizes
    body = b"".join(struct.pack("<qq", *entry) for entry in entries)
    body += b"".join(b"\x89" * max(0, min(size, 5000)) for _, size in entries)
    count = fields.get("count", len(entries))
    trailer = struct.pack(
        "<QQQQI16sI", *sizes, max(sizes), count, zlib.crc32(body), b"bsb-hdf5 journal", 1
    )
    with open(path, "ab") as file:
        file.write(body)
        file.truncate(length + fields.get("room", len(body)))
        file.seek(0, os.SEEK_END)
        file.write(trailer + struct.pack("<I", zlib.crc32(trailer)))


def test_one_that_is_written_by_hand_counts(store: Hdf5Store, path: Path) -> None:
    # Else those below would show nothing.
    add_journal(path, FINE, [(0, 2), (2, 1)])
    with opened_file(path) as descriptor:
        found = read_journal(descriptor)
    assert found is not None
    assert [(0, b"\x89\x89"), (2, b"\x89")] == [
        (start, bytes(data)) for start, data in found.pieces
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_one_that_no_commit_wrote_changes_nothing(name: str, store: Hdf5Store, path: Path) -> None:
    sizes, entries = HOSTILE[name]
    length = path.stat().st_size
    add_journal(path, sizes, [(at + length - 10 if 4 < at < 10 else at, n) for at, n in entries])
    before = path.read_bytes()
    with opened_file(path) as descriptor:
        assert read_journal(descriptor) is None
    assert list(range(3000)) == rows(store, locking=False) == rows(store)
    assert before == path.read_bytes()


# Entries that a journal of a terabyte declares.
@pytest.mark.parametrize("count", [1, 2**16, 2**36, HUGE])
def test_one_that_is_larger_than_what_the_file_takes_is_not_read(
    count: int, store: Hdf5Store, path: Path
) -> None:
    add_journal(path, FINE, [], count=count, room=2**40)
    assert list(range(3000)) == rows(store, locking=False) == rows(store)
