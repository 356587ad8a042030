"""Long arrays of integers that widen, and of rows that wait."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bsb_hdf5.core.column_specs import POSITION
from bsb_hdf5.core.layouts.columnar import arrays
from bsb_hdf5.core.layouts.columnar.arrays import LongArray
from bsb_hdf5.errors import CorruptNetworkError
from tests.unit.core.layouts.columnar.networks import (
    block,
    cells,
    group_of,
    links,
    new_network,
    reopened,
)
from tests.unit.memory import new_root


@pytest.mark.parametrize(
    ("rank", "point", "cells_dtype", "points_dtype"),
    [
        (65_535, 32_767, np.uint16, np.int16),
        (65_536, 32_768, np.uint32, np.int32),
        (2**32 - 1, 2**31 - 1, np.uint32, np.int32),
        (2**32, 2**31, np.int64, np.int64),
    ],
)
@pytest.mark.parametrize("new_session", [False, True])
@pytest.mark.parametrize("at_once", [arrays._MOST_AT_ONCE, 8])
def test_integers_widen_when_they_must_and_only_then(
    rank: int,
    point: int,
    cells_dtype: Any,
    points_dtype: Any,
    new_session: bool,
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arrays, "_MOST_AT_ONCE", at_once)
    network = new_network()
    network.connectivity("loop").append(links(0, 1, [1, 2, 3], (0, 0)))
    if new_session:
        network = reopened(network)
    network.connectivity("loop").append(links(0, 1, [rank], (0, point)))
    network.connectivity("loop").append(links(0, 1, [4], (0, 5)))
    network = reopened(network)
    group = group_of(network, "connectivity_sets")
    assert ("blocks", "cells", "points") == group.names()
    assert cells_dtype == group.array("cells").dtype
    assert points_dtype == group.array("points").dtype
    expected = [[1, 0, 0], [2, 0, 0], [3, 0, 0], [rank, 0, point], [4, 0, 5]]
    assert expected == block(network, 0, 1)


@pytest.mark.parametrize("most", [2, 100])
def test_rows_are_made_zeros_within_an_array_and_past_its_end(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(arrays, "_MOST_BLANK", most)
    group = new_root()
    long = LongArray(group, "values", (np.dtype(np.int32),))
    long.put(0, np.arange(1, 11))
    starts, stops = np.array([8, 1, 14, 4]), np.array([12, 4, 14, 5])
    long.blank(starts, stops)
    assert [1, 0, 0, 0, 0, 6, 7, 8, 0, 0, 0, 0] == group.array("values").read()[:12].tolist()
    assert long.length == len(group.array("values").read()) == 12
    empty = LongArray(group, "others", (np.dtype(np.int32),))
    empty.blank(starts[:0], stops[:0])
    assert empty.width is None
    empty.blank(np.array([1]), np.array([3]))
    assert [0, 0, 0] == group.array("others").read().tolist()


@pytest.mark.parametrize("dtype", ["S3", "c16", "M8[s]"])
def test_rows_that_are_no_numbers_are_not_read(dtype: str) -> None:
    group = new_root()
    group.create_array("values", np.zeros(3, dtype=dtype))
    with pytest.raises(CorruptNetworkError, match="'values' is of dtype"):
        LongArray(group, "values", (np.dtype(np.int32),))


def test_rows_are_stored_before_they_take_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_MOST_WAITING", 100)
    network = new_network()
    for chunk in range(10):
        network.placement("cell").append(chunk, cells(3, chunk))
    assert 24 <= group_of(network).array("position").shape[0]
    rows, _ = reopened(network).placement("cell").read_column(POSITION, np.arange(10))
    assert 30 == len(rows)


@pytest.mark.parametrize("stored", [0, 3])
def test_rows_that_wait_are_read_where_they_are(stored: int) -> None:
    group = new_root()
    if stored:
        group.create_array("values", np.arange(stored))
    long = LongArray(group, "values", (np.dtype(np.int64),))
    for first in range(stored, 10):
        long.put(first, np.array([first]))
    starts, stops = np.array([8, 0, 2, 9, 5, 6]), np.array([10, 2, 5, 9, 6, 7])
    for _ in range(2):
        assert [8, 9, 0, 1, 2, 3, 4, 5, 6] == long.read_ranges(starts, stops).tolist()
    assert [] == long.read_ranges(starts[:0], stops[:0]).tolist()
    assert list(range(stored)) == (group.array("values").read().tolist() if stored else [])
    long.write_out()
    assert list(range(10)) == group.array("values").read().tolist()


def test_rows_past_those_that_wait_do_not_exist() -> None:
    long = LongArray(new_root(), "values", (np.dtype(np.int64),))
    long.put(0, np.arange(4))
    with pytest.raises(CorruptNetworkError, match="'values' has 4 rows"):
        long.read_ranges(np.array([2]), np.array([5]))


def test_rows_that_were_read_may_be_changed_before_those_that_wait_are_stored() -> None:
    group = new_root()
    long = LongArray(group, "values", (np.dtype(np.int64),))
    long.put(0, np.arange(4))
    long.read_ranges(np.array([0]), np.array([4]))[:] = 9
    long.write_out()
    assert [0, 1, 2, 3] == group.array("values").read().tolist()


def test_no_rows_make_an_array_that_there_is_none_of() -> None:
    """So that a column is there whose chunks have no cells."""
    group = new_root()
    long = LongArray(group, "values", (np.dtype(np.float64),))
    long.put(0, np.zeros((0, 3)))
    assert (3,) == long.width
    long.put(0, np.zeros((0, 3)))
    long.write_out()
    assert (0, 3) == group.array("values").shape
