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
    """The promises of documents."""

    def test_every_byte_of_a_document_comes_back(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        contents = [b"x", EVERY_BYTE, b"\0", b"\0\0\0", b"a\0", b"x" * 100_000, b"a\r\nb\r"]
        with writing(store) as root:
            for number, content in enumerate(contents):
                assert content == root.write_document(str(number), content).read()
        with reading(store) as read:
            for number, content in enumerate(contents):
                assert content == read.document(str(number)).read()

    def test_an_empty_document_comes_back_empty(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        with writing(store) as root:
            root.write_document("bytes", b"")
            root.write_document("text", "")
        with reading(store) as read:
            assert read.document("text").read() == b""
            assert read.document("bytes").read() == b""

    def test_a_text_is_read_as_utf_8(self, new_store: NewStore) -> None:
        store = make(new_store("a"))
        texts = ["plain", "Purkyně · 小脳", "x" * 50_000, "a\nb\r\nc\rd", " a \n", "\ufeffa", "5"]
        with writing(store) as root:
            for number, text in enumerate(texts):
                root.write_document(str(number), text)
        with reading(store) as read:
            for number, text in enumerate(texts):
                assert text.encode() == read.document(str(number)).read()

    @pytest.mark.parametrize("first", [b"first", "first"], ids=repr)
    def test_a_replaced_document_keeps_its_attributes(
        self, new_store: NewStore, first: bytes | str
    ) -> None:
        store = make(new_store("a"))
        contents: list[bytes | str] = [
            b"other",
            b"2",
            b"x" * 10_000,
            "other",
            "a longer text than before",
        ]
        with writing(store) as root:
            for number in range(len(contents)):
                attributes = root.write_document(str(number), first).attributes
                for name in ("text", "texts", "array", "no texts"):
                    attributes.set(name, VALUES[name])
                before = attributes_of(attributes)
        with writing(store) as root:
            for number, content in enumerate(contents):
                root.write_document(str(number), content)
        with reading(store) as read:
            for number, content in enumerate(contents):
                document = read.document(str(number))
                expected = content.encode() if isinstance(content, str) else content
                assert expected == document.read()
                assert before == attributes_of(document.attributes)
