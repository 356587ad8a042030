"""JSON documents in attributes and documents, which are rewritten all the time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ...errors import CorruptNetworkError
from ...ports.arrays import AttributeReader, AttributeWriter
from ..json_types import Document

# perf: append 250 x 400; a third of the time of a document is the search for cycles.
_ENCODER = json.JSONEncoder(check_circular=False)


def read_json(attributes: AttributeReader, name: str) -> Document:
    """
    A JSON object in an attribute; empty if there is none.

    :raises CorruptNetworkError: the attribute is something else.
    """
    text = attributes.get(name)
    return {} if text is None else parse_json(text, name)


def parse_json(text: str | bytes, name: str) -> Document:
    """
    A JSON object.

    :raises CorruptNetworkError: the text is not one.
    """
    try:
        document = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise CorruptNetworkError(f"'{name}' is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise CorruptNetworkError(f"'{name}' must be a JSON object, not {type(document).__name__}")
    return document


@contextmanager
def interpreting(name: str) -> Iterator[None]:
    """
    Report a document that does not hold what it should.

    :param name: name of the document, for the message.
    """
    try:
        yield
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise CorruptNetworkError(f"'{name}' has unexpected content: {error}") from error


def write_json(attributes: AttributeWriter, name: str, document: Mapping[str, object]) -> None:
    """Store a JSON object in an attribute."""
    attributes.set(name, padded(_ENCODER.encode(document)))


def padded(text: str) -> str:
    """
    JSON text padded with blanks, by less than a quarter.

    A text that replaces one of the same length needs no new space in the file, so there are few
    lengths: four between each power of two and the next.
    """
    # perf: append morphologies; to read what is replaced, for its length, takes longer than this.
    step = 1 << max(0, len(text).bit_length() - 3)
    return text.ljust(-(-len(text) // step) * step)
