"""What arrays inherit: ranges, overwriting and resizing from a few verbs of a backend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.native import arrays
from bsb_hdf5.adapters.native.attributes import AttributesWriter, stored_value
from bsb_hdf5.errors import DtypeError, ShapeError


class Values(AttributesWriter):
    """Attributes in a dictionary."""

    def __init__(self) -> None:
        self._held: dict[str, Any] = {}

    def _values(self) -> dict[str, Any]:
        return self._held


class Rows(arrays.ArrayWriter):
    """Rows that note what is read of them."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        self.reads: list[tuple[int, int]] = []

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._rows.shape)

    @property
    def dtype(self) -> Any:
        return self._rows.dtype

    @property
    def attributes(self) -> Values:
        return Values()

    def _read(self, start: int, stop: int) -> Any:
        assert 0 <= start < stop <= len(self._rows)
        self.reads.append((start, stop))
        return self._rows[start:stop].copy()

    def _append(self, rows: Any) -> None:
        assert len(rows)
        assert self.dtype == rows.dtype
        self._rows = np.concatenate((self._rows, rows), dtype=self.dtype)

    def _cut(self, rows: int) -> None:
        assert rows < len(self._rows)
        self._rows = self._rows[:rows]


@pytest.fixture
def rows() -> Rows:
    return Rows(np.arange(20_000, dtype=">i8").reshape(-1, 2))


def test_ranges_that_lie_close_are_read_at_once(rows: Rows) -> None:
    starts = np.array([10, 0, 4])
    found = rows.read_ranges(starts, starts + 2)
    assert [[20, 21], [22, 23], [0, 1], [2, 3], [8, 9], [10, 11]] == found.tolist()
    assert 1 == len(rows.reads)


def test_ranges_far_apart_are_read_one_by_one_in_their_byte_order(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "_LEAST_HULL", 1)
    starts = np.array([9000, 5])
    found = rows.read_ranges(starts, starts + 1)
    assert [[18000, 18001], [10, 11]] == found.tolist()
    assert np.dtype(">i8") == found.dtype
    assert [(9000, 9001), (5, 6)] == rows.reads


def test_rows_are_overwritten_by_writing_those_after_them_again(rows: Rows) -> None:
    expected = rows.read()
    expected[5:7] = -1
    rows.write(5, np.full((2, 2), -1))
    assert np.array_equal(expected, rows.read())
    assert np.dtype(">i8") == rows.dtype


def test_zeros_are_added_a_few_at_a_time(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_MOST_ZEROS", 16 * 3)
    rows.resize(2)
    rows.resize(10)
    assert [[0, 1], [2, 3], *[[0, 0]] * 8] == rows.read().tolist()


def test_no_rows_are_no_change(rows: Rows) -> None:
    rows.append(np.zeros((0, 2)))
    rows.write(3, np.zeros((0, 2)))
    assert (10_000, 2) == rows.shape


@pytest.mark.parametrize("shape", [(1,), (1, 3), (1, 1), (1, 2, 1), (2,), ()])
def test_rows_of_another_width_are_refused(rows: Rows, shape: tuple[int, ...]) -> None:
    for write in (rows.append, lambda wrong: rows.write(0, wrong)):
        with pytest.raises(ShapeError, match="don't fit"):
            write(np.zeros(shape))
    assert np.array_equal(np.arange(20_000).reshape(-1, 2), rows.read())


@pytest.mark.parametrize(
    ("dtype", "given"),
    [
        ("i1", [[300, 0]]),
        ("u2", [[-1, 0]]),
        ("i8", [[0.5, np.nan]]),
        ("f8", [[2**53 + 1, 0]]),
        ("S3", [[1, 2]]),
        ("i4,f8", [[1, 2]]),
        ("O", [[1, 2]]),
        ("i8", [["a", "b"]]),
        ("i8", [[None, 1]]),
    ],
    ids=str,
)
def test_rows_that_the_dtype_can_not_hold_are_refused_instead_of_changed(
    dtype: str, given: Any
) -> None:
    held = np.zeros((3, 2), dtype=dtype)
    rows = Rows(held)
    for write in (rows.append, lambda wrong: rows.write(0, wrong)):
        with pytest.raises(DtypeError):
            write(np.array(given))
    assert held.tolist() == rows._rows.tolist()


def test_rows_that_the_dtype_can_hold_are_converted(rows: Rows) -> None:
    for given in ([[1, 2]], [[3.0, 4.0]], np.array([[5, 6]], dtype="u1"), [[True, False]]):
        rows.append(np.asarray(given))
    assert [[1, 2], [3, 4], [5, 6], [1, 0]] == rows.read(10_000).tolist()


def test_an_array_of_fewer_than_no_rows_is_refused(rows: Rows) -> None:
    with pytest.raises(ShapeError, match="can't have -1 rows; it has 10000"):
        rows.resize(-1)


@pytest.mark.parametrize(
    "value", [np.array([object()]), np.zeros(1, dtype="i4,f8")], ids=["objects", "records"]
)
def test_values_that_no_backend_stores_are_refused(value: Any) -> None:
    with pytest.raises(DtypeError, match="can't be stored"):
        stored_value(value)
