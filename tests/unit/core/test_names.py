"""Names of sets, files, morphologies and columns."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.core.names import check_member, check_name
from bsb_hdf5.errors import InvalidNameError


@pytest.mark.parametrize("name", ["granule", "a b", "...", ".hidden", "小脳", "a.b", "\t", "__x__"])
def test_ordinary_names_are_accepted(name: str) -> None:
    assert name == check_name(name, "set")


@pytest.mark.parametrize("name", ["", ".", "..", "a\0b", "\ud800"])
def test_names_that_no_network_can_hold_are_refused(name: str) -> None:
    for check in (check_name, check_member):
        with pytest.raises(InvalidNameError, match="placement set"):
            check(name, "placement set")


@pytest.mark.parametrize("name", ["a/b", "/", "/a", "a/"])
def test_a_name_with_a_slash_is_not_that_of_a_member(name: str) -> None:
    assert name == check_name(name, "set")
    with pytest.raises(InvalidNameError, match="holds a '/'"):
        check_member(name, "set")


@pytest.mark.parametrize("name", [None, 5, b"bytes", ["a"], 1.5])
def test_a_name_is_a_text(name: Any) -> None:
    with pytest.raises(InvalidNameError, match=type(name).__name__):
        check_name(name, "set")


@given(st.text())
def test_a_name_is_accepted_exactly_if_it_can_be_a_member_of_a_group(name: str) -> None:
    valid = name not in ("", ".", "..") and not set("/\0") & set(name)
    if valid:
        assert name == check_member(name, "set")
    else:
        with pytest.raises(InvalidNameError):
            check_member(name, "set")


def test_a_text_of_a_subclass_becomes_a_plain_text() -> None:
    class Tag(str):
        __slots__ = ()

    assert str is type(check_name(Tag("granule"), "set"))
