"""
What every store promises: one suite, subclassed once an adapter.

A subclass overrides the fixture ``new_store`` and nothing else. Defining one that replaces a
test, or takes it away, fails.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeAlias

import numpy as np
import pytest

from ..errors import (
    NodeExistsError,
    NodeNotFoundError,
    ShapeError,
    StorageError,
    StoreExistsError,
    StoreNotFoundError,
)
from ..ports.arrays import (
    AttributeWriter,
    GroupReader,
    GroupWriter,
)
from ..ports.store import Ability, Store
from .contents import (
    attributes_of,
    contents_of,
    make,
    reading,
    snapshot,
    value_of,
    writing,
)

NewStore: TypeAlias = Callable[[str], Store]
Change: TypeAlias = Callable[[GroupWriter], Any]

ROWS = np.arange(12.0).reshape(4, 3)
EVERY_BYTE = bytes(range(256)) + b"\0\0"

VALUES: dict[str, Any] = {
    "text": "granule",
    "text beyond ASCII": "Purkyně · 小脳",
    "empty text": "",
    "long text": "x" * 100_000,
    "texts": ["basket", "stellate", "Golgi", ""],
    "no texts": [],
    "many texts": [f"name {i}" for i in range(5000)],
    "array": np.arange(6, dtype=np.int16).reshape(2, 3),
    "large array": np.arange(40_000, dtype=np.int64),
    "empty array": np.zeros((0, 3)),
    "floats": np.array([np.nan, np.inf, -0.0, 1e-300]),
}

DTYPES = ["f8", "f4", "i8", "i4", "i2", "u1", "u8", "?", ">f8", ">i4"]

KINDS = ["group", "array", "document"]

# First rows, and rows after the last, of an array of 10 rows.
RANGES: dict[str, list[tuple[int, int]]] = {
    "none": [],
    "one": [(3, 7)],
    "the whole": [(0, 10)],
    "an empty one": [(4, 4)],
    "empty ones at both ends": [(0, 0), (10, 10)],
    "two that touch": [(2, 4), (4, 7)],
    "two that touch, the later first": [(4, 7), (2, 4)],
    "in reverse": [(8, 10), (5, 6), (0, 2)],
    "overlapping": [(1, 6), (4, 9), (4, 5)],
    "the same thrice": [(7, 9), (7, 9), (7, 9)],
    "one within another": [(0, 10), (3, 4)],
    "empty ones between": [(5, 8), (2, 2), (8, 9), (9, 9), (0, 1)],
    "each row by itself": [(i, i + 1) for i in (9, 0, 8, 1, 7, 2)],
}
RANGES_OUTSIDE = [
    [(0, 11)],
    [(11, 11)],
    [(-1, 2)],
    [(-3, -1)],
    [(4, 2)],
    [(0, 2), (9, 11)],
    [(20, 30), (0, 2)],
]


def prepare(root: GroupWriter) -> None:
    """One member of each kind, one attribute on each."""
    group = root.require_group("group")
    group.require_group("inner").create_array("deep", np.arange(3))
    array = root.create_array("array", ROWS)
    document = root.write_document("document", b"first")
    holders: list[AttributeWriter] = [m.attributes for m in (root, group, array, document)]
    for attributes in holders:
        attributes.set("text", "before")
        attributes.set("number", 1)
        attributes.set("numbers", np.arange(3))


CHANGES: dict[str, Change] = {
    "a group made": lambda root: root.require_group("new"),
    "a group made deep down": lambda root: root.group("group").group("inner").require_group("new"),
    "an array made": lambda root: root.create_array("new", ROWS),
    "a document made": lambda root: root.write_document("new", "text"),
    "rows appended": lambda root: root.array("array").append(ROWS),
    "rows overwritten": lambda root: root.array("array").write(1, -ROWS[:2]),
    "an array cut": lambda root: root.array("array").resize(1),
    "an array emptied": lambda root: root.array("array").resize(0),
    "an array extended": lambda root: root.array("array").resize(50),
    "a document shortened": lambda root: root.write_document("document", b"2"),
    "a document replaced": lambda root: root.write_document("document", b"other"),
    "a document lengthened": lambda root: root.write_document("document", b"x" * 10_000),
    "a document replaced by text": lambda root: root.write_document("document", "text"),
    "a group deleted": lambda root: root.delete("group"),
    "an array deleted": lambda root: root.delete("array"),
    "a document deleted": lambda root: root.delete("document"),
    "an attribute made": lambda root: root.attributes.set("new", "text"),
    "an attribute of a group replaced": lambda root: root.group("group").attributes.set(
        "text", "after"
    ),
    "an attribute of an array replaced": lambda root: root.array("array").attributes.set(
        "numbers", np.arange(9.0)
    ),
    "an attribute of a document replaced": lambda root: root.document("document").attributes.set(
        "number", "now a text"
    ),
    "an attribute deleted": lambda root: root.attributes.delete("text"),
    "integers set": lambda root: root.attributes.set_integers({"number": 5, "another": 6}),
}


def bounds(ranges: list[tuple[int, int]]) -> tuple[Any, Any]:
    """First rows, and rows after the last, as arrays."""
    starts, stops = np.array(ranges, dtype=np.int64).reshape(-1, 2).T
    return starts, stops


def version_of(store: Store) -> Hashable | None:
    """The version that a session sees now; None if the store can't tell."""
    session = store.open_read()
    try:
        return session.version
    finally:
        session.close()


