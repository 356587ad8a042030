"""Numbers as given by callers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bsb_hdf5.core.validation import as_count, as_floats, as_integers, as_numbers, as_numbers_of
from bsb_hdf5.errors import DtypeError, InputError, ShapeError

NO_NUMBERS = [["a"], [None], [...], [1j], "text", b"bytes", [{}], np.array(["2020"], "M8[Y]")]


@pytest.mark.parametrize("convert", [as_numbers, as_floats, as_integers])
@pytest.mark.parametrize("values", NO_NUMBERS, ids=repr)
def test_what_is_no_number_is_refused(convert: Any, values: Any) -> None:
    with pytest.raises(DtypeError, match="positions"):
        convert(values, "positions")


@pytest.mark.parametrize("convert", [as_numbers, as_floats, as_integers])
def test_ragged_rows_are_refused(convert: Any) -> None:
    with pytest.raises(ShapeError, match="ragged"):
        convert([[1, 2], [3]], "positions")


@pytest.mark.parametrize("convert", [as_numbers, as_floats, as_integers])
@pytest.mark.parametrize("values", [[], (), np.array([], dtype=object), np.array([], dtype="U1")])
def test_nothing_is_an_array_of_any_type(convert: Any, values: Any) -> None:
    assert (0,) == convert(values, "positions").shape


@given(hnp.arrays(np.int64, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))
def test_integers_of_64_bits_come_back(values: Any) -> None:
    found = as_integers(values, "ids")
    assert values.tolist() == found.tolist()
    assert values.shape == found.shape
    assert not np.shares_memory(values, found)


def test_the_least_integer_of_64_bits_is_one() -> None:
    assert [-(2**63)] == as_integers([-(2**63)], "ids").tolist()


@given(st.lists(st.integers(-(2**53), 2**53)))
def test_whole_floats_are_integers(values: list[int]) -> None:
    assert values == as_integers(np.array(values, dtype=np.float64), "ids").tolist()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.5, -1.5, 1e19, -1e300])
def test_fractions_and_what_is_no_number_are_no_integers(value: float) -> None:
    with pytest.raises(DtypeError, match="ids"):
        as_integers([1.0, value], "ids")


@pytest.mark.parametrize("value", [2**63, 2**64 - 1, 2**70])
def test_integers_beyond_64_bits_are_refused(value: int) -> None:
    with pytest.raises(DtypeError, match="ids"):
        as_integers([value], "ids")


FITTING = [
    ("i1", [127, -128]),
    ("u2", [65535.0, 0.0]),
    (">i4", [-(2**31)]),
    ("i8", [True, False]),
    ("u8", np.array([2**64 - 1], dtype="u8")),
    ("?", [0, 1.0]),
    ("f8", [2**53, -(2**53)]),
    ("f4", [2**24, 0.1, np.nan, np.inf]),
    ("f4", np.array([0.1])),
    ("f2", [65504, -np.inf]),
]
UNFIT = [
    ("i1", [300]),
    ("i1", [-129.0]),
    ("u2", [-1]),
    ("u2", [70_000]),
    ("i2", [1.5]),
    ("i8", [np.nan]),
    ("i8", np.array([2**63], dtype="u8")),
    ("?", [2]),
    ("?", [np.nan]),
    ("f8", [2**53 + 1]),
    ("f8", np.array([-(2**53) - 1])),
    ("f4", np.array([2**24 + 1])),
    ("f4", [1e39]),
    ("f2", [70_000.0]),
]


@pytest.mark.parametrize(("dtype", "values"), FITTING, ids=repr)
def test_numbers_that_fit_are_converted(dtype: str, values: Any) -> None:
    given = np.asarray(values)
    found = as_numbers_of(np.dtype(dtype), given, "rows")
    assert np.dtype(dtype) == found.dtype
    assert np.array_equal(given.astype(dtype), found, equal_nan=given.dtype.kind == "f")
    assert not np.shares_memory(given, found)


@pytest.mark.parametrize(("dtype", "values"), UNFIT, ids=repr)
def test_numbers_that_do_not_fit_are_refused_instead_of_changed(dtype: str, values: Any) -> None:
    with pytest.raises(DtypeError, match="rows"):
        as_numbers_of(np.dtype(dtype), values, "rows")
    assert (0, 3) == as_numbers_of(np.dtype(dtype), np.zeros((0, 3)), "rows").shape


@given(hnp.arrays(np.float64, hnp.array_shapes(max_dims=2)))
def test_floats_come_back_as_a_copy(values: Any) -> None:
    found = as_floats(values, "positions")
    assert values.tobytes() == found.tobytes()
    assert not np.shares_memory(values, found)


@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "f4", ">f8"])
def test_numbers_of_other_types_become_floats(dtype: str) -> None:
    found = as_floats(np.array([0, 1], dtype=dtype), "positions")
    assert np.float64 == found.dtype
    assert [0.0, 1.0] == found.tolist()


def test_integers_that_a_float_can_not_hold_are_refused() -> None:
    assert [2.0**53] == as_floats([2**53], "positions").tolist()
    for value in (2**53 + 1, -(2**53) - 1, 2**63):
        with pytest.raises(DtypeError, match="digits"):
            as_floats(np.array([value]), "positions")


@pytest.mark.parametrize("value", [0, 1, 2**40, np.int16(3), np.uint8(3)])
def test_counts_are_whole_numbers(value: Any) -> None:
    assert int(value) == as_count(value, "the count")
    assert int is type(as_count(value, "the count"))


@pytest.mark.parametrize(
    "value", [-1, 1.5, True, None, "3", np.float64("nan"), [1], np.bool_(True)]
)
def test_other_counts_are_refused(value: Any) -> None:
    with pytest.raises(InputError, match="the count"):
        as_count(value, "the count")
