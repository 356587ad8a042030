"""Attributes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ..core.layouts.optional_verbs import read_integers, write_integers
from ..errors import (
    DtypeError,
    NodeNotFoundError,
)
from .contents import (
    differing,
    make,
    reading,
    value_of,
    writing,
)
from .contract_samples import (
    KINDS,
    VALUES,
    NewStore,
    prepare,
)

NUMBERS = (5, -(2**62), 0.1, True, np.float32(0.25), np.uint64(2**64 - 1), np.int8(-3))
LARGE = 1000

# What formats of text, and those of few kinds of values, easily take for something else.
ALIKE: dict[str, Any] = {
    "a text that looks like a number": "5",
    "a text that looks like a truth value": "true",
    "a text that looks like nothing": "null",
    "a text in JSON": '{"a": [1, null]}',
    "a text with blanks at its ends": " a \n",
    "a text of lines": "a\nb\r\nc\rd",
    "a text with quotes": "a \"b\" 'c' \\n",
    "a text with a byte order mark": "\ufeffa",
    "a list of one text": ["a"],
    "a list of an empty text": [""],
    "a list of texts with separators": ["a,b", "c\n", ";", "\t", "d e"],
    "an array of one number": np.array([5]),
    "an array of one row and column": np.array([[5]]),
    "an array of one truth value": np.array([True]),
    "an array of no number": np.zeros(0),
}


def sequence_of_pairs(titles: list[str]) -> list[str]:
    """A sequence in which each title is followed by each, also by itself."""
    found = []
    for number, first in enumerate(titles):
        found.append(first)
        for second in titles[number + 1 :]:
            found += [first, second]
    return [*found, titles[0]] if titles else []


def holder_of(root: Any, holder: str) -> Any:
    """The attributes of the root, or of a member by its kind."""
    return root.attributes if holder == "root" else getattr(root, holder)(holder).attributes


class AttributeContract:
    """The promises of attributes."""

    @pytest.mark.parametrize("holder", ["root", *KINDS])
    def test_attributes_come_back(self, new_store: NewStore, holder: str) -> None:
        store = make(new_store("a"), prepare)
        with writing(store) as root:
            for title, value in VALUES.items():
                holder_of(root, holder).set(f"é {title}", value)
        with reading(store) as read:
            for title, value in VALUES.items():
                found = holder_of(read, holder).get(f"é {title}")
                assert differing({title: value_of(value)}, {title: value_of(found)}) == []

    def test_numbers_come_back_as_numpy_scalars(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            for value in NUMBERS:
                root.attributes.set(str(value), value)
        with reading(store) as read:
            for value in NUMBERS:
                expected = value_of(np.asarray(value)[()])
                assert expected == value_of(read.attributes.get(str(value)))

    def test_values_that_look_like_others_come_back_as_they_were(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            for title, value in ALIKE.items():
                root.attributes.set(title, value)
        with reading(store) as read:
            for title, value in ALIKE.items():
                assert value_of(value) == value_of(read.attributes.get(title)), title

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
                assert holder_of(read, holder).get("missing") is None

    def test_an_attribute_is_replaced_by_a_value_of_any_kind(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            for title in sequence_of_pairs(list(VALUES)):
                root.attributes.set("x", VALUES[title])
                # What is large was compared by the tests above.
                found = root.attributes.get("x")
                assert np.shape(VALUES[title]) == np.shape(found), title
                if np.size(found) < LARGE:
                    assert repr(value_of(VALUES[title])) == repr(value_of(found)), title
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

    def test_a_value_that_cannot_be_stored_changes_nothing(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        records = np.zeros(2, dtype=[("x", np.int64), ("y", np.float64)])
        with writing(store) as root:
            root.attributes.set("x", 5)
        session = store.open_write()
        for value in (np.array([object()]), records):
            with pytest.raises(DtypeError):
                session.root.attributes.set("x", value)
        assert session.changes == 0
        session.commit()
        with reading(store) as read:
            assert read.attributes.get("x") == 5

    def test_integers_come_in_the_order_of_their_names(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        values = {str(i * 7919 % 2003): i - 1000 for i in range(2000)}
        with writing(store) as root:
            write_integers(root.attributes, values)
            root.attributes.set("small", np.array(-3, dtype=np.int16))
        with reading(store) as read:
            names = list(reversed(values))
            found = read_integers(read.attributes, names)
            assert np.int64 == found.dtype
            assert [values[name] for name in names] == found.tolist()
            assert read_integers(read.attributes, ["small", "0", "small"]).tolist() == [
                -3,
                -1000,
                -3,
            ]
            assert read_integers(read.attributes, []).shape == (0,)

    def test_integers_overwrite_and_are_read_like_other_attributes(
        self, new_store: NewStore
    ) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            write_integers(root.attributes, {"a": 1, "b": 2**62})
            write_integers(root.attributes, {"a": -1, "c": 3})
        with reading(store) as read:
            assert [int(read.attributes.get(name)) for name in "abc"] == [-1, 2**62, 3]
            assert sorted(read.attributes.names()) == ["a", "b", "c"]

    def test_an_absent_integer_is_not_found(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            write_integers(root.attributes, {"a": 1})
        with reading(store) as read, pytest.raises(NodeNotFoundError, match="missing"):
            read_integers(read.attributes, ["a", "missing"])

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
