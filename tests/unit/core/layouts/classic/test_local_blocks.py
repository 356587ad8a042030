"""Blocks that were read are remembered for as long as they are what is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5.core.layouts.classic import local_blocks
from bsb_hdf5.core.layouts.classic.local_blocks import KnownBlocks, LocalBlocks
from tests.face.layouts import new_storage
from tests.face.samples import cell_type, chunk, on_soma

Rows = list[tuple[int, int, int]]
FAR = [chunk(x) for x in range(4)]


def blocks(count: int) -> LocalBlocks:
    return LocalBlocks(np.arange(count), np.zeros(count, dtype=np.int64), 0)


def test_no_more_blocks_are_remembered_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_blocks, "_MOST_BLOCKS", 5)
    known = KnownBlocks()
    for local, count in ((1, 3), (2, 3), (3, 2), (4, 1)):
        known.add("inc", local, blocks(count))
    held = [known.get("inc", local) is not None for local in (1, 2, 3, 4)]
    assert [True, False, True, False] == held
    assert known.get("out", 1) is None


def test_blocks_are_found_by_global_chunk() -> None:
    held = LocalBlocks(np.array([7, 3, 5]), np.array([0, 2, 2]), 6)
    starts, sizes = held.find(np.array([5, 4, 7, 3, 8, 1]))
    assert [4, 0, 2, 0, 0, 0] == sizes.tolist()
    assert [2, 0, 0, 2, 0, 0] == starts.tolist()


@pytest.fixture
def paths(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "network.hdf5"


def connected(storage: Storage) -> Any:
    return storage.require_connectivity_set(cell_type("a"), cell_type("a"), "loop")


def loaded(cs: Any) -> Rows:
    near, far_chunks, far = cs.load_local_connections("out", FAR[0])
    columns = (near[:, 0].tolist(), far_chunks.tolist(), far[:, 0].tolist())
    return list(zip(*columns, strict=True))


def grow(storage: Storage) -> None:
    """A block that lies before others, which move."""
    connected(storage).chunk_connect(FAR[0], FAR[2], on_soma(5, 6), on_soma(7, 8))


def add(storage: Storage) -> None:
    connected(storage).chunk_connect(FAR[0], FAR[0], on_soma(5), on_soma(7))


def clear_one(storage: Storage) -> None:
    connected(storage).clear([FAR[1]])


def clear_all(storage: Storage) -> None:
    storage._engine.clear_connectivity()
    add(storage)


def make_again(storage: Storage) -> None:
    connected(storage).remove()
    grow(storage)


@pytest.mark.parametrize("change", [grow, add, clear_one, clear_all, make_again])
@pytest.mark.parametrize("by_another", [False, True])
def test_what_changed_is_read_again(
    paths: Path, change: Callable[[Storage], None], by_another: bool
) -> None:
    storage, other = (
        new_storage(path, "classic") for path in (paths, paths.with_name("other.hdf5"))
    )
    for each in (storage, other):
        for far in (3, 2, 1):
            connected(each).chunk_connect(FAR[0], FAR[far], on_soma(far, 0), on_soma(1, far))
    before = loaded(connected(storage))
    assert before == loaded(connected(storage))
    writer = new_storage(paths, "classic") if by_another else storage
    change(writer)
    change(other)
    # The other network has its first read here.
    expected = loaded(connected(other))
    assert expected != before
    assert expected == loaded(connected(storage))
    assert expected == loaded(connected(writer))


def test_what_was_rolled_back_is_not_remembered(paths: Path) -> None:
    storage = new_storage(paths, "classic")
    add(storage)
    before = loaded(connected(storage))
    with pytest.raises(RuntimeError), storage.write_scope():
        grow(storage)
        assert 3 == len(loaded(connected(storage)))
        raise RuntimeError("given up")
    assert before == loaded(connected(storage))
    with storage.write_scope():
        grow(storage)
        assert 3 == len(loaded(connected(storage)))
        add(storage)
        assert 4 == len(loaded(connected(storage)))
    assert 4 == len(loaded(connected(storage)))


def test_what_is_remembered_is_not_read_again(paths: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = new_storage(paths, "classic")
    grow(storage)
    before = loaded(connected(storage))

    def refuse(*_: Any) -> Any:
        raise AssertionError("blocks are read again")

    monkeypatch.setattr(LocalBlocks, "read", refuse)
    assert before == loaded(connected(storage))
