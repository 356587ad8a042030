"""
Groups, arrays and documents in memory.

Every change adds a step that undoes it, so that a session costs what it changes and not what
the network holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, TypeAlias, TypeVar

import attrs
import numpy as np
from numpy.typing import NDArray

from ...core.ranges import take_ranges
from ...ports.arrays import AnyArray, DType
from ..native.arrays import Array, ArrayWriter, Document, DocumentWriter
from ..native.attributes import Attributes, AttributesWriter, StoredValue
from ..native.groups import Group, GroupWriter, Member

_LEAST_ROWS = 16

Values: TypeAlias = dict[str, StoredValue]
MakeMember: TypeAlias = Callable[..., Member]


@attrs.define(eq=False)
class ArrayNode:
    """The rows of an array, with room to grow."""

    # The classes of a member: to read, and to change.
    reader: ClassVar[MakeMember]
    writer: ClassVar[MakeMember]

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

    reader: ClassVar[MakeMember]
    writer: ClassVar[MakeMember]

    data: bytes
    values: Values = attrs.field(factory=dict)


@attrs.define(eq=False)
class GroupNode:
    """The members and attributes of a group."""

    reader: ClassVar[MakeMember]
    writer: ClassVar[MakeMember]

    nodes: dict[str, Node] = attrs.field(factory=dict)
    values: Values = attrs.field(factory=dict)


Node: TypeAlias = GroupNode | ArrayNode | DocumentNode


# A function and its arguments, made in a fifth of the time of a ``partial``.
Step: TypeAlias = tuple[Callable[..., None], *tuple[object, ...]]


@attrs.define(eq=False)
class UndoLog:
    """The steps that undo what a session changed, in the order of the changes."""

    steps: list[Step] = attrs.field(factory=list)

    def revert(self) -> None:
        while self.steps:
            act, *arguments = self.steps.pop()
            act(*arguments)


_ABSENT = object()
T = TypeVar("T")


def _restore(table: dict[str, T], name: str) -> Step:
    """The step that restores what a table holds under a name."""
    return _put_back, table, name, table.get(name, _ABSENT)


def _put_back(table: dict[str, object], name: str, before: object) -> None:
    if before is _ABSENT:
        table.pop(name, None)
    else:
        table[name] = before


class MemoryAttributes(Attributes):
    """Attributes, to read."""

    def __init__(self, values: Values) -> None:
        self._held = values

    def _values(self) -> Values:
        return self._held


class MemoryAttributesWriter(MemoryAttributes, AttributesWriter):
    """Attributes that can be changed; each change notes how to undo it."""

    def __init__(self, values: Values, undo_log: UndoLog) -> None:
        self._held = values
        self._undo_log = undo_log

    def _put(self, name: str, value: StoredValue, /) -> None:
        # perf: append 400 cells; as _restore, for the most frequent of all changes.
        held = self._held
        self._undo_log.steps.append((_put_back, held, name, held.get(name, _ABSENT)))
        held[name] = value

    def _drop(self, name: str, /) -> None:
        if name in self._held:
            self._undo_log.steps.append(_restore(self._held, name))
            del self._held[name]


class MemoryArray(Array):
    """Rows, to read."""

    def __init__(self, rows: ArrayNode) -> None:
        self._rows = rows

    @property
    def shape(self) -> tuple[int, ...]:
        return self._rows.length, *self._rows.buffer.shape[1:]

    @property
    def dtype(self) -> DType:
        return self._rows.buffer.dtype

    @property
    def attributes(self) -> MemoryAttributes:
        return MemoryAttributes(self._rows.values)

    def _read(self, start: int, stop: int) -> AnyArray:
        return self._rows.buffer[start:stop].copy()

    def _read_merged(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> AnyArray:
        # perf: load the positions of a chunk; rows in memory need not be read in few pieces.
        view = self._rows.view
        if len(first) == 1:
            return view[first.item() : last.item()].copy()
        return take_ranges(view, first, last)


class MemoryArrayWriter(MemoryArray, ArrayWriter):
    """Rows that can be changed."""

    # perf: append 400 cells; one is made for each use of a member.
    def __init__(self, rows: ArrayNode, undo_log: UndoLog) -> None:
        self._rows = rows
        self._undo_log = undo_log

    @property
    def attributes(self) -> MemoryAttributesWriter:
        return MemoryAttributesWriter(self._rows.values, self._undo_log)

    def _fitting(self, rows: AnyArray) -> AnyArray:
        # perf: append 400 cells; nearly always they fit as they are.
        held = self._rows.buffer
        fits = type(rows) is np.ndarray and rows.dtype == held.dtype
        return (
            rows
            if fits and rows.shape[1:] == held.shape[1:] and rows.ndim
            else super()._fitting(rows)
        )

    def _append(self, rows: AnyArray) -> None:
        target = self._rows
        held = target.length
        self._undo_log.steps.append((target.cut, held))
        target.grow(length := held + len(rows))
        target.buffer[held:length] = rows

    def _cut(self, rows: int) -> None:
        target, length = self._rows, self._rows.length
        dropped = target.view[rows:].copy()
        self._undo_log.steps += ((target.fill, rows, dropped), (target.cut, length))
        target.cut(rows)

    def _overwrite(self, start: int, rows: AnyArray) -> None:
        target, stop = self._rows, start + len(rows)
        self._undo_log.steps.append((target.fill, start, target.buffer[start:stop].copy()))
        target.buffer[start:stop] = rows


class MemoryDocument(Document):
    """A byte string, to read."""

    def __init__(self, content: DocumentNode) -> None:
        self._content = content

    @property
    def attributes(self) -> MemoryAttributes:
        return MemoryAttributes(self._content.values)

    def read(self) -> bytes:
        return self._content.data


class MemoryDocumentWriter(MemoryDocument, DocumentWriter):
    """A byte string that was written."""

    # perf: append 400 cells; one is made for each use of a member.
    def __init__(self, content: DocumentNode, undo_log: UndoLog) -> None:
        self._content = content
        self._undo_log = undo_log

    @property
    def attributes(self) -> MemoryAttributesWriter:
        return MemoryAttributesWriter(self._content.values, self._undo_log)


class MemoryGroup(Group):
    """A group, to read."""

    def __init__(self, members: GroupNode) -> None:
        self._members = members

    @property
    def attributes(self) -> MemoryAttributes:
        return MemoryAttributes(self._members.values)

    def _names(self) -> Iterable[str]:
        return self._members.nodes

    def __contains__(self, name: str) -> bool:
        return name in self._members.nodes

    def _member(self, name: str) -> Member | None:
        node = self._members.nodes.get(name)
        return None if node is None else node.reader(node)


class MemoryGroupWriter(MemoryGroup, GroupWriter):
    """A group that can be changed."""

    overwrites_in_place = True
    _holds_any_dtype = True

    # perf: append 400 cells; one is made for each use of a member.
    def __init__(self, members: GroupNode, undo_log: UndoLog) -> None:
        self._members = members
        self._undo_log = undo_log

    @property
    def attributes(self) -> MemoryAttributesWriter:
        return MemoryAttributesWriter(self._members.values, self._undo_log)

    def _member(self, name: str) -> Member | None:
        node = self._members.nodes.get(name)
        return None if node is None else node.writer(node, self._undo_log)

    def _make_group(self, name: str) -> None:
        self._put(name, GroupNode())

    def _make_array(self, name: str, rows: AnyArray, expected: int) -> None:
        self._put(name, ArrayNode(np.array(rows), len(rows)))

    def _make_document(self, name: str, content: bytes) -> None:
        self._put(name, DocumentNode(content))

    def _replace(self, name: str, content: bytes) -> None:
        self.document(name)
        self._put(name, DocumentNode(content, dict(self._members.nodes[name].values)))

    def _remove(self, name: str) -> None:
        self._undo_log.steps.append(_restore(self._members.nodes, name))
        del self._members.nodes[name]

    def _put(self, name: str, node: Node) -> None:
        self._undo_log.steps.append(_restore(self._members.nodes, name))
        self._members.nodes[name] = node


GroupNode.reader, GroupNode.writer = MemoryGroup, MemoryGroupWriter
ArrayNode.reader, ArrayNode.writer = MemoryArray, MemoryArrayWriter
DocumentNode.reader, DocumentNode.writer = MemoryDocument, MemoryDocumentWriter
