"""
The manifest: the one object that says what a network holds.

It is the metadata of zarr's root group. Our part of it are attributes of the group: the tree
with all small values. The rest is for other zarr programs: the metadata of the arrays in it,
as zarr consolidates them, with the lengths that they have in this very state of the network.
"""

from __future__ import annotations

import base64
import json

import attrs
import numpy as np

from ...errors import CorruptNetworkError, NotANetworkError, StorageError
from .metadata import array_metadata, group_metadata
from .tree import ArrayNode, DocumentNode, Grid, GroupNode, Node, Values, walk
from .values import Blob, Json, PackedPlace, Value, check_dtype, decode, encode

_KEY = "bsb_hdf5"
_FORMAT = "network"
_VERSION = 1


@attrs.define(eq=False)
class Manifest:
    """
    One state of a network.

    :param generation: unique to this state.
    :param root: the root group.
    :param packs: sizes of the packs, by name.
    :param stale: arrays and packs of the state before that are not of this one any more;
        whoever still reads that state needs them, so the next commit removes them.
    """

    generation: str
    root: GroupNode
    packs: dict[str, int] = attrs.field(factory=dict)
    stale: list[str] = attrs.field(factory=list)

    def grids(self) -> dict[str, tuple[Grid, int]]:
        """The zarr arrays and how many rows they have, by path."""
        return {
            node.grid.path: (node.grid, node.base)
            for _, node in walk(self.root)
            if isinstance(node, ArrayNode) and node.grid is not None
        }


