"""Files in the network: their content as bytes and what is known of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import attrs

from ..errors import (
    CorruptNetworkError,
    DtypeError,
    EncodingError,
    InputError,
    UnknownEncodingError,
)
from .json_types import DocumentView


@attrs.frozen
class StoredContent:
    """
    A file as it is stored.

    :param data: the content, encoded.
    :param encoding: encoding of a text; None for bytes.
    :param meta: JSON document, with ``mtime`` and ``content_sha256``.
    """

    data: bytes
    encoding: str | None
    meta: DocumentView

    @classmethod
    def of(
        cls,
        content: str | bytes,
        meta: DocumentView | None,
        encoding: str | None,
        mtime: int,
    ) -> StoredContent:
        """
        Prepare a content for storage; ``meta`` is copied.

        :raises DtypeError: content that is neither text nor bytes, an encoding that is not a
            text, or meta of a type that JSON lacks.
        :raises EncodingError: a text that its encoding can't hold.
        :raises UnknownEncodingError: Python does not know the encoding.
        :raises InputError: bytes that are not text in their encoding, or meta that JSON can't hold.
        """
        data, encoding = _encode(content, encoding)
        if not isinstance(meta, Mapping | None):
            raise DtypeError(f"the meta of a file must be a dictionary, not {meta!r}", asked=meta)
        # A checksum in the meta may be that of an older content.
        known = {**(meta or {}), "mtime": mtime, "content_sha256": checksum(data)}
        try:
            known = json.loads(json.dumps(known))
        except TypeError as error:
            raise DtypeError(f"the meta of a file can't be written as JSON: {error}") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"the meta of a file can't be written as JSON: {error}") from error
        return cls(data, encoding, known)

    def content(self) -> str | bytes:
        """The content as it was given."""
        if self.encoding is None:
            return self.data
        try:
            return self.data.decode(self.encoding)
        except (UnicodeDecodeError, LookupError) as error:
            raise CorruptNetworkError(
                f"a stored file can't be decoded as '{self.encoding}': {error}"
            ) from error


def checksum(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _encode(content: str | bytes, encoding: str | None) -> tuple[bytes, str | None]:
    if encoding is not None:
        _check_encoding(encoding)
    if isinstance(content, str):
        encoding = "utf-8" if encoding is None else encoding
        return _encoded(content, encoding), encoding
    if isinstance(content, bytes | bytearray | memoryview):
        data = bytes(content)
        if encoding is not None:
            _check_decodable(data, encoding)
        return data, encoding
    raise DtypeError(
        f"the content of a file must be a str or bytes, not a {type(content).__name__}"
    )


def _check_encoding(encoding: object) -> None:
    if not isinstance(encoding, str):
        raise DtypeError(
            f"an encoding must be a str, not {type(encoding).__name__} ({encoding!r})",
            asked=encoding,
        )
    try:
        "".encode(encoding)
        b"".decode(encoding)
    except (LookupError, ValueError) as error:
        raise UnknownEncodingError(
            f"{encoding!r} is not an encoding of texts that Python knows: {error}", asked=encoding
        ) from error


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        raise EncodingError(
            f"the text can't be encoded as {encoding!r}: {error}",
            encoding=error.encoding,
            object=error.object,
            start=error.start,
            end=error.end,
            reason=error.reason,
        ) from error
    except UnicodeError as error:
        raise InputError(f"the text can't be encoded as {encoding!r}: {error}") from error


def _check_decodable(data: bytes, encoding: str) -> None:
    try:
        data.decode(encoding)
    except UnicodeError as error:
        raise InputError(
            f"the bytes are not text in {encoding!r}: {error}; leave out the encoding to store"
            " them as they are",
            asked=encoding,
        ) from error
