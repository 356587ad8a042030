"""HDF5 attributes, through h5py's low-level calls: there are very many of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5s, h5t
from numpy.typing import NDArray

from ...errors import CorruptNetworkError, InvalidNameError, NodeNotFoundError
from ...ports.arrays import AnyArray, AttributeReader, DType
from ..native.attributes import AttributesBase, AttributesWriterBase, StoredValue
from .context import Context, OpenAttribute, OpenObject
from .copying import attribute_keys, copy_attribute
from .h5_types import H5Object
from .names import key_of, keys_of, text_of

_TEXT = h5py.string_dtype()
_TEXT_TYPE = h5t.py_create(_TEXT, logical=True)
_SCALAR = h5s.create(h5s.SCALAR)
_INTEGER = np.dtype(np.int64)
# Shapes of a single value.
_ONE = ((), (1,))
# A larger value does not fit into an object header of the first version.
_COMPACT_BYTES = 60_000
_BYTES_OF_A_TEXT = 16
# Attributes of an object that stay open.
_MOST_OPEN = 32


class Hdf5Attributes(AttributesBase):
    """Attributes of a group or dataset, to read."""

    def __init__(self, member: OpenObject, context: Context) -> None:
        self._member = member
        self._context = context

    def names(self) -> tuple[str, ...]:
        with self._context.translated():
            return tuple(map(text_of, attribute_keys(self._member.id)))

    def get(self, name: str) -> Any:
        try:
            key = key_of(name)
        except InvalidNameError:
            return None
        with self._context.translated():
            held = self._find(key)
            return None if held is None else _value(held)

    def integers(self, names: Sequence[str]) -> NDArray[np.int64]:
        values = np.empty(len(names), dtype=np.int64)
        cell = np.empty((), dtype=np.int64)
        try:
            keys = keys_of(names)
        except InvalidNameError as error:
            raise _is_absent(error.fields["asked"]) from error
        with self._context.translated():
            for i, key in enumerate(keys):
                self._integer(key).read(cell, h5t.NATIVE_INT64)
                values[i] = cell
        return values

    def _integer(self, key: bytes) -> H5Object:
        """
        An attribute that is a number.

        :raises NodeNotFoundError: it is absent.
        """
        # perf: 729 blocks; open attributes come first, and the dtype is not looked at, as a classic
        # set spends most of its time here.
        held = self._member.attributes.get(key)
        if held is None:
            try:
                opened = h5a.open(self._member.id, key)
            except KeyError as error:
                if h5a.exists(self._member.id, key):
                    raise
                raise _is_absent(text_of(key)) from error
            shape = opened.shape
        else:
            opened, shape = held.id, held.shape
        if shape not in _ONE:
            # HDF5 would write all of it past the end of the one number.
            raise CorruptNetworkError(f"the attribute '{text_of(key)}' is not a number")
        return opened

    def _find(self, key: bytes) -> OpenAttribute | None:
        found = self._member.attributes.get(key)
        if found is None and h5a.exists(self._member.id, key):
            found = self._keep(key, h5a.open(self._member.id, key))
        return found

    def _keep(
        self, key: bytes, id_: H5Object, form: tuple[tuple[int, ...], DType] | None = None
    ) -> OpenAttribute:
        """
        Have an attribute stay open.

        :param form: its shape and dtype, if known: asking HDF5 is slow.
        """
        shape, dtype = (id_.shape, id_.dtype) if form is None else form
        opened = OpenAttribute(id_, shape, dtype)
        if len(self._member.attributes) < _MOST_OPEN and not self._context.shared:
            self._member.attributes[key] = opened
        return opened


class Hdf5AttributesWriter(Hdf5Attributes, AttributesWriterBase):
    """
    Attributes that can be changed.

    :param modernize: makes room for large values in an object of HDF5's first format.
    """

    def __init__(
        self, member: OpenObject, context: Context, modernize: Callable[[], None] | None = None
    ) -> None:
        super().__init__(member, context)
        self._modernize = modernize

    def _put(self, name: str, value: StoredValue, /) -> None:
        context, key = self._context, key_of(name)
        context.changes += 1
        array = _as_array(value)
        with context.translated():
            # perf: append 50 cells; as _find, as most numbers that are overwritten are open.
            held = self._member.attributes.get(key) or self._find(key)
            if held is not None:
                if held.shape == array.shape and _is_of_type(held.dtype, array.dtype):
                    if array.size:
                        held.id.write(array, native_type(array.dtype))
                    return
                del held
                self._remove(key)
            self._create(key, array)

    def set_integers(self, values: Mapping[str, int]) -> None:
        keys = keys_of(values)
        self._context.changes += 1
        with self._context.translated():
            for key, value in zip(keys, values.values(), strict=True):
                self._for_integer(key).write(np.asarray(value, dtype=np.int64), h5t.NATIVE_INT64)

    def _for_integer(self, key: bytes) -> H5Object:
        """An attribute for a number, made if it is absent, or if another kind of value is there."""
        held = self._member.attributes.get(key)
        if held is not None:
            if _holds_integer(held):
                return held.id
            del held
            self._remove(key)
        found, shape = self._open_integer(key) or (self._create_integer(key), ())
        # perf: 100 more each; those of a few blocks are written again and again.
        if self._context.objects.admit_number():
            self._keep(key, found, (shape, _INTEGER))
        return found

    def _open_integer(self, key: bytes) -> tuple[H5Object, tuple[int, ...]] | None:
        """An attribute that is an integer, and its shape; one of another kind is removed."""
        member = self._member
        if key in member.integers:
            return h5a.open(member.id, key), ()
        if not h5a.exists(member.id, key):
            return None
        found = h5a.open(member.id, key)
        shape = found.shape
        if shape in _ONE and found.get_type().equal(h5t.NATIVE_INT64):
            if shape == ():
                self._note_integer(key)
            return found, shape
        # HDF5 would write as many values as there are, from memory that holds one.
        del found
        self._remove(key)
        return None

    def _note_integer(self, key: bytes) -> None:
        """Note that an attribute is one integer, so that it is not looked at again."""
        # perf: 100 more each; HDF5 takes longer to describe an attribute than to write it.
        if self._context.objects.admit_name():
            self._member.integers.add(key)

    def _create_integer(self, key: bytes) -> H5Object:
        made = h5a.create(self._member.id, key, h5t.NATIVE_INT64, _SCALAR)
        self._note_integer(key)
        return made

    def copy(self, source: AttributeReader, name: str) -> bool:
        if not isinstance(source, Hdf5Attributes):
            return False
        self._context.changes += 1
        with self._context.translated():
            copy_attribute(source._member.id, key_of(name), self._member.id)
        return True

    def _drop(self, name: str, /) -> None:
        self._context.changes += 1
        with self._context.translated(), suppress(InvalidNameError):
            key = key_of(name)
            if h5a.exists(self._member.id, key):
                self._remove(key)

    def _remove(self, key: bytes) -> None:
        # An open attribute would stay, and later writes would go to it.
        self._member.attributes.pop(key, None)
        self._member.integers.discard(key)
        h5a.delete(self._member.id, key)

    def _create(self, key: bytes, array: AnyArray) -> None:
        try:
            self._create_compact(key, array)
        except (OSError, RuntimeError, ValueError):
            if _stored_bytes(array) < _COMPACT_BYTES or self._modernize is None:
                raise
            self._modernize()
            self._create_compact(key, array)

    def _create_compact(self, key: bytes, array: AnyArray) -> None:
        space = _SCALAR if array.shape == () else h5s.create_simple(array.shape)
        # perf: append morphologies; the list of names of a chunk is rewritten as it grows.
        is_plain = array.dtype.kind in "iuf" or array.dtype is _TEXT
        kind = _TEXT_TYPE if array.dtype is _TEXT else h5t.py_create(array.dtype, logical=True)
        form = (array.shape, array.dtype) if is_plain else None
        made = self._keep(key, h5a.create(self._member.id, key, kind, space), form)
        if array.size:
            made.id.write(array)


def _is_absent(name: str) -> NodeNotFoundError:
    return NodeNotFoundError(f"there is no attribute '{name}'", asked=name)


def _holds_integer(held: OpenAttribute) -> bool:
    """Whether one integer can be written over it."""
    # Enumerations have the dtype of integers.
    return held.shape in _ONE and held.dtype == _INTEGER and held.dtype.metadata is None


def _is_of_type(stored: DType, given: DType) -> bool:
    """Whether values of one type can be written over those of another."""
    if stored.kind in "iuf":
        return stored == given
    stored_text, given_text = h5py.check_string_dtype(stored), h5py.check_string_dtype(given)
    if stored_text is not None and given_text is not None:
        # HDF5 stores no others as texts in ASCII.
        return stored_text.length is None and stored_text.encoding == given_text.encoding
    return stored == given and stored_text is given_text


def recall_texts(object_: H5Object) -> None:
    """
    Read the attributes of an object that are texts.

    HDF5 uses the space of texts again only where it has read them since the file was opened.
    """
    for key in attribute_keys(object_):
        # An attribute that can't be read is removed as well.
        with suppress(OSError, RuntimeError, ValueError, LookupError, TypeError):
            held = h5a.open(object_, key)
            kind = held.get_type()
            if isinstance(kind, h5t.TypeStringID) and kind.is_variable_str():
                _value(OpenAttribute(held, held.shape, held.dtype))


@lru_cache(maxsize=64)
def native_type(dtype: DType) -> H5Object:
    """The type of HDF5 for numbers in memory; None for others, for which h5py finds one."""
    return h5t.py_create(dtype) if dtype.kind in "iuf" else None


def _stored_bytes(array: AnyArray) -> int:
    return int(array.size * (_BYTES_OF_A_TEXT if array.dtype.kind == "O" else array.itemsize))


def _as_array(value: StoredValue) -> AnyArray:
    if not isinstance(value, (str, list)):
        return np.asarray(value, order="C")
    array = np.array(value, dtype=_TEXT)
    return array if isinstance(value, str) else array.reshape(len(value))


def _value(held: OpenAttribute) -> Any:
    """Text as ``str``, several as ``list[str]``, numbers as they are."""
    if held.shape is None:
        return None
    # A type may be that of arrays of values, which numpy has as more axes.
    dtype, within = held.dtype.subdtype or (held.dtype, ())
    array = np.empty((*held.shape, *within), dtype=dtype)
    if array.size:
        held.id.read(array, h5t.py_create(held.dtype) if within else native_type(dtype))
    if dtype.kind in "iuf" or h5py.check_string_dtype(dtype) is None:
        return array[()]
    if array.shape == ():
        return _decoded(array[()])
    return [_decoded(item) for item in array.flat]


def _decoded(item: Any) -> str:
    return item.decode("utf-8", "surrogateescape") if isinstance(item, bytes) else str(item)
