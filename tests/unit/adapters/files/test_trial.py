"""Whether file locks keep ranks apart is found out by trying."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5.adapters.files import trial
from bsb_hdf5.adapters.files.trial import locks_exclude_ranks
from bsb_hdf5.platform import LockAttempt, try_lock

SWITCH = "BSB_HDF5_TESTING_LOCKS"


class Ranks:
    """Two ranks, one after the other."""

    size = 2

    def __init__(self) -> None:
        self.rank = 0

    def on_main(self, action: Callable[[], Any]) -> Any:
        return action()

    def all_true(self, test: Callable[[], bool]) -> bool:
        found = []
        for rank in range(self.size):
            self.rank = rank
            try:
                found.append(test())
            except OSError:
                found.append(False)
        self.rank = 0
        return all(found)


def tried(folder: Path, switch: str | None = None) -> bool:
    return locks_exclude_ranks(str(folder), Ranks(), switch)


def test_a_lock_that_others_find_taken_keeps_ranks_apart(tmp_path: Path) -> None:
    assert tried(tmp_path)
    assert [] == os.listdir(tmp_path)


def test_a_lock_of_each_node_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "try_lock", lambda *_, **__: LockAttempt.LOCKED)
    assert not tried(tmp_path)
    assert [] == os.listdir(tmp_path)


def test_nor_does_a_filesystem_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "try_lock", lambda *_, **__: LockAttempt.UNSUPPORTED)
    assert not tried(tmp_path)
    assert [] == os.listdir(tmp_path)


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), KeyboardInterrupt()], ids=repr)
def test_a_lock_that_can_not_be_tried_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(trial, "try_lock", fail)
    with contextlib.suppress(KeyboardInterrupt):
        assert not tried(tmp_path)
    assert [] == os.listdir(tmp_path)


def test_nor_do_locks_that_are_switched_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SWITCH, "FALSE")
    assert not tried(tmp_path, SWITCH)
    assert tried(tmp_path, None)


def test_nor_does_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert not tried(tmp_path / "missing")


def test_a_rank_that_can_not_open_the_file_has_all_of_them_use_another_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> int:
        raise OSError(errno.ESTALE, "stale")

    monkeypatch.setattr(trial, "open_descriptor", refuse)
    assert not tried(tmp_path)
    assert [] == os.listdir(tmp_path)


def test_the_lock_is_free_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "unlink", lambda path: None)
    assert tried(tmp_path)
    (left,) = tmp_path.iterdir()
    descriptor = os.open(left, os.O_RDWR)
    assert LockAttempt.LOCKED is try_lock(descriptor, exclusive=True)
    os.close(descriptor)
