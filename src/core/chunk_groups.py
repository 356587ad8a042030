"""
Data by chunk that belongs to no layout: a group a chunk, in it an array a property.

A collection of properties is a group within that of the chunk. Its keys stand in an attribute of
the group that all chunks are in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import NodeExistsError, NodeNotFoundError, ShapeError
from ..ports.arrays import AnyReader, AnyWriter, ArrayReader, GroupReader, GroupWriter
from .chunk_id import Ids, chunk_ids, is_chunk_id
from .column_specs import ColumnSpec
from .layouts.nodes import ARRAY, GROUP, kind_of
from .names import check_name
from .paths import by_path, canonical, check_path, check_paths, steps
from .rows import Rows

NUMBERS = "biuf"
"""Kinds of the dtypes that every backend has arrays of."""


def check_collection(name: object) -> str:
    """
    The name of a collection.

    :raises InvalidNameError: it can't be one.
    """
    return check_path(check_name(name, "collection"), "collection")


class ChunkGroups:
    """
    Data by chunk, to read.

    :param root: group of the network.
    :param names: path from it to the group of all chunks.
    """

    def __init__(self, root: GroupReader, names: Sequence[str]) -> None:
        self._root = root
        self._names = tuple(names)

    def chunks(self) -> Ids:
        """
        All chunks, ascending.

        :raises NodeNotFoundError: there is no data by chunk yet.
        """
        group = self._group()
        return chunk_ids(
            name for name in group.names() if is_chunk_id(name) and kind_of(group, name) == GROUP
        )

    def keys(self, collection: str) -> list[str]:
        """Keys of a collection, sorted."""
        try:
            held = self._group().attributes.get(_keys_of(collection))
        except NodeNotFoundError:
            return []
        return [] if held is None else sorted(map(str, held))

    def find(self, chunk: int, column: ColumnSpec) -> tuple[GroupReader, str] | None:
        """
        The group that the rows of a chunk are in, and their name there; None without rows.

        :raises NodeExistsError: something else has their name.
        """
        group: GroupReader = self._root
        names = [*self._names, str(chunk), *_steps(column)]
        for name in names[:-1]:
            if name not in group:
                return None
            if kind_of(group, name) != GROUP:
                raise _taken(name, column)
            group = group.group(name)
        if names[-1] not in group:
            return None
        if kind_of(group, names[-1]) != ARRAY:
            raise _taken(names[-1], column)
        return group, names[-1]

    def read(self, chunk: int, column: ColumnSpec) -> Rows | None:
        """The rows of a chunk; None if it has none of that column."""
        found = self.find(chunk, column)
        if found is None:
            return None
        group, name = found
        rows: Rows = (
            group.read_any(name) if isinstance(group, AnyReader) else group.array(name).read()
        )
        return rows

    def node(self, chunk: int, column: ColumnSpec) -> ArrayReader | None:
        """The array with the rows of a chunk, as an object of the backend's library if possible."""
        found = self.find(chunk, column)
        if found is None:
            return None
        group, name = found
        array: ArrayReader = (
            group.native()[name] if isinstance(group, AnyReader) else group.array(name)
        )
        return array

    def check_fit(self, chunk: int, column: ColumnSpec, rows: Rows) -> None:
        """
        Check that rows can be appended to a column of a chunk.

        :raises ShapeError: their width differs from that of the stored rows.
        :raises InvalidNameError: the path of the column conflicts with another of its collection.
        """
        if column.collection is not None:
            keys = by_path([*self.keys(column.collection), column.name])
            check_paths(keys.values(), "column")
        found = self.find(chunk, column)
        if found is None:
            return
        group, name = found
        if isinstance(group, AnyWriter):
            group.check_append(name, rows)
        width = group.array(name).shape[1:]
        if rows.shape[1:] != width:
            raise ShapeError(
                f"rows of '{column.title}' are of shape {rows.shape[1:]}; those stored are of"
                f" {width}"
            )

    def require(self, chunk: int) -> None:
        """
        Check that a chunk exists.

        :raises NodeNotFoundError: it does not.
        """
        group = self._group()
        if str(chunk) not in group:
            raise NodeNotFoundError(f"there is no chunk {chunk} in '{self._path}'", asked=chunk)

    @property
    def _path(self) -> str:
        return f"/{'/'.join(self._names)}"

    def _group(self) -> GroupReader:
        group: GroupReader = self._root
        for name in self._names:
            if name not in group:
                raise NodeNotFoundError(f"there is nothing at '{self._path}'", asked=self._path)
            group = group.group(name)
        return group


