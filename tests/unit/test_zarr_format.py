"""What the zarr adapter stores is zarr: zarr itself reads it, and is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from bsb_hdf5.adapters.zarr.local import LocalObjects
from bsb_hdf5.adapters.zarr.metadata import array_metadata
from bsb_hdf5.adapters.zarr.shards import read_shard, write_shard
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.adapters.zarr.tree import Grid, grid
from bsb_hdf5.errors import CorruptNetworkError
from bsb_hdf5.testing.contents import make, reading, writing

DTYPES = ["?", "i1", "u1", "i2", "i4", "i8", "u8", "f4", "f8", ">f8", ">i4", "c16"]
OTHER_DTYPES = ["S5", "U3", "M8[s]", "f2"]


def filled(dtype: str, shape: tuple[int, ...]) -> Any:
    numbers = np.random.default_rng(1).integers(0, 100, shape)
    return numbers.astype("i8" if dtype.startswith("M") else dtype).astype(dtype)


@pytest.mark.parametrize("shape", [(5000,), (5000, 3), (1500, 2, 2)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_zarr_reads_an_array(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    rows = filled(dtype, shape)
    store = make(ZarrStore(tmp_path / "net.zarr"))
    with writing(store) as root:
        root.require_group("placement").require_group("granule").create_array("position", rows)
    found = zarr.open_array(tmp_path / "net.zarr/placement/granule/position", mode="r")
    assert shape == found.shape
    assert rows.dtype.newbyteorder("=") == found.dtype
    assert np.array_equal(rows, np.asarray(found[:]))


def test_zarr_finds_groups_and_arrays_from_the_root(tmp_path: Path) -> None:
    rows = filled("f8", (2000, 3))
    store = make(ZarrStore(tmp_path / "net.zarr"))
    with writing(store) as root:
        for name in ("granule", "golgi"):
            root.require_group("placement").require_group(name).create_array("position", rows)
        root.create_array("few", np.arange(3))
    found: Any = zarr.open_group(tmp_path / "net.zarr", mode="r")
    assert ["placement"] == list(found)
    assert ["golgi", "granule"] == sorted(found["placement"])
    assert np.array_equal(rows, found["placement/golgi/position"][:])


def test_zarr_sees_from_the_root_the_rows_that_are_committed(tmp_path: Path) -> None:
    store = make(ZarrStore(tmp_path / "net.zarr"))
    with writing(store) as root:
        root.create_array("x", np.arange(1000.0))
    for length in (1500, 9000, 70_000):
        with writing(store) as root:
            held = root.array("x").shape[0]
            root.array("x").append(np.arange(float(held), length))
        for found in (
            zarr.open_group(tmp_path / "net.zarr", mode="r")["x"],
            zarr.open_array(tmp_path / "net.zarr/x", mode="r"),
        ):
            assert isinstance(found, zarr.Array)
            assert np.arange(float(length)).tolist() == np.asarray(found[:]).tolist()


@pytest.mark.parametrize("dtype", OTHER_DTYPES)
def test_values_that_zarr_has_no_dtype_for_come_back(tmp_path: Path, dtype: str) -> None:
    rows = filled(dtype, (3000, 2))
    store = make(ZarrStore(tmp_path / "net.zarr"))
    with writing(store) as root:
        root.create_array("x", rows).append(rows)
    with reading(store) as read:
        found = read.array("x").read(2990, 3010)
    assert rows.dtype == found.dtype
    assert np.concatenate((rows[2990:], rows[:10])).tolist() == found.tolist()


def sample(tmp_path: Path, dtype: str = "f8") -> tuple[LocalObjects, Grid]:
    return LocalObjects(str(tmp_path)), grid("x", np.dtype(dtype), (3,), 0)


def test_what_zarr_wrote_is_read(tmp_path: Path) -> None:
    objects, placed = sample(tmp_path)
    rows = filled("f8", (placed.shard_rows + 100, 3))
    (tmp_path / "x").mkdir()
    (tmp_path / "x/zarr.json").write_text(json.dumps(array_metadata(placed, len(rows))))
    zarr.open_array(tmp_path / "x", mode="r+")[:] = rows
    first = read_shard(objects, placed, 0, 0, placed.shard_rows)
    second = read_shard(objects, placed, 1, 7, 100)
    assert np.array_equal(rows[: placed.shard_rows], first)
    assert np.array_equal(rows[placed.shard_rows + 7 :], second)
    write_shard(objects, placed, 1, 100, rows[:5])
    assert np.array_equal(rows[:5], read_shard(objects, placed, 1, 100, 105))


def test_chunks_that_zarr_left_out_are_zeros(tmp_path: Path) -> None:
    objects, placed = sample(tmp_path)
    (tmp_path / "x").mkdir()
    (tmp_path / "x/zarr.json").write_text(json.dumps(array_metadata(placed, placed.shard_rows)))
    zarr.open_array(tmp_path / "x", mode="r+")[placed.chunk_rows + 1] = [1, 2, 3]
    found = read_shard(objects, placed, 0, placed.chunk_rows - 1, placed.chunk_rows + 3)
    assert [[0] * 3, [0] * 3, [1, 2, 3], [0] * 3] == found.tolist()


@pytest.mark.parametrize("start", [0, 1, 2729, 2730, 2731, 6000])
def test_rows_are_added_to_an_object_in_the_middle_of_its_chunks(
    tmp_path: Path, start: int
) -> None:
    objects, placed = sample(tmp_path)
    rows = filled("f8", (9000, 3))
    write_shard(objects, placed, 0, 0, rows[:start])
    write_shard(objects, placed, 0, start, rows[start:])
    assert np.array_equal(rows, read_shard(objects, placed, 0, 0, 9000))


def test_rows_after_those_that_are_added_are_forgotten(tmp_path: Path) -> None:
    objects, placed = sample(tmp_path)
    write_shard(objects, placed, 0, 0, np.ones((9000, 3)))
    write_shard(objects, placed, 0, 10, np.full((5, 3), 2.0))
    found = read_shard(objects, placed, 0, 0, 20)
    assert [1.0] * 10 + [2.0] * 5 + [0.0] * 5 == found[:, 0].tolist()


@pytest.mark.parametrize("damage", ["cut", "index", "content", "empty"])
def test_damaged_objects_are_reported(tmp_path: Path, damage: str) -> None:
    store = make(ZarrStore(tmp_path / "net.zarr"))
    with writing(store) as root:
        root.create_array("x", filled("f8", (5000, 3)))
    path = tmp_path / "net.zarr/x/c/0/0"
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[:-200]
    elif damage == "index":
        data[-10] ^= 1
    elif damage == "content":
        data[:64] = bytes(64)
    else:
        data = bytearray()
    path.write_bytes(data)
    with reading(store) as read, pytest.raises(CorruptNetworkError, match=r"net\.zarr"):
        read.array("x").read()


def test_an_array_that_grows_is_cut_into_larger_objects(tmp_path: Path) -> None:
    store = make(ZarrStore(tmp_path / "net.zarr"))
    rows = np.arange(400_000).reshape(-1, 2)
    with writing(store) as root:
        root.create_array("x", rows[:1000])
    for first in range(0, 12):
        with writing(store) as root:
            root.array("x").append(rows + first)
    with reading(store) as read:
        found = read.array("x").read()
    assert np.array_equal(np.concatenate((rows[:1000], *(rows + i for i in range(12)))), found)
    # One more for the objects that the next commit removes.
    store.open_write().commit()
    with writing(store) as root:
        root.attributes.set("x", 1)
    assert 25 > len(list((tmp_path / "net.zarr").rglob("c/*/*")))
