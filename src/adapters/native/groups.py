"""Groups: the methods of a backend, and defaults that are made of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np

from ...errors import NodeExistsError, NodeNotFoundError, ShapeError
from ...ports.arrays import AnyArray, AttributeReader, AttributeWriter
from .arrays import Array, ArrayWriter, Document, DocumentWriter
from .attributes import check_dtype


class Group(ABC):
    """
    A group, to read.

    A backend finds members by name, and lists their names.
    """

    kind: ClassVar[str] = "group"

    @property
    @abstractmethod
    def attributes(self) -> AttributeReader: ...

    @abstractmethod
    def _names(self) -> Iterable[str]:
        """Names of all members, in any order."""

    @abstractmethod
    def _member(self, name: str, /) -> Member | None:
        """The member with a name; None if it does not exist."""

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._names()))

    def __contains__(self, name: str, /) -> bool:
        return self._member(name) is not None

    # perf: append 400 cells; each finds its member by itself, as isinstance with an abstract class
    # takes longer than that.
    def group(self, name: str, /) -> Group:
        member = self._member(name)
        if member is None or member.kind != "group":
            raise _not_found("group", name)
        return member  # type: ignore[return-value]

    def array(self, name: str, /) -> Array:
        member = self._member(name)
        if member is None or member.kind != "array":
            raise _not_found("array", name)
        return member  # type: ignore[return-value]

    def document(self, name: str, /) -> Document:
        member = self._member(name)
        if member is None or member.kind != "document":
            raise _not_found("document", name)
        return member  # type: ignore[return-value]


class GroupWriter(Group):
    """
    A group that can be changed; its members can be changed, too.

    A backend makes members under free names, and removes them.
    """

    overwrites_in_place: ClassVar[bool] = False
    # Whether arrays may hold records and Python objects, which only some users store.
    _holds_any_dtype: ClassVar[bool] = False

    @property
    @abstractmethod
    def attributes(self) -> AttributeWriter: ...

    @abstractmethod
    def _make_group(self, name: str, /) -> None:
        """Make an empty group."""

    @abstractmethod
    def _make_array(self, name: str, rows: AnyArray, expected: int, /) -> None:
        """
        Make an array.

        :param rows: its first rows, which are the caller's; there may be none.
        :param expected: rows that it will probably have in the end; 0 if that is unknown.
        """

    @abstractmethod
    def _make_document(self, name: str, content: bytes, /) -> None:
        """Make a document without attributes."""

    @abstractmethod
    def _remove(self, name: str, /) -> None:
        """Remove a member and all below it."""

    if TYPE_CHECKING:
        # The members of a writable group are writable, too.
        def group(self, name: str, /) -> GroupWriter: ...

        def array(self, name: str, /) -> ArrayWriter: ...

        def document(self, name: str, /) -> DocumentWriter: ...

    def require_group(self, name: str, /) -> GroupWriter:
        if name not in self:
            self._make_group(name)
        return self.group(name)

    def create_array(self, name: str, rows: AnyArray, /, *, expected: int = 0) -> ArrayWriter:
        rows = np.asarray(rows)
        if not self._holds_any_dtype:
            check_dtype(rows.dtype)
        if not rows.ndim:
            raise ShapeError(f"'{name}' is given as a single value; an array has rows")
        if name in self:
            raise NodeExistsError(f"'{name}' exists", asked=name)
        self._make_array(name, rows, expected)
        return self.array(name)

    def write_document(self, name: str, content: bytes | str, /) -> DocumentWriter:
        data = content.encode() if isinstance(content, str) else bytes(content)
        if name in self:
            self._replace(name, data)
        else:
            self._make_document(name, data)
        return self.document(name)

    def delete(self, name: str, /) -> None:
        if name not in self:
            raise NodeNotFoundError(f"there is no member '{name}'", asked=name)
        self._remove(name)

    def _replace(self, name: str, content: bytes) -> None:
        """Replace the content of a document, whose attributes stay."""
        before = self.document(name).attributes
        values = {each: before.get(each) for each in before.names()}
        self._remove(name)
        self._make_document(name, content)
        after = self.document(name).attributes
        for each, value in values.items():
            after.set(each, value)


def _not_found(kind: str, name: str) -> NodeNotFoundError:
    return NodeNotFoundError(f"there is no {kind} '{name}'", asked=name)


Member: TypeAlias = Group | Array | Document
