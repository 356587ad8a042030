"""Metadata documents of zarr 3, as its specification has them."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

import numpy as np

from .tree import Grid

COMPRESSOR = "zstd"
COMPRESSION_LEVEL = 1

_PADDED = 1024

Document: TypeAlias = dict[str, Any]


def group_metadata() -> Document:
    """Of a group."""
    return {"zarr_format": 3, "node_type": "group", "attributes": {}}


def array_metadata(grid: Grid, rows: int) -> Document:
    """Of an array of that many rows."""
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [rows, *grid.width],
        "data_type": grid.dtype,
        "chunk_grid": {
            "name": "regular",
            "configuration": {"chunk_shape": [grid.shard_rows, *grid.width]},
        },
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": _fill_value(grid.dtype),
        "codecs": [_sharding(grid)],
        "attributes": {},
        "storage_transformers": [],
    }


def _fill_value(dtype: str) -> Any:
    kind = np.dtype(dtype).kind
    zeros: dict[str, Any] = {"b": False, "f": 0.0, "c": [0.0, 0.0]}
    return zeros.get(kind, 0)


def _sharding(grid: Grid) -> Document:
    size = np.dtype(grid.dtype).itemsize
    order = {"name": "bytes", "configuration": {"endian": "little"} if size > 1 else {}}
    compression = {
        "name": "blosc",
        "configuration": {
            "typesize": size,
            "cname": COMPRESSOR,
            "clevel": COMPRESSION_LEVEL,
            "shuffle": "shuffle" if size > 1 else "noshuffle",
            "blocksize": 0,
        },
    }
    return {
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": [grid.chunk_rows, *grid.width],
            "codecs": [order, compression],
            "index_codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "crc32c"},
            ],
            "index_location": "end",
        },
    }


def encoded_metadata(grid: Grid, rows: int) -> bytes:
    """What zarr finds beside an array; of one length, so that it can be replaced in place."""
    text = json.dumps(array_metadata(grid, rows), separators=(",", ":"))
    return text.ljust(_PADDED).encode("ascii")
