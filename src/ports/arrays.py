"""
Protocols of groups, arrays, documents and attributes, which every backend provides.

Names are plain member names, never paths. What a reader returns is a copy, which the
caller may change. Methods that change something exist on writers only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

DType: TypeAlias = np.dtype[Any]
AnyArray: TypeAlias = NDArray[Any]
AttributeValue: TypeAlias = str | int | float | Sequence[str] | np.generic | AnyArray


class AttributeReader(Protocol):
    """Small named values of a group, array or document."""

    def names(self) -> tuple[str, ...]:
        """All names, in no particular order."""

    def get(self, name: str, /) -> Any:
        """The value: ``str``, ``list[str]``, a numpy scalar or array; None if absent."""


class AttributeWriter(AttributeReader, Protocol):
    """Attributes that can be changed."""

    def set(self, name: str, value: AttributeValue, /) -> None:
        """Store a value, replacing what was there."""

    def delete(self, name: str, /) -> None:
        """Remove a value; nothing happens if it is absent."""


@runtime_checkable
class ArrayReader(Protocol):
    """Rows of equal shape and dtype."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> DType:
        """The dtype that the array was made with, the order of bytes included."""

    @property
    def attributes(self) -> AttributeReader: ...

    def read(self, start: int = 0, stop: int | None = None, /) -> AnyArray:
        """The rows ``start`` to ``stop`` (default: all), in order, as a copy."""

    def read_ranges(self, starts: NDArray[np.int64], stops: NDArray[np.int64], /) -> AnyArray:
        """
        The rows of many ranges, one range after the other, as a copy.

        :param starts: (k,) first rows, in any order; ``stops`` (k,) the rows after the last.
        :raises ShapeError: a range reaches past the end.
        """


@runtime_checkable
class StoredSize(Protocol):
    """An array that knows its stored size."""

    @property
    def stored_bytes(self) -> int:
        """Bytes of its rows as stored, without metadata."""


class ArrayWriter(ArrayReader, Protocol):
    """An array whose rows can be changed."""

    @property
    def attributes(self) -> AttributeWriter: ...

    def append(self, rows: AnyArray, /) -> None:
        """Add rows at the end."""

    def write(self, start: int, rows: AnyArray, /) -> None:
        """
        Overwrite the rows from ``start`` on.

        :raises ShapeError: they reach past the end; nothing is written.
        """

    def resize(self, rows: int, /) -> None:
        """Cut to, or extend with zeros to, that many rows."""


class DocumentReader(Protocol):
    """One text or byte string."""

    @property
    def attributes(self) -> AttributeReader: ...

    def read(self) -> bytes:
        """The content, every byte of it. Text is encoded as UTF-8."""


class DocumentWriter(DocumentReader, Protocol):
    """A document that can be changed."""

    @property
    def attributes(self) -> AttributeWriter: ...


@runtime_checkable
class GroupReader(Protocol):
    """A named collection of groups, arrays and documents."""

    @property
    def attributes(self) -> AttributeReader: ...

    def names(self) -> tuple[str, ...]:
        """Names of all members, sorted."""

    def __contains__(self, name: str, /) -> bool:
        """Whether there is a member of that name."""

    def group(self, name: str, /) -> GroupReader:
        """
        A member that is a group.

        :raises NodeNotFoundError: no member of that name, or of another kind.
        """

    def array(self, name: str, /) -> ArrayReader:
        """A member that is an array; errors as for :meth:`group`."""

    def document(self, name: str, /) -> DocumentReader:
        """A member that is a document; errors as for :meth:`group`."""


