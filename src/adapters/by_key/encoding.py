"""Keys and values: how members, attributes and rows are written as bytes."""

from __future__ import annotations

import hashlib
import json
import struct
from math import prod

import attrs
import numpy as np

from ...errors import CorruptNetworkError
from ...ports.arrays import DType
from ..native.attributes import StoredValue, check_dtype

HEADER = b"bsb-hdf5"
"""The key of what is known of the network as a whole."""
_MEMBER, _ATTRIBUTE, _ARRAY, _PAGE = b"m", b"a", b"h", b"p"
# The longest name in bytes that a key contains; longer names are replaced by a digest.
_LONGEST_NAME = 200
_PAGE_BYTES = 1 << 16
# The longest array that can be addressed, be some of its axes empty.
_MOST_BYTES = (1 << 63) - 1


def _id(node: int) -> bytes:
    return node.to_bytes(8, "big")


def _name(name: str) -> bytes:
    raw = name.encode()
    if len(raw) <= _LONGEST_NAME:
        return b"\0" + raw
    return b"\1" + hashlib.sha256(raw).digest()


def members(group: int) -> bytes:
    """The prefix of the keys of all members of a group."""
    return _MEMBER + _id(group)


def member(group: int, name: str) -> bytes:
    return members(group) + _name(name)


def group_of(key: bytes) -> int:
    """The group that the key of a member belongs to."""
    return int.from_bytes(key[1:9], "big")


def attributes(node: int) -> bytes:
    """The prefix of the keys of all attributes of a node."""
    return _ATTRIBUTE + _id(node)


def attribute(node: int, name: str) -> bytes:
    return attributes(node) + _name(name)


def array(node: int) -> bytes:
    return _ARRAY + _id(node)


def pages(node: int) -> bytes:
    """The prefix of the keys of all pages of an array."""
    return _PAGE + _id(node)


def page(node: int, number: int) -> bytes:
    return pages(node) + _id(number)


def name_in(key: bytes) -> str | None:
    """
    The name that a key of a member or attribute holds; None if it holds a digest of it.

    :raises CorruptNetworkError: the key has no name.
    """
    try:
        return key[10:].decode() if key[9:10] == b"\0" else None
    except UnicodeDecodeError as error:
        raise _nameless(error) from error


def named(name: str, content: bytes) -> bytes:
    """A value with the name that its key may hold a digest of only."""
    raw = name.encode()
    return struct.pack(">I", len(raw)) + raw + content


def split(value: bytes) -> tuple[str, bytes]:
    """
    Name and content of a value.

    :raises CorruptNetworkError: the value has no name.
    """
    try:
        (length,) = struct.unpack_from(">I", value)
        return value[4 : 4 + length].decode(), value[4 + length :]
    except (struct.error, UnicodeDecodeError) as error:
        raise _nameless(error) from error


def _nameless(error: Exception) -> CorruptNetworkError:
    return CorruptNetworkError(f"a name can't be read: {error}")


@attrs.frozen
class ArrayForm:
    """
    The dtype, row shape and length of an array.

    :param dtype: as numpy writes it: ``<f8``.
    :param width: shape of a row.
    :param length: number of rows.
    """

    dtype: DType
    width: tuple[int, ...]
    length: int

    @property
    def row_bytes(self) -> int:
        return prod(self.width) * self.dtype.itemsize

    @property
    def page_rows(self) -> int:
        """Rows that all pages but the last have."""
        return max(1, _PAGE_BYTES // max(1, self.row_bytes))

    def dump(self) -> bytes:
        return json.dumps([self.dtype.str, self.width, self.length]).encode()

    @classmethod
    def load(cls, data: bytes) -> ArrayForm:
        """
        The inverse of :meth:`dump`.

        :raises CorruptNetworkError: the bytes do not describe an array.
        """
        try:
            dtype, width, length = json.loads(data)
            made = cls(_dtype(dtype), tuple(width), length)
            shape = length, *made.width
            if any(type(n) is not int or n < 0 for n in shape) or (
                prod(max(1, n) for n in shape) * made.dtype.itemsize > _MOST_BYTES
            ):
                raise ValueError(f"a shape is {width} and {length}")
        except (ValueError, TypeError, RecursionError) as error:
            raise CorruptNetworkError(f"the form of an array can't be read: {error}") from error
        return made


def dump_value(value: StoredValue) -> bytes:
    """The bytes that store the value of an attribute."""
    if isinstance(value, str):
        return b"t" + value.encode()
    if isinstance(value, list):
        return b"l" + json.dumps(value).encode()
    array = np.asarray(value)
    form = json.dumps([array.dtype.str, array.shape]).encode()
    return b"n" + form + b"\0" + array.tobytes()


def load_value(data: bytes) -> StoredValue:
    """
    The inverse of :func:`dump_value`.

    :raises CorruptNetworkError: the bytes do not hold an attribute.
    """
    kind, content = data[:1], data[1:]
    try:
        if kind == b"t":
            return content.decode()
        if kind == b"l":
            return [str(item) for item in json.loads(content)]
        form, _, raw = content.partition(b"\0")
        dtype, shape = json.loads(form)
        # A bytearray, so that the array may be changed.
        array: StoredValue = np.frombuffer(bytearray(raw), _dtype(dtype)).reshape(shape)[()]
        return array
    except (ValueError, TypeError, RecursionError) as error:
        raise CorruptNetworkError(f"an attribute can't be read: {error}") from error


def _dtype(text: object) -> DType:
    try:
        dtype = np.dtype(str(text))
    except SyntaxError as error:
        raise ValueError(f"a dtype is {text!r}") from error
    check_dtype(dtype)
    if dtype.subdtype is not None or not dtype.itemsize:
        raise ValueError(f"a dtype is {text!r}")
    return dtype