class ChunkGroupsWriter(ChunkGroups):
    """Data by chunk that can be changed; parameters as for :class:`ChunkGroups`."""

    _root: GroupWriter

    def __init__(self, root: GroupWriter, names: Sequence[str]) -> None:
        super().__init__(root, names)

    def require_chunk(
        self, chunk: int, columns: Iterable[ColumnSpec] = (), collections: Iterable[str] = ()
    ) -> None:
        """Make a chunk, if it is absent, with columns and collections that have no rows yet."""
        group = _below(self._root, self._names)
        if str(chunk) in group:
            return
        made = group.require_group(str(chunk))
        for column in columns:
            if column.width is not None:
                self._create(made, _steps(column), column, column.empty)
        for collection in collections:
            _below(made, steps(collection))

    def append(self, chunk: int, column: ColumnSpec, rows: Rows) -> None:
        """Add rows to a chunk, which exists."""
        group = self._chunk(chunk)
        if self.find(chunk, column) is None:
            self._create(group, _steps(column), column, rows)
            return
        *above, name = _steps(column)
        parent = _below(group, above)
        if isinstance(parent, AnyWriter) and rows.dtype.kind not in NUMBERS:
            parent.append_any(name, rows)
        else:
            parent.array(name).append(rows)

    def clear(self, chunk: int, column: ColumnSpec) -> None:
        """
        Remove the rows of a chunk.

        :raises NodeNotFoundError: the chunk does not exist.
        """
        self.require(chunk)
        group = self._chunk(chunk)
        if self.find(chunk, column) is not None:
            *above, name = _steps(column)
            _below(group, above).array(name).resize(0)
        elif column.width is not None:
            self._create(group, _steps(column), column, column.empty)

    def clear_collection(self, chunk: int, collection: str) -> None:
        """
        Remove all rows of a collection in a chunk.

        :raises NodeNotFoundError: the chunk has no such collection.
        """
        self.require(chunk)
        *above, name = steps(collection)
        group: GroupWriter = self._chunk(chunk)
        for each in above:
            group = group.group(each)
        group.delete(name)
        group.require_group(name)

    def add_key(self, collection: str, key: str) -> None:
        """Note a key of a collection."""
        keys = self.keys(collection)
        if canonical(key) not in by_path(keys):
            group = _below(self._root, self._names)
            group.attributes.set(_keys_of(collection), sorted([*keys, key]))

    def remove(self, chunks: Iterable[int]) -> None:
        """Delete chunks, as far as they exist."""
        group = _below(self._root, self._names)
        for chunk in chunks:
            if str(chunk) in group:
                group.delete(str(chunk))

    def _chunk(self, chunk: int) -> GroupWriter:
        return _below(self._root, [*self._names, str(chunk)])

    @staticmethod
    def _create(group: GroupWriter, names: Sequence[str], column: ColumnSpec, rows: Rows) -> None:
        *above, name = names
        parent = _below(group, above)
        if isinstance(parent, AnyWriter) and column.dtype.kind not in NUMBERS:
            parent.create_any(name, rows, maxshape=(None, *rows.shape[1:]), dtype=column.dtype)
        else:
            parent.create_array(name, rows)


def _below(group: GroupWriter, names: Iterable[str]) -> GroupWriter:
    for name in names:
        group = group.require_group(name)
    return group


def _steps(column: ColumnSpec) -> list[str]:
    """
    The names that lead from the group of a chunk to the array of a column.

    :raises InvalidNameError: they lead elsewhere.
    """
    check_path(column.name, "column")
    return steps(check_path(column.title, "column"))


def _keys_of(collection: str) -> str:
    return f"{collection}_keys"


def _taken(name: str, column: ColumnSpec) -> NodeExistsError:
    return NodeExistsError(
        f"'{column.title}' can't be stored: '{name}' exists and is something else", asked=name
    )
