"""One file under two names: a thread never waits for itself, and others wait for each other."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bsb import Storage

from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.errors import LockTimeoutError
from tests.face.samples import SmallNetwork, cell_type, chunk, positions

LIMIT = 20.0


@pytest.fixture
def two(path: Path, layout: str) -> tuple[Storage, Storage]:
    """The storages of two hard links."""
    SmallNetwork.build(Storage("hdf5", NetworkRoot(path, layout))).storage._engine.close()
    other = path.with_name("other")
    os.link(path, other)
    first, second = (Storage("hdf5", NetworkRoot(each, lock_limit=LIMIT)) for each in (path, other))
    return first, second


@pytest.fixture
def idle_thread() -> Iterator[None]:
    """A thread that could, for all that is known, release any lock."""
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.mark.parametrize("layout", ["columnar"], indirect=True)
@pytest.mark.usefixtures("idle_thread")
@pytest.mark.parametrize("outer", ["read_scope", "write_scope"])
def test_a_thread_that_would_wait_for_itself_gets_an_error_at_once(
    two: tuple[Storage, Storage], outer: str
) -> None:
    first, second = two
    start = time.monotonic()
    with getattr(first, outer)(), pytest.raises(LockTimeoutError, match="wait for itself"):
        second.get_placement_set(cell_type("b")).append_data(chunk(0), positions(2))
    assert time.monotonic() - start < LIMIT / 2
    assert 2 + len(second.get_placement_set(cell_type("b"))) == _appended(second)


def _appended(storage: Storage) -> int:
    cells = storage.get_placement_set(cell_type("b"))
    cells.append_data(chunk(0), positions(2))
    return len(cells)


@pytest.mark.parametrize("layout", ["columnar"], indirect=True)
def test_reads_under_both_names_and_a_thread_that_writes_wait_for_each_other(
    two: tuple[Storage, Storage],
) -> None:
    first, second = two
    cells = [each.get_placement_set(cell_type("b")) for each in two]
    before = len(cells[0])
    with first.read_scope(), second.read_scope():
        assert before == len(cells[0]) == len(cells[1])
        writer = threading.Thread(target=_appended, args=[second])
        writer.start()
        time.sleep(0.2)
        assert before == len(cells[0])
    writer.join()
    assert before + 2 == len(cells[0])
