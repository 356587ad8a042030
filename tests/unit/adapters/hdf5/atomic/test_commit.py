"""Commits: in which order they sync, what they leave, and how they end."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.hdf5.atomic.commit import Commit
from bsb_hdf5.adapters.hdf5.file_opener import Hdf5Settings
from bsb_hdf5.adapters.hdf5.file_pool import FILE_POOL
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import StoreIOError
from bsb_hdf5.testing.contents import make, reading, writing
from tests.unit.adapters.hdf5.atomic.commits import is_interrupted, rows


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
    FILE_POOL.drop(store)
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
