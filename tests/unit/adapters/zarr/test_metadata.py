"""The metadata of an array say how it is stored; other forms of storage are refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest

from bsb_hdf5.adapters.zarr.metadata import (
    Grid,
    array_document,
    check_shape,
    given_form,
    kind_of,
    new_grid,
    read_grid,
    stored_form,
    with_added,
)
from bsb_hdf5.adapters.zarr.values import MARK
from bsb_hdf5.errors import DtypeError

GRID = new_grid(np.dtype(np.float64), (3,))


def document(shard: list[int], chunk: list[int]) -> dict[str, Any]:
    """The metadata of five rows of three numbers, with shards and chunks of given shapes."""
    attributes = {MARK: {"counted": True}}
    made: dict[str, Any] = json.loads(json.dumps(array_document(GRID, 5, "position", attributes)))
    made["chunk_grid"]["configuration"]["chunk_shape"] = shard
    made["codecs"][0]["configuration"]["chunk_shape"] = chunk
    return made


def test_the_metadata_of_an_array_say_how_it_is_stored() -> None:
    assert (GRID, 5) == read_grid(document([GRID.shard, 3], [GRID.chunk, 3]))
    for chunk in (1, 2):
        grid = GRID._replace(chunk=chunk, shard=6)
        assert (grid, 5) == read_grid(document([6, 3], [chunk, 3]))


LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
CRC = {"name": "crc32c"}


ZARR_DTYPES: list[tuple[str, str, object]] = [
    ("?", "bool", False),
    *((f"i{size}", f"int{8 * size}", 0) for size in (1, 2, 4, 8)),
    *((f"u{size}", f"uint{8 * size}", 0) for size in (1, 2, 4, 8)),
    *((f"f{size}", f"float{8 * size}", 0.0) for size in (4, 8)),
    *((f"c{size}", f"complex{8 * size}", [0.0, 0.0]) for size in (8, 16)),
]


def test_other_programs_find_all_that_zarr_says_of_an_array() -> None:
    for dtype, name, fill in ZARR_DTYPES:
        widths: tuple[tuple[int, ...], ...] = ((), (3,), (2, 4))
        for width in widths:
            check_document(dtype, name, fill, width)


def check_document(dtype: str, name: str, fill: object, width: tuple[int, ...]) -> None:
    grid = Grid(np.dtype(dtype), width, 100, 400, counted=True)
    titles = ["rows_row", "rows_column", "rows_axis_2"]
    size = np.dtype(dtype).itemsize
    blosc = {
        "typesize": size,
        "cname": "lz4",
        "clevel": 1,
        "shuffle": "shuffle",
        "blocksize": 100 * size * int(np.prod(width)),
    }
    made = array_document(grid, 5, "rows", {"mine": 1})
    assert type(fill) is type(made["fill_value"])
    assert {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [5, *width],
        "data_type": name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [400, *width]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill,
        "codecs": [
            {
                "name": "sharding_indexed",
                "configuration": {
                    "chunk_shape": [100, *width],
                    "codecs": [LITTLE, {"name": "blosc", "configuration": blosc}, CRC],
                    "index_codecs": [LITTLE, CRC],
                    "index_location": "end",
                },
            }
        ],
        "dimension_names": titles[: 1 + len(width)],
        "attributes": {"mine": 1},
        "storage_transformers": [],
    } == made


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


def test_a_chunk_may_have_the_largest_size_or_one_row() -> None:
    for width, chunk in ((4, (8 << 20) // 32), ((1 << 20) + 1, 1)):
        grid = new_grid(np.dtype(np.float64), (width,))._replace(chunk=chunk, shard=chunk)
        made = json.loads(
            json.dumps(array_document(grid, 5, "position", {MARK: {"counted": True}}))
        )
        assert (grid, 5) == read_grid(made)


NUMBERS = ["bool", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "c8", "c16"]
OTHERS = ["f2", "S5", "U3", "M8[s]", "m8[ms]", "V4"]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [*NUMBERS, *OTHERS])
def test_rows_are_stored_as_numbers_of_zarr_or_as_bytes(
    dtype: str, order: Literal["<", ">"]
) -> None:
    given = np.dtype(dtype).newbyteorder(order)
    stored, width = stored_form(given, (3, 2))
    if dtype in NUMBERS:
        assert (np.dtype(dtype), (3, 2)) == (stored, width)
        assert stored.isnative
    else:
        assert (np.dtype("u1"), (3, 2, given.itemsize)) == (stored, width)
    grid = Grid(stored, width, 1, 1, counted=True)
    assert (given, (3, 2)) == given_form(grid, given.str)
    assert (stored, width) == given_form(grid, None)


def test_rows_that_are_stored_otherwise_are_refused() -> None:
    for stored, width, stated in (("u1", (5,), "S4"), ("u1", (), "S4"), ("i4", (3,), "f8")):
        with pytest.raises(ValueError, match="is stored as"):
            given_form(Grid(np.dtype(stored), width, 1, 1, counted=True), stated)
    with pytest.raises(DtypeError):
        given_form(GRID, "O")


@pytest.mark.parametrize(
    ("dtype", "width", "chunk"),
    [
        ("f8", (3,), 1365),
        ("f8", (), 4096),
        ("u1", (), 32768),
        ("u1", (32768,), 1),
        ("u1", (32769,), 1),
        ("f8", (100, 100), 1),
        ("i4", (2, 3), 1365),
        ("f8", (0,), 32768),
        ("M8[s]", (), 4096),
        ("S0", (), 32768),
    ],
)
def test_chunks_hold_rows_of_32_kilobytes(dtype: str, width: tuple[int, ...], chunk: int) -> None:
    grid = new_grid(np.dtype(dtype), width)
    assert (chunk, chunk * 128, 128) == (grid.chunk, grid.shard, grid.pieces)
    assert grid.counted


def test_shards_have_a_key_in_each_dimension() -> None:
    assert ["x/c/7", "a/b/c/0/0/0"] == [
        new_grid(np.dtype("f8"), ()).key("x", 7),
        new_grid(np.dtype("f8"), (2, 3)).key("a/b", 0),
    ]
    assert (24, 8) == (GRID.row_bytes, new_grid(np.dtype("f8"), ()).row_bytes)


@pytest.mark.parametrize(
    ("dtype", "zero"), [("?", False), ("i4", 0), ("f8", 0.0), ("c16", [0.0, 0.0]), ("S3", 0)]
)
def test_what_was_not_written_is_zero(dtype: str, zero: object) -> None:
    made = array_document(new_grid(np.dtype(dtype), ()), 5, "x", {})
    assert (zero, type(zero)) == (made["fill_value"], type(made["fill_value"]))


def test_dimensions_are_called_after_the_array() -> None:
    names = [f"x_{name}" for name in ("row", "column", "axis_2", "axis_3")]
    for count in range(4):
        grid = new_grid(np.dtype("f8"), (2,) * count)
        assert names[: count + 1] == array_document(grid, 5, "x", {})["dimension_names"]


def _sharding(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = made["codecs"][0]["configuration"]
    return found


def _big(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda made: _sharding(made)[key][0].update(configuration={"endian": "big"})


REFUSED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no shards": (lambda made: made["codecs"][0].update(name="bytes"), "instead of shards"),
    "more codecs": (lambda made: made["codecs"].append({"name": "crc32c"}), "instead of shards"),
    "no codecs": (lambda made: made["codecs"].clear(), "instead of shards"),
    "gzip": (lambda made: _sharding(made)["codecs"][1].update(name="gzip"), "has the codecs"),
    "no checksum": (lambda made: _sharding(made)["codecs"].pop(), "has the codecs"),
    "no checksum of the index": (
        lambda made: _sharding(made)["index_codecs"].pop(),
        "has the codecs",
    ),
    "big numbers": (_big("codecs"), "another order"),
    "a big index": (_big("index_codecs"), "another order"),
    "the index first": (
        lambda made: _sharding(made).update(index_location="start"),
        "another order",
    ),
    "texts": (lambda made: made.update(data_type="string"), "has the dtype 'string'"),
    "half": (lambda made: made.update(data_type="float16"), "has the dtype 'float16'"),
    "another grid": (lambda made: made["chunk_grid"].update(name="rectilinear"), "has the dtype"),
    "keys with dots": (
        lambda made: made["chunk_key_encoding"]["configuration"].update(separator="."),
        "keys of the shards",
    ),
    "keys of zarr 2": (lambda made: made["chunk_key_encoding"].update(name="v2"), "keys of"),
    "no rows": (lambda made: made.update(shape=[]), "has the shape"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_forms_are_refused(name: str) -> None:
    change, message = REFUSED[name]
    made = document([6, 3], [2, 3])
    assert 5 == read_grid(copy.deepcopy(made))[1]
    change(made)
    with pytest.raises(ValueError, match=message):
        read_grid(made)


def test_what_has_a_default_may_be_left_out() -> None:
    made = document([6, 3], [2, 3])
    del _sharding(made)["index_location"]
    for key in ("codecs", "index_codecs"):
        del _sharding(made)[key][0]["configuration"]
    made["attributes"][MARK] = {}
    assert (GRID._replace(chunk=2, shard=6, counted=False), 5) == read_grid(made)


def test_shapes_are_of_lengths() -> None:
    for shape in ([], [-1], [True], [1.0], [5, -1], ["5"]):
        with pytest.raises(ValueError, match="has the shape"):
            check_shape(shape)  # type: ignore[arg-type]
    for right in ([0], [5, 0], [5, 3]):
        check_shape(right)


def test_attributes_that_others_added_stay() -> None:
    def text(**attributes: Any) -> bytes:
        return json.dumps({"attributes": attributes}, separators=(",", ":")).encode()

    own = text(bsb_hdf5={"array": "a"}, names=1)
    stored = json.dumps(json.loads(text(bsb_hdf5=5, names=2, note=None, old=3)), indent=2).encode()
    assert text(bsb_hdf5={"array": "a"}, names=1, note=None) == with_added(own, stored, ["old"])
    merged = with_added(own, stored)
    assert text(bsb_hdf5={"array": "a"}, names=1, note=None, old=3) == merged
    assert merged == with_added(own, merged)
    for nothing in (
        own,
        text(names=5),
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"attributes":[1]}',
        b"[" * 10**5,
    ):
        assert own == with_added(own, nothing)


def test_metadata_say_what_a_session_made() -> None:
    own, group = {MARK: {"array": "a/b"}}, {MARK: {"group": "a/b"}}
    for attributes, kind, elsewhere in (
        (own, "array", ""),
        (group, "group", ""),
        ({}, "plain", "plain"),
        ({"mine": 1}, "", ""),
        ({MARK: {}}, "", ""),
        ({MARK: []}, "", ""),
        ([], "plain", "plain"),
        (None, "plain", "plain"),
    ):
        data = json.dumps({"node_type": "group", "attributes": attributes}).encode()
        assert (kind, elsewhere) == (kind_of(data, "a/b"), kind_of(data, "a")), attributes
    assert "plain" == kind_of(b'{"node_type":"group"}', "a")
    assert "" == kind_of(b'{"node_type":"array","attributes":{}}', "a")
    for data in (b"", b"[]", b"{", b"5", b"\xff", b"[" * 100_000):
        assert "" == kind_of(data, "a")
