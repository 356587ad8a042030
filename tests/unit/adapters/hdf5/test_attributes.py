"""Attributes of an HDF5 file, as they lie there and as they are read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from h5py import h5a, h5s, h5t

from bsb_hdf5.adapters.hdf5 import attributes
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import CorruptNetworkError, InvalidNameError, NodeNotFoundError
from bsb_hdf5.testing.contents import make, reading, value_of, writing
from tests.unit.memory import new_root


@pytest.fixture
def root(path: Path) -> Iterator[Any]:
    """The root group of a session that writes."""
    store = make(Hdf5Store(str(path)))
    session = store.open_write()
    yield session.root
    session.rollback()


def test_many_integers_are_read_and_written_at_once(root: Any) -> None:
    held = root.attributes
    held.set_integers({"a": 5, "b": -1})
    held.set("one", np.array([7]))
    held.set("small", np.int16(-3))
    assert [-1, 5, 7, -3] == held.integers(["b", "a", "one", "small"]).tolist()
    assert np.int64 == held.integers([]).dtype
    held.set_integers({"a": 6, "small": 9})
    assert [6, 9] == held.integers(["a", "small"]).tolist()
    assert 9 == held.get("small")


OTHERS_VALUES: dict[str, tuple[Any, Any]] = {
    "many numbers": (np.zeros(4000, dtype=np.int64), None),
    "a grid": (np.zeros((1, 1), dtype=np.int64), None),
    "no numbers": (np.zeros(0, dtype=np.int64), None),
    "nothing": (h5py.Empty("i8"), None),
    "fewer bytes": (5, "i4"),
    "no sign": (5, "u8"),
    "bytes in another order": (5, ">i8"),
    "a fraction": (5.5, "f8"),
    "a truth": (True, "?"),
    "a text": ("5", h5py.string_dtype()),
    "a text in ASCII": ("5", h5py.string_dtype("ascii")),
    "texts in ASCII": (["5"], h5py.string_dtype("ascii")),
    "a text of as many bytes": (b"12345678", "S8"),
    "a record": (np.zeros((), dtype="i4,i4"), None),
    "an enumeration": (1, h5py.enum_dtype({"A": 1}, basetype="i8")),
    "a matrix": (np.eye(2), np.dtype(("<i8", (2, 2)))),
}


@pytest.fixture(params=OTHERS_VALUES)
def others(request: pytest.FixtureRequest, path: Path) -> Iterator[Any]:
    """The root group of a file in which another program stored an attribute ``a``."""
    value, dtype = OTHERS_VALUES[request.param]
    with h5py.File(path, "w") as file:
        file.require_group("placement")
        file.attrs.create("a", value, dtype=dtype)
    session: Any = Hdf5Store(str(path)).open_write()
    yield session.root
    session.rollback()


@pytest.mark.parametrize("stay_open", [False, True])
def test_an_integer_replaces_whatever_another_program_stored(
    others: Any, monkeypatch: pytest.MonkeyPatch, stay_open: bool
) -> None:
    """HDF5 would read as many values as the attribute has, from memory that holds one."""
    held = others.attributes
    if stay_open:
        assert held._find(b"a") is held._member.attributes[b"a"]
    else:
        monkeypatch.setattr("bsb_hdf5.adapters.hdf5.context._MOST_NUMBERS", 1)
    for number in (2**60 + 1, -3):
        held.set_integers({"a": number, "b": 1})
        assert ("a", "b") == held.names()
        assert value_of(np.int64(number)) == value_of(held.get("a"))
        assert [number, 1] == held.integers(["a", "b"]).tolist()


@pytest.mark.parametrize("value", [np.int64(7), "é", ["é"], np.arange(3), np.bool_(True)])
def test_a_value_replaces_whatever_another_program_stored(others: Any, value: Any) -> None:
    others.attributes.set("a", value)
    others.attributes._member.attributes.clear()
    assert value_of(value) == value_of(others.attributes.get("a"))


def test_what_an_integer_was_is_looked_at_again_once_it_is_another_value(root: Any) -> None:
    few = root.require_group("few")
    few.attributes.set_integers({"a": 1})
    changes: list[Callable[[], object]] = [
        lambda: few.attributes.set("a", np.arange(4000)),
        lambda: few.attributes.delete("a"),
        lambda: few.native().attrs.create("a", np.arange(4000)),
    ]
    for change in changes:
        change()
        for _ in range(2):
            few.attributes.set_integers({"a": 2})
            few.attributes._member.attributes.clear()
            assert value_of(np.int64(2)) == value_of(few.attributes.get("a"))


def test_only_so_many_names_of_integers_are_remembered(
    root: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bsb_hdf5.adapters.hdf5.context._MOST_NAMES", 3)
    held = root.attributes
    for first in (10, 20):
        held.set_integers({f"a{number}": first + number for number in range(5)})
        assert 3 == len(held._member.integers)
        held._member.attributes.clear()
    assert [*range(20, 25)] == held.integers([f"a{number}" for number in range(5)]).tolist()


def test_numbers_that_are_none_are_reported(root: Any) -> None:
    held = root.attributes
    held.set("two", np.array([1, 2]))
    held.set("grid", np.array([[1]]))
    for _ in range(2):
        with pytest.raises(NodeNotFoundError, match="no attribute 'missing'") as caught:
            held.integers(["missing"])
        assert "missing" == caught.value.fields["asked"]
        for name in ("two", "grid"):
            with pytest.raises(CorruptNetworkError, match=f"'{name}' is not a number"):
                held.integers([name])
            held.get(name)


def test_each_change_is_counted(root: Any) -> None:
    held, context = root.attributes, root._context
    changes: list[Callable[[], object]] = [
        lambda: held.set("a", 1),
        lambda: held.set("a", 2),
        lambda: held.set_integers({"b": 1, "c": 2}),
        lambda: held.delete("a"),
        lambda: held.delete("missing"),
    ]
    for change in changes:
        before = context.changes
        change()
        assert before + 1 == context.changes


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.int64(1), np.int64(2)),
        (np.int64(1), np.float64(2)),
        (np.int64(1), np.int32(2)),
        (np.arange(3), np.arange(4)),
        (np.arange(3), np.arange(3)[::-1]),
        (np.arange(3), np.int64(3)),
        ("a text", "another"),
        ("a text", ["a", "text"]),
        (["a", "b"], ["c", "d"]),
        (["a"], []),
        ("a text", np.int64(3)),
        (np.bool_(True), np.bool_(False)),
        (np.bool_(True), np.int8(1)),
        (np.zeros((0, 3)), np.zeros((0, 3))),
    ],
    ids=repr,
)
def test_a_value_is_replaced_by_one_of_whatever_kind(root: Any, first: Any, second: Any) -> None:
    held = root.attributes
    for value in (first, second, first):
        held.set("a", value)
        assert value_of(value) == value_of(held.get("a"))
        # As one finds it who opens it again.
        held._member.attributes.clear()
        assert value_of(value) == value_of(held.get("a"))
        assert ("a",) == held.names()
    held.delete("a")
    assert ((), None) == (held.names(), held.get("a"))


def test_only_so_many_stay_open(root: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attributes, "_MOST_OPEN", 3)
    held = root.attributes
    for number in range(6):
        held.set(f"a{number}", number)
    assert 3 == len(held._member.attributes)
    assert [*range(6)] == [held.get(f"a{number}") for number in range(6)]
    assert [*range(6)] == held.integers([f"a{number}" for number in range(6)]).tolist()


def test_of_very_many_integers_none_stays_open(root: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5 looks through all open attributes of a file whenever it opens one."""
    monkeypatch.setattr("bsb_hdf5.adapters.hdf5.context._MOST_NUMBERS", 4)
    few, many = root.require_group("few"), root.require_group("many")
    few.attributes.set_integers({"a": 1, "b": 2})
    assert [b"a", b"b"] == list(few.attributes._member.attributes)
    for first in (10, 20):
        many.attributes.set_integers({f"a{number}": first + number for number in range(4)})
        assert [] == [*few.attributes._member.attributes, *many.attributes._member.attributes]
        names = [f"a{number}" for number in range(4)]
        assert [*range(first, first + 4)] == many.attributes.integers(names).tolist()
    assert [1, 2] == few.attributes.integers(["a", "b"]).tolist()