def write_manifest(manifest: Manifest) -> bytes:
    """The manifest as the metadata of zarr's root group."""
    ours = {
        "format": _FORMAT,
        "version": _VERSION,
        "generation": manifest.generation,
        "packs": manifest.packs,
        "stale": manifest.stale,
        "tree": _write_node(manifest.root),
    }
    document = {
        **group_metadata(),
        "attributes": {_KEY: ours},
        "consolidated_metadata": {
            "kind": "inline",
            "must_understand": False,
            "metadata": _consolidated(manifest),
        },
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _consolidated(manifest: Manifest) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for path, (grid, rows) in sorted(manifest.grids().items()):
        parts = path.split("/")
        for depth in range(1, len(parts)):
            found.setdefault("/".join(parts[:depth]), group_metadata())
        found[path] = array_metadata(grid, rows)
    return found


def _write_node(node: Node) -> Json:
    values = {"attributes": _write_values(node.values)} if node.values else {}
    if isinstance(node, GroupNode):
        members = {name: _write_node(member) for name, member in node.members.items()}
        return {"kind": "group", "members": members, **values}
    if isinstance(node, DocumentNode):
        return {"kind": "document", "content": _write_blob(node.blob), **values}
    placed: dict[str, Json] = {}
    if node.grid is not None:
        placed["zarr"] = attrs.asdict(node.grid)
    elif node.blob is not None:
        placed["content"] = _write_blob(node.blob)
    shape = [node.base, *node.width]
    return {"kind": "array", "dtype": node.dtype.str, "shape": shape, **placed, **values}


def _write_values(values: Values) -> dict[str, Json]:
    return {
        name: {"packed": _write_blob(value.blob)} if value.blob else encoded(value)
        for name, value in values.items()
    }


def encoded(value: Value) -> Json:
    """A value as JSON, which is kept."""
    if value.encoded is None:
        value.encoded = encode(value.value)
    return value.encoded


def _write_blob(blob: Blob) -> Json:
    if blob.place is not None:
        return list(attrs.astuple(blob.place))
    return base64.b64encode(blob.data or b"").decode("ascii")


def is_manifest(data: bytes) -> bool:
    """Whether these bytes are a manifest of any version; never raises."""
    try:
        return _ours(data, "") is not None
    except StorageError:
        return False


def read_manifest(data: bytes, location: str) -> Manifest:
    """
    A manifest.

    :raises NotANetworkError: it is of another zarr store, or of a version not known here.
    :raises CorruptNetworkError: it is none at all, or contradicts itself.
    """
    ours = _ours(data, location)
    try:
        root = _read_node(ours["tree"])
        if not isinstance(root, GroupNode):
            raise ValueError("the root is no group")
        manifest = Manifest(
            generation=str(ours["generation"]),
            root=root,
            packs={str(name): int(size) for name, size in ours["packs"].items()},
            stale=[str(path) for path in ours["stale"]],
        )
        _check_packs(manifest)
    except (KeyError, TypeError, ValueError, AttributeError, StorageError, RecursionError) as error:
        raise CorruptNetworkError(
            f"the manifest of '{location}' contradicts itself: {error!r}", location=location
        ) from error
    return manifest


def _ours(data: bytes, location: str) -> dict[str, Json]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CorruptNetworkError(
            f"the manifest of '{location}' is no JSON document: {error}", location=location
        ) from error
    attributes = document.get("attributes") if isinstance(document, dict) else None
    ours = attributes.get(_KEY) if isinstance(attributes, dict) else None
    if not isinstance(ours, dict) or ours.get("format") != _FORMAT:
        raise NotANetworkError(f"'{location}' is a zarr store, but no network", location=location)
    if ours.get("version") != _VERSION:
        raise NotANetworkError(
            f"'{location}' is of version {ours.get('version')!r} of the zarr format;"
            f" this program knows version {_VERSION}",
            location=location,
            found=ours.get("version"),
            valid=_VERSION,
        )
    return ours


def _check_packs(manifest: Manifest) -> None:
    for path, node in walk(manifest.root):
        for blob in node.blobs():
            place = blob.place
            if place is None:
                continue
            size = manifest.packs[place.pack]
            if not (0 <= place.start <= place.start + place.stored <= size and place.size >= 0):
                raise ValueError(f"'{'/'.join(path)}' lies outside its pack of {size} bytes")


def _read_node(document: Json) -> Node:
    values = {
        str(name): _read_value(value) for name, value in document.get("attributes", {}).items()
    }
    kind = document["kind"]
    if kind == "group":
        members = {str(name): _read_node(node) for name, node in document["members"].items()}
        return GroupNode(members, values)
    if kind == "document":
        return DocumentNode(_read_blob(document["content"]), values)
    if kind == "array":
        return _read_array(document, values)
    raise ValueError(f"a node is a {kind!r}")


def _read_array(document: Json, values: Values) -> ArrayNode:
    dtype = np.dtype(document["dtype"])
    check_dtype(dtype)
    base, *width = (int(length) for length in document["shape"])
    if min(base, *width, 0) < 0:
        raise ValueError(f"an array is of shape {document['shape']}")
    node = ArrayNode(dtype, tuple(width), base, values=values)
    if "zarr" in document:
        node.grid = _read_grid(document["zarr"])
    elif "content" in document:
        node.blob = _read_blob(document["content"])
        size = len(node.blob.data or b"") if node.blob.place is None else node.blob.place.size
        if size != base * dtype.itemsize * int(np.prod(width, dtype=np.int64)):
            raise ValueError(f"{size} bytes are an array of {base} rows of {dtype} {width}")
    elif base:
        raise ValueError(f"the {base} rows of an array are nowhere")
    return node


def _read_grid(document: Json) -> Grid:
    grid = Grid(
        path=str(document["path"]),
        dtype=str(np.dtype(document["dtype"])),
        width=tuple(int(length) for length in document["width"]),
        chunk_rows=int(document["chunk_rows"]),
        shard_rows=int(document["shard_rows"]),
    )
    parts = grid.path.split("/")
    if "" in parts or ".." in parts or "." in parts:
        raise ValueError(f"an array lies in {grid.path!r}")
    if grid.chunk_rows < 1 or grid.shard_rows < 1 or grid.shard_rows % grid.chunk_rows:
        raise ValueError(f"{grid.shard_rows} rows are cut into {grid.chunk_rows}")
    return grid


def _read_value(document: Json) -> Value:
    if isinstance(document, dict) and "packed" in document:
        return Value(blob=_read_blob(document["packed"]))
    return Value(value=decode(document), encoded=document)


def _read_blob(document: Json) -> Blob:
    if isinstance(document, list):
        pack, start, stored, size = document
        return Blob(None, PackedPlace(str(pack), int(start), int(stored), int(size)))
    return Blob(base64.b64decode(document, validate=True))
