"""Groups, arrays and documents as the manifest lists them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from .values import Blob, Value

Values: TypeAlias = dict[str, Value]

_CHUNK_BYTES = 64 << 10
# Chunks of an object.
_SMALL_SHARD = 8
_LARGE_SHARD = 64
_MOST_SMALL_SHARDS = 32
_LEAST_ROWS = 16


@attrs.frozen
class Grid:
    """
    A zarr array: where it lies, and how its rows are cut.

    :param path: of the array, below the root group.
    :param dtype: of its values: the one of the rows, or bytes if zarr has none like it.
    :param width: shape of a row.
    :param chunk_rows: rows that are compressed as one piece.
    :param shard_rows: rows of an object.
    """

    path: str
    dtype: str
    width: tuple[int, ...]
    chunk_rows: int
    shard_rows: int

    def shards(self, rows: int) -> int:
        """How many objects that many rows take."""
        return -(-rows // self.shard_rows)

    def shard_key(self, index: int) -> str:
        """The key of an object."""
        return "/".join([self.path, "c", str(index), *("0" for _ in self.width)])

    @property
    def metadata_key(self) -> str:
        return f"{self.path}/zarr.json"


def grid(path: str, dtype: np.dtype[Any], width: tuple[int, ...], rows: int) -> Grid:
    """
    Rows cut into chunks of about 64 kB, some of them an object.

    An append writes the last object anew, so objects are small while the array is.
    """
    stored, stored_width = stored_form(dtype, width)
    row = max(1, stored.itemsize * int(np.prod(stored_width)))
    chunk = max(1, _CHUNK_BYTES // row)
    large = rows * row > _MOST_SMALL_SHARDS // 2 * _SMALL_SHARD * _CHUNK_BYTES
    chunks = max(1, (_LARGE_SHARD if large else _SMALL_SHARD) * _CHUNK_BYTES // (chunk * row))
    return Grid(path, stored.name, stored_width, chunk, chunk * chunks)


def is_outgrown(placed: Grid, rows: int) -> bool:
    """Whether an array of small objects has come to have so many that it is to be cut anew."""
    if placed.shards(rows) <= _MOST_SMALL_SHARDS:
        return False
    better = grid(placed.path, np.dtype(placed.dtype), placed.width, rows)
    return better.shard_rows > placed.shard_rows


def stored_form(
    dtype: np.dtype[Any], width: tuple[int, ...]
) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The dtype of zarr's own for some rows; that of bytes, a dimension more, if there is none."""
    if dtype.kind in "biufc" and dtype.itemsize <= (16 if dtype.kind == "c" else 8):
        return dtype.newbyteorder("="), width
    return np.dtype(np.uint8), (*width, dtype.itemsize)


@attrs.define(eq=False)
class Tail:
    """Rows that a session added and that are not stored yet, with room to grow."""

    buffer: NDArray[Any]
    length: int

    @property
    def view(self) -> NDArray[Any]:
        return self.buffer[: self.length]

    def resize(self, rows: int) -> None:
        """Cut to, or extend with zeros to, that many rows."""
        if rows > len(self.buffer):
            room = max(rows, 2 * len(self.buffer), _LEAST_ROWS)
            grown = np.zeros((room, *self.buffer.shape[1:]), dtype=self.buffer.dtype)
            grown[: self.length] = self.view
            self.buffer = grown
        elif rows > self.length:
            self.buffer[self.length : rows] = 0
        self.length = rows


@attrs.define(eq=False)
class ArrayNode:
    """
    An array: ``base`` rows as stored, and those of its tail.

    :param dtype: of the values.
    :param width: shape of a row.
    :param base: rows that lie in ``grid``, or if that is None in ``blob``.
    :param owner: the session that may change this object.
    """

    dtype: np.dtype[Any]
    width: tuple[int, ...]
    base: int = 0
    grid: Grid | None = None
    blob: Blob | None = None
    tail: Tail | None = None
    values: Values = attrs.field(factory=dict)
    owner: object = None

    @property
    def length(self) -> int:
        return self.base + (self.tail.length if self.tail else 0)

    def owned_by(self, owner: object) -> ArrayNode:
        """A copy that a session may change."""
        return attrs.evolve(self, values=dict(self.values), owner=owner)

    def blobs(self) -> Iterator[Blob]:
        """All byte strings that it consists of."""
        yield from _blobs(self.values)
        if self.blob is not None:
            yield self.blob


@attrs.define(eq=False)
class DocumentNode:
    """A document; ``owner`` as for arrays."""

    blob: Blob
    values: Values = attrs.field(factory=dict)
    owner: object = None

    def owned_by(self, owner: object) -> DocumentNode:
        """A copy that a session may change."""
        return attrs.evolve(self, values=dict(self.values), owner=owner)

    def blobs(self) -> Iterator[Blob]:
        """All byte strings that it consists of."""
        yield from _blobs(self.values)
        yield self.blob


@attrs.define(eq=False)
class GroupNode:
    """A group; ``owner`` as for arrays."""

    members: dict[str, Node] = attrs.field(factory=dict)
    values: Values = attrs.field(factory=dict)
    owner: object = None

    def owned_by(self, owner: object) -> GroupNode:
        """A copy that a session may change; its members are not."""
        return attrs.evolve(self, members=dict(self.members), values=dict(self.values), owner=owner)

    def blobs(self) -> Iterator[Blob]:
        """All byte strings that it consists of, not those of its members."""
        yield from _blobs(self.values)


Node: TypeAlias = GroupNode | ArrayNode | DocumentNode


def _blobs(values: Values) -> Iterator[Blob]:
    return (value.blob for value in values.values() if value.blob is not None)


def walk(node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
    """A node and all below it, with the names that lead to them."""
    yield path, node
    if isinstance(node, GroupNode):
        for name, member in node.members.items():
            yield from walk(member, (*path, name))
