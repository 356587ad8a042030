"""
Groups, arrays and documents in memory.

Every change notes how to undo it, so that a session costs what it changes and not what
the network holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from ...core.ranges import check_ranges, take_ranges
from ...errors import NodeExistsError, NodeNotFoundError, ShapeError
from ...ports.arrays import AnyArray, AttributeValue, DType

_LEAST_ROWS = 16

Stored: TypeAlias = Any
"""What :meth:`MemoryAttributes.get` returns."""
Values: TypeAlias = dict[str, Stored]


@attrs.define(eq=False)
class ArrayNode:
    """The rows of an array, with room to grow."""

    buffer: AnyArray
    length: int
    values: Values = attrs.field(factory=dict)

    @property
    def view(self) -> AnyArray:
        return self.buffer[: self.length]

    def grow(self, length: int) -> None:
        """Make room; the content of the new rows is undefined."""
        if length > len(self.buffer):
            room = max(length, 2 * len(self.buffer), _LEAST_ROWS)
            grown = np.empty((room, *self.buffer.shape[1:]), dtype=self.buffer.dtype)
            grown[: self.length] = self.view
            self.buffer = grown
        self.length = length

    def cut(self, length: int) -> None:
        self.length = length

    def fill(self, start: int, rows: AnyArray) -> None:
        """Overwrite rows, also past the last one."""
        self.buffer[start : start + len(rows)] = rows


@attrs.define(eq=False)
class DocumentNode:
    """A byte string."""

    data: bytes
    values: Values = attrs.field(factory=dict)


@attrs.define(eq=False)
class GroupNode:
    """The members and attributes of a group."""

    nodes: dict[str, GroupNode | ArrayNode | DocumentNode] = attrs.field(factory=dict)
    values: Values = attrs.field(factory=dict)


# A function and its arguments, made in a fifth of the time of a ``partial``.
Step: TypeAlias = tuple[Callable[..., None], *tuple[Any, ...]]


@attrs.define(eq=False)
class UndoLog:
    """The steps that undo what a session changed, in the order of the changes."""

    steps: list[Step] = attrs.field(factory=list)

    def revert(self) -> None:
        while self.steps:
            act, *arguments = self.steps.pop()
            act(*arguments)


_ABSENT = object()


def _restore(table: Values, name: str) -> Step:
    """The step that restores what a table holds under a name."""
    return _put_back, table, name, table.get(name, _ABSENT)


def _put_back(table: Values, name: str, before: Stored) -> None:
    if before is _ABSENT:
        table.pop(name, None)
    else:
        table[name] = before


@attrs.define(eq=False)
class MemoryAttributes:
    """Attributes, to read."""

    _values: Values

    def names(self) -> tuple[str, ...]:
        return tuple(self._values)

    def get(self, name: str) -> Stored:
        value = self._values.get(name)
        return value.copy() if isinstance(value, (np.ndarray, list)) else value

    def integers(self, names: Sequence[str]) -> NDArray[np.int64]:
        missing = [name for name in names if name not in self._values]
        if missing:
            raise NodeNotFoundError(f"there is no attribute '{missing[0]}'", asked=missing[0])
        return np.array([self._values[name] for name in names], dtype=np.int64)


@attrs.define(eq=False)
class MemoryAttributesWriter(MemoryAttributes):
    """Attributes that can be changed."""

    _undo_log: UndoLog

    def set(self, name: str, value: AttributeValue) -> None:
        values = self._values
        self._undo_log.steps.append(_restore(values, name))
        values[name] = value if isinstance(value, str) else _stored(value)

    def set_integers(self, values: dict[str, int]) -> None:
        for name, value in values.items():
            self.set(name, value)

    def delete(self, name: str) -> None:
        if name in self._values:
            self._undo_log.steps.append(_restore(self._values, name))
            del self._values[name]


def _stored(value: AttributeValue) -> Stored:
    """A value other than text as it will be read: list of texts, numpy scalar or array."""
    if isinstance(value, (list, tuple)):
        return [str(item) for item in value]
    return np.array(value)[()]


@attrs.define(eq=False)
class MemoryArray:
    """Rows, to read."""

    _rows: ArrayNode

    @property
    def shape(self) -> tuple[int, ...]:
        return self._rows.length, *self._rows.buffer.shape[1:]

    @property
    def dtype(self) -> DType:
        return self._rows.buffer.dtype

    @property
    def attributes(self) -> MemoryAttributes:
        return MemoryAttributes(self._rows.values)

    def read(self, start: int = 0, stop: int | None = None) -> AnyArray:
        return self._rows.view[start:stop].copy()

    def read_ranges(self, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> AnyArray:
        view = self._rows.view
        check_ranges(starts, stops, len(view))
        if len(starts) == 1:
            return view[starts.item() : stops.item()].copy()
        return take_ranges(view, starts, stops)


@attrs.define(eq=False)
class MemoryArrayWriter(MemoryArray):
    """Rows that can be changed."""

    _undo_log: UndoLog

    @property
    def attributes(self) -> MemoryAttributesWriter:
        return MemoryAttributesWriter(self._rows.values, self._undo_log)

    def append(self, rows: AnyArray) -> None:
        self._check(rows)
        target, held = self._rows, self._rows.length
        self._undo_log.steps.append((target.cut, held))
        target.grow(held + len(rows))
        target.buffer[held : target.length] = rows

    def write(self, start: int, rows: AnyArray) -> None:
        self._check(rows)
        stop = start + len(rows)
        if start < 0 or stop > self._rows.length:
            raise ShapeError(f"{len(rows)} rows from {start} on reach past {self._rows.length}")
        target = self._rows
        self._undo_log.steps.append((target.fill, start, target.buffer[start:stop].copy()))
        target.buffer[start:stop] = rows

    def resize(self, rows: int) -> None:
        target, length = self._rows, self._rows.length
        dropped = target.view[rows:].copy()
        if rows > length:
            target.grow(rows)
            target.buffer[length:rows] = 0
        target.cut(rows)
        self._undo_log.steps += ((target.fill, rows, dropped), (target.cut, length))

    def _check(self, rows: AnyArray) -> None:
        if rows.shape[1:] != self._rows.buffer.shape[1:]:
            raise ShapeError(f"rows of shape {rows.shape} don't fit an array of {self.shape}")


@attrs.define(eq=False)
class MemoryDocument:
    """A byte string, to read."""

    _content: DocumentNode

    @property
    def attributes(self) -> MemoryAttributes:
        return MemoryAttributes(self._content.values)

    def read(self) -> bytes:
        return self._content.data


@attrs.define(eq=False)
class MemoryDocumentWriter(MemoryDocument):
    """A byte string that was written."""

    _undo_log: UndoLog

    @property
    def attributes(self) -> MemoryAttributesWriter:
        return MemoryAttributesWriter(self._content.values, self._undo_log)


@attrs.define(eq=False)
class MemoryGroup:
    """A group, to read."""

    _members: GroupNode

    @property
    def attributes(self) -> MemoryAttributes:
        return MemoryAttributes(self._members.values)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._members.nodes))

    def __contains__(self, name: str) -> bool:
        return name in self._members.nodes

    def group(self, name: str) -> MemoryGroup:
        return MemoryGroup(self._member(name, GroupNode))

    def array(self, name: str) -> MemoryArray:
        return MemoryArray(self._member(name, ArrayNode))

    def document(self, name: str) -> MemoryDocument:
        return MemoryDocument(self._member(name, DocumentNode))

    def _member(self, name: str, kind: type[Any]) -> Any:
        node = self._members.nodes.get(name)
        if not isinstance(node, kind):
            title = {GroupNode: "group", ArrayNode: "array", DocumentNode: "document"}[kind]
            raise NodeNotFoundError(f"there is no {title} '{name}'", asked=name)
        return node


@attrs.define(eq=False)
class MemoryGroupWriter(MemoryGroup):
    """A group that can be changed."""

    overwrites_in_place: ClassVar[bool] = True

    _undo_log: UndoLog

    @property
    def attributes(self) -> MemoryAttributesWriter:
        return MemoryAttributesWriter(self._members.values, self._undo_log)

    def group(self, name: str) -> MemoryGroupWriter:
        return MemoryGroupWriter(self._member(name, GroupNode), self._undo_log)

    def array(self, name: str) -> MemoryArrayWriter:
        return MemoryArrayWriter(self._member(name, ArrayNode), self._undo_log)

    def document(self, name: str) -> MemoryDocumentWriter:
        return MemoryDocumentWriter(self._member(name, DocumentNode), self._undo_log)

    def require_group(self, name: str) -> MemoryGroupWriter:
        if name not in self:
            self._put(name, GroupNode())
        return self.group(name)

    def create_array(
        self, name: str, rows: AnyArray, *, growable: bool = True, expected: int = 0
    ) -> MemoryArrayWriter:
        if name in self:
            raise NodeExistsError(f"'{name}' exists", asked=name)
        self._put(name, ArrayNode(np.array(rows), len(rows)))
        return self.array(name)

    def write_document(self, name: str, content: bytes | str) -> MemoryDocumentWriter:
        data = content.encode() if isinstance(content, str) else bytes(content)
        values = dict(self._member(name, DocumentNode).values) if name in self else {}
        self._put(name, DocumentNode(data, values))
        return self.document(name)

    def delete(self, name: str) -> None:
        if name not in self:
            raise NodeNotFoundError(f"there is no member '{name}'", asked=name)
        self._undo_log.steps.append(_restore(self._members.nodes, name))
        del self._members.nodes[name]

    def _put(self, name: str, node: GroupNode | ArrayNode | DocumentNode) -> None:
        self._undo_log.steps.append(_restore(self._members.nodes, name))
        self._members.nodes[name] = node
