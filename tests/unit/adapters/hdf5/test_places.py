"""Ranges of rows are read from where they lie in the file, and are what HDF5 reads."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from bsb_hdf5.adapters.hdf5 import places
from bsb_hdf5.adapters.hdf5.places import RowPlaces
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import StorageError
from bsb_hdf5.testing.contents import make, reading, writing
from tests.unit.adapters.hdf5.atomic.commits import AFTER, interrupt, is_interrupted

ROWS = np.arange(5000 * 3, dtype=np.int32).reshape(-1, 3)


def small(size: int) -> Callable[[h5py.File], None]:
    def make(file: h5py.File) -> None:
        file.create_dataset("rows", data=ROWS, chunks=(size, 3), maxshape=(None, 3))

    return make


def in_two_steps(file: h5py.File) -> None:
    """Pieces that do not follow each other in the file."""
    made = [
        file.create_dataset(name, (0, 3), "i4", chunks=(64, 3), maxshape=(None, 3))
        for name in ("rows", "others")
    ]
    for first in range(0, len(ROWS), 700):
        for each in made:
            each.resize((min(first + 700, len(ROWS)), 3))
            each[first : first + 700] = ROWS[first : first + 700]


def whole(file: h5py.File) -> None:
    file["rows"] = ROWS


def swapped(file: h5py.File) -> None:
    file.create_dataset("rows", data=ROWS, dtype=">i4")


KNOWN: dict[str, Callable[[h5py.File], None]] = {
    "contiguous": whole,
    "large pieces": small(1365),
    "small pieces": small(7),
    "pieces of a row": small(1),
    "one piece": small(9000),
    "pieces apart": in_two_steps,
    "swapped": swapped,
}


def narrow(file: h5py.File) -> None:
    file.create_dataset("rows", data=ROWS, chunks=(100, 2), maxshape=(None, 3))


def packed(file: h5py.File) -> None:
    file.create_dataset("rows", data=ROWS, chunks=(100, 3), compression="gzip")


def short_integers(file: h5py.File) -> None:
    """Of 17 bits in 32."""
    kind = h5py.h5t.STD_I32LE.copy()
    kind.set_precision(17)
    space = h5py.h5s.create_simple(ROWS.shape)
    made = h5py.h5d.create(file.id, b"rows", kind, space)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, ROWS)


def partly_written(file: h5py.File) -> None:
    made = file.create_dataset("rows", ROWS.shape, "i4", chunks=(100, 3), fillvalue=7)
    made[:1000] = ROWS[:1000]


def never_written(file: h5py.File) -> None:
    file.create_dataset("rows", ROWS.shape, "i4")


OTHERS: dict[str, Callable[[h5py.File], None]] = {
    each.__name__: each for each in (narrow, packed, short_integers, partly_written, never_written)
}

Ranges = tuple[NDArray[np.int64], NDArray[np.int64]]


def ranges(rng: np.random.Generator, count: int, longest: int, *, ordered: bool) -> Ranges:
    """Some empty, some next to each other; those that are not in order may overlap."""
    if ordered:
        edges = np.sort(rng.integers(0, len(ROWS) + 1, 2 * count))
        return edges[::2], edges[1::2]
    starts = rng.integers(0, len(ROWS) + 1, count)
    return starts, np.minimum(starts + rng.integers(0, longest, count), len(ROWS))


def check_ranges_of(store: Hdf5Store, rows: NDArray[Any]) -> None:
    rng = np.random.default_rng(3)
    with reading(store) as root:
        array = root.array("rows")
        for number in range(60):
            count = 1 if number % 3 == 0 else int(rng.integers(1, 60))
            longest = int(rng.choice([3, 40, 900]))
            starts, stops = ranges(rng, count, longest, ordered=number % 2 == 0)
            found = array.read_ranges(starts, stops)
            parts = [rows[start:stop] for start, stop in zip(starts, stops, strict=True)]
            assert rows.dtype == found.dtype
            np.testing.assert_array_equal(found, np.concatenate([rows[:0], *parts]))


@pytest.fixture(params=[(0, 100), (40, 100), (100, 2000), (8192, 1 << 20)], ids=str)
def near(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many bytes apart ranges are read together, and how many bytes at a time."""
    monkeypatch.setattr(places, "_NEAR", request.param[0])
    monkeypatch.setattr(places, "_BUFFER", request.param[1])


