"""What the zarr adapter stores is zarr: zarr itself reads it, and is read."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from bsb_hdf5.adapters.zarr import metadata
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import CorruptNetworkError, StoreIOError
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
    assert ["few", "placement"] == sorted(found)
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
    with (
        reading(store) as read,
        pytest.raises((CorruptNetworkError, StoreIOError), match=r"net\.zarr"),
    ):
        read.array("x").read()
    session = store.open_write()
    session.root.array("x").append(np.ones((5, 3)))
    if damage != "content":
        # A file that can't be read is not written over.
        with pytest.raises((CorruptNetworkError, StoreIOError), match=r"net\.zarr"):
            session.commit()
    else:
        session.rollback()


@pytest.mark.parametrize("dtype", ["f8", "?", "M8[s]"])
def test_rows_are_added_across_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    monkeypatch.setattr(metadata, "CHUNK_BYTES", 4096)
    monkeypatch.setattr(metadata, "CHUNKS_A_SHARD", 32)
    rows, lengths = filled(dtype, (400_000,)), [900, 901, 16_384, 16_385, 150_000, 400_000]
    store = make(ZarrStore(tmp_path / "net.zarr"))
    with writing(store) as root:
        root.create_array("x", rows[:900])
    for start, stop in pairwise(lengths):
        with writing(store) as root:
            root.array("x").append(rows[start:stop])
        with reading(ZarrStore(store.location)) as read:
            assert np.array_equal(rows[:stop], read.array("x").read())
    some = np.random.default_rng(3).integers(0, 399_000, 50)
    with reading(store) as read:
        found = read.array("x").read_ranges(some, some + 1000)
    assert np.array_equal(np.concatenate([rows[i : i + 1000] for i in some]), found)


def test_a_copy_with_rows_of_an_earlier_state_is_reported(tmp_path: Path) -> None:
    store = make(ZarrStore(tmp_path / "net.zarr"))
    with writing(store) as root:
        root.create_array("x", filled("f8", (50, 3)))
    earlier = (tmp_path / "net.zarr/x/c/0/0").read_bytes()
    with writing(store) as root:
        root.array("x").append(filled("f8", (5, 3)))
    (tmp_path / "net.zarr/x/c/0/0").write_bytes(earlier)
    with reading(ZarrStore(store.location)) as read:
        assert (50, 3) == read.array("x").read(0, 50).shape
        with pytest.raises(CorruptNetworkError, match="holds 50 rows and 55 are expected"):
            read.array("x").read()
