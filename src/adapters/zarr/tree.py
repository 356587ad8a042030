"""
The groups and arrays of a network in memory, and what the ``zarr.json`` of each says of it.

They are nodes of a tree, below the root group, which has no ``zarr.json`` of its own but the
manifest.
"""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from ...core.json_types import Document
from .metadata import Grid, array_document, check_kind, given_form, group_document, read_grid
from .restoration import session_of
from .values import MARK, attributes_of, decode, is_packed, values_of

to_json = json.JSONEncoder(separators=(",", ":")).encode
# Where something was moved, or copied and then removed.
_TO_DO = (
    f"; if you moved it, move it back; if it is a copy of yours, delete the attribute {MARK!r} of"
    " it; then consolidate the metadata again"
)

Node: TypeAlias = Document
"""
A member of the tree: ``kind``, ``attributes``, where it lies (``path``), and if it is a group,
``members``.

``session`` is the number of the session that stored its metadata.
Arrays and documents (of bytes) have ``dtype``, ``shape`` and ``grid``; rows from ``base`` on that
are not stored at the path are the ``tail``. ``text`` is the metadata as it is stored, and ``entry``
what the root says of it, unless the node is ``changed``.
"""


def new_group() -> Node:
    """A group without members."""
    return {"kind": "group", "attributes": {}, "members": {}, "changed": True}


def copied(node: Node) -> Node:
    """A node and all below it, to be changed."""
    made = {**node, "attributes": dict(node["attributes"])}
    if "members" in node:
        made["members"] = {name: copied(member) for name, member in node["members"].items()}
    else:
        made["shape"] = list(node["shape"])
        if "tail" in node:
            made["tail"] = [part.copy() for part in node["tail"]]
    return made


def walk(node: Node, names: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Node]]:
    """A node and all below it, with the names that lead to them."""
    found = [(names, node)]
    # perf: append 400 cells; a session looks at all nodes several times.
    for name, member in node.get("members", {}).items():
        if "members" in member:
            found += walk(member, (*names, name))
        else:
            found.append(((*names, name), member))
    return found


def text_of(name: str, node: Node, session: int) -> str:
    """
    The metadata of a group or array, as JSON.

    :param session: the number of the session that stores them, if they are changed.
    """
    is_changed = node.pop("changed", False)
    if is_changed or "text" not in node:
        if is_changed or "session" not in node:
            node["session"] = session
        node["text"] = to_json(_document(name, node))
        node["entry"] = f"{to_json(node['path'])}:{node['text']}"
    return str(node["text"])


def _document(name: str, node: Node) -> Document:
    path, kind = node["path"], node["kind"]
    mark: Document = {"group" if kind == "group" else "array": path, "session": node["session"]}
    if path.rsplit("/", 1)[-1] != name:
        mark["name"] = name
    if kind == "group":
        return group_document(attributes_of(node["attributes"], mark))
    grid: Grid = node["grid"]
    if kind == "document":
        mark["kind"] = kind
    if grid.dtype.str != node["dtype"]:
        mark["dtype"] = node["dtype"]
    if grid.counted:
        mark["counted"] = True
    attributes = attributes_of(node["attributes"], mark)
    return array_document(grid, node["shape"][0], name, attributes)


def origin_of(found: Document) -> tuple[str, str] | None:
    """
    What a session made, and where, by its metadata; None without a mark.

    :raises ValueError: they contradict themselves; or another error of the same kind.
    """
    attributes = found.get("attributes", {})
    if not isinstance(attributes, dict):
        raise ValueError(f"a group or array has the attributes {str(attributes)[:100]}")
    if MARK not in attributes:
        return None
    mark, kind = attributes[MARK], "group" if found["node_type"] == "group" else "array"
    return kind, str(mark[kind])


def node_of(path: str, document: Document) -> Node:
    """
    A group, without its members, or an array, by its metadata.

    :raises ValueError: no session stored them at that path; or another error of the same kind.
    """
    mark, values = document["attributes"][MARK], checked_values(document["attributes"])
    node: dict[str, Any] = {
        "kind": document["node_type"],
        "path": path,
        "attributes": values,
        "session": session_of(mark),
    }
    if node["kind"] == "group":
        if mark["group"] != path:
            raise ValueError(f"the group {path!r} says that it is {mark['group']!r}{_TO_DO}")
        return {**node, "members": {}}
    if node["kind"] != "array" or mark["array"] != path:
        raise ValueError(f"the node {path!r} is not the array that it says{_TO_DO}")
    grid, rows = read_grid(document)
    dtype, width = given_form(grid, mark.get("dtype"))
    shape = [rows, *width]
    node.update(dtype=dtype.str, shape=shape, grid=grid, kind=mark.get("kind", "array"))
    check_kind(node["kind"], dtype, shape)
    return node


def checked_values(attributes: Document) -> Document:
    """
    The attributes of a group or array, as they are stored.

    :raises ValueError: they are damaged.
    """
    values = values_of(attributes)
    for value in values.values():
        # Other programs may have set attributes that no session stores.
        if is_packed(value):
            decode(value)
    return values
