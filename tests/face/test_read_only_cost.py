"""Read-only mode takes no lock, and for the rest costs and sees what other reads do."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5.errors import StoreIOError
from bsb_hdf5.transactions.session import Session
from tests.face.layouts import new_storage
from tests.face.samples import SmallNetwork, chunk, connections, positions
from tests.faults.programs import run_program

_WATCHED: list[tuple[str, list[str]]] = []


def _note_open(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _WATCHED and isinstance(arguments[0], str | bytes):
        path = os.path.abspath(os.fsdecode(arguments[0]))
        for root, opened in _WATCHED:
            if path == root or path.startswith(f"{root}/"):
                opened.append(path)


# A hook stays for the life of the process; it does nothing while no root is watched.
sys.addaudithook(_note_open)


@contextmanager
def opens_of(root: str) -> Iterator[list[str]]:
    """The files of a network that are opened meanwhile."""
    opened: list[str] = []
    _WATCHED.append((os.path.abspath(root), opened))
    try:
        yield opened
    finally:
        _WATCHED.pop()


@pytest.fixture(params=["classic", "columnar", "zarr"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> SmallNetwork:
    """A small network in an HDF5 file of either layout, or in a zarr folder."""
    root = tmp_path / "network"
    if request.param == "zarr":
        return SmallNetwork.build(Storage("zarr", str(root)))
    return SmallNetwork.build(new_storage(root, request.param))


@pytest.fixture
def small_file(tmp_path: Path, layout: str) -> SmallNetwork:
    return SmallNetwork.build(new_storage(tmp_path / "network", layout))


def read_all(small: SmallNetwork) -> list[Any]:
    """What the set-up of a simulation asks for."""
    return [
        [len(cells) for cells in (small.a, small.b)],
        small.a.load_positions().tolist(),
        len(small.b.load_ids()),
        connections(small.ab),
        [info.name for info in small.storage.morphologies.all()],
    ]


def without(opened: list[str], *names: str) -> list[str]:
    return [path for path in opened if os.path.basename(path) not in names]


def test_reads_open_no_more_files_in_read_only_mode_than_outside(small: SmallNetwork) -> None:
    opened: dict[bool, list[list[str]]] = {False: [], True: []}
    found = [read_all(small)]
    for read_only in (False, True, False, True):
        with small.storage.read_only() if read_only else nullcontext():
            found.append(read_all(small))
            for _ in range(3):
                with opens_of(small.storage.root) as each:
                    found.append(read_all(small))
                opened[read_only].append(each)
    assert all(each == found[0] for each in found)
    fewest = min(len(without(each, ".lock")) for each in opened[False])
    assert all(len(without(each, ".lock")) <= fewest for each in opened[True])
    # The lock of a zarr network is a file.
    assert not [path for each in opened[True] for path in each if path.endswith(".lock")]


def test_a_file_is_opened_once_for_all_reads_in_read_only_mode(small_file: SmallNetwork) -> None:
    storage = new_storage(small_file.storage.root, small_file.layout)
    small = SmallNetwork.of(storage)
    with storage.read_only(), opens_of(storage.root) as opened:
        for _ in range(5):
            read_all(small)
    assert 1 >= len(opened)


APPEND = """
    import sys
    from bsb import Storage
    from tests.face.samples import cell_type, chunk, positions
    storage = Storage(sys.argv[1], sys.argv[2])
    storage.get_placement_set(cell_type("b")).append_data(chunk(5), positions(int(sys.argv[3])))
"""


def test_what_another_program_stores_is_seen_by_the_next_read(small: SmallNetwork) -> None:
    root = str(small.storage.root)
    with small.storage.read_only():
        for count in (7, 9):
            assert count == len(small.b) == len(small.b.load_positions())
            run_program(APPEND, small.storage.format, root, "2")
        assert 11 == len(small.b) == len(small.b.load_positions())
    small.b.append_data(chunk(6), positions(1))
    with small.storage.read_only():
        assert 12 == len(small.b) == len(small.b.load_positions())


def test_a_file_that_was_replaced_is_read_instead(small_file: SmallNetwork, tmp_path: Path) -> None:
    small_file.storage.copy(str(tmp_path / "other"))
    other = SmallNetwork.of(new_storage(tmp_path / "other", small_file.layout))
    other.b.append_data(chunk(5), positions(3))
    with small_file.storage.read_only():
        assert 7 == len(small_file.b)
        os.replace(tmp_path / "other", small_file.path)
        assert 10 == len(small_file.b) == len(small_file.b.load_positions())


def touch(path: Path) -> None:
    """Change the file as a commit of another program does."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_read_while_another_program_commits_is_read_again(
    small_file: SmallNetwork, fails: bool
) -> None:
    calls: list[None] = []

    def read(session: Session) -> int:
        calls.append(None)
        if len(calls) == 1:
            touch(small_file.path)
            if fails:
                raise StoreIOError("half of a commit was read")
        return len(calls)

    with small_file.storage.read_only():
        assert 2 == small_file.storage._engine.sessions.run(read, write=False)
    assert 2 == len(calls)


def test_an_error_of_an_unchanged_file_is_raised_at_once(small_file: SmallNetwork) -> None:
    calls: list[None] = []

    def read(session: Session) -> int:
        calls.append(None)
        raise StoreIOError("the disk is broken")

    with small_file.storage.read_only(), pytest.raises(StoreIOError, match="broken"):
        small_file.storage._engine.sessions.run(read, write=False)
    assert 1 == len(calls)


def test_nothing_is_locked_between_reads_nor_while_they_last(small_file: SmallNetwork) -> None:
    with small_file.storage.read_only():
        assert 7 == len(small_file.b)
        with small_file.storage.read_scope(), h5py.File(small_file.path, "r+") as file:
            file["note"] = np.arange(3)
        assert 7 == len(small_file.b)
