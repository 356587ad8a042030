"""Files, in every layout: a document each."""

from __future__ import annotations

from functools import cached_property

from ...errors import CorruptNetworkError, FileNotStoredError
from ...ports.arrays import DocumentReader, GroupWriter
from ..files import StoredContent, checksum
from ..names import check_name
from .documents import read_json, write_json

# bsb-hdf5 8.0.2 stores an empty file as this one byte; its checksum tells it from a file of
# that byte.
_PLACEHOLDER = b"\0"
_EMPTY_SHA256 = checksum(b"")


class StoredFiles:
    """
    The files of a network.

    :param name: of the group that they are in.
    """

    def __init__(self, root: GroupWriter, name: str = "files") -> None:
        self._root = root
        self._name = name

    @cached_property
    def _group(self) -> GroupWriter:
        return self._root.group(self._name)

    def ids(self) -> tuple[str, ...]:
        return self._group.names() if self._name in self._root else ()

    def load(self, id_: str) -> StoredContent:
        document = self._document(id_)
        described = _describe(document)
        data = document.read()
        if data == _PLACEHOLDER and described.meta.get("content_sha256") == _EMPTY_SHA256:
            data = b""
        return StoredContent(data, described.encoding, described.meta)

    def describe(self, id_: str) -> StoredContent:
        return _describe(self._document(id_))

    def store(self, id_: str, content: StoredContent) -> None:
        check_name(id_, "file")
        group = self._root.require_group(self._name)
        if id_ in group:
            group.delete(id_)
        attributes = group.write_document(id_, content.data).attributes
        if content.encoding is not None:
            attributes.set("encoding", content.encoding)
        write_json(attributes, "meta", content.meta)
        if "mtime" in content.meta:
            attributes.set("mtime", int(content.meta["mtime"]))

    def remove(self, id_: str) -> None:
        self._document(id_)
        self._group.delete(id_)

    def _document(self, id_: str) -> DocumentReader:
        if self._name not in self._root or id_ not in self._group:
            raise FileNotStoredError(f"no file '{id_}' is stored", asked=id_)
        return self._group.document(id_)


def _describe(document: DocumentReader) -> StoredContent:
    encoding = document.attributes.get("encoding")
    if encoding is not None and not isinstance(encoding, str):
        raise CorruptNetworkError(f"the encoding of a file is {encoding!r}")
    return StoredContent(b"", encoding, read_json(document.attributes, "meta"))
