"""
Chunks of space: the packing of their coordinates into ids, and their size.

A chunk is the box ``coordinate * size`` to ``(coordinate + 1) * size`` (um). Its three
coordinates are int16; its id is the number whose 16-bit digits are the coordinates as
unsigned values, x the lowest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ChunkRangeError, ChunkSizeError, ShapeError

Ids = NDArray[np.int64]

_DIGIT = np.int64(16)
_CHUNKS = 1 << 48
# A number without leading zeros, of as many digits as the last chunk has at most.
_match_number = re.compile("0|[1-9][0-9]{0,14}").fullmatch


def pack(coordinates: ArrayLike) -> Ids:
    """
    Ids of chunks.

    :param coordinates: (n, 3) integers in the range of int16.
    :returns: (n,) ids.
    :raises ShapeError: another shape, or a coordinate out of range.
    """
    values = np.asarray(coordinates, dtype=np.int64)
    if values.ndim != 2 or values.shape[1] != 3:  # noqa: PLR2004
        raise ShapeError(
            f"chunk coordinates must have shape (n, 3), not {values.shape}", found=values.shape
        )
    limits = np.iinfo(np.int16)
    if values.size and (values.min() < limits.min or values.max() > limits.max):
        raise ChunkRangeError(
            f"chunk coordinates must lie between {limits.min} and {limits.max};"
            f" these reach from {values.min()} to {values.max()}"
        )
    digits = values & 0xFFFF
    return np.asarray(digits[:, 0] | digits[:, 1] << _DIGIT | digits[:, 2] << 2 * _DIGIT)


def pack_one(x: int, y: int, z: int) -> int:
    """The id of one chunk, whose coordinates are in the range of int16."""
    return (x & 0xFFFF) | (y & 0xFFFF) << 16 | (z & 0xFFFF) << 32


def unpack(ids: ArrayLike) -> NDArray[np.int16]:
    """
    Coordinates of chunks.

    :param ids: (n,) chunk ids.
    :returns: (n, 3) coordinates.
    """
    values = np.asarray(ids, dtype=np.int64).reshape(-1)
    digits = np.stack([values, values >> _DIGIT, values >> 2 * _DIGIT], axis=1) & 0xFFFF
    return digits.astype(np.uint16).view(np.int16)


def sorted_ids(ids: Iterable[int]) -> Ids:
    """Unique ids in ascending order."""
    return np.array(sorted(set(ids)), dtype=np.int64)


def is_chunk_id(name: str) -> bool:
    """Whether a name is the id of a chunk, as the groups of chunks are named."""
    return _match_number(name) is not None and int(name) < _CHUNKS


def chunk_ids(names: Iterable[str]) -> Ids:
    """Ids of chunks from the names of their groups, ascending; other names are left out."""
    ids = sorted_ids(list(map(int, filter(_match_number, names))))
    return ids[: ids.searchsorted(_CHUNKS)]


def are_among(ids: Ids, chosen: Ids) -> NDArray[np.bool_]:
    """
    Which of some ids are among others.

    :param chosen: ascending.
    """
    if not len(chosen):
        return np.zeros(len(ids), dtype=bool)
    # perf: set up a simulation; `np.isin` sorts both, and here one is in order.
    at = chosen.searchsorted(ids)
    np.minimum(at, len(chosen) - 1, out=at)
    return np.asarray(chosen[at] == ids)


UNKNOWN_SIZE: NDArray[np.float64] = np.full(3, np.nan)
UNKNOWN_SIZE.flags.writeable = False


def normalize_size(size: object) -> NDArray[np.float64]:
    """
    A chunk size as three numbers (um), NaN where none was given.

    :param size: three numbers, one for all axes, or None.
    """
    values = np.asarray(np.nan if size is None else size, dtype=np.float64)
    if values.shape not in ((), (1,), (3,)):
        raise ShapeError(f"a chunk size must have shape (3,), not {values.shape}")
    normal = np.empty(3)
    normal[:] = values
    return normal


def agree_on_size(
    stored: NDArray[np.float64], given: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """
    The chunk size to store, or None if the stored one stays.

    The first size becomes that of the network; a chunk without a size fits any network.

    :raises ChunkSizeError: two sizes differ.
    """
    if stored.tolist() == given.tolist() or np.isnan(given).all():
        return None
    if np.isnan(stored).all():
        return given
    if not np.allclose(stored, given, equal_nan=True):
        raise ChunkSizeError(
            f"the chunk is of size {given.tolist()} um;"
            f" the chunks of this network are of {stored.tolist()} um",
            asked=given.tolist(),
            valid=stored.tolist(),
        )
    return None
