"""
The manifest: the one object that says what a network holds.

It is the metadata of zarr's root group. The tree of groups, arrays and documents is an
attribute of that group, with all attributes, and the rows of small arrays. Of a long array it
has the path of the zarr array that holds its rows, and how many of them are committed.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Collection, Iterator
from typing import TypeAlias

import attrs
import numpy as np

from ...core.json_types import Document
from ...errors import CorruptNetworkError, NotANetworkError
from ...ports.arrays import AnyArray, DType
from ..native.attributes import StoredValue, check_dtype

MANIFEST = "zarr.json"

_KEY = "bsb_hdf5"
_FORMAT = "network"
_VERSION = 1

SMALL = 4096
"""Bytes of an array that the manifest holds."""

# Values above this size are accepted only up to this compression ratio: otherwise a manifest of a
# few bytes could fill the memory of its readers.
_MOST_UNQUESTIONED = 1 << 16
_MOST_PACKED = 16

Node: TypeAlias = Document
"""
A member of the tree, as JSON: ``kind``, ``attributes``, and if it is a group, ``members``.

Arrays and documents (of bytes) have ``dtype`` and ``shape``, and their rows in ``content`` or
at ``path``; while a session changes them, also a ``tail``.
"""


Encoded: TypeAlias = str | list[str] | Document
"""An attribute as JSON: texts as they are; numbers as ``dtype``, ``shape`` and packed ``data``."""


@attrs.define(eq=False)
class Manifest:
    """
    One state of a network.

    :param generation: unique to this state.
    :param tree: the root group.
    :param stale: paths of arrays of the previous state that this one no longer has; its readers
        may still need them, so the next commit removes them.
    :param data: the stored bytes of all this.
    """

    generation: str
    tree: Node
    stale: list[str]
    data: bytes = b""

    def paths(self) -> set[str]:
        """The paths of the long arrays."""
        return paths_of(self.tree)

    def draft(self) -> Node:
        """A copy of the tree, to be changed."""
        return dict(_ours(self.data, "")["tree"]) if self.data else new_group()


def new_group() -> Node:
    """A group without members."""
    return {"kind": "group", "attributes": {}, "members": {}}


def walk(node: Node, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
    """A node and all below it, with the names that lead to them."""
    yield names, node
    for name, member in node.get("members", {}).items():
        yield from walk(member, (*names, name))


def paths_of(tree: Node) -> set[str]:
    """Where the long arrays of a tree are."""
    return {str(node["path"]) for _, node in walk(tree) if "path" in node}


def groups_above(paths: Collection[str]) -> set[str]:
    """The keys of what other programs find of the groups above arrays."""
    above = {path[:i] for path in paths for i, letter in enumerate(path) if letter == "/"}
    return {f"{group}/{MANIFEST}" for group in above}


def make_manifest(generation: str, tree: Node, stale: list[str]) -> Manifest:
    """A manifest with its bytes to store."""
    ours = {
        "format": _FORMAT,
        "version": _VERSION,
        "generation": generation,
        "stale": stale,
        "tree": tree,
    }
    document = {"zarr_format": 3, "node_type": "group", "attributes": {_KEY: ours}}
    data = json.dumps(document, separators=(",", ":")).encode("ascii")
    return Manifest(generation, tree, stale, data)


def read_manifest(data: bytes, location: str) -> Manifest:
    """
    Parse a manifest.

    :raises NotANetworkError: it belongs to another zarr store, or has an unknown version.
    :raises CorruptNetworkError: it is damaged, or contradicts itself.
    """
    ours = _ours(data, location)
    try:
        stale = [checked_path(path) for path in ours["stale"]]
        if ours["tree"]["kind"] != "group":
            raise ValueError("the root is not a group")
        _check(ours["tree"])
        return Manifest(str(ours["generation"]), ours["tree"], stale, data)
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
        zlib.error,
    ) as error:
        # A wrong dtype is a ValueError, too.
        raise CorruptNetworkError(
            f"the manifest of '{location}' contradicts itself: {error!r}", location=location
        ) from error


def _ours(data: bytes, location: str) -> Document:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CorruptNetworkError(
            f"the manifest of '{location}' is not a JSON document: {error}", location=location
        ) from error
    attributes = document.get("attributes") if isinstance(document, dict) else None
    ours = attributes.get(_KEY) if isinstance(attributes, dict) else None
    if not isinstance(ours, dict) or ours.get("format") != _FORMAT:
        raise NotANetworkError(f"'{location}' is a zarr store, not a network", location=location)
    if ours.get("version") != _VERSION:
        raise NotANetworkError(
            f"'{location}' has version {ours.get('version')!r} of the zarr format;"
            f" this version of bsb-hdf5 reads version {_VERSION}",
            location=location,
            found=ours.get("version"),
            valid=_VERSION,
        )
    return ours


def _check(node: Node) -> None:
    for value in node["attributes"].values():
        decode(value)
    if node["kind"] == "group":
        for member in node["members"].values():
            _check(member)
    elif node["kind"] in ("array", "document"):
        _check_rows(node)
    else:
        raise ValueError(f"a node has the kind {node['kind']!r}")


def _check_rows(node: Node) -> None:
    dtype, shape = np.dtype(node["dtype"]), node["shape"]
    check_dtype(dtype)
    if not shape or any(type(length) is not int or length < 0 for length in shape):
        raise ValueError(f"an array has the shape {shape}")
    if node["kind"] == "document" and (dtype.str != "|u1" or len(shape) > 1):
        raise ValueError(f"a document has dtype {dtype} and shape {shape}")
    if "path" in node:
        checked_path(node["path"])
    elif _claimed(dtype, shape) > SMALL:
        raise ValueError(f"rows of {dtype} {shape} are too large for a manifest")
    else:
        unpack(node["content"], _claimed(dtype, shape))


def checked_path(path: str) -> str:
    """
    The path of an array below the root group.

    :raises ValueError: it leads elsewhere, or to something that no session makes.
    """
    names = path.split("/")
    if any(not name or name[0] in "._ " or name == MANIFEST for name in names):
        raise ValueError(f"an array has the path {path!r}")
    if set(path) & set("\\:\0"):
        raise ValueError(f"an array has the path {path!r}")
    return path


def mark_of_array(path: str) -> Document:
    """The attributes that mark a zarr array as created by a session, at this path."""
    return {_KEY: {"array": path}}


def is_own_array(metadata: bytes, path: str) -> bool:
    """Whether a session made the zarr array of this metadata, at this path."""
    return _described(metadata).get("attributes") == mark_of_array(path)


def is_plain_group(metadata: bytes) -> bool:
    """Whether it is the metadata of a group as zarr makes those above an array."""
    found = _described(metadata)
    return found.get("node_type") == "group" and not found.get("attributes")


def _described(metadata: bytes) -> Document:
    try:
        found = json.loads(metadata)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _claimed(dtype: DType, shape: list[int]) -> int:
    """Bytes that rows of that dtype and shape take."""
    return dtype.itemsize * math.prod(shape)


def content_of(node: Node) -> AnyArray:
    """The rows of an array that the manifest holds."""
    dtype, shape = np.dtype(node["dtype"]), node["shape"]
    data = unpack(node["content"], _claimed(dtype, shape))
    return np.frombuffer(data, dtype).reshape(shape).copy()


def encode(value: StoredValue) -> Encoded:
    """The JSON value that stores an attribute."""
    if isinstance(value, str | list):
        return value
    array = np.asarray(value)
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": pack(array.tobytes())}


def decode(stored: Encoded) -> StoredValue:
    """The value of an attribute that is stored as JSON."""
    if isinstance(stored, str):
        return stored
    if isinstance(stored, list):
        return [str(item) for item in stored]
    dtype = np.dtype(stored["dtype"])
    check_dtype(dtype)
    shape = stored["shape"]
    if any(type(length) is not int or length < 0 for length in shape):
        raise ValueError(f"an attribute has the shape {shape}")
    data = unpack(stored["data"], _claimed(dtype, shape))
    array: StoredValue = np.frombuffer(data, dtype).reshape(shape).copy()[()]
    return array


def pack(data: bytes) -> str:
    """Bytes as text."""
    packed = zlib.compress(data, 1)
    if len(data) > _most_from(len(packed)):
        packed = zlib.compress(data, 0)
    return base64.b64encode(packed).decode("ascii")


def unpack(text: str, size: int) -> bytes:
    """
    The inverse of :func:`pack`.

    :param size: the expected number of bytes.
    :raises ValueError: the size differs, or is implausible for the packed text.
    """
    packed = base64.b64decode(text, validate=True)
    if size > _most_from(len(packed)):
        raise ValueError(f"{len(packed)} bytes claim to decompress to {size}")
    unpacking = zlib.decompressobj()
    # A size of 0 would be no limit.
    data = unpacking.decompress(packed, size + 1)
    if len(data) != size or not unpacking.eof:
        raise ValueError(f"a value does not have {size} bytes")
    return data


def _most_from(packed: int) -> int:
    """Bytes that may be packed in so many."""
    return max(_MOST_UNQUESTIONED, _MOST_PACKED * packed)
