"""Commits that are interrupted, and what is read after them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.hdf5.atomic.atomic_file import AtomicFile
from bsb_hdf5.adapters.hdf5.atomic.commit import Commit
from bsb_hdf5.adapters.hdf5.atomic.journal import Journal, has_journal
from bsb_hdf5.adapters.hdf5.atomic.pieces import Piece
from bsb_hdf5.adapters.hdf5.store import Hdf5Store


class Killed(BaseException):
    """The process ends here."""


def interrupt(store: Hdf5Store, applied: float = 0.5) -> None:
    """Do what a process does that is killed within a commit."""
    session = store.open_write()
    session.root.array("rows").write(0, -np.arange(3000))
    session.root.array("rows").append(np.ones(5))
    content = session._file.content
    with killed_in_commit(applied):
        session.commit()
    assert content.error is not None


@contextmanager
def killed_in_commit(applied: float = 0.5) -> Iterator[None]:
    """The process of a block ends within its first commit."""
    replace = Commit._replace

    def replace_some(self: Commit, replacements: list[Any]) -> None:
        replace(self, replacements[: int(len(replacements) * applied)])
        raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Commit, "_replace", replace_some)
        patch.setattr(Commit, "_write_back", lambda *_: None)
        patch.setattr(AtomicFile, "rollback", lambda *_: None)
        patch.setattr(Journal, "withdraw", lambda *_: None)
        yield


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
