"""
Attributes as JSON, which every program that knows zarr can read.

Texts, lists of texts, and values of the usual dtypes are what JSON has for them. A value of another
dtype, one that is not finite, and a long array are packed: an object with ``dtype``, ``shape`` and
``data``, which is zlib in base64. Values of other forms are of other programs, and stay as they
are.
"""

from __future__ import annotations

import base64
import math
import zlib
from typing import TypeAlias, TypeGuard

import numpy as np

from ...core.json_types import Document
from ...ports.arrays import AnyArray, DType
from ..native.attributes import StoredValue, check_dtype

Encoded: TypeAlias = object
"""An attribute as JSON."""

MARK = "bsb_hdf5"
"""The attribute of a group or array that says what is the engine's own about it."""

# Values that JSON keeps exactly, and of which a reader finds the dtype again.
_PLAIN = frozenset(map(np.dtype, ("?", "i8", "f8")))
_MOST_PLAIN = 1000
_PACKED = frozenset(("dtype", "shape", "data"))
# Values above this size are accepted only up to this compression ratio: otherwise a manifest of a
# few bytes could fill the memory of its readers.
_MOST_UNQUESTIONED = 1 << 16
_MOST_PACKED = 16


def encode(value: StoredValue) -> Encoded:
    """The JSON value that stores an attribute."""
    if isinstance(value, str | list):
        return value
    array = np.asarray(value)
    if array.dtype in _PLAIN and 0 < array.size <= _MOST_PLAIN and np.isfinite(array).all():
        return array.tolist()
    return {"dtype": array.dtype.str, "shape": list(array.shape), "data": pack(array.tobytes())}


def decode(stored: Encoded) -> StoredValue:
    """
    The value of an attribute that is stored as JSON.

    :raises ValueError: no attribute is stored so.
    """
    if isinstance(stored, str):
        return stored
    if is_packed(stored):
        return _unpacked(stored)
    if isinstance(stored, list) and all(isinstance(item, str) for item in stored):
        return list(stored)
    array = np.array(None if isinstance(stored, dict) else stored)
    if array.dtype not in _PLAIN:
        raise ValueError(f"an attribute has the value {str(stored)[:100]}")
    value: StoredValue = array[()]
    return value


def is_packed(stored: Encoded) -> TypeGuard[Document]:
    """Whether an attribute is stored as an object, in the form that sessions give it."""
    return isinstance(stored, dict) and stored.keys() == _PACKED


def _unpacked(stored: Document) -> StoredValue:
    dtype, shape = np.dtype(stored["dtype"]), stored["shape"]
    check_dtype(dtype)
    if any(type(length) is not int or length < 0 for length in shape):
        raise ValueError(f"an attribute has the shape {shape}")
    value: StoredValue = unpacked_rows(stored["data"], dtype, shape)[()]
    return value


def attributes_of(values: dict[str, Encoded], mark: Document) -> Document:
    """The zarr attributes of a group or array with these attributes."""
    return {MARK: mark, **{_other_name(name): value for name, value in values.items()}}


def values_of(attributes: Document) -> dict[str, Encoded]:
    """The inverse of :func:`attributes_of`, without the mark."""
    return {_own_name(name): value for name, value in attributes.items() if name != MARK}


def _other_name(name: str) -> str:
    """The name of an attribute, other than that of the mark."""
    return f"{name}~" if name.rstrip("~") == MARK else name


def _own_name(name: str) -> str:
    return name[:-1] if name.rstrip("~") == MARK else name


def bytes_of(dtype: DType, shape: list[int]) -> int:
    """Bytes that rows of that dtype and shape take."""
    return dtype.itemsize * math.prod(shape)


def pack(data: bytes) -> str:
    """Bytes as text."""
    packed = zlib.compress(data, 1)
    if len(data) > _most_from(len(packed)):
        packed = zlib.compress(data, 0)
    return base64.b64encode(packed).decode("ascii")


def unpack(text: str, size: int) -> bytes:
    """
    The inverse of :func:`pack`.

    :param size: the expected number of bytes.
    :raises ValueError: the size differs, or is implausible for the packed text.
    """
    packed = base64.b64decode(text, validate=True)
    if size > _most_from(len(packed)):
        raise ValueError(f"{len(packed)} bytes claim to decompress to {size}")
    unpacking = zlib.decompressobj()
    # A size of 0 would be no limit.
    data = unpacking.decompress(packed, size + 1)
    if len(data) != size or not unpacking.eof:
        raise ValueError(f"a value does not have {size} bytes")
    return data


def unpacked_rows(text: str, dtype: DType, shape: list[int]) -> AnyArray:
    """Packed rows as an array."""
    return np.frombuffer(unpack(text, bytes_of(dtype, shape)), dtype).reshape(shape).copy()


def _most_from(packed: int) -> int:
    """Bytes that may be packed in so many."""
    return max(_MOST_UNQUESTIONED, _MOST_PACKED * packed)
