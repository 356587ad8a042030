"""The system fails while a session writes to its file, at any of its writes."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bsb import Storage

from bsb_hdf5 import PlacementSet, errors
from bsb_hdf5.config import NetworkRoot
from tests.face.samples import cell_type, chunk, digest, positions

SECTOR = 512


class FailingCall:
    """A function of the system that fails at its k-th call; -1 is never."""

    def __init__(self, function: Callable[..., Any], k: int, error: BaseException) -> None:
        self._function = function
        self._k = k
        self._error = error
        self.calls = 0

    def __call__(self, *arguments: Any) -> Any:
        self.calls += 1
        if self.calls - 1 == self._k:
            raise self._error
        return self._function(*arguments)


def change(storage: Storage) -> None:
    cells = storage.get_placement_set(cell_type("a"))
    with storage.write_scope():
        for x in range(0, 20, 4):
            cells.append_data(chunk(x), positions(60))
        cells.label(["core"], [0, 1])


def failing(
    patch: pytest.MonkeyPatch, name: str, k: int, error: BaseException | None = None
) -> FailingCall:
    call = FailingCall(getattr(os, name), k, error or OSError(errno.EIO, "Input/output error"))
    patch.setattr(f"bsb_hdf5.adapters.hdf5.atomic.overlay.os.{name}", call)
    return call


def calls_of(path: Path, name: str, durability: str | None = None) -> int:
    """How often a change of the file calls a function of the system."""
    copy = path.with_name("rehearsal.hdf5")
    shutil.copyfile(path, copy)
    with pytest.MonkeyPatch.context() as patch:
        call = failing(patch, name, -1)
        change(Storage("hdf5", NetworkRoot(copy, durability=durability)))
    copy.unlink()
    return call.calls


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize(
    ("name", "durability"),
    [("pwrite", None), ("ftruncate", None), ("fsync", "power")],
)
def test_whichever_write_fails_the_file_is_what_it_was(
    cells: PlacementSet, path: Path, name: str, durability: str | None, number: int
) -> None:
    storage = Storage("hdf5", NetworkRoot(path, durability=durability))
    before = digest(path)
    count = calls_of(path, name, durability)
    assert count
    for k in range(count):
        with pytest.MonkeyPatch.context() as patch:
            failing(patch, name, k, OSError(number, os.strerror(number)))
            with pytest.raises(errors.StoreIOError) as caught:
                change(storage)
        assert number == caught.value.fields["errno"], k
        assert before == digest(path), k
        assert [path.name] == os.listdir(path.parent), k
    change(storage)
    assert 1300 == len(cells) == len(cells.load_positions())


def test_whichever_write_is_interrupted_the_file_is_what_it_was(
    cells: PlacementSet, storage: Storage, path: Path
) -> None:
    before = digest(path)
    for k in range(calls_of(path, "pwrite")):
        with pytest.MonkeyPatch.context() as patch:
            failing(patch, "pwrite", k, KeyboardInterrupt())
            with pytest.raises(KeyboardInterrupt):
                change(storage)
        assert before == digest(path), k
    change(storage)
    assert 1300 == len(cells) == len(cells.load_positions())


def test_a_place_on_the_disk_that_can_never_be_written_spoils_nothing(
    cells: PlacementSet, storage: Storage, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, size, places = digest(path), path.stat().st_size, set[int]()
    pwrite = os.pwrite

    def note(descriptor: int, view: memoryview, start: int) -> int:
        places.update(range(start, start + len(view), SECTOR))
        return pwrite(descriptor, view, start)

    copy = path.with_name("rehearsal.hdf5")
    shutil.copyfile(path, copy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwrite", note)
        change(Storage("hdf5", str(copy)))
    below = sorted(start for start in places if start < size)
    assert len(below) > 2
    for bad in below:

        def refuse(descriptor: int, view: memoryview, start: int, bad: int = bad) -> int:
            if start <= bad < start + len(view):
                raise OSError(errno.EIO, "Input/output error")
            return pwrite(descriptor, view, start)

        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", refuse)
            with pytest.raises(errors.StoreIOError):
                change(storage)
        assert before == digest(path), bad
    change(storage)
    assert 1300 == len(cells.load_positions())