def told(versions: list[Hashable | None]) -> set[Hashable]:
    """The versions that differ, of those that the store could tell."""
    return {version for version in versions if version is not None}


class StoreContract:
    """
    The promises of ``ports/arrays.py`` and ``ports/store.py``.

    :raises TypeError: a subclass replaces a test.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        tests = [name for name in vars(StoreContract) if name.startswith("test")]
        replaced = [
            name for name in tests if getattr(cls, name, None) is not getattr(StoreContract, name)
        ]
        if replaced:
            raise TypeError(
                f"'{cls.__name__}' replaces {', '.join(replaced)} of the contract; a store keeps"
                " all of it. Valid are the fixture 'new_store', and tests of other names"
            )

    @pytest.fixture
    def new_store(self) -> NewStore:
        """A maker of stores; equal names are the same place, and nothing is there at first."""
        raise NotImplementedError

    # Groups

    def test_a_new_store_is_empty(self, new_store: NewStore) -> None:
        assert snapshot(make(new_store("a"))) == {"attributes": {}, "members": {}}

    def test_names_of_members_are_sorted(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        names = ["b", "a", "10", "9", "Z", "é", "小脳", "a b", "a.b"]
        with writing(store) as root:
            for i, name in enumerate(names):
                if i % 2:
                    root.require_group(name)
                else:
                    root.create_array(name, ROWS)
            assert tuple(sorted(names)) == root.names()
        with reading(store) as read:
            assert tuple(sorted(names)) == read.names()

    def test_a_group_contains_its_own_members_only(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        with reading(store) as read:
            assert [kind in read for kind in KINDS] == [True] * 3
            assert "inner" not in read
            assert "inner" in read.group("group")

    def test_requiring_a_group_that_exists_returns_it_with_its_members(
        self, new_store: NewStore
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
            before = contents_of(root)
            assert root.require_group("group").names() == ("inner",)
            assert before == contents_of(root)

    def test_requiring_a_group_where_there_is_an_array_is_refused(
        self, new_store: NewStore
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
            with pytest.raises(NodeNotFoundError):
                root.require_group("array")

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_absent_member_is_not_found(self, new_store: NewStore, kind: str) -> None:
        store = make(new_store("a"))
        with writing(store) as root, pytest.raises(NodeNotFoundError, match="missing"):
            getattr(root, kind)("missing")
        with reading(store) as read, pytest.raises(NodeNotFoundError, match="missing"):
            getattr(read, kind)("missing")

    @pytest.mark.parametrize("held", KINDS)
    @pytest.mark.parametrize("asked", KINDS)
    def test_a_member_of_another_kind_is_not_found(
        self, new_store: NewStore, held: str, asked: str
    ) -> None:
        if held == asked:
            return
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
            with pytest.raises(NodeNotFoundError, match=held):
                getattr(root, asked)(held)
        with reading(store) as read, pytest.raises(NodeNotFoundError, match=held):
            getattr(read, asked)(held)

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_deleted_member_is_gone_with_all_below_it(
        self, new_store: NewStore, kind: str
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        with writing(store) as root:
            root.delete(kind)
            assert kind not in root
            assert kind not in root.names()
            root.require_group(kind)
        with reading(store) as read:
            assert contents_of(read.group(kind)) == {"attributes": {}, "members": {}}

    def test_deleting_an_absent_member_is_refused(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root, pytest.raises(NodeNotFoundError, match="missing"):
            root.delete("missing")

    @pytest.mark.parametrize("kind", KINDS)
    def test_an_array_of_a_taken_name_is_refused_and_what_is_there_stays(
        self, new_store: NewStore, kind: str
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
            before = contents_of(root)
            with pytest.raises(NodeExistsError, match=kind):
                root.create_array(kind, np.zeros(2))
            assert before == contents_of(root)

    @pytest.mark.parametrize("kind", ["group", "array"])
    def test_a_document_of_a_taken_name_is_refused_and_what_is_there_stays(
        self, new_store: NewStore, kind: str
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
            before = contents_of(root)
            with pytest.raises(StorageError, match=kind):
                root.write_document(kind, b"content")
            assert before == contents_of(root)

    def test_a_read_session_has_no_verbs_that_change(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
            assert isinstance(root, GroupWriter)
            assert isinstance(root.group("group"), GroupWriter)
        with reading(store) as read:
            assert isinstance(read, GroupReader)
            groups = [read, read.group("group")]
            for group in groups:
                assert not isinstance(group, GroupWriter)
                assert not hasattr(group.attributes, "set")
            assert not hasattr(read.array("array"), "append")
            assert not hasattr(read.array("array").attributes, "set")
            assert not hasattr(read.document("document").attributes, "set")

    # Arrays

    @pytest.mark.parametrize("dtype", DTYPES)
    def test_rows_come_back_with_their_dtype(self, new_store: NewStore, dtype: str) -> None:
        store = make(new_store("a"))
        rows = np.array([[1, 0], [0, 1], [1, 1]], dtype=dtype)
        with writing(store) as root:
            assert value_of(rows) == value_of(root.create_array("x", rows).read())
        with reading(store) as read:
            assert read.array("x").shape == (3, 2)
            assert rows.dtype == read.array("x").dtype
            assert value_of(rows) == value_of(read.array("x").read())

    @pytest.mark.parametrize("shape", [(7,), (0,), (0, 3), (4, 1), (2, 3, 4), (0, 2, 2)])
    def test_rows_come_back_with_their_shape(
        self, new_store: NewStore, shape: tuple[int, ...]
    ) -> None:
        store = make(new_store("a"))
        rows = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
        with writing(store) as root:
            root.create_array("growable", rows)
            root.create_array("fixed", rows, growable=False)
        with reading(store) as read:
            for name in ("growable", "fixed"):
                assert value_of(rows) == value_of(read.array(name).read())

    @pytest.mark.parametrize("growable", [True, False])
    def test_rows_may_hold_no_values(self, new_store: NewStore, growable: bool) -> None:
        store = make(new_store("a"))
        rows = np.zeros((5, 0))
        with writing(store) as root:
            root.create_array("x", rows, growable=growable)
        with reading(store) as read:
            assert read.array("x").read().shape == (5, 0)

    def test_floats_come_back_to_the_last_bit(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        rows = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1])
        with writing(store) as root:
            root.create_array("x", rows)
        with reading(store) as read:
            assert rows.tobytes() == read.array("x").read().tobytes()

    def test_rows_that_are_views_are_stored_in_their_order(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        whole = np.arange(60.0).reshape(6, 10)
        views = [whole.T, whole[::2], whole[:, 3:5], whole[::-1], np.asfortranarray(whole)]
        with writing(store) as root:
            for i, view in enumerate(views):
                array = root.create_array(str(i), view)
                array.append(view)
                array.write(0, view)
        with reading(store) as read:
            for i, view in enumerate(views):
                expected = np.concatenate((view, view))
                assert value_of(expected) == value_of(read.array(str(i)).read())

    @pytest.mark.parametrize(
        ("start", "stop"), [(0, 10), (3, 7), (0, 1), (9, 10), (4, 4), (7, 3), (8, 50), (20, 30)]
    )
    def test_a_range_of_rows_is_read_like_a_slice(
        self, new_store: NewStore, start: int, stop: int
    ) -> None:
        store = make(new_store("a"))
        rows = np.arange(30).reshape(10, 3)
        with writing(store) as root:
            root.create_array("x", rows)
        with reading(store) as read:
            array = read.array("x")
            assert value_of(rows[start:stop]) == value_of(array.read(start, stop))
            assert value_of(rows[start:]) == value_of(array.read(start))

    def test_what_is_read_is_a_copy(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            array = root.create_array("x", ROWS)
            array.read()[:] = -1
            array.read(1, 3)[:] = -1
            assert value_of(ROWS) == value_of(array.read())
        with reading(store) as read:
            read.array("x").read()[:] = -1
            read.array("x").read(1, 3)[:] = -1
            assert value_of(ROWS) == value_of(read.array("x").read())
        with reading(store) as read:
            assert value_of(ROWS) == value_of(read.array("x").read())

    @pytest.mark.parametrize("growable", [True, False])
    @pytest.mark.parametrize("title", RANGES)
    def test_ranges_of_rows_come_one_after_the_other(
        self, new_store: NewStore, title: str, growable: bool
    ) -> None:
        store = make(new_store("a"))
        rows = np.arange(30, dtype=np.int16).reshape(10, 3)
        expected = np.concatenate([rows[:0], *(rows[a:b] for a, b in RANGES[title])])
        with writing(store) as root:
            array = root.create_array("x", rows, growable=growable)
            assert value_of(expected) == value_of(array.read_ranges(*bounds(RANGES[title])))
        with reading(store) as read:
            found = read.array("x").read_ranges(*bounds(RANGES[title]))
            assert value_of(expected) == value_of(found)

    def test_ranges_hold_what_the_session_wrote(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.create_array("x", np.arange(10))
        with writing(store) as root:
            array = root.array("x")
            array.append(np.arange(10, 20))
            array.write(2, np.array([-1, -2]))
            found = array.read_ranges(*bounds([(15, 20), (1, 5), (9, 11)]))
            assert found.tolist() == [15, 16, 17, 18, 19, 1, -1, -2, 4, 9, 10]

    @pytest.mark.parametrize("ranges", RANGES_OUTSIDE, ids=repr)
    def test_ranges_that_reach_past_the_end_are_refused(
        self, new_store: NewStore, ranges: list[tuple[int, int]]
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            array = root.create_array("x", np.arange(10))
            with pytest.raises(ShapeError):
                array.read_ranges(*bounds(ranges))
        with reading(store) as read, pytest.raises(ShapeError):
            read.array("x").read_ranges(*bounds(ranges))

    @pytest.mark.parametrize("ranges", [[(1, 3)], [(3, 4), (0, 2)], [(0, 4)]], ids=repr)
    def test_what_is_read_of_ranges_is_a_copy(
        self, new_store: NewStore, ranges: list[tuple[int, int]]
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            array = root.create_array("x", ROWS)
            array.read_ranges(*bounds(ranges))[:] = -1
            assert value_of(ROWS) == value_of(array.read())
        with reading(store) as read:
            starts, stops = bounds(ranges)
            read.array("x").read_ranges(starts, stops)[:] = -1
            assert value_of(ROWS) == value_of(read.array("x").read())
            assert list(zip(starts.tolist(), stops.tolist(), strict=True)) == ranges

    @pytest.mark.parametrize("longest", [1, 3, 40])
    def test_many_ranges_all_over_a_large_array_are_read(
        self, new_store: NewStore, longest: int
    ) -> None:
        store = make(new_store("a"))
        random = np.random.default_rng(longest)
        rows = np.arange(400_000).reshape(200_000, 2)
        starts = random.permutation(np.arange(0, 199_900, 97))
        stops = starts + random.integers(0, longest + 1, len(starts))
        with writing(store) as root:
            root.create_array("x", rows)
        with reading(store) as read:
            found = read.array("x").read_ranges(starts, stops)
        expected = np.concatenate([rows[a:b] for a, b in zip(starts, stops, strict=True)])
        assert np.array_equal(expected, found)

    def test_what_was_given_is_not_kept(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        made, added, written = ROWS.copy(), ROWS.copy(), ROWS.copy()
        with writing(store) as root:
            array = root.create_array("x", made)
            array.append(added)
            array.append(written)
            array.write(8, written)
            for given in (made, added, written):
                given[:] = -1
            assert value_of(np.concatenate([ROWS] * 3)) == value_of(array.read())
        assert np.concatenate([ROWS] * 3).tolist() == snapshot(store)["members"]["x"]["rows"][3]

    def test_what_was_given_is_not_changed(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        rows = ROWS.copy()
        rows.flags.writeable = False
        with writing(store) as root:
            array = root.create_array("x", rows)
            array.append(rows)
            array.write(0, rows)
            array.attributes.set("rows", rows)
        assert value_of(ROWS) == value_of(rows)

    def test_appended_rows_follow_in_order(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        parts = [np.arange(n * 3).reshape(n, 3) + 1000 * n for n in (0, 1, 5, 0, 70, 2)]
        with writing(store) as root:
            array = root.create_array("x", parts[0])
            for part in parts[1:4]:
                array.append(part)
        with writing(store) as root:
            for part in parts[4:]:
                root.array("x").append(part)
            assert value_of(np.concatenate(parts)) == value_of(root.array("x").read())
        with reading(store) as read:
            assert value_of(np.concatenate(parts)) == value_of(read.array("x").read())

    @pytest.mark.parametrize("described", [True, False])
    def test_very_many_small_appends_lose_nothing(
        self, new_store: NewStore, described: bool
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            array = root.create_array("x", np.zeros((0, 40)))
            if described:
                array.attributes.set("of", "an array")
        for first in range(0, 300, 100):
            with writing(store) as root:
                array = root.array("x")
                for i in range(first, first + 100):
                    array.append(np.full((2, 40), float(i)))
                assert (2 * (first + 100), 40) == array.shape
        with reading(store) as read:
            assert np.repeat(np.arange(300.0), 2).tolist() == read.array("x").read()[:, 7].tolist()
            assert ("an array" if described else None) == read.array("x").attributes.get("of")

    def test_the_rows_expected_are_not_there_yet(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.create_array("x", ROWS, expected=1000)
        with reading(store) as read:
            assert value_of(ROWS) == value_of(read.array("x").read())

    def test_appended_rows_of_another_shape_are_refused_and_nothing_is_appended(
        self, new_store: NewStore
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            array = root.create_array("x", ROWS)
            for wrong in (np.zeros((2, 2)), np.zeros(3), np.zeros((1, 3, 1))):
                with pytest.raises(ShapeError):
                    array.append(wrong)
            assert value_of(ROWS) == value_of(array.read())

    @pytest.mark.parametrize(("start", "count"), [(0, 4), (0, 1), (3, 1), (1, 2), (4, 0), (0, 0)])
    def test_written_rows_replace_those_that_were_there(
        self, new_store: NewStore, start: int, count: int
    ) -> None:
        store = make(new_store("a"))
        rows = -ROWS[:count] - 1
        expected = ROWS.copy()
        expected[start : start + count] = rows
        with writing(store) as root:
            root.create_array("growable", ROWS).write(start, rows)
            root.create_array("fixed", ROWS, growable=False).write(start, rows)
        with reading(store) as read:
            assert value_of(expected) == value_of(read.array("growable").read())
            assert value_of(expected) == value_of(read.array("fixed").read())

    @pytest.mark.parametrize(("start", "count"), [(0, 5), (3, 2), (4, 1), (9, 1), (-1, 1)])
    def test_rows_past_the_end_are_refused_and_nothing_is_written(
        self, new_store: NewStore, start: int, count: int
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            array = root.create_array("x", ROWS)
            with pytest.raises(ShapeError):
                array.write(start, np.full((count, 3), -1.0))
            assert value_of(ROWS) == value_of(array.read())

    def test_written_rows_of_another_shape_are_refused(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            array = root.create_array("x", ROWS)
            with pytest.raises(ShapeError):
                array.write(0, np.zeros((2, 2)))
            assert value_of(ROWS) == value_of(array.read())

    def test_an_array_is_cut_and_extended_with_zeros(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            array = root.create_array("x", ROWS)
            array.resize(2)
            assert value_of(ROWS[:2]) == value_of(array.read())
            array.resize(6)
            expected = np.concatenate((ROWS[:2], np.zeros((4, 3))))
            assert value_of(expected) == value_of(array.read())
            array.append(ROWS[:1])
        with reading(store) as read:
            expected = np.concatenate((expected, ROWS[:1]))
            assert value_of(expected) == value_of(read.array("x").read())

    def test_zeros_take_the_place_of_rows_that_an_earlier_session_stored(
        self, new_store: NewStore
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.create_array("x", ROWS)
        with writing(store) as root:
            root.array("x").resize(1)
        with writing(store) as root:
            root.array("x").resize(4)
        with reading(store) as read:
            expected = np.concatenate((ROWS[:1], np.zeros((3, 3))))
            assert value_of(expected) == value_of(read.array("x").read())

    # Documents

    @pytest.mark.parametrize(
        "content", [b"x", EVERY_BYTE, b"\0", b"\0\0\0", b"a\0", b"x" * 300_000], ids=len
    )
    def test_every_byte_of_a_document_comes_back(self, new_store: NewStore, content: bytes) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            assert content == root.write_document("d", content).read()
        with reading(store) as read:
            assert content == read.document("d").read()

    def test_an_empty_document_comes_back_empty(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.write_document("bytes", b"")
            root.write_document("text", "")
        with reading(store) as read:
            assert read.document("text").read() == b""
            assert read.document("bytes").read() == b""

    @pytest.mark.parametrize("text", ["plain", "Purkyně · 小脳", "x" * 100_000], ids=len)
    def test_a_text_is_read_as_utf_8(self, new_store: NewStore, text: str) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.write_document("d", text)
        with reading(store) as read:
            assert text.encode() == read.document("d").read()

    @pytest.mark.parametrize(
        "content", [b"other", b"2", b"x" * 10_000, "other", "a longer text than before"], ids=repr
    )
    @pytest.mark.parametrize("first", [b"first", "first"], ids=repr)
    def test_a_replaced_document_keeps_its_attributes(
        self, new_store: NewStore, first: bytes | str, content: bytes | str
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            attributes = root.write_document("d", first).attributes
            for name in ("text", "texts", "array", "no texts"):
                attributes.set(name, VALUES[name])
            before = attributes_of(attributes)
        with writing(store) as root:
            root.write_document("d", content)
        with reading(store) as read:
            expected = content.encode() if isinstance(content, str) else content
            assert expected == read.document("d").read()
            assert before == attributes_of(read.document("d").attributes)

    # Attributes

    @pytest.mark.parametrize("holder", ["root", *KINDS])
    @pytest.mark.parametrize("title", VALUES)
    def test_attributes_come_back(self, new_store: NewStore, holder: str, title: str) -> None:
        value = VALUES[title]
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
            self._attributes(root, holder).set("é name", value)
        with reading(store) as read:
            found = self._attributes(read, holder).get("é name")
            assert repr(value_of(value)) == repr(value_of(found))

    @pytest.mark.parametrize("value", [5, -(2**62), 0.1, True])
    def test_numbers_come_back_as_numpy_scalars(self, new_store: NewStore, value: Any) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.attributes.set("x", value)
        with reading(store) as read:
            assert value_of(np.asarray(value)[()]) == value_of(read.attributes.get("x"))

    def test_texts_may_be_given_as_a_tuple(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.attributes.set("x", ("a", "b"))
        with reading(store) as read:
            assert read.attributes.get("x") == ["a", "b"]

    def test_an_absent_attribute_is_none(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        with reading(store) as read:
            for holder in ("root", *KINDS):
                assert self._attributes(read, holder).get("missing") is None

    def test_an_attribute_is_replaced_by_a_value_of_any_kind(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            for first in VALUES.values():
                for second in VALUES.values():
                    root.attributes.set("x", first)
                    root.attributes.set("x", second)
                    found = root.attributes.get("x")
                    assert repr(value_of(second)) == repr(value_of(found))
            assert root.attributes.names() == ("x",)

    def test_an_attribute_that_is_read_is_a_copy(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        given = np.arange(3)
        texts = ["a", "b"]
        with writing(store) as root:
            root.attributes.set("array", given)
            root.attributes.set("texts", texts)
            given[:] = -1
            texts.append("c")
            root.attributes.get("array")[:] = -1
            root.attributes.get("texts").append("c")
            assert root.attributes.get("array").tolist() == [0, 1, 2]
        with reading(store) as read:
            read.attributes.get("array")[:] = -1
            read.attributes.get("texts").append("c")
            assert read.attributes.get("array").tolist() == [0, 1, 2]
            assert read.attributes.get("texts") == ["a", "b"]

    def test_integers_come_in_the_order_of_their_names(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        values = {str(i * 7919 % 2003): i - 1000 for i in range(2000)}
        with writing(store) as root:
            root.attributes.set_integers(values)
            root.attributes.set("small", np.array(-3, dtype=np.int16))
        with reading(store) as read:
            names = list(reversed(values))
            found = read.attributes.integers(names)
            assert np.int64 == found.dtype
            assert [values[name] for name in names] == found.tolist()
            assert read.attributes.integers(["small", "0", "small"]).tolist() == [-3, -1000, -3]
            assert read.attributes.integers([]).shape == (0,)

    def test_integers_overwrite_and_are_read_like_other_attributes(
        self, new_store: NewStore
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.attributes.set_integers({"a": 1, "b": 2**62})
            root.attributes.set_integers({"a": -1, "c": 3})
        with reading(store) as read:
            assert [int(read.attributes.get(name)) for name in "abc"] == [-1, 2**62, 3]
            assert sorted(read.attributes.names()) == ["a", "b", "c"]

    def test_an_absent_integer_is_not_found(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.attributes.set_integers({"a": 1})
        with reading(store) as read, pytest.raises(NodeNotFoundError, match="missing"):
            read.attributes.integers(["a", "missing"])

    def test_a_deleted_attribute_is_gone_and_an_absent_one_no_error(
        self, new_store: NewStore
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.attributes.set("a", 1)
            root.attributes.set("b", 2)
        with writing(store) as root:
            root.attributes.delete("a")
            root.attributes.delete("missing")
        with reading(store) as read:
            assert read.attributes.names() == ("b",)
            assert read.attributes.get("a") is None

    # Sessions

    @pytest.mark.parametrize("title", CHANGES)
    def test_a_change_is_counted_and_there_after_the_commit(
        self, new_store: NewStore, title: str
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        before = snapshot(store)
        session = store.open_write()
        assert session.changes == 0
        assert before == contents_of(session.root)
        assert session.changes == 0
        CHANGES[title](session.root)
        assert session.changes > 0
        changed = contents_of(session.root)
        session.commit()
        assert before != changed
        assert changed == snapshot(new_store("a"))

    @pytest.mark.parametrize("title", CHANGES)
    def test_a_rollback_leaves_no_trace(self, new_store: NewStore, title: str) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        before = snapshot(store)
        session = store.open_write()
        CHANGES[title](session.root)
        session.rollback()
        assert before == snapshot(store)

    def test_a_rollback_undoes_many_changes_to_the_same_things(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        before = snapshot(store)
        session = store.open_write()
        for title in ("rows overwritten", "an array cut", "an array extended", "rows appended"):
            for _ in range(3):
                CHANGES[title](session.root)
        session.root.array("array").write(0, np.full((7, 3), 9.0))
        for name in KINDS:
            session.root.delete(name)
        prepare(session.root)
        session.root.array("array").append(np.ones((100, 3)))
        session.rollback()
        assert before == snapshot(store)

    def test_random_sessions_leave_what_the_committed_ones_made(self, new_store: NewStore) -> None:
        random = np.random.default_rng(8)
        store = make(new_store("a"))
        with writing(store) as root:
            root.create_array("x", np.zeros(0, dtype=np.int64))
        expected: list[int] = []
        for _ in range(60):
            session = store.open_write()
            array, rows = session.root.array("x"), list(expected)
            for _ in range(random.integers(1, 6)):
                new = random.integers(0, 1000, random.integers(0, 40))
                verb = random.integers(3)
                if verb == 0:
                    array.append(new)
                    rows += new.tolist()
                elif verb == 1 and len(new) <= len(rows):
                    start = int(random.integers(0, len(rows) - len(new) + 1))
                    array.write(start, new)
                    rows[start : start + len(new)] = new.tolist()
                else:
                    size = int(random.integers(0, len(rows) + 10))
                    array.resize(size)
                    rows = (rows + [0] * size)[:size]
            assert rows == array.read().tolist()
            if random.random() < 0.5:
                session.commit()
                expected = rows
            else:
                session.rollback()
            with reading(store) as read:
                assert expected == read.array("x").read().tolist()

    def test_a_rolled_back_store_can_be_written_again(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        session = store.open_write()
        prepare(session.root)
        session.rollback()
        with writing(store) as root:
            prepare(root)
            made = contents_of(root)
        assert made == snapshot(store)

    def test_a_commit_without_changes_changes_nothing(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        before = snapshot(store)
        store.open_write().commit()
        assert before == snapshot(store)

    def test_sessions_without_locks_read_the_same(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        session = store.open_read(locking=False)
        found = contents_of(session.root)
        session.close()
        assert snapshot(store) == found

    def test_two_read_sessions_are_open_at_once(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        with reading(store) as first, reading(new_store("a")) as second:
            assert contents_of(first) == contents_of(second)

    # Versions: a store may say None, now and then or always, where it can't tell

    def test_sessions_that_see_the_same_are_of_one_version(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        first, second = store.open_read(), new_store("a").open_read()
        versions = [first.version, second.version]
        first.close()
        second.close()
        write = store.open_write()
        versions.append(write.version)
        write.rollback()
        assert len(told([*versions, version_of(store)])) <= 1

    @pytest.mark.parametrize("title", CHANGES)
    def test_a_change_that_is_committed_makes_another_version(
        self, new_store: NewStore, title: str
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        before = version_of(store)
        with writing(store) as root:
            CHANGES[title](root)
        assert before is None or before != version_of(store)

    @pytest.mark.parametrize("title", CHANGES)
    def test_a_change_that_is_rolled_back_makes_no_other_version(
        self, new_store: NewStore, title: str
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        before = version_of(store)
        session = store.open_write()
        CHANGES[title](session.root)
        session.rollback()
        assert len(told([before, version_of(store)])) <= 1

    def test_a_version_that_was_rolled_back_does_not_come_again(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        seen: list[list[Hashable | None]] = [[version_of(store)]]
        for number, keep in enumerate([False, True, False, True]):
            session = store.open_write()
            session.root.attributes.set("number", number)
            if keep:
                session.commit()
                seen.append([])
            else:
                session.rollback()
            seen[-1].append(version_of(store))
        versions = [told(state) for state in seen]
        assert [state for state in versions if len(state) > 1] == []
        assert len(set().union(*versions)) == sum(map(len, versions))

    def test_a_session_that_was_committed_knows_the_version_it_made(
        self, new_store: NewStore
    ) -> None:
        store = make(new_store("a"))
        for number in range(3):
            session = store.open_write()
            session.root.attributes.set("number", number)
            session.commit()
            assert len(told([session.version, version_of(new_store("a"))])) <= 1

    def test_no_two_of_many_quick_commits_are_of_one_version(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.create_array("x", np.zeros(3))
        versions = []
        for number in range(30):
            # In the end as in the beginning, and never of another size.
            with writing(store) as root:
                root.array("x").write(1, np.array([float(number % 2)]))
            versions.append(version_of(store))
        assert len(told(versions)) == sum(version is not None for version in versions)

    def test_what_is_made_anew_or_moved_here_is_of_another_version(
        self, new_store: NewStore
    ) -> None:
        store, other = make(new_store("a")), make(new_store("b"))
        versions = [version_of(store)]
        for _ in range(2):
            store.remove()
            versions.append(version_of(make(store)))
        store.remove()
        other.move(store.location)
        versions.append(version_of(store))
        assert len(told(versions)) == sum(version is not None for version in versions)

    # The store

    def test_a_store_is_there_once_its_creation_is_committed(self, new_store: NewStore) -> None:
        store = new_store("a")
        assert not store.exists()
        assert not store.recognizes()
        session = store.create()
        prepare(session.root)
        made = contents_of(session.root)
        assert not new_store("a").exists()
        session.commit()
        assert new_store("a").exists()
        assert new_store("a").recognizes()
        assert made == snapshot(new_store("a"))

    def test_a_creation_that_is_rolled_back_leaves_nothing(self, new_store: NewStore) -> None:
        store = new_store("a")
        session = store.create()
        prepare(session.root)
        session.rollback()
        assert not store.exists()
        with pytest.raises(StoreNotFoundError):
            store.open_read()
        assert snapshot(make(store)) == {"attributes": {}, "members": {}}

    def test_a_creation_counts_its_changes(self, new_store: NewStore) -> None:
        session = new_store("a").create()
        assert session.changes == 0
        session.root.require_group("new")
        assert session.changes > 0
        session.rollback()

    def test_a_store_that_exists_is_not_created_again(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        before = snapshot(store)
        with pytest.raises(StoreExistsError):
            store.create()
        assert before == snapshot(store)

    def test_of_two_creations_the_first_to_commit_wins(self, new_store: NewStore) -> None:
        first, second = new_store("a").create(), new_store("a").create()
        prepare(first.root)
        second.root.require_group("late")
        first.commit()
        before = snapshot(new_store("a"))
        with pytest.raises(StoreExistsError):
            second.commit()
        assert before == snapshot(new_store("a"))

    @pytest.mark.parametrize("verb", ["open_read", "open_write", "remove"])
    def test_a_store_that_is_not_there_is_not_found(self, new_store: NewStore, verb: str) -> None:
        with pytest.raises(StoreNotFoundError):
            getattr(new_store("missing"), verb)()
        assert not new_store("missing").exists()

    @pytest.mark.parametrize("verb", ["copy", "move"])
    def test_what_is_not_there_goes_nowhere(self, new_store: NewStore, verb: str) -> None:
        target = new_store("target")
        with pytest.raises(StoreNotFoundError):
            getattr(new_store("missing"), verb)(target.location)
        assert not target.exists()

    def test_a_copy_is_equal_and_independent(self, new_store: NewStore) -> None:
        store, copy = make(new_store("a")), new_store("b")
        with writing(store) as root:
            prepare(root)
        before = snapshot(store)
        store.copy(copy.location)
        assert before == snapshot(copy)
        for changed, other in ((store, copy), (copy, store)):
            kept = snapshot(other)
            with writing(changed) as root:
                CHANGES["rows overwritten"](root)
                root.array("array").append(ROWS)
                root.attributes.set("text", changed.location)
            assert kept == snapshot(other)

    def test_a_moved_store_is_at_its_new_place_only(self, new_store: NewStore) -> None:
        store, target = make(new_store("a")), new_store("b")
        with writing(store) as root:
            prepare(root)
        before = snapshot(store)
        store.move(target.location)
        assert not store.exists()
        assert before == snapshot(target)
        with pytest.raises(StoreNotFoundError):
            store.open_read()

    @pytest.mark.parametrize("verb", ["copy", "move"])
    def test_a_target_where_something_is_keeps_it(self, new_store: NewStore, verb: str) -> None:
        store, target = make(new_store("a")), make(new_store("b"))
        with writing(store) as root:
            prepare(root)
        with writing(target) as root:
            root.attributes.set("of", "the target")
        before = snapshot(store), snapshot(target)
        with pytest.raises(StoreExistsError):
            getattr(store, verb)(target.location)
        assert before == (snapshot(store), snapshot(target))

    @pytest.mark.parametrize("verb", ["copy", "move"])
    def test_a_store_that_goes_where_it_is_stays(self, new_store: NewStore, verb: str) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        before = snapshot(store)
        with pytest.raises(StoreExistsError):
            getattr(store, verb)(store.location)
        assert store.exists()
        assert before == snapshot(store)

    def test_a_removed_store_is_gone_and_can_be_made_anew(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        store.remove()
        assert not new_store("a").exists()
        assert not new_store("a").recognizes()
        assert snapshot(make(store)) == {"attributes": {}, "members": {}}

    def test_what_it_can_not_do_is_said_in_a_sentence_each(self, new_store: NewStore) -> None:
        for ability, sentence in new_store("a").limits.items():
            assert isinstance(ability, Ability)
            assert sentence[0].isupper() and sentence.endswith(".")

    def test_identity_tells_places_apart(self, new_store: NewStore) -> None:
        assert new_store("a").identity == new_store("a").identity
        assert new_store("a").identity != new_store("b").identity
        assert new_store("a").location == new_store("a").location

    @pytest.mark.parametrize("handle", [None, "a path", 5, object()], ids=type)
    def test_a_handle_of_no_backend_is_not_adopted(self, new_store: NewStore, handle: Any) -> None:
        assert make(new_store("a")).adopt(handle) is None

    @staticmethod
    def _attributes(root: Any, holder: str) -> Any:
        if holder == "root":
            return root.attributes
        return getattr(root, holder)(holder).attributes
