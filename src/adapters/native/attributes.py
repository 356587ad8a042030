"""Attributes of groups, arrays and documents."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, MutableMapping
from typing import Any, TypeAlias

import numpy as np

from ...errors import DtypeError
from ...ports.arrays import AnyArray, AttributeValue, DType

StoredValue: TypeAlias = str | list[str] | np.generic | AnyArray
"""The value of an attribute as it is stored and read."""


class AttributesBase(ABC):
    """Attributes, to read."""

    @abstractmethod
    def names(self) -> tuple[str, ...]: ...

    @abstractmethod
    def get(self, name: str, /) -> Any: ...


class AttributesWriterBase(AttributesBase):
    """
    Attributes that can be changed.

    A backend puts values, which are checked before anything is changed, and drops them.
    """

    @abstractmethod
    def _put(self, name: str, value: StoredValue, /) -> None:
        """Store a value, replacing one of the same name."""

    @abstractmethod
    def _drop(self, name: str, /) -> None:
        """Delete a value, if it exists."""

    def set(self, name: str, value: AttributeValue, /) -> None:
        self._put(name, stored_value(value))

    def delete(self, name: str, /) -> None:
        self._drop(name)


class Attributes(AttributesBase):
    """
    Attributes in a mapping, to read.

    A backend provides them as one mapping. Its values are what :func:`stored_value` makes.
    """

    @abstractmethod
    def _values(self) -> Mapping[str, StoredValue]:
        """All attributes by name; it may be read once or many times."""

    def names(self) -> tuple[str, ...]:
        return tuple(self._values())

    def get(self, name: str, /) -> Any:
        value = self._values().get(name)
        return value.copy() if isinstance(value, (np.ndarray, list)) else value


class AttributesWriter(Attributes, AttributesWriterBase):
    """Attributes in a mapping that can be changed: what is put into the mapping is stored."""

    @abstractmethod
    def _values(self) -> MutableMapping[str, StoredValue]:
        """All attributes by name."""

    def _put(self, name: str, value: StoredValue, /) -> None:
        self._values()[name] = value

    def _drop(self, name: str, /) -> None:
        values = self._values()
        if name in values:
            del values[name]


def stored_value(value: AttributeValue) -> StoredValue:
    """
    An attribute as it will be read; it shares no memory with the argument.

    :raises DtypeError: it is an array of objects or records.
    """
    if isinstance(value, (str, list, tuple)):
        return str(value) if isinstance(value, str) else [str(item) for item in value]
    array = np.array(value)
    # perf: append 400 cells; most attributes are numbers, for which the check is left out.
    if array.dtype.kind not in "biuf":
        check_dtype(array.dtype)
    return array[()]


def check_dtype(dtype: DType) -> None:
    """
    Check that values can be stored.

    :raises DtypeError: they are Python objects, or records.
    """
    if dtype.hasobject or dtype.names is not None:
        raise DtypeError(
            f"values of dtype {dtype} can't be stored;"
            " pass numbers, booleans, texts and bytes of fixed length, or times",
            asked=str(dtype),
        )
