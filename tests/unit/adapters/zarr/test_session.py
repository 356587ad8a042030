"""Sessions on a manifest: what they store, what they leave for the next, and what goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.zarr import arrays, metadata, session
from bsb_hdf5.adapters.zarr.local import DirectoryLocation
from bsb_hdf5.adapters.zarr.manifest import Manifest, read_manifest
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import ShapeError, StoreIOError
from bsb_hdf5.testing.contents import make, reading, writing

ROWS = np.arange(30.0).reshape(10, 3)


def manifest(path: Path) -> Manifest:
    return read_manifest((path / "zarr.json").read_bytes(), "here")


def arrays_in(path: Path) -> list[str]:
    found = (each.parent for each in path.rglob("zarr.json") if (each.parent / "c").exists())
    return sorted(str(each.relative_to(path)) for each in found)


@pytest.fixture
def store(path: Path) -> ZarrStore:
    store = ZarrStore(path)
    make(store)
    with writing(store) as root:
        group = root.require_group("g")
        group.create_array("x", ROWS)
        group.create_array("y", ROWS)
    return store


def test_a_version_is_that_of_the_committed_state(store: ZarrStore, path: Path) -> None:
    versions: list[str] = []
    for change in (True, False, True):
        held = store.open_write()
        before = held.version
        if change:
            held.root.attributes.set("n", len(versions))
        assert before == held.version == manifest(path).generation
        held.commit()
        assert change == (before != held.version)
        for each in (store, ZarrStore(path)):
            found = each.open_read()
            assert held.version == found.version == manifest(path).generation
            found.close()
        versions.append(held.version)
    assert 2 == len(set(versions))


def test_what_a_state_has_no_longer_is_there_until_the_next_commit(
    store: ZarrStore, path: Path
) -> None:
    with writing(store) as root:
        root.group("g").delete("x")
    assert {"g/x": "array"} == manifest(path).stale
    assert ["g/x", "g/y"] == arrays_in(path)
    with writing(store) as root:
        root.delete("g")
    assert {"g": "group", "g/y": "array"} == manifest(path).stale
    assert ["g/y"] == arrays_in(path)
    with writing(store) as root:
        root.attributes.set("n", 1)
    assert {} == manifest(path).stale
    assert [] == arrays_in(path)
    assert not (path / "g").exists()


def test_a_group_that_is_made_again_stays(store: ZarrStore, path: Path) -> None:
    with writing(store) as root:
        root.delete("g")
    with writing(store) as root:
        root.require_group("g").create_array("z", ROWS)
    assert ["g/z"] == arrays_in(path)
    with writing(store) as root:
        root.attributes.set("n", 1)
    with reading(ZarrStore(path)) as read:
        assert ROWS.tolist() == read.group("g").array("z").read().tolist()
    assert (path / "g" / "zarr.json").exists()


def test_a_session_that_fails_takes_back_what_it_made(
    store: ZarrStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = arrays_in(path), (path / "zarr.json").read_bytes()

    def fail(*_: Any) -> None:
        raise StoreIOError("full")

    for verb, undone in (("check", True), ("replace", False)):
        held = store.open_write()
        group = held.root.require_group("new")
        group.create_array("z", ROWS)
        with monkeypatch.context() as patch:
            patch.setattr(DirectoryLocation, verb, fail)
            with pytest.raises(StoreIOError, match="full"):
                held.commit()
        assert before[1] == (path / "zarr.json").read_bytes()
        # Where the commit may have been stored all the same, nothing is removed.
        assert undone == (before[0] == arrays_in(path))
    with writing(store) as root:
        root.attributes.set("n", 1)
    assert before[0] == arrays_in(path)


class Unread(list[np.ndarray[Any, Any]]):
    """Rows that were gathered, which are added to and not looked at."""

    def __iter__(self) -> Any:
        raise AssertionError("the rows of earlier appends were looked at")


def test_an_append_costs_the_same_however_many_were_made_before(store: ZarrStore) -> None:
    held = store.open_write()
    array: Any = held.root.create_array("z", ROWS)
    array._node["tail"] = Unread(array._node["tail"])
    for _ in range(3):
        array.append(ROWS)
    assert 4 == len(array._node["tail"])
    held.rollback()


def test_rows_are_stored_before_there_are_too_many(
    store: ZarrStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_MOST_GATHERED", 3 * ROWS.nbytes)
    held = store.open_write()
    array = held.root.create_array("z", ROWS)
    for _ in range(2):
        array.append(ROWS)
    assert not (path / "z").exists()
    array.append(ROWS)
    assert (path / "z" / "c").exists()
    array.append(ROWS)
    assert np.concatenate([ROWS] * 5).tolist() == array.read().tolist()
    array.write(35, -ROWS[:3])
    held.commit()
    with reading(ZarrStore(path)) as read:
        found = read.array("z").read()
    assert 50 == len(found)
    assert (-ROWS[:3]).tolist() == found[35:38].tolist()
    assert ROWS.tolist() == found[40:].tolist() == found[:10].tolist()


@pytest.mark.parametrize("dtype", ["f8", "S3"])
def test_rows_are_read_in_any_order_across_shards(
    path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    monkeypatch.setattr(metadata, "CHUNK_BYTES", 64)
    monkeypatch.setattr(metadata, "CHUNKS_A_SHARD", 2)
    monkeypatch.setattr(arrays, "_TOGETHER", 3)
    rows = np.arange(700).reshape(-1, 2).astype(dtype)
    store = make(ZarrStore(path))
    with writing(store) as root:
        root.create_array("x", rows[:100])
    with writing(store) as root:
        root.array("x").append(rows[100:])
        root.create_array("none", rows[:0])
        root.create_array("empty", np.zeros((5, 0)))
    random = np.random.default_rng(1)
    with reading(ZarrStore(path)) as read:
        array: Any = read.array("x")
        node, held = array._node, array._view.arrays
        for chosen in (
            random.integers(0, 350, 40),
            np.array([349, 0, 0, 349, 100, 99]),
            np.arange(350)[::-1],
            np.array([5]),
        ):
            assert rows[chosen].tolist() == held.read_rows(node, chosen).tolist()
        nothing = held.read_rows(node, np.zeros(0, dtype=np.int64))
        assert ((0, 2), rows.dtype) == (nothing.shape, nothing.dtype)
        starts = np.sort(random.integers(0, 340, 20))
        assert np.concatenate([rows[i : i + 3] for i in starts]).tolist() == (
            array.read_ranges(starts, starts + 3).tolist()
        )
        for start in (0, 7, 16, 99, 349):
            assert rows[start : start + 50].tolist() == array.read(start, start + 50).tolist()
        assert (5, 0) == read.array("empty").read().shape
        assert (0, 2) == read.array("none").read().shape
    keys = set(held.keys(manifest(path).tree))
    stored = {str(each.relative_to(path)) for each in path.rglob("c/**/*") if each.is_file()}
    assert stored == keys


@pytest.mark.parametrize("count", [1, 2, 15, 16, 40])
def test_ranges_lie_within_the_rows(store: ZarrStore, count: int) -> None:
    starts = np.zeros(count, dtype=np.int64)
    with reading(store) as root:
        array = root.group("g").array("x")
        assert 3 * count == len(array.read_ranges(starts, starts + 3))
        for first, last in ((0, 11), (-1, 2), (5, 4)):
            wrong_starts, wrong_stops = starts.copy(), starts + 3
            wrong_starts[-1], wrong_stops[-1] = first, last
            with pytest.raises(ShapeError, match=f"rows {first} to {last} are not within the 10"):
                array.read_ranges(wrong_starts, wrong_stops)
