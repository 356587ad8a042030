"""Entries of members that refer to no node are told, and are not followed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from bsb_hdf5.adapters.by_key import encoding
from bsb_hdf5.adapters.by_key.guarded import Guarded
from bsb_hdf5.adapters.by_key.nodes import KeyGroup, KeyGroupWriter, Tree
from bsb_hdf5.adapters.by_key.transaction import Transaction
from bsb_hdf5.errors import CorruptNetworkError, NodeNotFoundError


class Held(Transaction):
    """Bytes by key, in memory."""

    def __init__(self, content: dict[bytes, bytes]) -> None:
        self._content = content

    def get(self, key: bytes, /) -> bytes | None:
        return self._content.get(key)

    def put(self, key: bytes, value: bytes, /) -> None:
        self._content[key] = value

    def delete(self, key: bytes, /) -> None:
        self._content.pop(key, None)

    def keys(self, prefix: bytes, /) -> Iterable[bytes]:
        return [key for key in self._content if key.startswith(prefix)]

    def commit(self) -> None:
        """All is stored already."""

    def close(self) -> None:
        """It holds nothing open."""


def group(entry: bytes) -> KeyGroup:
    """A group of id 5 with a member ``x``."""
    content = {encoding.member(5, "x"): encoding.named("x", entry)}
    return KeyGroup(Tree(Guarded(Held(content), "here", ()), 9), 5)


def entry(kind: bytes, node: int) -> bytes:
    return kind + node.to_bytes(8, "big")


def test_rows_that_are_cut_leave_no_pages() -> None:
    content: dict[bytes, bytes] = {}
    root = KeyGroupWriter(Tree(Guarded(Held(content), "here", ()), 9), 5)
    array = root.create_array("x", np.zeros(40_000))
    many = len(content)
    array.resize(10)
    assert many - 4 == len(content)
    assert [0.0] * 10 == array.read().tolist()
    array.resize(0)
    assert many - 5 == len(content)


@pytest.mark.parametrize(
    "wrong",
    [
        *(entry(b"x", 6), entry(b"g", 5), entry(b"g", 0), b"", b"g"),
        *(entry(b"g", 9), entry(b"g", 6) + b"\0"),
    ],
)
def test_an_entry_refers_to_a_node_that_was_made_later(wrong: bytes) -> None:
    assert "x" in group(entry(b"g", 6))
    assert ("x",) == group(entry(b"g", 6)).names()
    with pytest.raises(CorruptNetworkError, match="'x' in 'here' refers to no node"):
        group(wrong).group("x")
    with pytest.raises(NodeNotFoundError):
        group(entry(b"g", 6)).group("y")
