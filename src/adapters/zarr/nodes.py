"""Groups, arrays, documents and attributes, within a session."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.ranges import check_ranges, rows_of_ranges
from ...errors import NodeExistsError, NodeNotFoundError, SessionClosedError, ShapeError
from ...ports.arrays import AttributeValue
from .depot import Depot
from .tree import ArrayNode, DocumentNode, GroupNode, Node, Tail, Values
from .values import Blob, Value, check_dtype, decode, stored_value

_TITLES: dict[type[Any], str] = {GroupNode: "group", ArrayNode: "array", DocumentNode: "document"}


class View:
    """
    What the members of a session share.

    :param depot: where rows and byte strings come from.
    """

    def __init__(self, depot: Depot) -> None:
        self.depot = depot
        self.changes = 0
        self.closed = False
        # Marks the nodes that this session made or copied, and may change.
        self.token = object()

    def check(self) -> None:
        """
        Check that the session is open.

        :raises SessionClosedError: it is not.
        """
        if self.closed:
            raise SessionClosedError(f"the session on '{self.depot.objects.location}' is closed")

    def change(self) -> None:
        """Count a change; errors as for :meth:`check`."""
        self.check()
        self.changes += 1

    def gathered(self, names: tuple[str, ...], node: ArrayNode) -> None:
        """Rows were added to an array, which may be too many to keep."""


class ZarrAttributes:
    """Attributes, to read."""

    def __init__(self, values: Values, view: View) -> None:
        self._values = values
        self._view = view

    def names(self) -> tuple[str, ...]:
        self._view.check()
        return tuple(self._values)

    def get(self, name: str) -> Any:
        self._view.check()
        held = self._values.get(name)
        if held is None:
            return None
        if held.value is None:
            assert held.blob is not None
            held.value = decode(json.loads(self._view.depot.load(held.blob)))
        return held.value.copy() if isinstance(held.value, np.ndarray | list) else held.value

    def integers(self, names: Sequence[str]) -> NDArray[np.int64]:
        missing = [name for name in names if name not in self._values]
        if missing:
            raise NodeNotFoundError(f"there is no attribute '{missing[0]}'", asked=missing[0])
        return np.array([self.get(name) for name in names], dtype=np.int64)


class ZarrAttributesWriter(ZarrAttributes):
    """Attributes that can be changed."""

    def set(self, name: str, value: AttributeValue) -> None:
        stored = stored_value(value)
        self._view.change()
        self._values[name] = Value(stored)

    def set_integers(self, values: dict[str, int]) -> None:
        for name, value in values.items():
            self.set(name, value)

    def delete(self, name: str) -> None:
        if name in self._values:
            self._view.change()
            del self._values[name]


class ZarrArray:
    """Rows, to read."""

    def __init__(self, node: ArrayNode, view: View) -> None:
        self._node = node
        self._view = view

    @property
    def shape(self) -> tuple[int, ...]:
        return (self._node.length, *self._node.width)

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._node.dtype

    @property
    def attributes(self) -> ZarrAttributes:
        return ZarrAttributes(self._node.values, self._view)

    def read(self, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        self._view.check()
        node = self._node
        start, stop, _ = slice(start, stop).indices(node.length)
        stored = self._view.depot.read_stored(node, start, min(stop, node.base))
        if node.tail is None or stop <= node.base:
            return stored
        added = node.tail.view[max(0, start - node.base) : stop - node.base]
        return np.concatenate((stored, added)) if len(stored) else added.copy()

    def read_ranges(self, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[Any]:
        self._view.check()
        node = self._node
        check_ranges(starts, stops, node.length)
        if node.tail is None or not (stops > node.base).any():
            return self._view.depot.read_pieces(node, starts, stops)
        # Rows of the tail take their turn among those that are stored.
        base = np.int64(node.base)
        stored = self._view.depot.read_pieces(
            node, np.minimum(starts, base), np.minimum(stops, base)
        )
        rows = rows_of_ranges(starts, stops)
        found = np.empty((len(rows), *node.width), dtype=node.dtype)
        found[rows < base] = stored
        found[rows >= base] = node.tail.view[rows[rows >= base] - base]
        return found


class ZarrArrayWriter(ZarrArray):
    """
    Rows that can be changed.

    :param names: that lead to the array.
    """

    def __init__(self, node: ArrayNode, view: View, names: tuple[str, ...]) -> None:
        super().__init__(node, view)
        self._names = names

    @property
    def attributes(self) -> ZarrAttributesWriter:
        return ZarrAttributesWriter(self._node.values, self._view)

    def append(self, rows: NDArray[Any]) -> None:
        rows = np.asarray(rows)
        self._check(rows)
        self._view.change()
        tail = self._tail(self._node.base)
        held = tail.length
        tail.resize(held + len(rows))
        tail.view[held:] = rows
        self._view.gathered(self._names, self._node)

    def write(self, start: int, rows: NDArray[Any]) -> None:
        rows = np.asarray(rows)
        self._check(rows)
        stop = start + len(rows)
        if start < 0 or stop > self._node.length:
            raise ShapeError(f"{len(rows)} rows from {start} on reach past {self._node.length}")
        self._view.change()
        tail = self._tail(start)
        tail.view[start - self._node.base : stop - self._node.base] = rows

    def resize(self, rows: int) -> None:
        self._view.change()
        self._tail(rows).resize(rows - self._node.base)

    def _tail(self, start: int) -> Tail:
        """The tail, which holds all rows from one on. Rows below the base are never changed."""
        node = self._node
        if start < node.base or (node.grid is None and node.base):
            rows = self.read()
            node.base, node.grid, node.blob = 0, None, None
            node.tail = Tail(rows, len(rows))
        if node.tail is None:
            node.tail = Tail(np.zeros((0, *node.width), dtype=node.dtype), 0)
        return node.tail

    def _check(self, rows: NDArray[Any]) -> None:
        if rows.shape[1:] != self._node.width or not rows.ndim:
            raise ShapeError(f"rows of shape {rows.shape} don't fit an array of {self.shape}")


class ZarrDocument:
    """A byte string, to read."""

    def __init__(self, node: DocumentNode, view: View) -> None:
        self._node = node
        self._view = view

    @property
    def attributes(self) -> ZarrAttributes:
        return ZarrAttributes(self._node.values, self._view)

    def read(self) -> bytes:
        self._view.check()
        return self._view.depot.load(self._node.blob)


class ZarrDocumentWriter(ZarrDocument):
    """A byte string that was written."""

    @property
    def attributes(self) -> ZarrAttributesWriter:
        return ZarrAttributesWriter(self._node.values, self._view)


class ZarrGroup:
    """A group, to read."""

    def __init__(self, node: GroupNode, view: View) -> None:
        self._node = node
        self._view = view

    @property
    def attributes(self) -> ZarrAttributes:
        return ZarrAttributes(self._node.values, self._view)

    def names(self) -> tuple[str, ...]:
        self._view.check()
        return tuple(sorted(self._node.members))

    def __contains__(self, name: str) -> bool:
        return name in self._node.members

    def group(self, name: str) -> ZarrGroup:
        return ZarrGroup(self._member(name, GroupNode), self._view)

    def array(self, name: str) -> ZarrArray:
        return ZarrArray(self._member(name, ArrayNode), self._view)

    def document(self, name: str) -> ZarrDocument:
        return ZarrDocument(self._member(name, DocumentNode), self._view)

    def _member(self, name: str, kind: type[Any]) -> Any:
        self._view.check()
        node = self._node.members.get(name)
        if not isinstance(node, kind):
            raise NodeNotFoundError(f"there is no {_TITLES[kind]} '{name}'", asked=name)
        return node


class ZarrGroupWriter(ZarrGroup):
    """
    A group that can be changed: a copy of what is committed, as all members it gives.

    :param names: that lead to the group.
    """

    def __init__(self, node: GroupNode, view: View, names: tuple[str, ...] = ()) -> None:
        super().__init__(node, view)
        self._names = names

    @property
    def attributes(self) -> ZarrAttributesWriter:
        return ZarrAttributesWriter(self._node.values, self._view)

    def group(self, name: str) -> ZarrGroupWriter:
        return ZarrGroupWriter(self._member(name, GroupNode), self._view, (*self._names, name))

    def array(self, name: str) -> ZarrArrayWriter:
        return ZarrArrayWriter(self._member(name, ArrayNode), self._view, (*self._names, name))

    def document(self, name: str) -> ZarrDocumentWriter:
        return ZarrDocumentWriter(self._member(name, DocumentNode), self._view)

    def require_group(self, name: str) -> ZarrGroupWriter:
        if name not in self:
            self._put(name, GroupNode(owner=self._view.token))
        return self.group(name)

    def create_array(
        self, name: str, rows: NDArray[Any], *, growable: bool = True, expected: int = 0
    ) -> ZarrArrayWriter:
        if name in self:
            raise NodeExistsError(f"'{name}' exists", asked=name)
        rows = np.array(rows, order="C")
        check_dtype(rows.dtype)
        if not rows.ndim:
            raise ShapeError(f"'{name}' is given as a single value; an array has rows")
        tail = Tail(rows, len(rows))
        self._put(name, ArrayNode(rows.dtype, rows.shape[1:], tail=tail, owner=self._view.token))
        return self.array(name)

    def write_document(self, name: str, content: bytes | str) -> ZarrDocumentWriter:
        data = content.encode() if isinstance(content, str) else bytes(content)
        values = self._member(name, DocumentNode).values if name in self else {}
        self._put(name, DocumentNode(Blob(data), dict(values), owner=self._view.token))
        return self.document(name)

    def delete(self, name: str) -> None:
        if name not in self:
            raise NodeNotFoundError(f"there is no member '{name}'", asked=name)
        self._view.change()
        del self._node.members[name]

    def _put(self, name: str, node: Node) -> None:
        self._view.change()
        self._node.members[name] = node

    def _member(self, name: str, kind: type[Any]) -> Any:
        node = super()._member(name, kind)
        if node.owner is not self._view.token:
            node = self._node.members[name] = node.owned_by(self._view.token)
        return node
