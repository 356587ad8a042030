"""Paths below the root of a network, which every kind of store takes."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from bsb_hdf5.adapters.zarr.paths import Kind, Places, checked_path

UNIQUE = "[0-9a-f]{32}"


@pytest.mark.parametrize(
    "path", ["", "/", "a/", "/a", "a//b", ".", "..", "a/../b", ".a", "a/_b", " a", "a/zarr.json"]
)
def test_paths_that_no_session_makes_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="has the path"):
        checked_path(path)


@pytest.mark.parametrize("path", ["a\\b", "a:b", "a\0b"])
def test_signs_that_mean_something_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="has the path"):
        checked_path(path)


@pytest.mark.parametrize("path", ["a", "a/b", "a_b/c.d", "~2e/b", "zarr.json.x"])
def test_other_paths_stay(path: str) -> None:
    assert path == checked_path(path)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("position", "position"),
        ("a.b_c-d e", "a.b_c-d e"),
        (".a", "~2ea"),
        ("_a", "~5fa"),
        (" a", "~20a"),
        ("a.", "a~2e"),
        ("a ", "a~20"),
        ("a/b", "a~2fb"),
        ("~", "~7e"),
        ("é", "~c3~a9"),
        ("n" * 100, "n" * 100),
    ],
)
def test_a_name_is_its_path_but_for_odd_characters(name: str, path: str) -> None:
    places = Places([])
    assert path == places.new("", name, "array", lambda *_: True)
    assert f"a/{path}" == places.new("a", name, "array", lambda *_: True)
    assert path == checked_path(path)


@pytest.mark.parametrize(
    ("name", "first"), [("", ""), ("zarr.json", "zarr.json"), ("n" * 101, "n" * 100)]
)
def test_other_names_get_a_path_that_nothing_else_has(name: str, first: str) -> None:
    found = {Places([]).new("", name, "array", lambda *_: True) for _ in range(2)}
    assert 2 == len(found)
    for path in found:
        assert re.fullmatch(rf"{re.escape(first)}~{UNIQUE}", path)
        assert path == checked_path(path)


@pytest.mark.parametrize("taken", [["b"], ["B"], ["b", "b/c"], ["B/c/d"]])
def test_nothing_lies_where_something_does_in_whatever_case(taken: list[str]) -> None:
    for kind in get_args(Kind):
        found = Places(taken).new("", "b", kind, lambda *_: True)
        assert re.fullmatch(r"b\.[0-9a-f]{8}", found)
    assert "bb" == Places(taken).new("", "bb", "array", lambda *_: True)


def test_a_group_lies_again_where_there_was_one_but_no_array_does() -> None:
    assert "a/b" == Places(["a/b/c"]).new("a", "b", "group", lambda *_: True)
    for taken in (["a/b/c", "a/b"], ["A/B/c"]):
        assert "a/b" != Places(taken).new("a", "b", "group", lambda *_: True)
    assert "a/b" != Places(["a/b/c"]).new("a", "b", "array", lambda *_: True)


def test_what_was_made_has_its_place() -> None:
    for kind in get_args(Kind):
        places = Places([])
        first = places.new("a", "b", kind, lambda *_: True)
        second = places.new("a", "b", kind, lambda *_: True)
        assert "a/b" == first
        assert re.fullmatch(r"a/b\.[0-9a-f]{8}", second)
        assert "a" != places.new("", "a", "array", lambda *_: True)


def test_what_a_store_has_already_is_left_alone() -> None:
    asked: list[str] = []

    def is_free(path: str, _: str) -> bool:
        asked.append(path)
        return len(asked) > 1

    second = Places([]).new("a", "b", "array", is_free)
    assert ["a/b", second] == asked
    assert re.fullmatch(r"a/b\.[0-9a-f]{8}", second)
    assert re.fullmatch(f"a/~{UNIQUE}", Places([]).new("a", "b", "array", lambda *_: False))