@runtime_checkable
class GroupWriter(GroupReader, Protocol):
    """A group that can be changed."""

    @property
    def overwrites_in_place(self) -> bool:
        """
        Whether overwriting rows of an array is as fast as appending rows.

        If it is slower, because the array is rewritten, a caller with a choice appends rows.
        """

    @property
    def attributes(self) -> AttributeWriter: ...

    def group(self, name: str, /) -> GroupWriter: ...

    def array(self, name: str, /) -> ArrayWriter: ...

    def document(self, name: str, /) -> DocumentWriter: ...

    def require_group(self, name: str, /) -> GroupWriter:
        """The member group of that name, made if it is absent."""

    def create_array(self, name: str, rows: AnyArray, /, *, expected: int = 0) -> ArrayWriter:
        """
        Make an array of these rows.

        :param expected: number of rows that it will probably have in the end.
        :raises NodeExistsError: the name is taken.
        """

    def write_document(self, name: str, content: bytes | str, /) -> DocumentWriter:
        """Make a document, or replace the content of one; its attributes stay."""

    def delete(self, name: str, /) -> None:
        """
        Remove a member and all below it.

        :raises NodeNotFoundError: no member of that name.
        """


class IntegerReader(Protocol):
    """Attributes of a backend that reads many integers faster than one by one."""

    def integers(self, names: Sequence[str], /) -> NDArray[np.int64]:
        """
        Many integer attributes at once, in the order of ``names``.

        :raises NodeNotFoundError: one of them is absent.
        """


class IntegerWriter(Protocol):
    """Attributes of a backend that stores many integers faster than one by one."""

    def set_integers(self, values: Mapping[str, int], /) -> None:
        """Store many integers at once."""


class FixedArrayCreator(Protocol):
    """A group of a backend that stores arrays of fixed length in less space."""

    def create_fixed_array(self, name: str, rows: AnyArray, /) -> ArrayWriter:
        """
        Create an array of these rows, whose length stays fixed.

        :raises NodeExistsError: the name is taken.
        """


@runtime_checkable
class NodeCopier(Protocol):
    """A group into which a backend copies what no other method can read or write."""

    def copy_member(self, source: GroupReader, name: str, /) -> bool:
        """
        Copy a member of another group, of any kind, with its attributes and all below it.

        :returns: False, with nothing done, if the group belongs to another backend.
        :raises CorruptNetworkError: some of its values are in another file.
        """


@runtime_checkable
class AttributeCopier(Protocol):
    """Attributes among which a backend copies those of any type."""

    def copy(self, source: AttributeReader, name: str, /) -> bool:
        """As :meth:`NodeCopier.copy_member`, for an attribute."""


@runtime_checkable
class AnyReader(Protocol):
    """A group of a backend that keeps values of any type, in objects that others can use, too."""

    def native(self) -> Any:
        """
        The group as the backend's own library has it, for as long as the session lasts.

        Of a session that writes, it may be changed, and counts as such.
        """

    def value(self, name: str, /) -> DocumentReader:
        """
        A single value that is not a text, for its attributes; :meth:`read_any` reads it.

        :raises NodeNotFoundError: no such value has this name.
        """

    def read_any(self, name: str, /) -> Any:
        """
        All values of a member that is an array or document.

        :raises NodeNotFoundError: it is neither, or absent.
        """


@runtime_checkable
class AnyWriter(AnyReader, Protocol):
    """A group that can be changed, as :class:`AnyReader`."""

    def check_any(self, data: object, /, **options: object) -> None:
        """
        Check that :meth:`create_any` can store values.

        :raises DtypeError: the backend can't store the values.
        :raises InputError: an option does not exist, or does not fit the values.
        """

    def create_any(self, name: str, data: object, /, **options: object) -> None:
        """
        Make an array, or a single value, that was checked.

        :param options: how the backend's library is to store it.
        :raises NodeExistsError: the name is taken.
        """

    def check_append(self, name: str, rows: AnyArray, /) -> None:
        """
        Check that :meth:`append_any`, or an append to the array, can add rows.

        :raises InputError: the array can't grow so far, or the rows don't fit.
        """

    def append_any(self, name: str, rows: AnyArray, /) -> None:
        """Add rows, which were checked, to an array."""
