"""Attribute values and byte strings as JSON, the long ones elsewhere."""

from __future__ import annotations

import base64
import json
from typing import Any, TypeAlias

import attrs
import numpy as np

from ...errors import DtypeError
from ...ports.arrays import AttributeValue

Json: TypeAlias = Any


@attrs.frozen
class PackedPlace:
    """
    Where a byte string lies among others.

    :param pack: name of the pack.
    :param start: its first byte there; ``stored`` the bytes it takes there.
    :param size: its bytes once they are decompressed; equal to ``stored`` if they are not
        compressed.
    """

    pack: str
    start: int
    stored: int
    size: int


@attrs.define(eq=False)
class Blob:
    """
    A byte string: at hand, in a pack, or both.

    :param data: the bytes; None if they were not read yet.
    :param place: where they lie; None if they are part of the manifest, or new.
    """

    data: bytes | None
    place: PackedPlace | None = None


@attrs.define(eq=False)
class Value:
    """
    An attribute: decoded, encoded, or both.

    :param value: what was set; None if it was not decoded yet.
    :param encoded: JSON; None if it was not encoded yet, or is long.
    :param blob: the JSON text of a long one.
    """

    value: Any = None
    encoded: Json = None
    blob: Blob | None = None


def stored_value(value: AttributeValue) -> Any:
    """
    The value as it will be read: text, list of texts, numpy scalar or array.

    :raises DtypeError: it is none of them.
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    array = np.array(value)
    check_dtype(array.dtype)
    return array[()]


def check_dtype(dtype: np.dtype[Any]) -> None:
    """
    Check that values can be stored.

    :raises DtypeError: they are Python objects, or records.
    """
    if dtype.hasobject or dtype.names is not None:
        raise DtypeError(
            f"values of dtype {dtype} can't be stored;"
            " valid are numbers, truth values, texts and bytes of fixed length, and times",
            asked=str(dtype),
        )


def encode(value: Any) -> Json:
    """A value as JSON."""
    if isinstance(value, str | list):
        return value
    array = np.ascontiguousarray(value).reshape(np.shape(value))
    return {
        "dtype": array.dtype.str,
        "shape": list(array.shape),
        "data": base64.b64encode(array.tobytes()).decode("ascii"),
    }


def decode(encoded: Json) -> Any:
    """What :func:`encode` was given."""
    if isinstance(encoded, str):
        return encoded
    if isinstance(encoded, list):
        return [str(item) for item in encoded]
    data = base64.b64decode(encoded["data"], validate=True)
    dtype = np.dtype(encoded["dtype"])
    check_dtype(dtype)
    return np.frombuffer(data, dtype=dtype).reshape(encoded["shape"]).copy()[()]


def encode_long(encoded: Json) -> bytes:
    """JSON as the content of a blob."""
    return json.dumps(encoded, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
