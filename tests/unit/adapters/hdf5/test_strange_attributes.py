"""Attributes of types that only other programs store: they are read, or stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5a, h5s, h5t

from bsb_hdf5.adapters.hdf5.copying import copy_attribute
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import CorruptNetworkError
from bsb_hdf5.testing.contents import reading, value_of, writing

TEXT = h5py.string_dtype()
RECORD = np.dtype([("a", "i4"), ("b", "f8", (2,))])
RECORD_OF_TEXT = np.dtype([("a", "i4"), ("b", TEXT)])


def texts(*values: str) -> Any:
    return np.array(values, dtype=TEXT)


def lists(*values: list[int]) -> Any:
    found = np.empty(len(values), dtype=object)
    found[:] = [np.array(each) for each in values]
    return found


# The type of each value, and the values: of a type of arrays, with the shape of that.
READABLE: dict[str, tuple[Any, Any]] = {
    "a matrix": (("<f8", (2, 2)), np.eye(2)),
    "numbers in another order of bytes": ((">i4", (3,)), np.arange(3, dtype=">i4")),
    "an array of texts": ((TEXT, (2,)), texts("a", "é")),
    "an array of short texts": (("S2", (2,)), np.array([b"ab", b"c"])),
    "an array of records": ((RECORD, (2,)), np.zeros(2, dtype=RECORD)),
    "matrices": (("<i8", (2, 2)), np.arange(12).reshape(3, 2, 2)),
    "no matrices": (("<i8", (2, 2)), np.zeros((0, 2, 2), dtype=np.int64)),
    "a record": (RECORD, np.array((1, [2.5, 3.5]), dtype=RECORD)),
    "a record with a text": (RECORD_OF_TEXT, np.array((1, "a text"), dtype=RECORD_OF_TEXT)),
    "lists": (h5py.vlen_dtype("i8"), lists([1], [2, 3])),
    "an enumeration": (h5py.enum_dtype({"A": 1, "B": 2}), np.array(2)),
    "complex numbers": ("c16", np.arange(3) + 1j),
    "opaque": ("V3", np.array(b"abc", dtype="V3")),
    "a short text": ("S5", np.array(b"abc", dtype="S5")),
    "nothing": ("f8", None),
}
# numpy has no times of HDF5.
UNREADABLE = ["a time", "a reference"]
KINDS = [*READABLE, *UNREADABLE]


def put(object_: Any, kind: str) -> None:
    """Give an object an attribute ``a`` of a kind."""
    if kind == "a time":
        made = h5a.create(object_.id, b"a", h5t.UNIX_D32LE, h5s.create(h5s.SCALAR))
        made.write(np.array(b"time", dtype="V4"), h5t.UNIX_D32LE)
        return
    if kind == "a reference":
        object_.attrs["a"] = object_.file.ref
        return
    type_, value = READABLE[kind]
    dtype = np.dtype(type_)
    stored = h5t.py_create(dtype, logical=True)
    if value is None:
        h5a.create(object_.id, b"a", stored, h5s.create(h5s.NULL))
        return
    shape = value.shape[: value.ndim - len(dtype.shape)]
    space = h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)
    made = h5a.create(object_.id, b"a", stored, space)
    if value.size:
        made.write(value, h5t.py_create(dtype))


def stored(object_: Any) -> Any:
    """The type of the attribute, and its value as h5py has it."""
    held = object_.attrs.get_id("a")
    if held.get_type().get_class() == h5t.TIME:
        raw = np.empty((), dtype="V4")
        held.read(raw, held.get_type())
        return held.get_type(), raw.tobytes()
    value = object_.attrs["a"]
    if isinstance(value, h5py.Reference):
        value = h5py.h5r.get_name(value, object_.id)
    return held.get_type(), repr(value)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def make_file(path: Path, kind: str) -> Any:
    """A file in HDF5's first format, whose group, array and text have such an attribute."""
    with h5py.File(path, "w", libver="earliest") as file:
        group = file.create_group("group")
        group["array"] = np.arange(3)
        group["text"] = "a text"
        for object_ in (group, group["array"], group["text"]):
            put(object_, kind)
        return stored(group)


@pytest.mark.parametrize("kind", READABLE)
def test_it_is_read(path: Path, kind: str) -> None:
    make_file(path, kind)
    with h5py.File(path) as file:
        expected = file["group"].attrs["a"]
    with reading(Hdf5Store(str(path))) as root:
        for _ in range(2):
            found = root.group("group").attributes.get("a")
            if kind == "nothing":
                assert found is None
            elif kind == "an array of texts":
                assert ["a", "é"] == found
            elif kind in ("an array of short texts", "a short text"):
                assert np.char.decode(expected).tolist() == (
                    found if isinstance(found, list) else str(found)
                )
            elif "record" in kind or kind == "lists":
                assert str(expected) == str(found)
            else:
                assert value_of(expected) == value_of(found)


def test_what_has_it_is_removed(path: Path, kind: str) -> None:
    make_file(path, kind)
    with writing(Hdf5Store(str(path))) as root:
        root.delete("group")
    with h5py.File(path) as file:
        assert [] == list(file)


def test_it_stays_where_its_group_gets_more_than_the_first_format_holds(
    path: Path, kind: str
) -> None:
    before = make_file(path, kind)
    with writing(Hdf5Store(str(path))) as root:
        root.group("group").attributes.set("large", np.arange(30_000))
    with h5py.File(path) as file:
        assert ["a", "large"] == sorted(file["group"].attrs)
        assert before == stored(file["group"])


def test_it_stays_where_its_text_becomes_one_of_another_type(path: Path, kind: str) -> None:
    make_file(path, kind)
    with h5py.File(path) as file:
        before = stored(file["group/text"])
    with writing(Hdf5Store(str(path))) as root:
        root.group("group").write_document("text", b"bytes")
    with h5py.File(path) as file:
        assert b"bytes" == file["group/text"][()]
        assert before == stored(file["group/text"])


def test_it_is_copied_into_another_file_unless_it_refers_to_its_own(
    path: Path, tmp_path: Path, kind: str
) -> None:
    before = make_file(path, kind)
    with h5py.File(path) as file, h5py.File(tmp_path / "other", "w") as other:
        if kind == "a reference":
            with pytest.raises(CorruptNetworkError, match="refers to other objects"):
                copy_attribute(file["group"].id, b"a", other.id)
        else:
            copy_attribute(file["group"].id, b"a", other.id)
            assert before == stored(other)
