"""Objects and attributes of any type, copied from one HDF5 file into another."""

from __future__ import annotations

from math import prod

import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o, h5t

from ...errors import CorruptNetworkError
from .h5_types import H5Object


def copy_object(source: H5Object, key: bytes, target: H5Object, link_properties: H5Object) -> None:
    """
    Copy a member of a group, with all below it; a link stays a link.

    :raises CorruptNetworkError: values of it are in another file, or it refers to other objects.
    """
    link = source.links.get_info(key).type
    if link == h5l.TYPE_SOFT:
        target.links.create_soft(key, source.links.get_val(key), lcpl=link_properties)
    elif link == h5l.TYPE_EXTERNAL:
        target.links.create_external(key, *source.links.get_val(key), lcpl=link_properties)
    else:
        _check_self_contained(source, key)
        h5o.copy(source, key, target, key, lcpl=link_properties)


def copy_attribute(source: H5Object, key: bytes, target: H5Object) -> None:
    """
    Copy an attribute of an object into another file.

    :raises CorruptNetworkError: it refers to other objects.
    """
    _check_type(h5a.open(source, key).get_type(), key)
    copy_attribute_within(source, key, target)


def copy_attribute_within(source: H5Object, key: bytes, target: H5Object) -> None:
    """Copy an attribute of an object to one of the same file."""
    held = h5a.open(source, key)
    kind, shape = held.get_type(), held.shape
    made = h5a.create(target, key, kind, held.get_space())
    if shape is None or not prod(shape):
        return
    if _lies_elsewhere(kind):
        values = np.empty(shape, dtype=held.dtype)
        memory = h5t.py_create(held.dtype)
    else:
        # Byte for byte, as numpy lacks some types.
        values = np.empty(shape, dtype=np.dtype((np.void, kind.get_size())))
        memory = kind
    held.read(values, memory)
    made.write(values, memory)


def attribute_keys(object_: H5Object) -> list[bytes]:
    """The names of all attributes of an object."""
    names: list[bytes] = []
    # An error that is raised while HDF5 iterates breaks it.
    h5a.iterate(object_, names.append)
    return names


def _check_self_contained(group: H5Object, key: bytes) -> None:
    opened = h5o.open(group, key)
    _check_object(opened, key)
    if isinstance(opened, h5g.GroupID):
        # HDF5 loses an error that is raised while it visits.
        below: list[bytes] = []
        h5o.visit(opened, below.append)
        for name in below:
            _check_object(h5o.open(opened, name), name)


def _check_object(opened: H5Object, key: bytes) -> None:
    if isinstance(opened, h5d.DatasetID):
        properties = opened.get_create_plist()
        if properties.get_layout() == h5d.VIRTUAL or properties.get_external_count():
            raise CorruptNetworkError(f"the values of '{_text(key)}' are in another file")
        _check_type(opened.get_type(), key)
    if isinstance(opened, h5t.TypeID):
        return
    for name in attribute_keys(opened):
        _check_type(h5a.open(opened, name).get_type(), name)


def _check_type(kind: H5Object, key: bytes) -> None:
    """References name places in their own file, which mean nothing in another."""
    if _refers(kind):
        raise CorruptNetworkError(f"'{_text(key)}' refers to other objects of its file")


def _refers(kind: H5Object) -> bool:
    if isinstance(kind, h5t.TypeCompoundID):
        return any(_refers(kind.get_member_type(i)) for i in range(kind.get_nmembers()))
    if isinstance(kind, h5t.TypeArrayID | h5t.TypeVlenID):
        return _refers(kind.get_super())
    return isinstance(kind, h5t.TypeReferenceID)


def _lies_elsewhere(kind: H5Object) -> bool:
    """Whether values are in memory of their own, or need to be translated from file to memory."""
    if isinstance(kind, h5t.TypeCompoundID):
        return any(_lies_elsewhere(kind.get_member_type(i)) for i in range(kind.get_nmembers()))
    if isinstance(kind, h5t.TypeArrayID):
        return _lies_elsewhere(kind.get_super())
    if isinstance(kind, h5t.TypeStringID):
        return bool(kind.is_variable_str())
    return isinstance(kind, h5t.TypeVlenID | h5t.TypeReferenceID)


def _text(key: bytes) -> str:
    return key.decode("utf-8", "backslashreplace")
