"""
The first version of the format, which is read, and written in the present one by the next commit.

The tree of all groups, arrays and attributes was one attribute of the root, with the rows of small
arrays packed; the path of a long array did not follow its names.
"""

from __future__ import annotations

import json

import numpy as np

from ...core.json_types import Document
from ..native.attributes import check_dtype
from .metadata import Grid, check_kind, read_grid, stored_form
from .paths import checked_path
from .values import bytes_of, decode, encode, unpacked_rows

VERSION = 1

# Bytes of an array that the manifest held.
_SMALL = 4096


def read_tree(stored: Document) -> Document:
    """
    The tree of a manifest of this version.

    :raises ValueError: it contradicts itself; or another error of the same kind.
    """
    if stored["kind"] != "group":
        raise ValueError("the root is not a group")
    return _read(stored)


def _read(stored: Document) -> Document:
    values = {name: _value(value) for name, value in stored["attributes"].items()}
    node = {"kind": stored["kind"], "attributes": values}
    if node["kind"] == "group":
        return {**node, "members": {k: _read(each) for k, each in stored["members"].items()}}
    dtype, shape = np.dtype(stored["dtype"]), list(stored["shape"])
    check_dtype(dtype)
    check_kind(node["kind"], dtype, shape)
    node.update(dtype=dtype.str, shape=shape)
    if "path" in stored:
        return {**node, "path": checked_path(stored["path"])}
    if bytes_of(dtype, shape) > _SMALL:
        raise ValueError(f"rows of {dtype} {shape} are too large for a manifest")
    return {**node, "base": 0, "tail": [unpacked_rows(stored["content"], dtype, shape)]}


def _value(stored: object) -> object:
    """An attribute as it is stored now."""
    return encode(decode(stored))


def grid_of(node: Document, metadata: bytes) -> Grid:
    """
    How the rows of an array are stored, which the manifest did not say.

    :param metadata: the ``zarr.json`` of the array.
    :raises ValueError: the two contradict each other; or another error of the same kind.
    """
    grid, rows = read_grid(json.loads(metadata))
    expected = stored_form(np.dtype(node["dtype"]), tuple(node["shape"][1:]))
    if (grid.dtype, grid.width) != expected or rows < node["shape"][0]:
        raise ValueError(
            f"'{node['path']}' has {rows} rows of {grid.dtype} {grid.width};"
            f" the manifest says {node['shape']} and {node['dtype']}"
        )
    return grid
