"""Groups of an HDF5 file, through h5py's low-level calls."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5g, h5l, h5o, h5p, h5s, h5t

from ...core.names import can_name
from ...errors import CorruptNetworkError, NodeExistsError, NodeNotFoundError
from ...ports.arrays import AnyArray, GroupReader
from ..native.arrays import ArrayWriter
from ..native.groups import Group, GroupWriter, Member
from .any_values import append_any, check_any, check_append, read_any
from .arrays import COMPRESSED, Hdf5Array, Hdf5ArrayWriter, storage_of
from .attributes import Hdf5Attributes, Hdf5AttributesWriter, recall_texts
from .context import Context, OpenObject, UnkeptObjects
from .copying import attribute_keys, copy_attribute_within, copy_object
from .documents import (
    Hdf5Document,
    Hdf5DocumentWriter,
    Hdf5Other,
    is_text,
    string_type,
    write_string,
)
from .h5_types import H5Object
from .names import key_of, text_of

# Up to this many attributes are stored in the header of the group, which needs less space.
_COMPACT_ATTRIBUTES = 1024


def _group_properties() -> H5Object:
    properties = h5p.create(h5p.GROUP_CREATE)
    properties.set_obj_track_times(False)
    properties.set_attr_phase_change(_COMPACT_ATTRIBUTES, _COMPACT_ATTRIBUTES // 2)
    return properties


def _text_links() -> H5Object:
    properties = h5p.create(h5p.LINK_CREATE)
    properties.set_char_encoding(h5t.CSET_UTF8)
    return properties


_GROUP = _group_properties()
_UTF8_LINK = _text_links()


def _link(name: str) -> H5Object:
    return _UTF8_LINK if not name.isascii() and can_name(name) else None


class Hdf5Group(Group):
    """A group, to read. Links that lead elsewhere are not followed."""

    def __init__(self, member: OpenObject, path: str, context: Context) -> None:
        self._held = member
        self._path = path
        self._context = context

    @property
    def _id(self) -> H5Object:
        return self._held.id

    @property
    def attributes(self) -> Hdf5Attributes:
        return Hdf5Attributes(self._held, self._context)

    def _names(self) -> Iterable[str]:
        with self._context.translated():
            return list(map(text_of, self._id))

    def __contains__(self, name: str) -> bool:
        # To HDF5 a name with a slash is a path.
        if not can_name(name):
            return False
        context = self._context
        with context.translated():
            found = context.objects.find(f"{self._path}/{name}")
            return found is not None or bool(self._held.id.links.exists(name.encode()))

    def _member(self, name: str) -> Member | None:
        found = self._object(name)
        return None if found is None else self._opened(found, name)

    def _opened(self, member: OpenObject, name: str) -> Member:
        if member.kind == "group":
            return Hdf5Group(member, self._inside(name), self._context)
        if member.kind == "array":
            return Hdf5Array(member, name, self._context)
        kind = Hdf5Document if member.kind == "document" else Hdf5Other
        return kind(member, name, self._context)

    def value(self, name: str) -> Hdf5Document:
        return Hdf5Document(self._find(name, "value"), name, self._context)

    def native(self) -> h5py.Group:
        with self._context.translated():
            self._share()
            return h5py.Group(self._id)

    def _share(self) -> None:
        """Note that callers have objects of h5py, which may change open objects."""
        self._context.shared = True

    def read_any(self, name: str) -> Any:
        with self._context.translated():
            if name not in self:
                raise NodeNotFoundError(f"there is no array '{name}'", asked=name)
            opened = self._open(name)
            if _kind_of(opened) not in ("array", "document", "value"):
                raise NodeNotFoundError(f"'{name}' is not an array", asked=name)
            if opened.shape:
                Hdf5Array(OpenObject("array", opened), name, self._context).check_claim()
            return read_any(opened)

    def _object(self, name: str) -> OpenObject | None:
        """The member of a name, which is opened if it is not; None if there is none."""
        context = self._context
        guard = context.translated()
        found = context.objects.find(f"{self._path}/{name}")
        if found is not None:
            return found
        with guard:
            if name not in self:
                return None
            opened = self._open(name)
            return self._keep(name, OpenObject(_kind_of(opened), opened))

    def _find(self, name: str, kind: str) -> OpenObject:
        """
        The member of a name and kind.

        :raises NodeNotFoundError: there is none.
        """
        found = self._object(name)
        if found is None or found.kind != kind:
            raise NodeNotFoundError(f"there is no {kind} '{name}'", asked=name)
        return found

    def _keep(self, name: str, member: OpenObject) -> OpenObject:
        self._context.objects.add(self._inside(name), member)
        return member

    def _open(self, name: str) -> H5Object:
        """Open a member, which is there, without keeping it."""
        key = name.encode()
        link = self._id.links.get_info(key)
        if link.type != h5l.TYPE_HARD:
            raise CorruptNetworkError(f"'{name}' is a link that leads elsewhere")
        member = h5o.open(self._id, key)
        if isinstance(member, h5d.DatasetID) and _is_compressed(member, name):
            member.close()
            return h5d.open(self._id, key, COMPRESSED)
        return member

    def _inside(self, name: str) -> str:
        return f"{self._path}/{name}"


class Hdf5GroupWriter(Hdf5Group, GroupWriter):
    """A group that can be changed."""

    overwrites_in_place = True
    unchecked_rows = True
    _holds_any_dtype = True

    def __init__(
        self,
        member: OpenObject,
        path: str,
        context: Context,
        parent: tuple[Hdf5GroupWriter, str] | None = None,
    ) -> None:
        super().__init__(member, path, context)
        self._parent = parent

    @property
    def attributes(self) -> Hdf5AttributesWriter:
        modernize = None if self._parent is None else self._modernize
        return Hdf5AttributesWriter(self._held, self._context, modernize)

    def _opened(self, member: OpenObject, name: str) -> Member:
        if member.kind == "group":
            return Hdf5GroupWriter(member, self._inside(name), self._context, (self, name))
        if member.kind == "array":
            return Hdf5ArrayWriter(member, name, self._context, self)
        kind = Hdf5DocumentWriter if member.kind == "document" else Hdf5Other
        return kind(member, name, self._context)

    def _make_group(self, name: str) -> None:
        self._context.changes += 1
        with self._context.translated():
            made = h5g.create(self._id, name.encode(), lcpl=_link(name), gcpl=_GROUP)
        self._keep(name, OpenObject("group", made))

    def _make_array(self, name: str, rows: AnyArray, expected: int) -> None:
        self._keep(name, OpenObject("array", self._dataset(name, rows, expected=expected)))

    def create_fixed_array(self, name: str, rows: AnyArray) -> ArrayWriter:
        if name in self:
            raise NodeExistsError(f"'{name}' exists", asked=name)
        self._keep(name, OpenObject("array", self._dataset(name, rows, growable=False)))
        return self.array(name)

    def replace_dataset(
        self, name: str, member: OpenObject, rows: AnyArray, *, expected: int
    ) -> None:
        self.delete(name)
        member.id, member.piece_bytes = self._dataset(name, rows, expected=expected), None
        self._keep(name, member)

    def _dataset(
        self, name: str, rows: AnyArray, *, growable: bool = True, expected: int = 0
    ) -> H5Object:
        """A new dataset of these rows."""
        self._context.changes += 1
        data = np.ascontiguousarray(rows)
        properties, most = storage_of(
            data, growable=growable, expected=expected, compress=self._context.compress
        )
        with self._context.translated():
            space = h5s.create_simple(data.shape, most)
            kind = h5t.py_create(data.dtype, logical=True)
            made = h5d.create(self._id, name.encode(), kind, space, properties, lcpl=_link(name))
            if properties.get_nfilters():
                made.close()
                made = h5d.open(self._id, name.encode(), COMPRESSED)
            if data.size:
                made.write(h5s.ALL, h5s.ALL, data)
        return made

    def _share(self) -> None:
        super()._share()
        self._context.changes += 1
        self._context.objects.clear()
        self._context.objects = UnkeptObjects()

    def check_any(self, data: Any, **options: Any) -> None:
        with self._context.translated():
            check_any(data, options)

    def create_any(self, name: str, data: Any, **options: Any) -> None:
        if name in self:
            raise NodeExistsError(f"'{name}' exists", asked=name)
        self._context.changes += 1
        with self._context.translated():
            h5py.Group(self._id).create_dataset(name, data=data, **options)

    def check_append(self, name: str, rows: AnyArray) -> None:
        with self._context.translated():
            check_append(self._find(name, "array").id, name, rows)

    def append_any(self, name: str, rows: AnyArray) -> None:
        self._context.changes += 1
        with self._context.translated():
            append_any(self._find(name, "array").id, rows)
            self._context.objects.forget(self._inside(name))

    def write_document(self, name: str, content: bytes | str) -> Hdf5DocumentWriter:
        self._context.changes += 1
        with self._context.translated():
            kind = string_type(content)
            made = self._string(name, kind)
            write_string(made.id, kind, content)
        return Hdf5DocumentWriter(made, name, self._context)

    def copy_member(self, source: GroupReader, name: str) -> bool:
        if not isinstance(source, Hdf5Group):
            return False
        self._context.changes += 1
        with self._context.translated():
            copy_object(source._id, key_of(name), self._id, _link(name))
        return True

    def _make_document(self, name: str, content: bytes) -> None:
        self.write_document(name, content)

    def _remove(self, name: str) -> None:
        self._context.changes += 1
        with self._context.translated():
            if _is_hard(self._id, name.encode()):
                _recall_all_texts(h5o.open(self._id, name.encode()))
            self._unlink(name)

    def _unlink(self, name: str) -> None:
        self._context.objects.forget(self._inside(name))
        self._id.unlink(name.encode())

    def _string(self, name: str, kind: H5Object) -> OpenObject:
        """The scalar dataset of that name and type; one of another type is replaced."""
        found = self._find(name, "document") if name in self else None
        if found is not None and Hdf5Document(found, name, self._context).has_type(kind):
            return found
        properties = h5p.create(h5p.DATASET_CREATE)
        properties.set_obj_track_times(False)
        # It gets its name once the old group, whose attributes it takes over, is removed.
        made = h5d.create(self._id, None, kind, h5s.create(h5s.SCALAR), properties)
        if found is not None:
            for key in attribute_keys(found.id):
                copy_attribute_within(found.id, key, made)
            del found
            self._unlink(name)
        h5o.link(made, self._id, name.encode(), lcpl=_link(name))
        return self._keep(name, OpenObject("document", made))

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
        for key in attribute_keys(self._id):
            copy_attribute_within(self._id, key, made)
        # Users of this object continue with the new group.
        self._held.attributes.clear()
        self._held.id = made
        parent._id.unlink(name.encode())
        parent._id.links.move(temporary, parent._id, name.encode(), lcpl=_link(name))


def _recall_all_texts(id_: H5Object) -> None:
    """Read the texts of an object that is about to be deleted, and of its arrays."""
    keys = list(id_) if isinstance(id_, h5g.GroupID) else []
    members = [h5o.open(id_, key) for key in keys if _is_hard(id_, key)]
    for each in (id_, *(m for m in members if isinstance(m, h5d.DatasetID))):
        recall_texts(each)


def _is_hard(group: H5Object, key: bytes) -> bool:
    """Whether a link is to an object of the file itself, which is there."""
    return bool(group.links.get_info(key).type == h5l.TYPE_HARD)


def _is_compressed(member: H5Object, name: str) -> bool:
    """
    Whether the values of a dataset are compressed.

    :raises CorruptNetworkError: they are in another file, from which HDF5 would read them.
    """
    properties = member.get_create_plist()
    layout = properties.get_layout()
    if layout == h5d.VIRTUAL or properties.get_external_count():
        raise CorruptNetworkError(f"the values of '{name}' are in another file")
    return bool(layout == h5d.CHUNKED and properties.get_nfilters())


def _kind_of(member: H5Object) -> str:
    if isinstance(member, h5d.DatasetID):
        if member.shape:
            return "array"
        return "document" if is_text(member) else "value"
    return "group" if isinstance(member, h5g.GroupID) else "named type"
