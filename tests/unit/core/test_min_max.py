"""The least and the most, as Python finds them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.core.min_max import maximum, min_max, minimum

numbers = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(numbers, min_size=1, max_size=20))
def test_the_least_and_the_most_are_those_of_python(values: list[int]) -> None:
    array = np.array(values, dtype=np.int64)
    assert (min(values), max(values)) == min_max(array) == (minimum(array), maximum(array))


@given(numbers)
def test_a_number_alone_is_the_least_and_the_most(number: int) -> None:
    assert (number, number) == min_max(np.array([[number]], dtype=np.int64))


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8))
def test_values_may_be_of_any_shape_and_lie_apart(rows: list[tuple[int, int]]) -> None:
    array = np.array(rows, dtype=np.int64)
    column = [row[1] for row in rows]
    assert (min(column), max(column)) == min_max(array[:, 1])
    every = [value for row in rows for value in row]
    assert (min(every), max(every)) == min_max(array.T)


def test_unsigned_numbers_are_not_taken_for_negative_ones() -> None:
    assert (1, 65_535) == min_max(np.array([1, 65_535], dtype=np.uint16))


@given(st.integers(4000, 4200), st.integers(0, 3999), st.integers(0, 3999))
def test_there_may_be_few_numbers_or_many(size: int, least: int, most: int) -> None:
    values = np.zeros(size, dtype=np.int64)
    values[least] -= 1
    values[most] += 2
    assert (min(values.tolist()), max(values.tolist())) == min_max(values)
