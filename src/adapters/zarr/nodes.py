"""Groups, arrays, documents and attributes, within a session."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...core.ranges import rows_of_ranges
from ...errors import CorruptNetworkError, SessionClosedError
from ...ports.arrays import AnyArray, AttributeReader, DType
from ..native.arrays import Array, ArrayWriter, Document, DocumentWriter
from ..native.attributes import AttributesBase, AttributesWriterBase, StoredValue
from ..native.groups import Group, GroupWriter, Member
from .arrays import Arrays
from .held import LockHandle
from .tree import Node, new_group
from .values import Encoded, decode, encode

Bounds = NDArray[np.int64]
# Ranges that are read one by one.
_MANY = 16
_MOST_SHOWN = 100


class View:
    """
    What the members of a session share.

    :param arrays: where rows come from.
    :param held: keeps other programs away.
    """

    def __init__(self, arrays: Arrays, held: LockHandle) -> None:
        self.arrays = arrays
        self._held = held
        self.changes = 0
        self.closed = False

    def check(self) -> None:
        """
        Check that the session is open.

        :raises SessionClosedError: it is not, or is that of the process that this one is forked of.
        """
        self._held.check(self.arrays.location.root)
        if self.closed:
            raise SessionClosedError(f"the session on '{self.arrays.location.root}' is closed")

    def change(self) -> None:
        """Count a change; errors as for :meth:`check`."""
        self.check()
        self.changes += 1

    def gathered(self, names: tuple[str, ...], node: Node) -> None:
        """Note that rows were added to an array; there may be too many to hold in memory."""


class ZarrAttributes(AttributesBase):
    """Attributes, to read, as the manifest holds them."""

    def __init__(self, node: Node, view: View) -> None:
        self._node = node
        self._held: dict[str, Encoded] = node["attributes"]
        self._view = view

    def names(self) -> tuple[str, ...]:
        self._view.check()
        return tuple(self._held)

    def get(self, name: str) -> Any:
        self._view.check()
        if name not in self._held:
            return None
        try:
            return decode(self._held[name])
        except (ValueError, RecursionError) as error:
            root, found = self._view.arrays.location.root, str(self._held[name])[:_MOST_SHOWN]
            raise CorruptNetworkError(
                f"the attribute {name!r} has the value {found}, which no session stores, in"
                f" '{root}'; another program set it",
                location=root,
            ) from error


class ZarrAttributesWriter(ZarrAttributes, AttributesWriterBase):
    """Attributes that can be changed."""

    def _put(self, name: str, value: StoredValue) -> None:
        self._view.change()
        self._held[name] = encode(value)
        self._node["changed"] = True

    def _drop(self, name: str) -> None:
        if name in self.names():
            self._view.change()
            del self._held[name]
            self._node["changed"] = True

    def copy(self, source: AttributeReader, name: str) -> bool:
        if not isinstance(source, ZarrAttributes) or name not in source._held:
            return False
        self._view.change()
        self._held[name] = source._held[name]
        self._node["changed"] = True
        return True


class ZarrMember:
    """
    A group, array or document, to read.

    :param names: that lead to it.
    """

    def __init__(self, node: Node, view: View, names: tuple[str, ...] = ()) -> None:
        self._node = node
        self._view = view
        self._path = names

    @property
    def attributes(self) -> ZarrAttributes:
        return ZarrAttributes(self._node, self._view)


class ZarrMemberWriter(ZarrMember):
    """A group, array or document that can be changed."""

    @property
    def attributes(self) -> ZarrAttributesWriter:
        return ZarrAttributesWriter(self._node, self._view)


class ZarrArray(ZarrMember, Array):
    """Rows, to read: those below the base are stored, those of the tail are not yet."""

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._node["shape"])

    @property
    def dtype(self) -> DType:
        return np.dtype(self._node["dtype"])

    def _read(self, start: int, stop: int) -> AnyArray:
        self._view.check()
        base = self._base
        stored = self._view.arrays.read(self._node, min(start, base), min(stop, base))
        if stop <= base:
            return stored
        added = self._tail()[max(0, start - base) : stop - base]
        return np.concatenate((stored, added), dtype=self.dtype)

    def _read_apart(self, first: Bounds, last: Bounds) -> AnyArray:
        if len(first) < _MANY or "tail" in self._node:
            return super()._read_apart(first, last)
        self._view.check()
        # Each chunk is read once, however many ranges it has rows of.
        return self._view.arrays.read_rows(self._node, rows_of_ranges(first, last))

    @property
    def _base(self) -> int:
        return int(self._node.get("base", self.shape[0]))

    def _tail(self) -> AnyArray:
        parts = self._node["tail"]
        if len(parts) != 1:
            parts[:] = [np.concatenate(parts, dtype=self.dtype)]
        return np.asarray(parts[0])


class ZarrArrayWriter(ZarrMemberWriter, ZarrArray, ArrayWriter):
    """Rows that can be changed."""

    def _append(self, rows: AnyArray) -> None:
        self._begin(self.shape[0])
        self._node["tail"].append(np.array(rows))
        self._node["shape"][0] += len(rows)
        self._view.gathered(self._path, self._node)

    def _overwrite(self, start: int, rows: AnyArray) -> None:
        self._begin(start)
        self._tail()[start - self._base : start - self._base + len(rows)] = rows

    def _cut(self, rows: int) -> None:
        self._begin(rows)
        self._node["tail"] = [self._tail()[: rows - self._base]]
        self._node["shape"][0] = rows

    def _begin(self, start: int) -> None:
        """Move all rows from one on into the tail, as stored rows are never changed."""
        self._view.change()
        self._node["changed"] = True
        if start < self._base:
            self.detach()
        elif "tail" not in self._node:
            self._node.update(tail=[self._no_rows()], base=self._base)

    def detach(self) -> None:
        """Have all rows stored again, at a path of their own."""
        self._node.update(tail=[self.read()], base=0)
        del self._node["path"]
        self._node.pop("grid", None)


class ZarrDocument(ZarrMember, Document):
    """A byte string, to read."""

    def read(self) -> bytes:
        return ZarrArray(self._node, self._view).read().tobytes()


class ZarrDocumentWriter(ZarrMemberWriter, ZarrDocument, DocumentWriter):
    """A byte string that was written."""


class ZarrGroup(ZarrMember, Group):
    """A group, to read."""

    # Of its members, by kind.
    _classes: ClassVar[dict[str, Callable[[Node, View, tuple[str, ...]], Member]]]

    def _names(self) -> Iterable[str]:
        self._view.check()
        return list(self._node["members"])

    def __contains__(self, name: str) -> bool:
        return name in self._node["members"]

    def _member(self, name: str) -> Member | None:
        self._view.check()
        node = self._node["members"].get(name)
        if node is None:
            return None
        return self._classes[node["kind"]](node, self._view, (*self._path, name))


class ZarrGroupWriter(ZarrMemberWriter, ZarrGroup, GroupWriter):
    """
    A group that can be changed.

    Rows are not overwritten in place: readers may see them until the manifest is replaced.
    """

    def _make_group(self, name: str) -> None:
        self._put(name, new_group())

    def _make_array(self, name: str, rows: AnyArray, expected: int) -> None:
        self._put(name, _new_rows("array", np.array(rows, order="C"), {}))

    def _make_document(self, name: str, content: bytes) -> None:
        self._put(name, _new_rows("document", np.frombuffer(content, np.uint8), {}))

    def _replace(self, name: str, content: bytes) -> None:
        self.document(name)
        values = self._node["members"][name]["attributes"]
        self._put(name, _new_rows("document", np.frombuffer(content, np.uint8), values))

    def _remove(self, name: str) -> None:
        self._view.change()
        del self._node["members"][name]

    def _put(self, name: str, node: Node) -> None:
        self._view.change()
        self._node["members"][name] = node


ZarrGroup._classes = {"group": ZarrGroup, "array": ZarrArray, "document": ZarrDocument}
ZarrGroupWriter._classes = {
    "group": ZarrGroupWriter,
    "array": ZarrArrayWriter,
    "document": ZarrDocumentWriter,
}


def _new_rows(kind: str, rows: AnyArray, values: dict[str, Encoded]) -> Node:
    dtype, shape = rows.dtype.str, list(rows.shape)
    node = {"kind": kind, "attributes": values, "dtype": dtype, "shape": shape}
    return {**node, "base": 0, "tail": [rows], "changed": True}