@pytest.fixture
def uses(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one for each read from known places."""
    found: list[int] = []
    plain = RowPlaces.read

    def read(self: RowPlaces, *arguments: Any) -> Any:
        found.append(1)
        return plain(self, *arguments)

    monkeypatch.setattr(RowPlaces, "read", read)
    return found


@pytest.mark.parametrize("title", KNOWN)
def test_ranges_are_read_from_known_places(
    path: Path, title: str, near: None, uses: list[int]
) -> None:
    with h5py.File(path, "w") as file:
        KNOWN[title](file)
    check_ranges_of(Hdf5Store(str(path)), ROWS.astype(">i4" if title == "swapped" else "i4"))
    assert len(uses) > 30


@pytest.mark.skipif(not hasattr(os, "preadv"), reason="the system reads one part at a time")
def test_ranges_that_lie_together_are_read_at_once_in_any_order(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(path, "w") as file:
        whole(file)
    sizes: list[int] = []
    plain = os.preadv

    def read(descriptor: int, parts: list[memoryview], place: int, /) -> int:
        sizes.append(len(parts))
        return plain(descriptor, parts, place)

    starts = np.array([2000, 0, 1000, 4000, 3990, 3980])
    stops = np.array([3000, 1000, 2000, 4100, 4000, 3990])
    parts = [ROWS[start:stop] for start, stop in zip(starts, stops, strict=True)]
    with reading(Hdf5Store(str(path))) as root:
        array = root.array("rows")
        array.read_ranges(starts, stops)
        monkeypatch.setattr(os, "preadv", read)
        found = array.read_ranges(starts, stops)
    assert np.concatenate(parts).tolist() == found.tolist()
    # Two of the ranges join where they follow each other as they are asked for.
    assert [2, 3] == sizes


@pytest.mark.parametrize("title", OTHERS)
def test_what_lies_in_no_known_place_is_read_by_hdf5(
    path: Path, title: str, uses: list[int]
) -> None:
    with h5py.File(path, "w") as file:
        OTHERS[title](file)
    with h5py.File(path) as file:
        expected = file["rows"][()]
    check_ranges_of(Hdf5Store(str(path)), expected)
    assert [] == uses


def test_a_block_of_the_users_own_at_the_beginning_shifts_nothing(path: Path) -> None:
    with h5py.File(path, "w", userblock_size=1024) as file:
        small(100)(file)
    check_ranges_of(Hdf5Store(str(path)), ROWS)


@pytest.mark.parametrize("place", [2**63, 2**64 - 5000, 2**62])
@pytest.mark.parametrize("title", ["contiguous", "large pieces"])
def test_places_that_no_file_has_are_reported(
    path: Path, title: str, place: int, uses: list[int]
) -> None:
    with h5py.File(path, "w") as file:
        KNOWN[title](file)
        id_ = file["rows"].id
        at = id_.get_offset()
        at = id_.get_chunk_info(1).byte_offset if at is None else at
        # The layout of a dataset also says how long it is.
        size = struct.pack("<Q", ROWS.nbytes) if title == "contiguous" else b""
    content = path.read_bytes()
    held, damaged = (struct.pack("<Q", each) + size for each in (at, place))
    assert 1 == content.count(held)
    path.write_bytes(content.replace(held, damaged))
    store, bounds = Hdf5Store(str(path)), (np.array([1400, 4000]), np.array([1410, 4010]))
    with reading(store) as root, pytest.raises(StorageError):
        root.array("rows").read_ranges(*bounds)
    with pytest.raises(StorageError), writing(store) as root:
        root.array("rows").write(1400, ROWS[:300])
    assert [] == uses


def test_places_of_an_array_that_changed_are_found_again(path: Path, uses: list[int]) -> None:
    store = Hdf5Store(str(path))
    with h5py.File(path, "w") as file:
        small(50)(file)
    rows = ROWS
    check_ranges_of(store, rows)
    with writing(store) as root:
        root.array("rows").write(100, -ROWS[100:300])
        # Before the commit only HDF5 knows them.
        starts, stops = np.array([90, 4000]), np.array([110, 4010])
        found = root.array("rows").read_ranges(starts, stops)
        rows = np.concatenate((ROWS[:100], -ROWS[100:300], ROWS[300:]))
        assert np.concatenate((rows[90:110], rows[4000:4010])).tolist() == found.tolist()
    check_ranges_of(store, rows)
    with writing(store) as root:
        root.array("rows").append(ROWS[:777])
    rows = np.concatenate((rows, ROWS[:777]))
    check_ranges_of(store, rows)
    with writing(store) as root:
        root.array("rows").resize(2600)
        root.array("rows").append(rows[:2400])
    check_ranges_of(store, np.concatenate((rows[:2600], rows[:2400])))
    with writing(store) as root:
        root.delete("rows")
        root.create_array("rows", ROWS[::-1])
    check_ranges_of(store, ROWS[::-1])
    assert len(uses) > 100


def test_single_ranges_are_read_at_their_place_once_there_were_some(
    path: Path, uses: list[int]
) -> None:
    store = make(Hdf5Store(str(path)), lambda root: root.create_array("rows", ROWS))

    def read_once(rows: NDArray[Any]) -> bool:
        """Whether it was read at its place."""
        before = len(uses)
        with reading(store) as root:
            found = root.array("rows").read_ranges(np.array([95]), np.array([110]))
        assert rows[95:110].tolist() == found.tolist()
        return len(uses) > before

    rows = ROWS
    for _ in range(2):
        # To find the place takes as long as these.
        assert [*[False] * 8, *[True] * 3] == [read_once(rows) for _ in range(11)]
        with writing(store) as root:
            root.array("rows").append(ROWS[:3])
            root.array("rows").write(100, -rows[100:105])
        rows = np.concatenate((rows[:100], -rows[100:105], rows[105:], ROWS[:3]))


def test_another_programs_changes_are_found(path: Path) -> None:
    store = Hdf5Store(str(path))
    with h5py.File(path, "w") as file:
        small(50)(file)
    check_ranges_of(store, ROWS)
    with h5py.File(path, "r+") as file:
        del file["rows"]
        file["other"] = np.zeros(1000)
        small(33)(file)
        file["rows"][:] = -ROWS
    check_ranges_of(store, -ROWS)


def test_a_commit_that_was_interrupted_is_read_as_if_it_were_finished(
    path: Path, uses: list[int]
) -> None:
    store = Hdf5Store(str(path))
    with writing(make_empty(store)) as root:
        root.create_array("rows", np.arange(3000))
    interrupt(store)
    assert is_interrupted(path)
    session = store.open_read(locking=False)
    try:
        array = session.root.array("rows")
        found = array.read_ranges(np.array([0, 1400, 2990]), np.array([10, 1600, 3005]))
    finally:
        session.close()
    assert [*AFTER[:10], *AFTER[1400:1600], *AFTER[2990:]] == found.tolist()
    assert [1] == uses
    assert is_interrupted(path)


def make_empty(store: Hdf5Store) -> Hdf5Store:
    make(store)
    return store
