"""Names with ``/`` are paths, and lead through each other or not."""

from __future__ import annotations

import pytest

from bsb_hdf5.core.paths import by_path, canonical, check_path, check_paths
from bsb_hdf5.errors import InvalidNameError


@pytest.mark.parametrize(
    ("name", "path"), [("a", "a"), ("a/b", "a/b"), ("http://x//y/./z/", "http:/x/y/z"), ("/a", "a")]
)
def test_a_path_has_a_shortest_form(name: str, path: str) -> None:
    assert path == canonical(name)


def test_of_several_spellings_the_shortest_stands_for_a_path() -> None:
    assert {"a/b": "a/b", "c": "c"} == by_path(["a//b", "c", "a/b", "a/./b"])


@pytest.mark.parametrize("name", ["/", "a/..", "./.", "../a"])
def test_a_name_that_leads_nowhere_is_refused(name: str) -> None:
    with pytest.raises(InvalidNameError, match="stored as paths"):
        check_path(name, "column")


@pytest.mark.parametrize("names", [("a/b", "a"), ("a/b", "a//b"), ("a/b/c", "x", "a/b")])
def test_names_in_each_others_way_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(InvalidNameError, match="this path conflicts with"):
        check_paths(names, "column")


def test_items_lie_within_others_that_have_members_of_their_own_only() -> None:
    check_paths(("a/b", "a"), "set", frozenset(("inc",)))
    with pytest.raises(InvalidNameError, match="conflicts with that of 'a'"):
        check_paths(("a/inc", "a"), "set", frozenset(("inc",)))
