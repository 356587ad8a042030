"""Groups of an HDF5 file: what their members are, and what changes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5g

from bsb_hdf5.adapters.hdf5.file_pool import FILE_POOL
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import (
    CorruptNetworkError,
    DtypeError,
    InputError,
    NodeExistsError,
    NodeNotFoundError,
    SessionClosedError,
    ShapeError,
)
from bsb_hdf5.testing.contents import make, reading, writing
from tests.unit.memory import new_root


@pytest.fixture
def root(path: Path) -> Iterator[Any]:
    """The root group of a session that writes."""
    session: Any = make(Hdf5Store(str(path))).open_write()
    yield session.root
    session.rollback()


@pytest.fixture
def other(path: Path, tmp_path: Path) -> Any:
    """What another program put into a file."""
    with h5py.File(path, "w") as file:
        group = file.create_group("group")
        group["array"] = np.arange(6).reshape(3, 2)
        group["single"] = 5
        group["text"] = "a text"
        group["opaque"] = np.void(b"bytes")
        group["empty"] = h5py.Empty("f8")
        group["type"] = np.dtype("f8")
        group["link"] = h5py.SoftLink("/group/array")
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "elsewhere"), "x", (3,))
        group.create_virtual_dataset("virtual", layout)
    session = Hdf5Store(str(path)).open_read()
    yield session.root.group("group")
    session.close()


def test_a_member_is_asked_for_by_its_kind(other: Any) -> None:
    kinds = {"array": other.array, "document": other.document, "group": other.group}
    for name, kind in (
        ("array", "array"),
        ("text", "document"),
        ("opaque", "document"),
        ("single", None),
        ("empty", None),
        ("type", None),
    ):
        assert name in other
        for each, ask in kinds.items():
            if each == kind:
                ask(name)
            else:
                with pytest.raises(NodeNotFoundError, match=f"no {each} '{name}'") as caught:
                    ask(name)
                assert name == caught.value.fields["asked"]
    for name, message in (("link", "leads elsewhere"), ("virtual", "in another file")):
        with pytest.raises(CorruptNetworkError, match=f"'{name}'.*{message}"):
            other.array(name)
    for name in ("group/array", "", ".", "..", "missing", "a\0b"):
        assert name not in other
        with pytest.raises(NodeNotFoundError):
            other.array(name)


def test_values_of_any_kind_are_read(other: Any) -> None:
    assert [[0, 1], [2, 3], [4, 5]] == other.read_any("array").tolist()
    assert (5, b"a text") == (other.read_any("single"), other.read_any("text"))
    assert b"a text" == other.document("text").read()
    assert b"bytes" == other.document("opaque").read()
    assert isinstance(other.read_any("empty"), h5py.Empty)
    assert other.value("single").attributes.names() == ()
    for name, message in (
        ("missing", "there is no array 'missing'"),
        ("type", "'type' is not an array"),
    ):
        with pytest.raises(NodeNotFoundError, match=message) as caught:
            other.read_any(name)
        assert name == caught.value.fields["asked"]


def test_each_change_is_counted(root: Any) -> None:
    rows = np.arange(3)
    root.create_array("x", rows)
    root.create_any("texts", ["a"], maxshape=(None,))
    for change in (
        lambda: root.require_group("g"),
        lambda: root.create_array("y", rows),
        lambda: root.create_fixed_array("fixed", rows),
        lambda: root.create_any("single", 5),
        lambda: root.append_any("texts", np.array(["b"], dtype=object)),
        lambda: root.write_document("d", b"text"),
        lambda: root.write_document("d", "other"),
        lambda: root.array("x").append(rows),
        lambda: root.array("x").write(0, rows),
        lambda: root.array("x").resize(2),
        lambda: root.array("x").resize(9),
        lambda: root.delete("y"),
        root.native,
    ):
        before = root._context.changes
        change()
        assert before + 1 == root._context.changes
    before = root._context.changes
    root.require_group("g")
    root.array("x").append(rows[:0])
    root.check_append("x", rows)
    assert before == root._context.changes


def test_what_is_there_is_not_made_again(root: Any) -> None:
    root.create_array("x", np.arange(3))
    for make_again in (root.create_array, root.create_fixed_array, root.create_any):
        with pytest.raises(NodeExistsError, match="'x' exists") as caught:
            make_again("x", np.arange(5))
        assert "x" == caught.value.fields["asked"]
    assert [0, 1, 2] == root.array("x").read().tolist()


def test_an_array_of_fixed_length_does_not_grow(root: Any) -> None:
    root.create_fixed_array("x", np.arange(3))
    assert [0, 1, 2] == root.array("x").read().tolist()
    with pytest.raises(InputError, match="has 3 rows, and can't have more than 3"):
        root.check_append("x", np.arange(1))
    root.check_append("x", np.arange(0))
    root.create_any("y", [1, 2], maxshape=(5,))
    root.check_append("y", np.arange(3))
    with pytest.raises(InputError, match="more than 5"):
        root.check_append("y", np.arange(4))
    root.create_array("z", np.zeros((2, 3)))
    root.check_append("z", np.zeros((9, 3)))
    for wrong in (np.zeros((9, 2)), np.zeros(3)):
        with pytest.raises(ShapeError, match=r"don't fit 'z' of \(2, 3\)"):
            root.check_append("z", wrong)


def test_rows_of_any_type_are_added(root: Any) -> None:
    root.create_any("x", ["a", "b"], maxshape=(None,))
    root.append_any("x", np.array(["c"], dtype=object))
    assert [b"a", b"b", b"c"] == root.read_any("x").tolist()
    assert (3,) == root.array("x").shape


@pytest.mark.parametrize(
    ("data", "options", "error", "message"),
    [
        (None, {}, DtypeError, "None can't be stored"),
        ([object()], {}, DtypeError, "HDF5 can't store the data: "),
        ([1, 2], {"shape": (3,)}, InputError, "can't store the data with shape: "),
        ([1], {"chunks": True, "compression": "odd"}, InputError, "with chunks, compression: "),
        ([1], {"odd": 1}, DtypeError, "with odd: "),
    ],
)
def test_what_can_not_be_stored_is_reported_before_it_is(
    root: Any, data: Any, options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        root.check_any(data, **options)
    root.check_any([1, 2], dtype="f4", maxshape=(None,))
    assert () == root.names()


def test_a_document_of_another_type_keeps_its_attributes(root: Any) -> None:
    made = root.write_document("d", b"bytes")
    made.attributes.set("a", 5)
    made.attributes.set("b", "text")
    for content in (b"longer bytes", "a text é", b"", b"\0", b"a\0b\0", "x" * 5000):
        root.write_document("d", content)
        expected = content.encode() if isinstance(content, str) else content
        found = root.document("d")
        assert expected == found.read()
        assert (5, "text") == (found.attributes.get("a"), found.attributes.get("b"))


@pytest.mark.parametrize("content", ["é", b"\xe9", "text", b"bytes"])
def test_a_document_replaces_a_text_in_ascii(path: Path, content: str | bytes) -> None:
    with h5py.File(path, "w") as file:
        for name, dtype in (("any", h5py.string_dtype("ascii")), ("fixed", "S5")):
            file.create_dataset(name, data="bytes", dtype=dtype).attrs["a"] = 5
    for _ in range(2):
        with writing(Hdf5Store(str(path))) as root:
            for name in ("any", "fixed"):
                root.write_document(name, content)
        with reading(Hdf5Store(str(path))) as root:
            for name in ("any", "fixed"):
                found = root.document(name)
                assert found.read() == (content.encode() if isinstance(content, str) else content)
                assert 5 == found.attributes.get("a")


def test_names_are_texts_of_any_language(root: Any, path: Path) -> None:
    for name in ("plain", "é", "漢字"):
        root.require_group(f"g{name}")
        root.create_array(f"a{name}", np.arange(2))
        root.write_document(f"d{name}", b"x")
    assert sorted(f"{kind}{n}" for kind in "gad" for n in ("plain", "é", "漢字")) == list(
        root.names()
    )
    for key in root._id:
        character_set = root._id.links.get_info(key).cset
        assert (character_set == h5py.h5t.CSET_UTF8) == (not key.isascii())


def test_what_has_a_name_that_is_no_utf8_is_listed_copied_and_removed_with_its_group(
    path: Path, tmp_path: Path
) -> None:
    with h5py.File(path, "w") as file:
        h5g.create(file.create_group("group").id, b"caf\xe9")
        h5g.create(file["group"].id, "é".encode())
        file["group"].attrs[b"caf\xe9"] = "text"
    with (
        reading(Hdf5Store(str(path))) as root,
        writing(make(Hdf5Store(str(tmp_path / "other")))) as other,
    ):
        group = root.group("group")
        strange = ("é", "caf\udce9")[::-1]
        assert strange == group.names()
        # No name of a set, a file or a morphology is like that.
        assert "caf\udce9" not in group
        with pytest.raises(NodeNotFoundError):
            group.group("caf\udce9")
        for name in strange:
            assert other.copy_member(group, name)  # type: ignore[attr-defined]
    with h5py.File(tmp_path / "other") as file:
        assert [b"caf\xe9", "é".encode()] == list(file.id)
        sets = [file.id.links.get_info(key).cset for key in file.id]
        assert [h5py.h5t.CSET_ASCII, h5py.h5t.CSET_UTF8] == sets
    with writing(Hdf5Store(str(path))) as root:
        root.delete("group")
        assert () == root.names()


def test_members_of_other_backends_are_not_copied(root: Any) -> None:
    before = root._context.changes
    assert not root.copy_member(new_root(), "x")
    assert before == root._context.changes


def test_a_session_that_handed_out_h5py_keeps_nothing_open(path: Path) -> None:
    store = make(Hdf5Store(str(path)))
    with reading(store) as root:
        assert isinstance(root.native(), h5py.Group)  # type: ignore[attr-defined]
        assert root._context.shared  # type: ignore[attr-defined]
    session: Any = store.open_write()
    session.root.create_array("x", np.arange(3))
    session.root.native()["x"][0] = 9
    del session.root.native()["x"]
    assert "x" not in session.root
    session.commit()
    with reading(store) as root:
        assert "x" not in root


def test_what_belongs_to_a_file_that_was_discarded_is_not_used(path: Path) -> None:
    session: Any = Hdf5Store(str(path)).create()
    array = session.root.create_array("x", np.arange(3))
    session.rollback()
    for use in (array.read, lambda: session.root, lambda: array.append(np.arange(2))):
        with pytest.raises(SessionClosedError):
            use()
    assert not path.exists()


@pytest.mark.parametrize("place", ["of the group", "of its array"])
def test_the_space_of_deleted_texts_is_used_again(path: Path, place: str) -> None:
    """By sessions that never read them, of programs that each open the file."""
    store = make(Hdf5Store(str(path)))
    sizes = []
    for _ in range(8):
        FILE_POOL.drop(store)
        with writing(store) as root:
            if "group" in root:
                root.delete("group")
            group = root.require_group("group")
            owner = group if place == "of the group" else group.create_array("x", np.zeros(1))
            owner.attributes.set("text", "a short text")
        sizes.append(path.stat().st_size)
    # HDF5 makes room for 4096 bytes of texts at a time.
    assert max(sizes) < sizes[0] + 4096
