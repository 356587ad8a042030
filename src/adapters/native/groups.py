"""Groups: what a backend does with members, and all that follows from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, TypeAlias, cast

import numpy as np

from ...errors import NodeExistsError, NodeNotFoundError, ShapeError
from ...ports.arrays import AnyArray
from .arrays import Array, ArrayWriter, Document, DocumentWriter
from .attributes import Attributes, AttributesWriter, check_dtype


class Group(ABC):
    """
    A group, to read.

    A backend finds members by name, and lists their names.
    """

    kind: ClassVar[str] = "group"

    @property
    @abstractmethod
    def attributes(self) -> Attributes: ...

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

    def group(self, name: str, /) -> Group:
        member: Group = self._of_kind(name, "group")
        return member

    def array(self, name: str, /) -> Array:
        member: Array = self._of_kind(name, "array")
        return member

    def document(self, name: str, /) -> Document:
        member: Document = self._of_kind(name, "document")
        return member

    def _of_kind(self, name: str, kind: str) -> Any:
        member = self._member(name)
        # perf: isinstance with an abstract class takes longer than finding the member.
        if member is None or member.kind != kind:
            raise NodeNotFoundError(f"there is no {kind} '{name}'", asked=name)
        return member


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
    def attributes(self) -> AttributesWriter: ...

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

    def group(self, name: str, /) -> GroupWriter:
        return cast(GroupWriter, super().group(name))

    def array(self, name: str, /) -> ArrayWriter:
        return cast(ArrayWriter, super().array(name))

    def document(self, name: str, /) -> DocumentWriter:
        return cast(DocumentWriter, super().document(name))

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


Member: TypeAlias = Group | Array | Document
