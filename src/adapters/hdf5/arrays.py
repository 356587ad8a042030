"""Groups, arrays and documents of an HDF5 file, through h5py's low-level calls."""

from __future__ import annotations

import uuid
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from h5py import h5a, h5d, h5g, h5i, h5l, h5o, h5p, h5s, h5t
from numpy.typing import NDArray

from ...core.names import can_name
from ...core.ranges import check_ranges, coalesce, take_ranges
from ...errors import (
    CorruptNetworkError,
    NodeExistsError,
    NodeNotFoundError,
    ShapeError,
    StoreIOError,
)
from .attributes import Hdf5Attributes, Hdf5AttributesWriter, native_type
from .context import Context, Member

# HDF5 stores growable arrays in pieces of equal size: as large as the first rows, between
# these limits.
_LEAST_BYTES = 512
_MOST_BYTES = 64 * 1024
# An array of more pieces than this is stored anew, in larger ones.
_MOST_PIECES = 64

# Ranges are read in one piece, and what lies between them is dropped, if all of it is at
# most this many times what was asked for, or this many bytes.
_MOST_SURPLUS = 4
_LEAST_HULL = 1024 * 1024

# Rows that take more than this many bytes, and this many times what the file takes, hold next
# to nothing: no filter of HDF5's own packs values so tightly.
_MOST_UNQUESTIONED = 1 << 30
_MOST_PACKED = 4096

# Of zlib: more saves next to nothing.
_EFFORT = 1

# Up to this many attributes are stored with the group itself, which takes less space.
_COMPACT_ATTRIBUTES = 1024


