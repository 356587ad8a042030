"""Files, in every layout: a document each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property

from ...errors import CorruptNetworkError, FileNotStoredError
from ...ports.arrays import DocumentReader, GroupReader, GroupWriter
from ..files import StoredContent, checksum
from .documents import read_json, write_json
from .nodes import DOCUMENT, kind_of

# bsb-hdf5 8.0.2 stores an empty file as this single byte; the checksum distinguishes it from a
# file that consists of this byte.
_PLACEHOLDER = b"\0"
_EMPTY_SHA256 = checksum(b"")


def is_document(group: GroupReader, name: str) -> bool:
    """Whether a member of a group is a document."""
    return kind_of(group, name) == DOCUMENT


class StoredFiles(ABC):
    """
    The files of a network.

    :param name: name of the group that they are in.
    """

    def __init__(self, root: GroupWriter, name: str = "files") -> None:
        self._root = root
        self._name = name

    @cached_property
    def _group(self) -> GroupWriter:
        return self._root.group(self._name)

    @abstractmethod
    def ids(self) -> tuple[str, ...]:
        """The ids of all files, sorted."""

    def __contains__(self, id_: str) -> bool:
        return self._find(id_) is not None

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
        group, name = self._make_room(id_)
        if name in group:
            group.delete(name)
        attributes = group.write_document(name, content.data).attributes
        if content.encoding is not None:
            attributes.set("encoding", content.encoding)
        write_json(attributes, "meta", content.meta)
        if "mtime" in content.meta:
            attributes.set("mtime", int(content.meta["mtime"]))

    @abstractmethod
    def remove(self, id_: str) -> None:
        """
        Remove a file.

        :raises FileNotStoredError: no file has this id.
        """

    def _document(self, id_: str) -> DocumentReader:
        found = self._find(id_)
        if found is None:
            raise FileNotStoredError(f"no file '{id_}' is stored", asked=id_)
        group, name = found
        return group.document(name)

    @abstractmethod
    def _find(self, id_: str) -> tuple[GroupWriter, str] | None:
        """The group that a file lies in, and its name there; None if it isn't there."""

    @abstractmethod
    def _make_room(self, id_: str) -> tuple[GroupWriter, str]:
        """The group that a file is to lie in, made if it is absent, and its name there."""


def _describe(document: DocumentReader) -> StoredContent:
    encoding = document.attributes.get("encoding")
    if encoding is not None and not isinstance(encoding, str):
        raise CorruptNetworkError(f"the encoding of a file is {encoding!r}")
    return StoredContent(b"", encoding, read_json(document.attributes, "meta"))
