"""Files as they are stored."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.core.files import StoredContent
from bsb_hdf5.errors import CorruptNetworkError, DtypeError, InputError


@given(st.text())
def test_a_text_comes_back(text: str) -> None:
    stored = StoredContent.of(text, None, None, 5)
    assert "utf-8" == stored.encoding
    assert text == stored.content()
    assert text.encode() == stored.data


@given(st.binary())
def test_bytes_come_back(data: bytes) -> None:
    stored = StoredContent.of(data, None, None, 5)
    assert stored.encoding is None
    assert data == stored.content()
    assert hashlib.sha256(data).hexdigest() == stored.meta["content_sha256"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig", "cp437"])
def test_a_text_is_stored_in_its_encoding(encoding: str) -> None:
    stored = StoredContent.of("é", None, encoding, 5)
    assert "é".encode(encoding) == stored.data
    assert "é" == stored.content()


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_anything_like_bytes_is_accepted(kind: Any) -> None:
    assert b"a\0" == StoredContent.of(kind(b"a\0"), None, None, 5).content()


@pytest.mark.parametrize("content", [None, 5, ["a"], {"a": 1}])
def test_other_contents_are_refused(content: Any) -> None:
    with pytest.raises(DtypeError, match=type(content).__name__):
        StoredContent.of(content, None, None, 5)


@pytest.mark.parametrize("encoding", ["ascii", "no such encoding", 5])
def test_a_text_that_an_encoding_can_not_hold_is_refused(encoding: Any) -> None:
    with pytest.raises(InputError, match=str(encoding)):
        StoredContent.of("é", None, encoding, 5)


def test_half_a_character_is_refused() -> None:
    with pytest.raises(InputError):
        StoredContent.of("\ud800", None, None, 5)


def test_meta_is_copied_and_stamped() -> None:
    meta = {"mtime": 1, "nested": {"a": [1]}}
    stored = StoredContent.of("x", meta, None, 77)
    assert {"mtime": 1, "nested": {"a": [1]}} == meta
    assert 77 == stored.meta["mtime"]
    meta["nested"] = None
    assert {"a": [1]} == stored.meta["nested"]
    assert StoredContent.of("x", None, None, 77).meta["mtime"] == 77


def test_nested_meta_does_not_alias_what_was_given() -> None:
    inner = [1]
    stored = StoredContent.of("x", {"inner": inner}, None, 5)
    inner.append(2)
    assert [1] == stored.meta["inner"]


def test_meta_that_json_can_not_hold_is_refused() -> None:
    circular: list[Any] = []
    circular.append(circular)
    for meta in ({"a": object()}, {"a": b"x"}, {(1, 2): 3}, {"a": circular}):
        with pytest.raises(InputError, match="meta"):
            StoredContent.of("x", meta, None, 5)  # type: ignore[arg-type]


@pytest.mark.parametrize("encoding", ["utf-8", "no such encoding"])
def test_bytes_that_are_no_text_of_their_encoding_are_corrupt(encoding: str) -> None:
    with pytest.raises(CorruptNetworkError, match=encoding):
        StoredContent(b"\xff", encoding, {}).content()


def test_a_text_that_an_encoding_has_no_place_for_is_refused() -> None:
    """IDNA raises an error that names no place in the text."""
    with pytest.raises(InputError, match="can't be encoded as 'idna'"):
        StoredContent.of("a" * 64, None, "idna", 5)
