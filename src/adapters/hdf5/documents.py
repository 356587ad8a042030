"""Documents of an HDF5 file: scalar datasets that hold a string."""

from __future__ import annotations

from typing import Any

import numpy as np
from h5py import h5s, h5t

from ..native.arrays import Document, DocumentWriter
from .attributes import Hdf5Attributes, Hdf5AttributesWriter
from .context import Context, OpenObject
from .h5_types import H5Object


class Hdf5Document(Document):
    """A scalar dataset that holds a string, to read."""

    def __init__(self, member: OpenObject, name: str, context: Context) -> None:
        self._member = member
        self._id = member.id
        self._name = name
        self._context = context

    @property
    def attributes(self) -> Hdf5Attributes:
        return Hdf5Attributes(self._member, self._context)

    def read(self) -> bytes:
        with self._context.translated():
            kind = self._id.get_type()
            if isinstance(kind, h5t.TypeStringID) and kind.is_variable_str():
                text = np.empty((), dtype=self._id.dtype)
                self._id.read(h5s.ALL, h5s.ALL, text)
                item: Any = text.item()
                return bytes(item) if isinstance(item, bytes) else str(item).encode()
            if isinstance(kind, h5t.TypeStringID) and _is_lone_terminator(kind):
                return b""
            raw = np.empty((), dtype=np.dtype((np.void, kind.get_size())))
            self._id.read(h5s.ALL, h5s.ALL, raw, kind)
            return raw.tobytes()

    def has_type(self, kind: H5Object) -> bool:
        """Whether it is one string of that HDF5 type."""
        held = self._id.get_type()
        # To HDF5, texts of any length are equal in ASCII and UTF-8.
        return (
            self._id.shape == () and held.equal(kind) and bool(held.get_cset() == kind.get_cset())
        )


class Hdf5DocumentWriter(Hdf5Document, DocumentWriter):
    """A string that was written."""

    @property
    def attributes(self) -> Hdf5AttributesWriter:
        return Hdf5AttributesWriter(self._member, self._context)


class Hdf5Other(Hdf5Document):
    """An object that is neither a group, an array nor a text, stored by another program."""

    kind = "other"


def is_text(dataset: H5Object) -> bool:
    """Whether a dataset is one text or byte string."""
    kind = dataset.get_type()
    return dataset.shape == () and isinstance(kind, h5t.TypeStringID | h5t.TypeOpaqueID)


def string_type(content: bytes | str) -> H5Object:
    """The HDF5 type of a text, or of a byte string of that length."""
    kind = h5t.TypeStringID.copy(h5t.C_S1)
    if isinstance(content, str):
        kind.set_size(h5t.VARIABLE)
        kind.set_cset(h5t.CSET_UTF8)
    else:
        kind.set_size(max(1, len(content)))
        # HDF5 has no strings of size 0: the empty one is a lone terminator.
        kind.set_strpad(h5t.STR_NULLPAD if content else h5t.STR_NULLTERM)
    return kind


def write_string(id_: H5Object, kind: H5Object, content: bytes | str) -> None:
    """Write a string to a scalar dataset of its type."""
    if isinstance(content, str):
        id_.write(h5s.ALL, h5s.ALL, np.array(content, dtype=id_.dtype))
        return
    size = max(1, len(content))
    raw = np.frombuffer(content.ljust(size, b"\0"), dtype=np.dtype((np.void, size)))
    id_.write(h5s.ALL, h5s.ALL, raw.reshape(()), kind)


def _is_lone_terminator(kind: H5Object) -> bool:
    return bool(kind.get_size() == 1 and kind.get_strpad() == h5t.STR_NULLTERM)
