"""Chunk ids and sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.core.chunk_id import (
    UNKNOWN_SIZE,
    agree_on_size,
    normalize_size,
    pack,
    pack_one,
    sorted_ids,
    unpack,
)
from bsb_hdf5.errors import ChunkSizeError, InputError, ShapeError

int16 = st.integers(-(2**15), 2**15 - 1)


@given(st.lists(st.tuples(int16, int16, int16), max_size=20))
def test_an_id_has_the_coordinates_as_16_bit_digits(coordinates: list[tuple[int, ...]]) -> None:
    array = np.array(coordinates, dtype=np.int64).reshape(-1, 3)
    ids = pack(array)
    expected = [sum((c % 65536) * 2 ** (16 * i) for i, c in enumerate(row)) for row in coordinates]
    assert expected == ids.tolist()
    assert np.int64 == ids.dtype
    assert array.tolist() == unpack(ids).tolist()
    assert np.int16 == unpack(ids).dtype


@pytest.mark.parametrize(
    ("coordinates", "expected"),
    [
        ((0, 0, 0), 0),
        ((1, 0, 0), 1),
        ((0, 1, 0), 65536),
        ((0, 0, 1), 2**32),
        ((-1, 0, 0), 65535),
        ((-1, -1, -1), 2**48 - 1),
        ((-32768, 32767, 2), 32768 + 32767 * 2**16 + 2 * 2**32),
    ],
)
def test_ids_are_those_that_files_hold(coordinates: tuple[int, ...], expected: int) -> None:
    assert [expected] == pack([coordinates]).tolist()


@pytest.mark.parametrize("outside", [32768, -32769, 2**40])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_coordinates_beyond_16_bits_are_refused(outside: int, axis: int) -> None:
    coordinates = np.zeros((2, 3), dtype=np.int64)
    coordinates[1, axis] = outside
    with pytest.raises(ShapeError, match=str(outside)):
        pack(coordinates)


@pytest.mark.parametrize("shape", [(3,), (2, 2), (1, 4), (1, 1, 3), ()])
def test_coordinates_come_in_threes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError):
        pack(np.zeros(shape, dtype=np.int64))


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("value", [-(2**15), -1, 0, 7, 2**15 - 1])
def test_one_chunk_has_the_id_that_it_has_among_others(axis: int, value: int) -> None:
    coordinates = [1, -2, 3]
    coordinates[axis] = value
    assert pack([coordinates]).tolist() == [pack_one(*coordinates)]


def test_no_coordinates_have_no_ids() -> None:
    assert (0,) == pack(np.zeros((0, 3), dtype=np.int64)).shape
    assert (0, 3) == unpack([]).shape


def test_coordinates_of_small_integers_do_not_overflow() -> None:
    assert [2**48 - 2**16 + 5] == pack(np.array([[5, -1, -1]], dtype=np.int16)).tolist()


def test_sorted_ids_are_unique_and_ascending() -> None:
    assert [1, 2, 2**47] == sorted_ids(iter([2**47, 1, 2, 1])).tolist()
    assert [] == sorted_ids([]).tolist()


@pytest.mark.parametrize(
    ("size", "expected"),
    [(100, [100.0] * 3), ([50], [50.0] * 3), ((1, 2.5, 3), [1, 2.5, 3])],
)
def test_a_size_is_three_numbers(size: Any, expected: list[float]) -> None:
    assert expected == normalize_size(size).tolist()


def test_no_size_is_unknown_on_every_axis() -> None:
    assert np.isnan(normalize_size(None)).tolist() == [True] * 3


@pytest.mark.parametrize("size", [(1, 2), np.zeros((3, 1)), []])
def test_a_size_of_another_shape_is_refused(size: Any) -> None:
    with pytest.raises(ShapeError):
        normalize_size(size)


def test_a_normalized_size_is_a_copy() -> None:
    given_size = np.array([1.0, 2.0, 3.0])
    normalize_size(given_size)[0] = 9
    assert [1.0, 2.0, 3.0] == given_size.tolist()


def test_the_first_size_is_stored_and_then_stays() -> None:
    size = np.array([100.0, 100.0, 50.0])
    first = agree_on_size(UNKNOWN_SIZE, size)
    assert first is not None
    assert size.tolist() == first.tolist()
    assert agree_on_size(size, size.copy()) is None


def test_a_chunk_without_size_fits_any() -> None:
    assert agree_on_size(np.full(3, 100.0), UNKNOWN_SIZE) is None
    assert agree_on_size(UNKNOWN_SIZE, UNKNOWN_SIZE) is None


@pytest.mark.parametrize("other", [[100, 100, 99], [100, np.nan, 100], [1, 1, 1]])
def test_another_size_is_refused(other: list[float]) -> None:
    with pytest.raises(ChunkSizeError) as caught:
        agree_on_size(np.full(3, 100.0), np.array(other, dtype=float))
    assert [100.0] * 3 == caught.value.fields["valid"]
    assert isinstance(caught.value, InputError)


def test_the_unknown_size_can_not_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        UNKNOWN_SIZE[0] = 1.0
