"""Entries of members that refer to no node are told, and are not followed."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from bsb_hdf5.adapters.by_key import encoding
from bsb_hdf5.adapters.by_key.guarded import Guarded
from bsb_hdf5.adapters.by_key.nodes import KeyGroup, Tree
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


@pytest.mark.parametrize("wrong", [entry(b"x", 6), entry(b"g", 5), entry(b"g", 0), b"", b"g"])
def test_an_entry_refers_to_a_node_that_was_made_later(wrong: bytes) -> None:
    assert "x" in group(entry(b"g", 6))
    assert ("x",) == group(entry(b"g", 6)).names()
    with pytest.raises(CorruptNetworkError, match="'x' in 'here' refers to no node"):
        group(wrong).group("x")
    with pytest.raises(NodeNotFoundError):
        group(entry(b"g", 6)).group("y")
