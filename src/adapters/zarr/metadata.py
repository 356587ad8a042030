"""
What a ``zarr.json`` says of an array or group.

The rows of an array are numbers that zarr has a dtype for, or bytes of others, with one dimension
more. It is stored in shards, which are files or objects, of many chunks. Others find in the mark
``bsb_hdf5`` where the array or group was made, its name if the path does not end with it, and what
zarr can't say.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from ...core.json_types import Document
from ...ports.arrays import DType
from ..native.attributes import check_dtype
from .values import MARK

CHUNK_BYTES = 32 << 10
"""The size of the rows that are compressed together."""
CHUNKS_A_SHARD = 128

# The factor by which other versions may choose larger chunks, and the most chunks of a shard.
_MOST = 64
_MOST_CHUNKS = 2048
_LARGEST_CHUNK = _MOST * (128 << 10)
_INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
_DTYPES = ("bool", *_INTEGERS, "float32", "float64", "complex64", "complex128")
_LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
_CRC = {"name": "crc32c"}
_PACKED_CODECS = ["bytes", "blosc", "crc32c"]
_INDEX_CODECS = ["bytes", "crc32c"]


class Grid(NamedTuple):
    """
    How the rows of an array are stored.

    :param width: shape of a row.
    :param chunk: rows of a chunk; ``shard``: of a shard.
    :param counted: whether each shard says how many rows it holds.
    """

    dtype: DType
    width: tuple[int, ...]
    chunk: int
    shard: int
    counted: bool

    @property
    def row_bytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.width)

    @property
    def pieces(self) -> int:
        """Chunks of a shard."""
        return self.shard // self.chunk

    def key(self, path: str, shard: int) -> str:
        """The key of a shard."""
        return "/".join((path, "c", str(shard), *("0" for _ in self.width)))


def stored_form(dtype: DType, width: tuple[int, ...]) -> tuple[DType, tuple[int, ...]]:
    """The dtype and width that zarr stores; bytes with another dimension for other dtypes."""
    if dtype.name in _DTYPES:
        return dtype.newbyteorder("="), width
    return np.dtype(np.uint8), (*width, dtype.itemsize)


def new_grid(dtype: DType, width: tuple[int, ...]) -> Grid:
    """How a new array is stored whose rows have this dtype and shape."""
    stored, wide = stored_form(dtype, width)
    chunk = max(1, CHUNK_BYTES // max(1, stored.itemsize * math.prod(wide)))
    return Grid(stored, wide, chunk, chunk * CHUNKS_A_SHARD, counted=True)


def group_document(attributes: Document) -> Document:
    """The metadata of a group."""
    return {"zarr_format": 3, "node_type": "group", "attributes": attributes}


def array_document(grid: Grid, rows: int, name: str, attributes: Document) -> Document:
    """
    The metadata of an array.

    :param name: what its dimensions are called after: no two arrays share one.
    """
    inner, chunk_bytes = [grid.chunk, *_wide(grid.width)], grid.chunk * grid.row_bytes
    blosc = {"cname": "lz4", "clevel": 1, "shuffle": "shuffle", "blocksize": chunk_bytes}
    packed = {"name": "blosc", "configuration": {"typesize": grid.dtype.itemsize, **blosc}}
    sharding = {
        "chunk_shape": inner,
        "codecs": [_LITTLE, packed, _CRC],
        "index_codecs": [_LITTLE, _CRC],
        "index_location": "end",
    }
    shape = {"chunk_shape": [grid.shard, *_wide(grid.width)]}
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [rows, *grid.width],
        "data_type": grid.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": shape},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": _zero(grid.dtype),
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "dimension_names": _dimensions(name, 1 + len(grid.width)),
        "attributes": attributes,
        "storage_transformers": [],
    }


def _wide(width: Sequence[int]) -> list[int]:
    """The extent of chunks beyond the rows: no chunk is empty."""
    return [max(1, each) for each in width]


def _dimensions(name: str, count: int) -> list[str]:
    return [f"{name}_row", f"{name}_column", *(f"{name}_axis_{i}" for i in range(2, count))][:count]


def _zero(dtype: DType) -> object:
    if dtype.kind == "c":
        return [0.0, 0.0]
    return {"b": False, "f": 0.0}.get(dtype.kind, 0)


def read_grid(document: Document) -> tuple[Grid, int]:
    """
    How an array is stored, and its number of rows, by its metadata.

    :raises ValueError: this package stores no array so; or another error of the same kind.
    """
    shape, shards = document["shape"], document["chunk_grid"]["configuration"]["chunk_shape"]
    codecs = document["codecs"]
    if [each["name"] for each in codecs] != ["sharding_indexed"]:
        raise ValueError(f"an array has the codecs {_names(codecs)} instead of shards")
    sharding = codecs[0]["configuration"]
    _check_codecs(sharding)
    if document["data_type"] not in _DTYPES or document["chunk_grid"]["name"] != "regular":
        raise ValueError(f"an array has the dtype {document['data_type']!r}")
    if document["chunk_key_encoding"] != {"name": "default", "configuration": {"separator": "/"}}:
        raise ValueError("the keys of the shards of an array are unknown")
    check_shape(shape)
    chunks, marked = sharding["chunk_shape"], document["attributes"][MARK]
    if not shards[1:] == chunks[1:] == _wide(shape[1:]) or shards[0] % chunks[0] or chunks[0] < 1:
        raise ValueError(f"an array of {shape} has shards of {shards} and chunks of {chunks}")
    dtype, width = np.dtype(document["data_type"]), tuple(shape[1:])
    grid = Grid(dtype, width, chunks[0], shards[0], bool(marked.get("counted")))
    _check_sizes(grid)
    return grid, shape[0]


def check_shape(shape: list[int]) -> None:
    """
    Check the shape of an array.

    :raises ValueError: it has none.
    """
    if not shape or any(type(length) is not int or length < 0 for length in shape):
        raise ValueError(f"an array has the shape {shape}")


def check_kind(kind: str, dtype: DType, shape: list[int]) -> None:
    """
    Check that an array is one, or holds the bytes of a document.

    :raises ValueError: it is neither.
    """
    check_shape(shape)
    if kind not in ("array", "document"):
        raise ValueError(f"a node has the kind {kind!r}")
    if kind == "document" and (dtype.str != "|u1" or len(shape) > 1):
        raise ValueError(f"a document has dtype {dtype} and shape {shape}")


def given_form(grid: Grid, stated: str | None) -> tuple[DType, tuple[int, ...]]:
    """
    The dtype of an array and the shape of its rows, as its user has them.

    :param stated: the dtype, where zarr has none for it.
    :raises ValueError: its rows are not stored as ``grid`` says.
    """
    if stated is None:
        return grid.dtype, grid.width
    dtype, width = np.dtype(stated), grid.width
    check_dtype(dtype)
    if stored_form(dtype, ())[1]:
        width = width[:-1]
    if stored_form(dtype, width) != (grid.dtype, grid.width):
        raise ValueError(f"an array of {dtype} is stored as {grid.dtype} {grid.width}")
    return dtype, width


def _check_codecs(sharding: Document) -> None:
    packed, index = sharding["codecs"], sharding["index_codecs"]
    if _names(packed) != _PACKED_CODECS or _names(index) != _INDEX_CODECS:
        raise ValueError(f"a shard has the codecs {_names(packed)}, its index {_names(index)}")
    endings = [each.get("configuration", {}).get("endian", "little") for each in packed + index]
    if sharding.get("index_location", "end") != "end" or set(endings) != {"little"}:
        raise ValueError("a shard has its index, or the bytes of its numbers, in another order")


def _check_sizes(grid: Grid) -> None:
    size = grid.chunk * grid.row_bytes
    if grid.pieces > _MOST_CHUNKS or size > max(grid.row_bytes, _LARGEST_CHUNK):
        raise ValueError(f"a shard has {grid.pieces} chunks of {size} bytes")


def _names(codecs: list[Document]) -> list[str]:
    return [each["name"] for each in codecs]


def with_added(metadata: bytes, found: bytes, before: Collection[str] = ()) -> bytes:
    """
    Metadata to store in place of others, with the attributes that another program added to those.

    :param found: what is stored.
    :param before: the attributes that sessions stored there, as zarr calls them.
    """
    with contextlib.suppress(ValueError, LookupError, TypeError, AttributeError, RecursionError):
        document, held = json.loads(metadata), json.loads(found)["attributes"]
        known = {MARK, *document["attributes"], *before}
        added = {name: value for name, value in held.items() if name not in known}
        if added:
            document["attributes"].update(added)
            return json.dumps(document, separators=(",", ":")).encode("ascii")
    return metadata


def kind_of(metadata: bytes, path: str) -> str:
    """
    What some metadata at a path are of.

    :returns: ``array`` or ``group``, if a session made it there; ``plain`` for a group that zarr
        made above an array; empty for anything else.
    """
    document = None
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(metadata)
    if not isinstance(document, dict):
        return ""
    attributes = document.get("attributes")
    if document.get("node_type") == "group" and not attributes:
        return "plain"
    mark = attributes.get(MARK) if isinstance(attributes, dict) else None
    if not isinstance(mark, dict):
        return ""
    return next((kind for kind in ("array", "group") if mark.get(kind) == path), "")
