"""Groups, arrays and attributes, as the manifest of a network describes them."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any

import numpy as np

from bsb_hdf5.kit import (
    Array,
    ArrayWriter,
    Attributes,
    AttributesWriter,
    Document,
    DocumentWriter,
    Group,
    GroupWriter,
    Member,
    SessionClosedError,
    dump_value,
    load_value,
)

from .tables import check_storable, read_part

Node = dict[str, Any]


class View:
    """What the nodes of a session share: where the tables lie, and how many changes there were."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.changes = 0
        self.is_closed = False

    def check(self) -> None:
        if self.is_closed:
            raise SessionClosedError(f"the session on '{self.folder}' has ended")


class Values(MutableMapping[str, Any]):
    """Attributes, encoded."""

    def __init__(self, node: Node, view: View) -> None:
        self._held: dict[str, str] = node["attributes"]
        self._view = view

    def __getitem__(self, name: str) -> Any:
        self._view.check()
        return load_value(base64.b64decode(self._held[name]))

    def __setitem__(self, name: str, value: Any) -> None:
        self._view.changes += 1
        self._held[name] = base64.b64encode(dump_value(value)).decode()

    def __delitem__(self, name: str) -> None:
        self._view.changes += 1
        del self._held[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


class ParquetAttributes(Attributes):
    def __init__(self, node: Node, view: View) -> None:
        self._mapping = Values(node, view)

    def _values(self) -> Values:
        return self._mapping


class ParquetAttributesWriter(ParquetAttributes, AttributesWriter):
    pass


class ParquetNode:
    def __init__(self, node: Node, view: View) -> None:
        self._node = node
        self._view = view


class ReadNode(ParquetNode):
    @property
    def attributes(self) -> Attributes:
        return ParquetAttributes(self._node, self._view)


class WriteNode(ParquetNode):
    @property
    def attributes(self) -> AttributesWriter:
        return ParquetAttributesWriter(self._node, self._view)


class Rows(ParquetNode):
    """The rows of an array: stored parts, and those that the session added."""

    @property
    def shape(self) -> tuple[int, ...]:
        parts, tail = self._node["parts"], self._node.get("tail", [])
        return sum(part["rows"] for part in parts) + sum(map(len, tail)), *self._node["width"]

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self._node["dtype"])

    def _read(self, start: int, stop: int) -> Any:
        self._view.check()
        empty, first, pieces = np.empty((0, *self._node["width"]), self.dtype), 0, []
        for part in (*self._node["parts"], *self._node.get("tail", [])):
            last = first + (part["rows"] if isinstance(part, dict) else len(part))
            if first < stop and last > start:
                is_stored = isinstance(part, dict)
                rows = read_part(self._view.folder, part, empty) if is_stored else part
                pieces.append(rows[max(start - first, 0) : stop - first])
            first = last
        return np.concatenate((empty, *pieces), dtype=self.dtype)


class ParquetArray(ReadNode, Rows, Array):
    pass


class ParquetArrayWriter(WriteNode, Rows, ArrayWriter):
    def _append(self, rows: Any) -> None:
        self._view.changes += 1
        self._node.setdefault("tail", []).append(np.array(rows))

    def _cut(self, rows: int) -> None:
        self._view.changes += 1
        kept: list[Node] = []
        first = 0
        for part in self._node["parts"]:
            if first + part["rows"] > rows:
                break
            kept.append(part)
            first += part["rows"]
        tail = [self._read(first, rows)] if rows > first else []
        self._node["parts"], self._node["tail"] = kept, tail


class Content(ParquetNode):
    def read(self) -> bytes:
        self._view.check()
        return base64.b64decode(self._node["content"])


class ParquetDocument(ReadNode, Content, Document):
    pass


class ParquetDocumentWriter(WriteNode, Content, DocumentWriter):
    pass


class Members(ParquetNode):
    def _names(self) -> Iterable[str]:
        self._view.check()
        return list(self._node["members"])

    def _member(self, name: str) -> Member | None:
        self._view.check()
        node = self._node["members"].get(name)
        if node is None:
            return None
        made: Member = KINDS[isinstance(self, GroupWriter), node["kind"]](node, self._view)
        return made


class ParquetGroup(ReadNode, Members, Group):
    pass


class ParquetGroupWriter(WriteNode, Members, GroupWriter):
    def _make_group(self, name: str) -> None:
        self._put(name, new_group())

    def _make_array(self, name: str, rows: Any, expected: int) -> None:
        check_storable(rows.dtype)
        form = {"dtype": rows.dtype.str, "width": list(rows.shape[1:]), "parts": []}
        self._put(name, {"kind": "array", "attributes": {}, **form, "tail": [np.array(rows)]})

    def _make_document(self, name: str, content: bytes) -> None:
        text = base64.b64encode(content).decode()
        self._put(name, {"kind": "document", "attributes": {}, "content": text})

    def _remove(self, name: str) -> None:
        self._view.changes += 1
        del self._node["members"][name]

    def _put(self, name: str, node: Node) -> None:
        self._view.changes += 1
        self._node["members"][name] = node


KINDS: dict[tuple[bool, str], type[Any]] = {
    (False, "group"): ParquetGroup,
    (False, "array"): ParquetArray,
    (False, "document"): ParquetDocument,
    (True, "group"): ParquetGroupWriter,
    (True, "array"): ParquetArrayWriter,
    (True, "document"): ParquetDocumentWriter,
}


def new_group() -> Node:
    return {"kind": "group", "attributes": {}, "members": {}}


def arrays_of(node: Node) -> Iterator[Node]:
    """All arrays in a group, and below it."""
    for member in node["members"].values():
        if member["kind"] == "group":
            yield from arrays_of(member)
        elif member["kind"] == "array":
            yield member
