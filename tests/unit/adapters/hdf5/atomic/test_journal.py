"""Journals at the end of a file: those that count, and those that are of no account."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.adapters.hdf5.atomic.journal import finish_commit, has_journal, read_journal
from bsb_hdf5.adapters.hdf5.atomic.pieces import Piece
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from tests.unit.adapters.hdf5.atomic.commits import (
    NEW,
    SIZE,
    after,
    announced,
    content_of,
    opened_file,
    rows,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "network.hdf5"


@st.composite
def commits(draw: st.DrawFn) -> tuple[int, list[Piece]]:
    """The size of a file after a commit, and pieces that it replaces."""
    size = draw(st.integers(100, SIZE + 100))
    bounds = sorted(draw(st.sets(st.integers(0, min(size, SIZE)), min_size=2, max_size=8)))
    pairs = zip(bounds[::2], bounds[1::2], strict=False)
    return size, [(start, NEW[start:stop]) for start, stop in pairs]


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
