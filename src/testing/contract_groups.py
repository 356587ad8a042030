"""Groups and their members."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import numpy as np
import pytest

from ..errors import (
    NodeExistsError,
    NodeNotFoundError,
    StorageError,
)
from ..ports.arrays import GroupReader, GroupWriter
from .contents import (
    contents_of,
    differing,
    make,
    reading,
    snapshot,
    writing,
)
from .contract_samples import (
    KINDS,
    ROWS,
    NewStore,
    prepare,
)


def fill_with(number: int, root: GroupWriter) -> None:
    """Make members of the same names each time, which hold a number."""
    members: list[Any] = [
        root,
        root.require_group("inner"),
        root.create_array("array", np.full(number + 1, number)),
        root.create_array("other", np.full(number + 1, -number)),
        root.write_document("document", str(number)),
    ]
    for place, member in enumerate(members):
        member.attributes.set("number", 10 * number + place)


def fill_bare(root: GroupWriter) -> None:
    """The members of ``prepare``, with other rows and without attributes."""
    root.require_group("group").require_group("inner").create_array("deep", np.zeros(2))
    root.create_array("array", -ROWS[:1])
    root.write_document("document", "again")


class GroupContract:
    """The promises of groups."""

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

    def test_an_absent_member_is_not_found(self, new_store: NewStore) -> None:
        def check(root: GroupReader) -> None:
            for kind in KINDS:
                with pytest.raises(NodeNotFoundError, match="missing"):
                    getattr(root, kind)("missing")

        store = make(new_store("a"))
        with writing(store) as root:
            check(root)
        with reading(store) as read:
            check(read)

    def test_a_member_of_another_kind_is_not_found(self, new_store: NewStore) -> None:
        def check(root: GroupReader) -> None:
            for held, asked in itertools.permutations(KINDS, 2):
                with pytest.raises(NodeNotFoundError, match=held):
                    getattr(root, asked)(held)

        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
            check(root)
        with reading(store) as read:
            check(read)

    def test_a_deleted_member_is_gone_with_all_below_it(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
        with writing(store) as root:
            for kind in KINDS:
                root.delete(kind)
                assert kind not in root
                assert kind not in root.names()
                root.require_group(kind)
        with reading(store) as read:
            for kind in KINDS:
                assert contents_of(read.group(kind)) == {"attributes": {}, "members": {}}

    def test_members_of_equal_names_in_different_groups_share_nothing(
        self, new_store: NewStore
    ) -> None:
        alone = [
            snapshot(make(new_store(f"b{number}"), partial(fill_with, number)))
            for number in range(3)
        ]
        store = make(new_store("a"))
        with writing(store) as root:
            deep = root.require_group("deep").require_group("first")
            for number, group in enumerate((root.require_group("first"), deep)):
                fill_with(number, group)
            fill_with(2, root.require_group("second"))
        with reading(store) as read:
            found = [read.group("first"), read.group("deep").group("first"), read.group("second")]
            assert [
                differing(*each) for each in zip(alone, map(contents_of, found), strict=True)
            ] == [[], [], []]

    def test_what_is_made_again_has_nothing_of_what_was_deleted(self, new_store: NewStore) -> None:
        store, bare = make(new_store("a"), prepare), snapshot(make(new_store("b"), fill_bare))
        with writing(store) as root:
            prepare(root.require_group("below"))
        with writing(store) as root:
            for name in (*KINDS, "below"):
                root.delete(name)
            for name in root.attributes.names():
                root.attributes.delete(name)
            fill_bare(root)
            assert differing(bare, contents_of(root)) == []
        with writing(store) as root:
            fill_bare(root.require_group("below"))
        with reading(store) as read:
            assert differing(bare, contents_of(read.group("below"))) == []

    def test_deleting_an_absent_member_is_refused(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root, pytest.raises(NodeNotFoundError, match="missing"):
            root.delete("missing")

    def test_an_array_of_a_taken_name_is_refused_and_what_is_there_stays(
        self, new_store: NewStore
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
            before = contents_of(root)
            for kind in KINDS:
                with pytest.raises(NodeExistsError, match=kind):
                    root.create_array(kind, np.zeros(2))
                assert before == contents_of(root)

    def test_a_document_of_a_taken_name_is_refused_and_what_is_there_stays(
        self, new_store: NewStore
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
            before = contents_of(root)
            for kind in ("group", "array"):
                with pytest.raises(StorageError, match=kind):
                    root.write_document(kind, b"content")
                assert before == contents_of(root)

    def test_groups_that_can_be_changed_say_whether_rows_are_overwritten_in_place(
        self, new_store: NewStore
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            prepare(root)
            said = {group.overwrites_in_place for group in (root, root.group("group"))}
        assert said in ({True}, {False})

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