def _group_properties() -> Any:
    properties = h5p.create(h5p.GROUP_CREATE)
    properties.set_obj_track_times(False)
    properties.set_attr_phase_change(_COMPACT_ATTRIBUTES, _COMPACT_ATTRIBUTES // 2)
    return properties


def _text_links() -> Any:
    properties = h5p.create(h5p.LINK_CREATE)
    properties.set_char_encoding(h5t.CSET_UTF8)
    return properties


_GROUP = _group_properties()
_UTF8_LINK = _text_links()


def _link(name: str) -> Any:
    return None if name.isascii() else _UTF8_LINK


class Hdf5Array:
    """A dataset of numbers, to read."""

    def __init__(self, member: Member, name: str, context: Context) -> None:
        self._member = member
        self._name = name
        self._context = context

    @property
    def _id(self) -> Any:
        return self._member.id

    @property
    def shape(self) -> tuple[int, ...]:
        if self._member.shape is None:
            self._member.shape = self._id.shape
        return self._member.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        if self._member.dtype is None:
            self._member.dtype = self._id.dtype
        dtype: np.dtype[Any] = self._member.dtype
        return dtype

    @property
    def attributes(self) -> Hdf5Attributes:
        return Hdf5Attributes(self._member, self._context)

    def read(self, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        with self._context.translated():
            shape, dtype = self.shape, self.dtype
            if not shape or dtype.kind not in "biuf":
                raise CorruptNetworkError(
                    f"'{self._name}' has shape {shape} and dtype '{dtype}';"
                    " valid are rows of numbers"
                )
            start, stop, _ = slice(start, stop).indices(shape[0])
            asked = max(0, stop - start), *shape[1:]
            self._check_claim(asked, dtype)
            rows = self._room(asked, dtype)
            if rows.size and len(rows) == shape[0]:
                self._id.read(h5s.ALL, h5s.ALL, rows, native_type(dtype))
            elif rows.size:
                where = self._rows(start, rows.shape)
                self._id.read(_space(rows.shape), where, rows, native_type(dtype))
            return rows

    def read_ranges(self, starts: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[Any]:
        check_ranges(starts, stops, self.shape[0])
        first, last = coalesce(starts, stops)
        if len(first) == 1:
            return self.read(int(first[0]), int(last[0]))
        lengths = last - first
        total = int(lengths.sum())
        low, high = (int(first.min()), int(last.max())) if len(first) else (0, 0)
        if high - low <= _MOST_SURPLUS * total or (high - low) * self._row_bytes <= _LEAST_HULL:
            rows = self.read(low, high)
            return take_ranges(rows, first - low, last - low)
        asked = total, *self.shape[1:]
        self._check_claim(asked, self.dtype)
        rows = self._room(asked, self.dtype)
        ends = np.cumsum(lengths)
        for start, length, end in zip(first.tolist(), lengths.tolist(), ends.tolist(), strict=True):
            rows[end - length : end] = self.read(start, start + length)
        return rows

    def _check_claim(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """
        Check that there may be as many values as the dataset says.

        Only of the rows that are read: others may never have been written, and take no space.
        """
        claimed = prod(shape) * dtype.itemsize
        if claimed <= _MOST_UNQUESTIONED:
            return
        held = h5i.get_file_id(self._id).get_filesize()
        if claimed > _MOST_PACKED * held:
            raise CorruptNetworkError(
                f"'{self._name}' claims to hold {claimed} bytes, in a file of {held}"
            )

    def _room(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        try:
            return np.empty(shape, dtype=dtype)
        except MemoryError as error:
            raise StoreIOError(f"there is no memory for rows of '{self._name}': {error}") from error

    @property
    def _row_bytes(self) -> int:
        return int(np.prod(self.shape[1:])) * self.dtype.itemsize

    def _rows(self, start: int, shape: tuple[int, ...]) -> Any:
        space = self._id.get_space()
        space.select_hyperslab((start,) + (0,) * (len(shape) - 1), shape)
        return space


class Hdf5ArrayWriter(Hdf5Array):
    """A dataset that can be changed."""

    def __init__(self, member: Member, name: str, context: Context, group: Hdf5GroupWriter) -> None:
        super().__init__(member, name, context)
        self._group = group

    @property
    def attributes(self) -> Hdf5AttributesWriter:
        return Hdf5AttributesWriter(self._member, self._context)

    def append(self, rows: NDArray[Any]) -> None:
        shape = self.shape
        stop = shape[0] + len(rows)
        if rows.shape[1:] != shape[1:]:
            raise ShapeError(f"rows of shape {rows.shape} don't fit '{self._name}' of {shape}")
        self._context.changes += 1
        with self._context.translated():
            self._extend(stop)
            self._write(shape[0], rows)

    def write(self, start: int, rows: NDArray[Any]) -> None:
        shape = self.shape
        if start < 0 or start + len(rows) > shape[0] or rows.shape[1:] != shape[1:]:
            raise ShapeError(
                f"rows of shape {rows.shape} don't fit into '{self._name}' of {shape}"
                f" from row {start} on"
            )
        self._context.changes += 1
        with self._context.translated():
            self._write(start, rows)

    def resize(self, rows: int) -> None:
        self._context.changes += 1
        with self._context.translated():
            self._extend(rows)

    def _extend(self, rows: int) -> None:
        """Set the length, in larger pieces if there would be too many."""
        held = self.shape[0]
        # Looked at when the length passes a power of two: it costs as much as an append.
        if rows.bit_length() > held.bit_length() and self._is_in_too_many_pieces(rows):
            self._store_anew(self.read(), rows)
        else:
            self._set_shape((rows, *self.shape[1:]))

    def _set_shape(self, shape: tuple[int, ...]) -> None:
        self._member.shape = None
        self._id.set_extent(shape)
        self._member.shape = shape

    def _write(self, start: int, rows: NDArray[Any]) -> None:
        if rows.size:
            data = np.ascontiguousarray(rows)
            rows_of_file = self._rows(start, data.shape)
            self._id.write(_space(data.shape), rows_of_file, data, native_type(data.dtype))

    def _is_in_too_many_pieces(self, rows: int) -> bool:
        properties = self._id.get_create_plist()
        if properties.get_layout() != h5d.CHUNKED or h5a.get_num_attrs(self._id):
            return False
        piece = properties.get_chunk()
        size = int(np.prod(piece)) * self.dtype.itemsize
        return size < _MOST_BYTES and rows > _MOST_PIECES * piece[0]

    def _store_anew(self, held: NDArray[Any], length: int) -> None:
        self._group.delete(self._name)
        self._member = self._group.create_dataset(self._name, held[:0], expected=length // 4)
        self._set_shape((length, *held.shape[1:]))
        self._write(0, held)


class Hdf5Document:
    """A scalar dataset that holds a string, to read."""

    def __init__(self, member: Member, name: str, context: Context) -> None:
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
            if self._id.shape != () or not isinstance(kind, h5t.TypeStringID | h5t.TypeOpaqueID):
                raise CorruptNetworkError(f"'{self._name}' is no text or byte string")
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

    def has_type(self, kind: Any) -> bool:
        """Whether it is one string of that HDF5 type."""
        return self._id.shape == () and bool(self._id.get_type().equal(kind))


class Hdf5DocumentWriter(Hdf5Document):
    """A string that was written."""

    @property
    def attributes(self) -> Hdf5AttributesWriter:
        return Hdf5AttributesWriter(self._member, self._context)


class Hdf5Group:
    """A group, to read. Links that lead elsewhere are not followed."""

    def __init__(self, member: Member, path: str, context: Context) -> None:
        self._member = member
        self._path = path
        self._context = context

    @property
    def _id(self) -> Any:
        return self._member.id

    @property
    def attributes(self) -> Hdf5Attributes:
        return Hdf5Attributes(self._member, self._context)

    def names(self) -> tuple[str, ...]:
        with self._context.translated():
            return tuple(sorted(name.decode() for name in self._id))

    def __contains__(self, name: str) -> bool:
        # To HDF5 a name with a slash is a path.
        if not can_name(name):
            return False
        with self._context.translated():
            found = self._context.members.find(self._inside(name))
            return found is not None or bool(self._id.links.exists(name.encode()))

    def group(self, name: str) -> Hdf5Group:
        member = self._find(name, "group")
        return Hdf5Group(member, self._inside(name), self._context)

    def array(self, name: str) -> Hdf5Array:
        return Hdf5Array(self._find(name, "array"), name, self._context)

    def document(self, name: str) -> Hdf5Document:
        return Hdf5Document(self._find(name, "document"), name, self._context)

    def _find(self, name: str, kind: str) -> Member:
        path = self._inside(name)
        with self._context.translated():
            found = self._context.members.find(path)
            if found is None:
                opened = self._open(name, kind)
                found = self._keep(name, Member(_kind_of(opened), opened))
            if found.kind != kind:
                raise NodeNotFoundError(f"'{name}' is no {kind}", asked=name)
            return found

    def _keep(self, name: str, member: Member) -> Member:
        self._context.members.add(self._inside(name), member)
        return member

    def _open(self, name: str, kind: str) -> Any:
        if name not in self:
            raise NodeNotFoundError(f"there is no {kind} '{name}'", asked=name)
        key = name.encode()
        link = self._id.links.get_info(key)
        if link.type != h5l.TYPE_HARD:
            raise CorruptNetworkError(f"'{name}' is a link that leads elsewhere")
        member = h5o.open(self._id, key)
        if isinstance(member, h5d.DatasetID):
            _check_own_values(member, name)
        return member

    def _inside(self, name: str) -> str:
        return f"{self._path}/{name}"


class Hdf5GroupWriter(Hdf5Group):
    """A group that can be changed."""

    overwrites_in_place = True

    def __init__(
        self,
        member: Member,
        path: str,
        context: Context,
        parent: tuple[Hdf5GroupWriter, str] | None = None,
    ) -> None:
        super().__init__(member, path, context)
        self._parent = parent

    @property
    def attributes(self) -> Hdf5AttributesWriter:
        modernize = None if self._parent is None else self._modernize
        return Hdf5AttributesWriter(self._member, self._context, modernize)

    def group(self, name: str) -> Hdf5GroupWriter:
        return self._group_writer(self._find(name, "group"), name)

    def _group_writer(self, member: Member, name: str) -> Hdf5GroupWriter:
        return Hdf5GroupWriter(member, self._inside(name), self._context, (self, name))

    def array(self, name: str) -> Hdf5ArrayWriter:
        return Hdf5ArrayWriter(self._find(name, "array"), name, self._context, self)

    def document(self, name: str) -> Hdf5DocumentWriter:
        return Hdf5DocumentWriter(self._find(name, "document"), name, self._context)

    def require_group(self, name: str) -> Hdf5GroupWriter:
        if name in self:
            return self.group(name)
        self._context.changes += 1
        with self._context.translated():
            made = h5g.create(self._id, name.encode(), lcpl=_link(name), gcpl=_GROUP)
        return self._group_writer(self._keep(name, Member("group", made)), name)

    def create_array(
        self, name: str, rows: NDArray[Any], *, growable: bool = True, expected: int = 0
    ) -> Hdf5ArrayWriter:
        if name in self:
            raise NodeExistsError(f"'{name}' exists", asked=name)
        made = self.create_dataset(name, rows, growable=growable, expected=expected)
        return Hdf5ArrayWriter(made, name, self._context, self)

    def create_dataset(
        self, name: str, rows: NDArray[Any], *, growable: bool = True, expected: int = 0
    ) -> Member:
        """A new dataset of these rows."""
        self._context.changes += 1
        data = np.ascontiguousarray(rows)
        properties = h5p.create(h5p.DATASET_CREATE)
        properties.set_obj_track_times(False)
        most = None
        if growable:
            # HDF5 has no pieces without values, so an axis of length 0 must be able to grow.
            width = data.shape[1:]
            most = (h5s.UNLIMITED, *(length or h5s.UNLIMITED for length in width))
            properties.set_chunk((_piece_rows(data, expected), *(max(1, n) for n in width)))
            if self._context.compress and data.dtype.kind in "iu":
                # Filters that every HDF5 library has.
                properties.set_shuffle()
                properties.set_deflate(_EFFORT)
        with self._context.translated():
            space = h5s.create_simple(data.shape, most)
            kind = h5t.py_create(data.dtype, logical=True)
            made = h5d.create(self._id, name.encode(), kind, space, properties, lcpl=_link(name))
            if data.size:
                made.write(h5s.ALL, h5s.ALL, data)
        return self._keep(name, Member("array", made))

    def write_document(self, name: str, content: bytes | str) -> Hdf5DocumentWriter:
        self._context.changes += 1
        with self._context.translated():
            if isinstance(content, str):
                made = self._write_text(name, content)
            else:
                made = self._write_bytes(name, content)
        return Hdf5DocumentWriter(made, name, self._context)

    def delete(self, name: str) -> None:
        if name not in self:
            raise NodeNotFoundError(f"there is no member '{name}'", asked=name)
        self._context.changes += 1
        with self._context.translated():
            if _is_hard(self._id, name.encode()):
                _recall_texts(h5o.open(self._id, name.encode()), self._context)
            self._unlink(name)

    def _unlink(self, name: str) -> None:
        self._context.members.forget(self._inside(name))
        self._id.unlink(name.encode())

    def _write_text(self, name: str, content: str) -> Member:
        kind = h5t.TypeStringID.copy(h5t.C_S1)
        kind.set_size(h5t.VARIABLE)
        kind.set_cset(h5t.CSET_UTF8)
        made = self._string(name, kind)
        made.id.write(h5s.ALL, h5s.ALL, np.array(content, dtype=made.id.dtype))
        return made

    def _write_bytes(self, name: str, content: bytes) -> Member:
        kind = h5t.TypeStringID.copy(h5t.C_S1)
        kind.set_size(max(1, len(content)))
        # HDF5 has no strings of size 0: the empty one is a lone terminator.
        kind.set_strpad(h5t.STR_NULLPAD if content else h5t.STR_NULLTERM)
        made = self._string(name, kind)
        size = max(1, len(content))
        raw = np.frombuffer(content.ljust(size, b"\0"), dtype=np.dtype((np.void, size)))
        made.id.write(h5s.ALL, h5s.ALL, raw.reshape(()), kind)
        return made

    def _string(self, name: str, kind: Any) -> Member:
        """The scalar dataset of that name and type; one of another type is replaced."""
        attributes: dict[str, Any] = {}
        if name in self:
            found = self._find(name, "document")
            held = Hdf5Document(found, name, self._context)
            if held.has_type(kind):
                return found
            attributes = {key: held.attributes.get(key) for key in held.attributes.names()}
            del held, found
            self._unlink(name)
        properties = h5p.create(h5p.DATASET_CREATE)
        properties.set_obj_track_times(False)
        space = h5s.create(h5s.SCALAR)
        id_ = h5d.create(self._id, name.encode(), kind, space, properties, lcpl=_link(name))
        made = self._keep(name, Member("document", id_))
        for key, value in attributes.items():
            Hdf5AttributesWriter(made, self._context).set(key, value)
        return made

    def _modernize(self) -> None:
        """
        Replace the group by one in the current format, which holds larger attributes.

        Files of old libraries have groups in HDF5's first format.
        """
        assert self._parent is not None
        parent, name = self._parent
        # A name that no other group has.
        temporary = f"{uuid.uuid4().hex}.new".encode()
        made = h5g.create(parent._id, temporary, gcpl=_GROUP)
        for key in list(self._id):
            self._id.links.move(key, made, key)
        held = Hdf5Attributes(self._member, self._context)
        moved = Hdf5AttributesWriter(Member("group", made), self._context)
        for each in held.names():
            moved.set(each, held.get(each))
        # Whoever uses the group uses the new one from now on.
        self._member.attributes.clear()
        self._member.id = made
        parent._id.unlink(name.encode())
        parent._id.links.move(temporary, parent._id, name.encode(), lcpl=_link(name))


@lru_cache(maxsize=512)
def _space(shape: tuple[int, ...]) -> Any:
    """All of an array in memory. HDF5 takes long to make one, and nobody changes it."""
    return h5s.create_simple(shape)


def _recall_texts(id_: Any, context: Context) -> None:
    """
    Read the attributes of an object that is about to be deleted, and of its arrays.

    HDF5 uses the space of texts again only where it has read them since the file was opened.
    """
    keys = list(id_) if isinstance(id_, h5g.GroupID) else []
    members = [h5o.open(id_, key) for key in keys if _is_hard(id_, key)]
    for each in (id_, *(m for m in members if isinstance(m, h5d.DatasetID))):
        attributes = Hdf5Attributes(Member("", each), context)
        for name in attributes.names():
            attributes.get(name)


def _is_hard(group: Any, key: bytes) -> bool:
    """Whether a link is to an object of the file itself, which is there."""
    return bool(group.links.get_info(key).type == h5l.TYPE_HARD)


def _check_own_values(member: Any, name: str) -> None:
    """Check that the values of a dataset are in this file; HDF5 can take them from others."""
    properties = member.get_create_plist()
    if properties.get_layout() == h5d.VIRTUAL or properties.get_external_count():
        raise CorruptNetworkError(f"the values of '{name}' are in another file")


def _is_lone_terminator(kind: Any) -> bool:
    return bool(kind.get_size() == 1 and kind.get_strpad() == h5t.STR_NULLTERM)


def _kind_of(member: Any) -> str:
    if isinstance(member, h5d.DatasetID):
        return "array" if member.shape else "document"
    return "group" if isinstance(member, h5g.GroupID) else "named type"


def _piece_rows(data: NDArray[Any], expected: int) -> int:
    row = max(1, int(np.prod(data.shape[1:]))) * data.dtype.itemsize
    wanted = max(len(data), expected) * row
    return max(1, -(-min(max(wanted, _LEAST_BYTES), _MOST_BYTES) // row))