def test_attributes_of_any_type_are_copied_from_hdf5_alone(path: Path, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other", "w") as file:
        file.attrs["none"] = h5py.Empty("f8")
        file.attrs["complex"] = np.arange(3) + 1j
        file.attrs["fixed"] = np.bytes_("abc")
        file.attrs["texts"] = ["a", "é"]
    with (
        reading(Hdf5Store(str(tmp_path / "other"))) as other,
        writing(make(Hdf5Store(str(path)))) as root,
    ):
        before = root._context.changes  # type: ignore[attr-defined]
        for name in other.attributes.names():
            assert root.attributes.copy(other.attributes, name)  # type: ignore[attr-defined]
        assert before + 4 == root._context.changes  # type: ignore[attr-defined]
        assert not root.attributes.copy(new_root().attributes, "x")  # type: ignore[attr-defined]
    with h5py.File(path) as file, h5py.File(tmp_path / "other") as other_file:
        assert sorted(other_file.attrs) == sorted(file.attrs)
        for name, value in other_file.attrs.items():
            found = file.attrs[name]
            assert value.shape is None if name == "none" else value_of(value) == value_of(found)
            kinds = [each.attrs.get_id(name).get_type() for each in (file, other_file)]
            assert kinds[0].equal(kinds[1])
    with reading(Hdf5Store(str(path))) as root:
        assert root.attributes.get("none") is None


def test_names_that_are_no_utf8_are_listed_read_replaced_copied_and_deleted(
    path: Path, tmp_path: Path
) -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    with h5py.File(path, "w") as file:
        file.attrs["a"] = 1
        h5a.create(file.id, b"caf\xe9", h5t.NATIVE_INT64, h5s.create(h5s.SCALAR)).write(np.array(2))
    with reading(Hdf5Store(str(path))) as root:
        held = root.attributes
        assert ("a", name) == held.names()
        assert (1, 2, None) == (held.get("a"), held.get(name), held.get("caf\udcea"))
        assert [2, 1] == held.integers([name, "a"]).tolist()  # type: ignore[attr-defined]
        with writing(make(Hdf5Store(str(tmp_path / "other")))) as other:
            assert other.attributes.copy(held, name)  # type: ignore[attr-defined]
    with writing(Hdf5Store(str(path))) as root:
        root.attributes.set(name, "text")
        root.attributes.delete("a")
    with h5py.File(path) as file, h5py.File(tmp_path / "other") as copy:
        assert [b"caf\xe9"] == list(file.attrs) == list(copy.attrs)
        assert ("text", 2) == (file.attrs[b"caf\xe9"], copy.attrs[b"caf\xe9"])
    with writing(Hdf5Store(str(path))) as root:
        root.attributes.set_integers({name: 3})  # type: ignore[attr-defined]
        assert 3 == root.attributes.get(name)
        root.attributes.delete(name)
        assert () == root.attributes.names()


@pytest.mark.parametrize("name", ["\ud800", "a\0b", ""])
def test_a_name_that_hdf5_lacks_is_that_of_no_attribute(root: Any, name: str) -> None:
    held = root.attributes
    held.set("a", 1)
    assert held.get(name) is None
    held.delete(name)
    with pytest.raises(NodeNotFoundError):
        held.integers(["a", name])
    with pytest.raises(InvalidNameError, match="can't name anything in an HDF5 file"):
        held.set(name, 2)
    with pytest.raises(InvalidNameError, match="can't name anything in an HDF5 file"):
        held.set_integers({"b": 2, name: 2})
    assert ("a",) == held.names()


def test_texts_that_are_no_utf8_come_back_as_they_were(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.require_group("placement")
        for name, kind in (("fixed", h5py.string_dtype("utf-8", 4)), ("any", h5py.string_dtype())):
            file.attrs.create(name, b"a\xffb", dtype=kind)
            file.attrs.create(f"{name}s", [b"a\xff"], shape=(1,), dtype=kind)
    with reading(Hdf5Store(str(path))) as root:
        for name in ("fixed", "any"):
            assert b"a\xffb" == root.attributes.get(name).encode("utf-8", "surrogateescape")
            assert [b"a\xff"] == [
                each.encode("utf-8", "surrogateescape") for each in root.attributes.get(f"{name}s")
            ]
