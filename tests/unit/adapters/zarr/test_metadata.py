"""The metadata of an array say how it is stored; other forms of storage are refused."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.zarr.metadata import array_document, new_grid, read_grid
from bsb_hdf5.adapters.zarr.values import MARK

GRID = new_grid(np.dtype(np.float64), (3,))


def document(shard: list[int], chunk: list[int]) -> dict[str, Any]:
    """The metadata of five rows of three numbers, with shards and chunks of given shapes."""
    made = copy.deepcopy(array_document(GRID, 5, "position", {MARK: {"counted": True}}))
    made["chunk_grid"]["configuration"]["chunk_shape"] = shard
    made["codecs"][0]["configuration"]["chunk_shape"] = chunk
    return made


def test_the_metadata_of_an_array_say_how_it_is_stored() -> None:
    assert (GRID, 5) == read_grid(document([GRID.shard, 3], [GRID.chunk, 3]))
    for chunk in (1, 2):
        grid = GRID._replace(chunk=chunk, shard=6)
        assert (grid, 5) == read_grid(document([6, 3], [chunk, 3]))


@pytest.mark.parametrize(
    ("shard", "chunk"),
    [
        pytest.param([6, 2], [2, 2], id="narrower"),
        pytest.param([6, 3], [2, 2], id="narrower chunks"),
        pytest.param([7, 3], [2, 3], id="a part of a chunk"),
        pytest.param([6, 3], [-2, 3], id="chunks below 0"),
        pytest.param([6, 3, 1], [2, 3, 1], id="another dimension"),
    ],
)
def test_shards_of_other_shapes_are_refused(shard: list[int], chunk: list[int]) -> None:
    with pytest.raises(ValueError, match="shards of"):
        read_grid(document(shard, chunk))


@pytest.mark.parametrize(("width", "wide"), [((), []), ((1,), [1]), ((0,), [1]), ((2, 3), [2, 3])])
def test_chunks_are_as_wide_as_rows_and_never_empty(
    width: tuple[int, ...], wide: list[int]
) -> None:
    grid = new_grid(np.dtype(np.int32), width)
    made = array_document(grid, 5, "x", {MARK: {"counted": True}})
    assert [grid.shard, *wide] == made["chunk_grid"]["configuration"]["chunk_shape"]
    assert [grid.chunk, *wide] == made["codecs"][0]["configuration"]["chunk_shape"]
    assert (grid, 5) == read_grid(made)


@pytest.mark.parametrize(("chunks", "rows"), [(2048, 2), (1, (8 << 20) // 24)])
def test_shards_and_chunks_have_a_largest_size(chunks: int, rows: int) -> None:
    grid = GRID._replace(chunk=rows, shard=chunks * rows)
    assert (grid, 5) == read_grid(document([chunks * rows, 3], [rows, 3]))
    larger = (chunks + 1, rows) if chunks > 1 else (chunks, rows + 1)
    with pytest.raises(ValueError, match="a shard has"):
        read_grid(document([larger[0] * larger[1], 3], [larger[1], 3]))
