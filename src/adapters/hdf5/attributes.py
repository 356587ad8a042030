"""HDF5 attributes, through h5py's low-level calls: there are very many of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5s, h5t
from numpy.typing import NDArray

from ...errors import CorruptNetworkError, NodeNotFoundError
from ...ports.arrays import AttributeValue
from .context import Context

_TEXT = h5py.string_dtype()
_SCALAR = h5s.create(h5s.SCALAR)
# A larger value does not fit into an object header of the first version.
_COMPACT_BYTES = 60_000
_BYTES_OF_A_TEXT = 16


class Hdf5Attributes:
    """Attributes of a group or dataset, to read."""

    def __init__(self, id_: Any, context: Context) -> None:
        self._id = id_
        self._context = context

    def names(self) -> tuple[str, ...]:
        found: list[str] = []
        with self._context.translated():
            h5a.iterate(self._id, lambda name, *_: found.append(name.decode()))
        return tuple(found)

    def get(self, name: str) -> Any:
        key = name.encode()
        with self._context.translated():
            if not h5a.exists(self._id, key):
                return None
            return _value(h5a.open(self._id, key))

    def integers(self, names: Sequence[str]) -> NDArray[np.int64]:
        values = np.empty(len(names), dtype=np.int64)
        cell = np.empty((), dtype=np.int64)
        with self._context.translated():
            for i, name in enumerate(names):
                key = name.encode()
                if not h5a.exists(self._id, key):
                    raise NodeNotFoundError(f"there is no attribute '{name}'", asked=name)
                attribute = h5a.open(self._id, key)
                if attribute.shape not in ((), (1,)):
                    # HDF5 would write all of it past the end of the one number.
                    raise CorruptNetworkError(f"the attribute '{name}' is no number")
                attribute.read(cell)
                values[i] = cell
        return values


class Hdf5AttributesWriter(Hdf5Attributes):
    """
    Attributes that can be changed.

    :param modernize: makes room for large values in an object of HDF5's first format;
        returns the id of the object that replaces it.
    """

    def __init__(
        self, id_: Any, context: Context, modernize: Callable[[], Any] | None = None
    ) -> None:
        super().__init__(id_, context)
        self._modernize = modernize

    def set(self, name: str, value: AttributeValue) -> None:
        self._context.changes += 1
        array = _as_array(value)
        with self._context.translated():
            if self._overwrite(name.encode(), array):
                return
            try:
                _create(self._id, name.encode(), array)
            except (OSError, RuntimeError, ValueError):
                if _stored_bytes(array) < _COMPACT_BYTES or self._modernize is None:
                    raise
                self._id = self._modernize()
                _create(self._id, name.encode(), array)

    def set_integers(self, values: dict[str, int]) -> None:
        self._context.changes += 1
        with self._context.translated():
            for name, value in values.items():
                key = name.encode()
                array = np.asarray(value, dtype=np.int64)
                if h5a.exists(self._id, key):
                    h5a.open(self._id, key).write(array)
                else:
                    h5a.create(self._id, key, h5t.NATIVE_INT64, _SCALAR).write(array)

    def delete(self, name: str) -> None:
        self._context.changes += 1
        with self._context.translated():
            if h5a.exists(self._id, name.encode()):
                h5a.delete(self._id, name.encode())

    def _overwrite(self, key: bytes, array: NDArray[Any]) -> bool:
        """Write over a value of the same type and shape; else remove what is there."""
        if not h5a.exists(self._id, key):
            return False
        if array.ndim and not _is_text(array):
            # Numbers take no space elsewhere in the file: to compare is not worth it.
            h5a.delete(self._id, key)
            return False
        held = h5a.open(self._id, key)
        if held.shape == array.shape and _same_type(held.dtype, array.dtype):
            held.write(array)
            return True
        del held
        h5a.delete(self._id, key)
        return False


def _is_text(array: NDArray[Any]) -> bool:
    return array.dtype.kind == "O"


def _same_type(held: np.dtype[Any], given: np.dtype[Any]) -> bool:
    held_text, given_text = h5py.check_string_dtype(held), h5py.check_string_dtype(given)
    if held_text is not None and given_text is not None:
        return held_text.length is None
    return held == given and held_text is given_text


def _stored_bytes(array: NDArray[Any]) -> int:
    return int(array.size * (_BYTES_OF_A_TEXT if array.dtype.kind == "O" else array.itemsize))


def _create(id_: Any, key: bytes, array: NDArray[Any]) -> None:
    space = _SCALAR if array.shape == () else h5s.create_simple(array.shape)
    attribute = h5a.create(id_, key, h5t.py_create(array.dtype, logical=True), space)
    if array.size:
        attribute.write(array)


def _as_array(value: AttributeValue) -> NDArray[Any]:
    if isinstance(value, str):
        return np.array(value, dtype=_TEXT)
    if isinstance(value, list | tuple):
        return np.array(value, dtype=_TEXT).reshape(len(value))
    return np.ascontiguousarray(value) if isinstance(value, np.ndarray) else np.asarray(value)


def _value(attribute: Any) -> Any:
    """Text as ``str``, several as ``list[str]``, numbers as they are."""
    dtype = attribute.dtype
    if attribute.get_space().get_simple_extent_type() == h5s.NULL:
        return None
    array = np.empty(attribute.shape, dtype=dtype)
    if array.size:
        attribute.read(array)
    if h5py.check_string_dtype(dtype) is None:
        return array[()]
    if array.shape == ():
        return _decoded(array[()])
    return [_decoded(item) for item in array.flat]


def _decoded(item: Any) -> str:
    return item.decode("utf-8", "surrogateescape") if isinstance(item, bytes) else str(item)
