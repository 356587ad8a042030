"""Files in a network."""

from __future__ import annotations

from typing import Any

import pytest

from bsb_hdf5.core.files import StoredContent
from bsb_hdf5.errors import CorruptNetworkError, FileNotStoredError
from tests.unit.memory import new_network


@pytest.mark.parametrize("data", [b"", b"\0", b"text\0\0", bytes(range(256))])
@pytest.mark.parametrize("encoding", [None, "latin-1"])
def test_files_come_back(data: bytes, encoding: str | None) -> None:
    files = new_network().files
    content: Any = data if encoding is None else data.decode(encoding)
    files.store("id", StoredContent.of(content, {"a": [1]}, encoding, 5))
    assert content == files.load("id").content()
    assert [1] == files.load("id").meta["a"]
    assert encoding == files.describe("id").encoding
    assert ("id",) == files.ids()


def test_a_file_that_is_replaced_keeps_nothing_of_the_old_one() -> None:
    files = new_network().files
    files.store("id", StoredContent.of("text", {"old": 1}, "utf-16", 5))
    files.store("id", StoredContent.of(b"bytes", None, None, 6))
    assert b"bytes" == files.load("id").content()
    assert {"mtime", "content_sha256"} == set(files.load("id").meta)


def test_a_file_that_is_not_stored_is_not_found() -> None:
    files = new_network().files
    for verb in (files.load, files.describe, files.remove):
        with pytest.raises(FileNotStoredError, match="missing"):
            verb("missing")


def test_an_encoding_that_is_no_text_is_corrupt() -> None:
    files = new_network().files
    files.store("id", StoredContent.of("text", None, "utf-8", 5))
    document: Any = files._document("id")
    document.attributes.set("encoding", 5)
    for verb in (files.load, files.describe):
        with pytest.raises(CorruptNetworkError, match="the encoding of a file is"):
            verb("id")
