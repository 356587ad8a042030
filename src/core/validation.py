"""Numbers as given by callers, checked before anything is stored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import DtypeError, InputError, ShapeError
from ..ports.arrays import AnyArray, DType

# The widest integers that a float64 holds without loss.
_EXACT = 2**53
_INTEGERS = np.dtype(np.int64)


def as_numbers(values: object, what: str) -> AnyArray:
    """
    An array of booleans, integers or floats.

    :raises DtypeError: other values.
    :raises ShapeError: ragged nesting.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ShapeError(f"{what} are ragged: {error}") from error
    if array.dtype.kind in "biuf":
        return array
    if array.size == 0:
        return np.zeros(array.shape)
    raise DtypeError(
        f"{what} must be booleans, integers or floats, not of dtype '{array.dtype}'",
        found=str(array.dtype),
    )


def as_floats(values: object, what: str) -> NDArray[np.float64]:
    """
    A float64 copy.

    :raises DtypeError: other values than numbers, or integers that float64 can't hold.
    """
    array = as_numbers(values, what)
    if array.dtype.kind in "iu" and array.size and _magnitude(array) > _EXACT:
        raise DtypeError(f"{what} hold integers beyond 2**53, which would lose digits")
    return np.array(array, dtype=np.float64)


def as_integers(values: object, what: str, *, copy: bool = True) -> NDArray[np.int64]:
    """
    Whole numbers as int64; floats are accepted if each is one.

    :param copy: always copy; else the values themselves are returned if they are int64.
    :raises DtypeError: other values, NaN, or fractions.
    """
    # perf: 729 blocks, one scope; nothing is to be checked of what most callers give.
    if type(values) is np.ndarray and values.dtype == _INTEGERS:
        return values.copy() if copy else values
    array = as_numbers(_of_objects(values), what)
    if array.dtype.kind == "f":
        bad = ~np.isfinite(array) | (array != np.floor(array))
        if bad.any():
            raise DtypeError(f"{what} must be whole numbers, but hold {array[bad].flat[0]}")
    if array.size and array.dtype.kind in "uf" and not _fits_64_bits(array):
        raise DtypeError(f"{what} hold integers beyond 64 bits")
    return array.astype(np.int64, copy=copy)


def as_integers_of(dtype: DType, values: object, what: str) -> AnyArray:
    """
    Whole numbers in a dtype of integers; errors as for :func:`as_integers`.

    :raises DtypeError: also for numbers that the dtype can't hold.
    """
    array, limits = as_numbers(values, what), np.iinfo(dtype)
    if array.dtype.kind == "f":
        array = as_integers(array, what)
    if array.size and not limits.min <= int(array.min()) <= int(array.max()) <= limits.max:
        raise DtypeError(
            f"{what} reach from {array.min()} to {array.max()}; '{dtype}' holds {limits.min} to"
            f" {limits.max}",
            found=str(array.dtype),
        )
    return array.astype(dtype)


def as_numbers_of(dtype: DType, values: object, what: str) -> AnyArray:
    """
    A copy in a dtype of booleans, integers or floats.

    Floats are rounded to those of fewer bits.

    :raises DtypeError: other values, or some that the dtype can't hold: fractions and larger
        numbers in integers, integers and larger numbers in floats.
    """
    array = as_numbers(values, what)
    if dtype.kind in "iu" and array.dtype.kind != "b":
        return as_integers_of(dtype, array, what)
    with np.errstate(over="ignore"):
        converted = array.astype(dtype)
    lost = _lost(array, converted)
    if lost.any():
        raise DtypeError(
            f"{what} hold {array[lost].flat[0]}, which is not a value of '{dtype}'",
            found=str(array.dtype),
        )
    return converted


def _lost(given: AnyArray, converted: AnyArray) -> NDArray[np.bool_]:
    """Which numbers became others, but for floats that were rounded."""
    if converted.dtype.kind == "b":
        return np.asarray(converted != given)
    if converted.dtype.kind == "f" and given.dtype.kind in "iu":
        # The number of digits of its fraction.
        most = 2 ** (np.finfo(converted.dtype).nmant + 1)
        return np.asarray((given > most) | (given < -most))
    return np.asarray(np.isinf(converted) & ~np.isinf(given))


def _of_objects(values: object) -> object:
    """What objects are, as a table of mixed columns hands them out, where they are numbers."""
    if not isinstance(values, np.ndarray) or values.dtype != object:
        return values
    return values.tolist()


def as_count(value: object, what: str) -> int:
    """
    A whole number that is not negative; a float is accepted if it is whole.

    :raises InputError: anything else.
    """
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
        raise InputError(f"{what} must be a whole number from 0 up, not {value!r}", asked=value)
    return int(value)


def _fits_64_bits(array: AnyArray) -> bool:
    limits = np.iinfo(np.int64)
    return limits.min <= int(array.min()) and int(array.max()) <= limits.max


def _magnitude(array: AnyArray) -> int:
    return max(abs(int(array.min())), abs(int(array.max())))
