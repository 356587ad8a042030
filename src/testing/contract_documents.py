"""Texts and bytes."""

from __future__ import annotations

import pytest

from .contents import (
    attributes_of,
    make,
    reading,
    writing,
)
from .contract_samples import (
    EVERY_BYTE,
    VALUES,
    NewStore,
)


class DocumentContract:
    """What documents promise."""

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
