"""How HDF5 is to store a new array, and what it may claim to hold."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5d, h5s

from bsb_hdf5.adapters.hdf5 import arrays
from bsb_hdf5.adapters.hdf5.arrays import storage_of
from bsb_hdf5.adapters.hdf5.file_pool import FILE_POOL
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import CorruptNetworkError
from bsb_hdf5.ports.arrays import ArrayWriter
from bsb_hdf5.testing.contents import make, reading, writing

FREE = h5s.UNLIMITED


@pytest.mark.parametrize(
    ("shape", "dtype", "expected", "chunk", "most"),
    [
        # 512 bytes at least.
        ((0,), "f8", 0, (64,), (FREE,)),
        ((1, 3), "f8", 0, (22, 3), (FREE, 3)),
        ((64,), "f8", 0, (64,), (FREE,)),
        # As large as the first rows, or as is expected.
        ((65,), "f8", 0, (65,), (FREE,)),
        ((100, 3), "f8", 0, (100, 3), (FREE, 3)),
        ((5,), "i1", 600, (600,), (FREE,)),
        ((700,), "i1", 600, (700,), (FREE,)),
        # 64 kB at most, rounded up to whole rows.
        ((8192,), "f8", 0, (8192,), (FREE,)),
        ((8193,), "f8", 0, (8192,), (FREE,)),
        ((0, 3), "f8", 10**6, (2731, 3), (FREE, 3)),
        ((0, 10_000), "f8", 5, (1, 10_000), (FREE, 10_000)),
        # No axis is empty.
        ((4, 0), "f8", 0, (64, 1), (FREE, FREE)),
        ((4, 2, 0), "i1", 0, (512, 2, 1), (FREE, 2, FREE)),
    ],
)
def test_an_array_that_grows_is_stored_in_pieces(
    shape: tuple[int, ...],
    dtype: str,
    expected: int,
    chunk: tuple[int, ...],
    most: tuple[int, ...],
) -> None:
    data = np.zeros(shape, dtype)
    properties, found = storage_of(data, growable=True, expected=expected, compress=False)
    assert (chunk, most) == (properties.get_chunk(), found)
    assert (h5d.CHUNKED, 0) == (properties.get_layout(), properties.get_nfilters())
    assert not properties.get_obj_track_times()


@pytest.mark.parametrize(("dtype", "filters"), [("i4", 2), ("u1", 2), ("f8", 0), ("?", 0)])
def test_integers_that_grow_are_compressed_where_that_is_asked(dtype: str, filters: int) -> None:
    data = np.zeros(5, dtype)
    properties, _ = storage_of(data, growable=True, expected=0, compress=True)
    assert filters == properties.get_nfilters()
    if filters:
        shuffle, deflate = (properties.get_filter(i) for i in range(2))
        assert (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE) == (shuffle[0], deflate[0])
        assert (1,) == deflate[2]


def test_an_array_of_fixed_length_lies_in_one_place() -> None:
    properties, most = storage_of(np.zeros(5), growable=False, expected=9, compress=True)
    assert most is None
    assert (h5d.CONTIGUOUS, 0) == (properties.get_layout(), properties.get_nfilters())
    assert not properties.get_obj_track_times()


@pytest.mark.parametrize(("rows", "is_refused"), [(64, False), (65, True)])
def test_more_is_not_claimed_than_a_filter_packs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, is_refused: bool
) -> None:
    path = tmp_path / "x.hdf5"
    store = make(Hdf5Store(str(path)))
    with writing(store) as root:
        root.create_array("x", np.zeros(1)).resize(65)
    held = path.stat().st_size
    for unquestioned, factor in ((0, 64 * 8 / held), (64 * 8, 0)):
        monkeypatch.setattr(arrays, "_MOST_UNQUESTIONED", unquestioned)
        monkeypatch.setattr(arrays, "_MOST_PACKED", factor)
        with reading(Hdf5Store(str(path))) as root:
            if is_refused:
                with pytest.raises(CorruptNetworkError, match=f"hold 520 bytes, in .* of {held}"):
                    root.array("x").read(0, rows)
            else:
                assert rows == len(root.array("x").read(0, rows))


@pytest.mark.parametrize(
    ("of_piece", "surplus", "unpacked", "is_refused"),
    [
        (800, 0, 0, False),
        (799, 0, 0, True),
        # Ten rows of eight bytes are read.
        (0, 10, 0, False),
        (0, 9, 0, True),
        (0, 0, 1, False),
    ],
)
def test_a_piece_is_unpacked_for_rows_that_are_worth_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    of_piece: int,
    surplus: int,
    unpacked: int,
    is_refused: bool,
) -> None:
    path = tmp_path / "x.hdf5"
    store = make(Hdf5Store(str(path)))
    with h5py.File(path, "r+") as file:
        file.create_dataset("x", data=np.zeros(100), chunks=(100,), compression=1)
        file.create_dataset("plain", data=np.zeros(100), chunks=(100,))
    for name, value in (
        ("_MOST_OF_PIECE", of_piece),
        ("_MOST_SURPLUS", surplus),
        ("_MOST_UNPACKED", unpacked),
    ):
        monkeypatch.setattr(arrays, name, value)
    with reading(store) as root:
        assert 10 == len(root.array("plain").read(0, 10))
        if is_refused:
            with pytest.raises(CorruptNetworkError, match=r"in pieces of 800 bytes.* 80 bytes"):
                root.array("x").read(0, 10)
        else:
            assert 10 == len(root.array("x").read(0, 10))


def written_to(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what commits write into files from now on, those of journals included."""
    pwrite, sizes = os.pwrite, list[int]()

    def note(descriptor: int, data: Any, start: int) -> int:
        sizes.append(len(data))
        return pwrite(descriptor, data, start)

    monkeypatch.setattr(os, "pwrite", note)
    return sizes


def append(array: ArrayWriter) -> None:
    array.append(np.arange(10))


def overwrite(array: ArrayWriter) -> None:
    array.write(5, np.arange(1, 11))


@pytest.mark.parametrize("change", [append, overwrite])
@pytest.mark.parametrize("reopened", [False, True])
def test_a_few_rows_are_written_without_the_piece_that_they_lie_in(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[ArrayWriter], None],
    reopened: bool,
) -> None:
    store = make(Hdf5Store(str(path)), lambda root: root.create_array("x", np.arange(20_000)))
    if reopened:
        FILE_POOL.drop(store)
    sizes = written_to(monkeypatch)
    with writing(store) as root:
        change(root.array("x"))
    assert 80 <= sum(sizes) < 2048


@pytest.mark.parametrize("reopened", [False, True])
def test_pieces_of_a_compressed_array_stay_unpacked(path: Path, reopened: bool) -> None:
    """A scope may append many times, and read in between."""
    store = Hdf5Store(str(path))
    store.create().commit()
    session = store.rewrite(compress=True)
    array: Any = session.root.create_array("x", np.arange(20_000))
    if reopened:
        session.commit()
        FILE_POOL.drop(store)
        reader = store.open_read()
        array = reader.root.array("x")
    held = array._id.get_access_plist().get_chunk_cache()[1]
    if reopened:
        reader.close()
    else:
        session.rollback()
    assert 64 * 1024 <= held
