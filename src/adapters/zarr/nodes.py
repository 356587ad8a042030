"""Groups, arrays, documents and attributes, within a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.ranges import check_ranges, rows_of_ranges
from ...errors import NodeExistsError, NodeNotFoundError, SessionClosedError, ShapeError
from ...ports.arrays import AnyArray, AttributeValue, DType
from .arrays import Arrays
from .held import LockHandle
from .manifest import Node, check_dtype, decode, new_group, stored_value

Bounds = NDArray[np.int64]


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


class ZarrAttributes:
    """Attributes, to read."""

    def __init__(self, node: Node, view: View) -> None:
        self._values: dict[str, Any] = node["attributes"]
        self._view = view

    def names(self) -> tuple[str, ...]:
        self._view.check()
        return tuple(self._values)

    def get(self, name: str) -> Any:
        self._view.check()
        return decode(self._values[name]) if name in self._values else None

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
        self._values[name] = stored

    def set_integers(self, values: dict[str, int]) -> None:
        for name, value in values.items():
            self.set(name, value)

    def delete(self, name: str) -> None:
        if name in self._values:
            self._view.change()
            del self._values[name]


class ZarrMember:
    """
    A group, array or document, to read.

    :param names: that lead to it.
    """

    def __init__(self, node: Node, view: View, names: tuple[str, ...] = ()) -> None:
        self._node = node
        self._view = view
        self._names = names

    @property
    def attributes(self) -> ZarrAttributes:
        return ZarrAttributes(self._node, self._view)


class ZarrMemberWriter(ZarrMember):
    """A group, array or document that can be changed."""

    @property
    def attributes(self) -> ZarrAttributesWriter:
        return ZarrAttributesWriter(self._node, self._view)


class ZarrArray(ZarrMember):
    """Rows, to read: those below the base are stored, those of the tail are not yet."""

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._node["shape"])

    @property
    def dtype(self) -> DType:
        return np.dtype(self._node["dtype"])

    def read(self, start: int = 0, stop: int | None = None) -> AnyArray:
        self._view.check()
        start, stop, _ = slice(start, stop).indices(self.shape[0])
        base = self._base
        stored = self._view.arrays.read(self._node, min(start, base), min(stop, base))
        if stop <= base:
            return stored
        added = self._tail()[max(0, start - base) : stop - base]
        return np.concatenate((stored, added), dtype=self.dtype)

    def read_ranges(self, starts: Bounds, stops: Bounds) -> AnyArray:
        self._view.check()
        check_ranges(starts, stops, self.shape[0])
        rows = rows_of_ranges(starts, stops)
        is_stored = rows < self._base
        stored = self._view.arrays.read_rows(self._node, rows[is_stored])
        if is_stored.all():
            return stored
        found = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        found[is_stored] = stored
        found[~is_stored] = self._tail()[rows[~is_stored] - self._base]
        return found

    @property
    def _base(self) -> int:
        return int(self._node.get("base", self.shape[0]))

    def _tail(self) -> AnyArray:
        parts = self._node["tail"]
        if len(parts) != 1:
            parts[:] = [np.concatenate(parts, dtype=self.dtype)]
        return np.asarray(parts[0])


class ZarrArrayWriter(ZarrArray, ZarrMemberWriter):
    """Rows that can be changed."""

    def append(self, rows: AnyArray) -> None:
        rows = np.array(rows, dtype=self.dtype)
        self._check(rows)
        self._begin(self.shape[0])
        self._node["tail"].append(rows)
        self._node["shape"][0] += len(rows)
        self._view.gathered(self._names, self._node)

    def write(self, start: int, rows: AnyArray) -> None:
        rows = np.asarray(rows)
        self._check(rows)
        stop = start + len(rows)
        if start < 0 or stop > self.shape[0]:
            raise ShapeError(f"{len(rows)} rows from {start} on reach past {self.shape[0]}")
        self._begin(start)
        self._tail()[start - self._base : stop - self._base] = rows

    def resize(self, rows: int) -> None:
        self._begin(rows)
        kept = self._tail()[: rows - self._base]
        added = rows - self._base - len(kept)
        self._node["tail"] = [kept, np.zeros((added, *self.shape[1:]), dtype=self.dtype)]
        self._node["shape"][0] = rows

    def _begin(self, start: int) -> None:
        """Move all rows from one on into the tail, as stored rows are never changed."""
        self._view.change()
        node = self._node
        if start < self._base or (self._base and "path" not in node):
            node["tail"], node["base"] = [self.read()], 0
            node.pop("path", None)
        elif "tail" not in node:
            node["tail"], node["base"] = [np.zeros((0, *self.shape[1:]), self.dtype)], self._base

    def _check(self, rows: AnyArray) -> None:
        if not rows.ndim or rows.shape[1:] != self.shape[1:]:
            raise ShapeError(f"rows of shape {rows.shape} don't fit an array of {self.shape}")


class ZarrDocument(ZarrMember):
    """A byte string, to read."""

    def read(self) -> bytes:
        return ZarrArray(self._node, self._view).read().tobytes()


class ZarrDocumentWriter(ZarrDocument, ZarrMemberWriter):
    """A byte string that was written."""


class ZarrGroup(ZarrMember):
    """A group, to read."""

    def names(self) -> tuple[str, ...]:
        self._view.check()
        return tuple(sorted(self._node["members"]))

    def __contains__(self, name: str) -> bool:
        return name in self._node["members"]

    def group(self, name: str) -> ZarrGroup:
        return ZarrGroup(*self._member(name, "group"))

    def array(self, name: str) -> ZarrArray:
        return ZarrArray(*self._member(name, "array"))

    def document(self, name: str) -> ZarrDocument:
        return ZarrDocument(*self._member(name, "document"))

    def _member(self, name: str, kind: str) -> tuple[Node, View, tuple[str, ...]]:
        self._view.check()
        node = self._node["members"].get(name)
        if node is None or node["kind"] != kind:
            raise NodeNotFoundError(f"there is no {kind} '{name}'", asked=name)
        return node, self._view, (*self._names, name)


class ZarrGroupWriter(ZarrGroup, ZarrMemberWriter):
    """A group that can be changed."""

    # Readers may see what is stored until the manifest is, so that it stays as it is.
    overwrites_in_place = False

    def group(self, name: str) -> ZarrGroupWriter:
        return ZarrGroupWriter(*self._member(name, "group"))

    def array(self, name: str) -> ZarrArrayWriter:
        return ZarrArrayWriter(*self._member(name, "array"))

    def document(self, name: str) -> ZarrDocumentWriter:
        return ZarrDocumentWriter(*self._member(name, "document"))

    def require_group(self, name: str) -> ZarrGroupWriter:
        if name not in self:
            self._put(name, new_group())
        return self.group(name)

    def create_array(
        self, name: str, rows: AnyArray, *, growable: bool = True, expected: int = 0
    ) -> ZarrArrayWriter:
        if name in self:
            raise NodeExistsError(f"'{name}' exists", asked=name)
        rows = np.array(rows, order="C")
        check_dtype(rows.dtype)
        if not rows.ndim:
            raise ShapeError(f"'{name}' is given as a single value; an array has rows")
        self._put(name, _new_rows("array", rows, {}))
        return self.array(name)

    def write_document(self, name: str, content: bytes | str) -> ZarrDocumentWriter:
        data = content.encode() if isinstance(content, str) else content
        values = self._member(name, "document")[0]["attributes"] if name in self else {}
        self._put(name, _new_rows("document", np.frombuffer(data, np.uint8), values))
        return self.document(name)

    def delete(self, name: str) -> None:
        if name not in self:
            raise NodeNotFoundError(f"there is no member '{name}'", asked=name)
        self._view.change()
        del self._node["members"][name]

    def _put(self, name: str, node: Node) -> None:
        self._view.change()
        self._node["members"][name] = node


def _new_rows(kind: str, rows: AnyArray, values: dict[str, Any]) -> Node:
    dtype, shape = rows.dtype.str, list(rows.shape)
    node = {"kind": kind, "attributes": values, "dtype": dtype, "shape": shape}
    return {**node, "base": 0, "tail": [rows]}
