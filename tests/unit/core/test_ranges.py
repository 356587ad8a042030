"""Ranges of rows, against lists of them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.core.ranges import check_ranges, coalesce, rows_of_ranges, take_ranges
from bsb_hdf5.errors import ShapeError

LENGTH = 40
ranges = st.lists(
    st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH)).map(sorted).map(tuple), max_size=8
)


def bounds(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def listed(pairs: list[tuple[int, int]]) -> list[int]:
    return [row for start, stop in pairs for row in range(start, stop)]


@given(ranges)
def test_the_rows_of_ranges_come_one_range_after_the_other(pairs: list[tuple[int, int]]) -> None:
    assert listed(pairs) == rows_of_ranges(*bounds(pairs)).tolist()


@pytest.mark.parametrize("longer", [1, 20], ids=["short", "long"])
@given(ranges)
def test_ranges_of_rows_are_taken_as_a_copy(longer: int, pairs: list[tuple[int, int]]) -> None:
    rows = np.arange(2 * longer * LENGTH).reshape(-1, 2)
    starts, stops = (longer * each for each in bounds(pairs))
    taken = take_ranges(rows, starts, stops)
    assert rows[rows_of_ranges(starts, stops)].tolist() == taken.tolist()
    assert not np.shares_memory(rows, taken)


@given(ranges)
def test_coalesced_ranges_hold_the_same_rows(pairs: list[tuple[int, int]]) -> None:
    starts, stops = coalesce(*bounds(pairs))
    assert listed(pairs) == rows_of_ranges(starts, stops).tolist()
    assert (starts < stops).all()
    assert all(stop != start for stop, start in pairwise_ends(starts, stops))


def pairwise_ends(starts: np.ndarray, stops: np.ndarray) -> list[tuple[int, int]]:
    """The end of each range, and where the next begins."""
    both = zip(starts.tolist(), stops.tolist(), strict=True)
    return [(stop, start) for (_, stop), (start, _) in pairwise(both)]


@given(ranges)
def test_ranges_within_an_array_are_fine(pairs: list[tuple[int, int]]) -> None:
    check_ranges(*bounds(pairs), LENGTH)


@pytest.mark.parametrize("bad", [(-1, 3), (3, 2), (5, LENGTH + 1)])
def test_a_single_range_outside_is_refused(bad: tuple[int, int]) -> None:
    with pytest.raises(ShapeError, match=f"{bad[0]} to {bad[1]} .* {LENGTH} rows"):
        check_ranges(*bounds([bad]), LENGTH)


@pytest.mark.parametrize("bad", [(-1, 3), (3, 2), (5, LENGTH + 1)])
@given(pairs=ranges, place=st.integers(0, 8))
def test_one_range_outside_is_refused(
    pairs: list[tuple[int, int]], place: int, bad: tuple[int, int]
) -> None:
    with pytest.raises(ShapeError, match=f"{bad[0]} to {bad[1]} .* {LENGTH} rows"):
        check_ranges(*bounds([*pairs[:place], bad, *pairs[place:]]), LENGTH)
