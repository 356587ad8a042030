"""
Which chunks of a set are looked at, and its columns one by one.

:class:`ChunkLoader` is the part of a placement set that knows chunks;
:class:`ChunkedProperty` and :class:`ChunkedCollection` reach a single column of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from bsb import Chunk
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .core.chunk_id import (
    Ids,
    agree_on_size,
    normalize_size,
    pack,
    pack_one,
    sorted_ids,
    unpack,
)
from .core.column_specs import POSITION, ColumnSpec
from .core.columns import align
from .core.layouts.protocols import NetworkWriter, PlacementReader, PlacementWriter
from .core.names import check_name
from .core.rows import Rows
from .core.statistics import ChunkCounts
from .core.validation import as_integers, as_numbers
from .errors import ChunkRangeError, DataNotFoundError, InputError, NodeNotFoundError, ShapeError
from .exceptions import raise_as_bsb
from .handles import HANDLED, SessionEngine, handles_handles
from .transactions.session import Session

ChunkLike: TypeAlias = Chunk | ArrayLike
"""A chunk, or its three coordinates."""
Insert: TypeAlias = Callable[[Any], ArrayLike]
Extract: TypeAlias = Callable[[Rows, PlacementReader], Any]


def as_chunk(chunk: ChunkLike) -> Chunk:
    """
    A chunk.

    :param chunk: a chunk, or its three coordinates; a chunk of unknown size then.
    :raises InputError: it is neither.
    """
    if isinstance(chunk, Chunk) and chunk.shape == (3,):
        return chunk
    coordinates = as_integers(chunk, "chunk coordinates")
    if coordinates.shape != (3,):
        raise ShapeError(f"a chunk must be three whole numbers, not {chunk!r}", asked=chunk)
    try:
        packed = pack(coordinates[None])
    except ChunkRangeError as error:
        raise_as_bsb(error)
    return Chunk(unpack(packed)[0], None)


def as_id(chunk: ChunkLike) -> int:
    """The id of a chunk; parameters and errors as for :func:`as_chunk`."""
    found = as_chunk(chunk)
    # Sums and differences of chunks can be of another type.
    return pack_one(*found.tolist()) if found.dtype == np.int16 else int(found.id)


def each_chunk(chunks: Iterable[ChunkLike]) -> list[Chunk]:
    """
    Some chunks.

    :raises InputError: they are not a list, or one of them is not a chunk.
    """
    return [as_chunk(chunk) for chunk in _listed(chunks)]


def _listed(chunks: Iterable[ChunkLike]) -> list[ChunkLike]:
    try:
        return list(chunks)
    except TypeError as error:
        raise InputError(
            f"chunks must be a list of chunks, not {chunks!r}", asked=chunks
        ) from error


def as_ids(chunks: Iterable[ChunkLike]) -> Ids:
    """Ids of chunks, each once, ascending."""
    return sorted_ids(map(as_id, _listed(chunks)))


def as_chunks(
    ids: Ids, size: NDArray[np.float64], made: dict[int, Chunk] | None = None
) -> list[Chunk]:
    """
    Chunks of a size (um), one for each id; equal ids get the same object.

    :param made: chunks by id, to use; those that are made are added.
    """
    chunks = {} if made is None else made
    wanted = ids.tolist()
    missing = [id_ for id_ in dict.fromkeys(wanted) if id_ not in chunks]
    for id_, coordinates in zip(missing, unpack(missing).tolist(), strict=True):
        chunks[id_] = Chunk(coordinates, size)
    return [chunks[id_] for id_ in wanted]


def settle_chunk_size(network: NetworkWriter, chunk: Chunk) -> None:
    """
    Note the size of the first chunk that has one.

    :raises ChunkSizeError: the chunk is of another size than the network's.
    """
    size = agree_on_size(network.chunk_size, normalize_size(getattr(chunk, "_size", None)))
    if size is not None:
        network.set_chunk_size(size)


class ChunkLoader:
    """
    Mixin of a set of cells: the chunks it holds, and those it is restricted to.

    A class that uses it may be given ``properties`` and ``collections``, functions that
    make a :class:`ChunkedProperty` or :class:`ChunkedCollection` of a set. A set then has
    each as ``_<name>_chunks``.
    """

    _engine: SessionEngine
    _property_makers: ClassVar[tuple[Callable[[ChunkLoader], ChunkedProperty], ...]] = ()
    _collection_makers: ClassVar[tuple[Callable[[ChunkLoader], ChunkedCollection], ...]] = ()

    def __init_subclass__(
        cls,
        properties: Iterable[Callable[[ChunkLoader], ChunkedProperty]] = (),
        collections: Iterable[Callable[[ChunkLoader], ChunkedCollection]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init_subclass__(**kwargs)
        cls._property_makers = tuple(properties) or cls._property_makers
        cls._collection_makers = tuple(collections) or cls._collection_makers

    if TYPE_CHECKING:

        @property
        def _path(self) -> str: ...

    def __init__(self) -> None:
        # By id, ascending.
        self._chunks: dict[int, Chunk] = {}
        for make in (*self._property_makers, *self._collection_makers):
            column = make(self)
            setattr(self, f"_{column.collection or column.name}_chunks", column)

    def get_loaded_chunks(self) -> list[Chunk]:
        """The chunks that the set is restricted to, or all."""
        return list(self._chunks.values()) if self._chunks else self.get_all_chunks()

    @handles_handles("r")
    def get_all_chunks(self, handle: Session = HANDLED) -> list[Chunk]:
        """All chunks of the set, those without cells too, by id."""
        return as_chunks(self._data(handle).chunks(), handle.network.chunk_size)

    @contextlib.contextmanager
    def chunk_context(self, chunks: Iterable[ChunkLike]) -> Iterator[None]:
        """Restrict the set to some chunks for as long as a block runs."""
        before = self._chunks
        self.set_chunk_filter(chunks)
        try:
            yield
        finally:
            self._chunks = before

    def get_chunk_path(
        self, chunk: ChunkLike | None = None, collection: str | None = None, key: str | None = None
    ) -> str:
        """
        The path of a chunk, or of a column of it, in layouts that have a group a chunk.

        :param chunk: a chunk; the path of the set without.
        :param collection: name of a collection of the chunk.
        :param key: name of a property of the chunk, or of a column of the collection.
        :raises NodeNotFoundError: the layout has no groups of chunks, as the columnar one.
        """
        if chunk is None:
            return self._path
        names = (str(as_id(chunk)), collection, key)
        self._check_chunk_groups()
        return "/".join([self._path, *(name for name in names if name is not None)])

    @handles_handles("r")
    def _check_chunk_groups(self, handle: Session = HANDLED) -> None:
        if not handle.network.chunk_groups:
            raise NodeNotFoundError(
                f"'{self._path}' has no groups of chunks: in the {handle.network.layout} layout,"
                " the rows of all chunks are in the same arrays",
                asked=self._path,
            )

    def include_chunk(self, chunk: ChunkLike) -> None:
        """Restrict the set to this chunk as well."""
        self.set_chunk_filter([*self._chunks.values(), chunk])

    def exclude_chunk(self, chunk: ChunkLike) -> None:
        """
        Take a chunk out of those the set is restricted to.

        :raises ValueError: the set is not restricted to it.
        """
        excluded = as_id(chunk)
        if excluded not in self._chunks:
            raise InputError(f"the set is not restricted to chunk {as_chunk(chunk).tolist()}")
        self._chunks = {id_: kept for id_, kept in self._chunks.items() if id_ != excluded}

    def set_chunk_filter(self, chunks: Iterable[ChunkLike]) -> None:
        """Restrict the set to some chunks; an empty list lifts the restriction."""
        given = each_chunk(chunks)
        by_id = {as_id(chunk): chunk for chunk in reversed(given)}
        self._chunks = dict(sorted(by_id.items()))

    def clear_chunk_filter(self) -> None:
        """Lift the restriction to some chunks."""
        self._chunks = {}

    @handles_handles("a")
    def require_chunk(self, chunk: ChunkLike, handle: Session = HANDLED) -> None:
        """
        Make sure that a chunk exists, with or without cells.

        :raises ChunkError: it is of another size than the chunks of the network.
        """
        needed = as_chunk(chunk)
        settle_chunk_size(handle.network_writer, needed)
        self._writer(handle).require_chunk(as_id(needed))

    def _selected_chunks(self) -> Ids | None:
        return np.array(list(self._chunks), dtype=np.int64) if self._chunks else None

    def _data(self, session: Session) -> PlacementReader:
        return session.network.placement(self._path.rsplit("/", 1)[-1])

    def _writer(self, session: Session) -> PlacementWriter:
        return session.network_writer.placement(self._path.rsplit("/", 1)[-1])


class ChunkedProperty:
    """
    One column of a set.

    :param loader: the set.
    :param property: name of the column.
    :param shape: of the column without rows: ``(0, ...)``; None if the rows decide.
    :param dtype: of the values.
    :param insert: changes rows before they are stored.
    :param extract: changes rows after they were loaded; is given the set, too.
    :param collection: the collection that the column belongs to.
    """

    def __init__(
        self,
        loader: ChunkLoader,
        property: str | None,
        shape: tuple[int, ...] | None,
        dtype: DTypeLike,
        insert: Insert | None = None,
        extract: Extract | None = None,
        collection: str | None = None,
    ) -> None:
        self.loader = loader
        self.name = property
        self.shape = shape
        self.dtype = dtype
        self.insert = insert
        self.extract = extract
        self.collection = collection

    @handles_handles("r", lambda args: args[0].loader._engine)
    def load(
        self,
        raw: bool = False,
        key: str | None = None,
        pad_by: str | None = None,
        handle: Session = HANDLED,
    ) -> Any:
        """
        The rows of the chunks that the set is restricted to.

        :param raw: leave out ``extract``.
        :param key: another column than this.
        :param pad_by: fill up to as many rows as this column has, or to the number of
            cells if it is ``position``.
        """
        ids = self.loader._selected_chunks()
        chunks = self.loader._data(handle).chunks() if ids is None else ids
        return self._load(handle, chunks, raw, key, pad_by)

    def get_chunk_reader(
        self, handle: Session, raw: bool, key: str | None = None, pad_by: str | None = None
    ) -> Callable[[ChunkLike], Any]:
        """A function that loads the rows of one chunk; see :meth:`load`."""

        def read(chunk: ChunkLike) -> Any:
            return self._load_chunk(chunk, raw, key, pad_by, handle=handle)

        return read

    @handles_handles("r", lambda args: args[0].loader._engine)
    def _load_chunk(
        self,
        chunk: ChunkLike,
        raw: bool,
        key: str | None,
        pad_by: str | None,
        handle: Session = HANDLED,
    ) -> Any:
        return self._load(handle, np.array([as_id(chunk)], dtype=np.int64), raw, key, pad_by)

    @handles_handles("a", lambda args: args[0].loader._engine)
    def append(
        self, chunk: ChunkLike, data: ArrayLike, key: str | None = None, handle: Session = HANDLED
    ) -> None:
        """
        Add rows to a chunk: to its cells after the last that has one, and then for new cells.

        Label codes are better overwritten: once any cell of a set has a label, others may have
        code 0, so that codes that are added make new cells.

        :param chunk: is made if it is absent.
        :param data: rows.
        :param key: another column than this.
        """
        self.loader.require_chunk(chunk, handle=handle)
        column, rows = self._rows(data, key)
        self.loader._writer(handle).append_column(column, as_id(chunk), rows)

    @handles_handles("a", lambda args: args[0].loader._engine)
    def clear(self, chunk: ChunkLike, key: str | None = None, handle: Session = HANDLED) -> None:
        """Remove the rows of a chunk."""
        column = self._column(key)
        data = self.loader._writer(handle)
        held, _ = data.read_column(column, np.array([as_id(chunk)], dtype=np.int64))
        data.overwrite_column(column, as_id(chunk), held[:0])

    @handles_handles("a", lambda args: args[0].loader._engine)
    def overwrite(
        self, chunk: ChunkLike, data: ArrayLike, key: str | None = None, handle: Session = HANDLED
    ) -> None:
        """Replace the rows of a chunk."""
        self.loader.require_chunk(chunk, handle=handle)
        column, rows = self._rows(data, key)
        self.loader._writer(handle).overwrite_column(column, as_id(chunk), rows)

    def _column(self, key: str | None) -> ColumnSpec:
        name = check_name(self.name if key is None else key, "column")
        dtype = np.dtype(self.dtype)
        width = None if self.shape is None else tuple(self.shape[1:])
        return ColumnSpec(name, width, dtype, 0, self.collection)

    def _rows(self, data: ArrayLike, key: str | None) -> tuple[ColumnSpec, Rows]:
        column = self._column(key)
        given = as_numbers(data if self.insert is None else self.insert(data), column.title)
        rows = np.atleast_1d(given).astype(column.dtype)
        if column.width is not None and rows.shape[1:] != column.width:
            raise ShapeError(
                f"rows of '{column.title}' must have shape (n, *{column.width}), not {rows.shape}"
            )
        return column, rows

    def _load(
        self, session: Session, chunks: Ids, raw: bool, key: str | None, pad_by: str | None
    ) -> Any:
        data = self.loader._data(session)
        column = self._column(key)
        rows, lengths = data.read_column(column, chunks)
        if pad_by == POSITION.name:
            wanted = data.counts().among(chunks).counts
            rows = align(column, rows, lengths, ChunkCounts(chunks, np.maximum(wanted, lengths)))
        elif pad_by is not None:
            _, wanted = data.read_column(self._column(pad_by), chunks)
            rows = align(column, rows, lengths, ChunkCounts(chunks, np.maximum(wanted, lengths)))
        return rows if raw or self.extract is None else self.extract(rows, data)


class ChunkedCollection(ChunkedProperty):
    """
    Columns of a set that share their kind, by key.

    The parameters are those of :class:`ChunkedProperty`.
    """

    def __init__(
        self,
        loader: ChunkLoader,
        collection: str,
        shape: tuple[int, ...] | None,
        dtype: DTypeLike,
        insert: Insert | None = None,
        extract: Extract | None = None,
    ) -> None:
        super().__init__(loader, None, shape, dtype, insert, extract, collection)

    @handles_handles("r", lambda args: args[0].loader._engine)
    def keys(self, handle: Session = HANDLED) -> list[str]:
        """Keys of the columns."""
        return list(self.loader._data(handle).additional_keys())

    @handles_handles("r", lambda args: args[0].loader._engine)
    def load(self, key: str, handle: Session = HANDLED, **kwargs: Any) -> Any:  # type: ignore[override]
        """
        The rows of a column; see :meth:`ChunkedProperty.load`.

        :raises DatasetNotFoundError: there is no column of that key.
        """
        keys = self.loader._data(handle).additional_keys()
        if key not in keys:
            raise DataNotFoundError(
                f"the column '{key}' does not exist; the columns are {list(keys)}"
            )
        return super().load(key=key, handle=handle, **kwargs)

    @handles_handles("r", lambda args: args[0].loader._engine)
    def load_all(self, handle: Session = HANDLED, **kwargs: Any) -> dict[str, Any]:
        """The rows of all columns, by key."""
        return {
            key: ChunkedCollection.load(self, key, handle=handle, **kwargs)
            for key in self.keys(handle=handle)
        }

    @handles_handles("a", lambda args: args[0].loader._engine)
    def append(  # type: ignore[override]
        self, chunk: ChunkLike, key: str, data: ArrayLike, handle: Session = HANDLED, **kwargs: Any
    ) -> None:
        """Add rows to a column of a chunk, which is made if it is absent."""
        super().append(chunk, data, key=key, handle=handle, **kwargs)

    @handles_handles("a", lambda args: args[0].loader._engine)
    def overwrite(  # type: ignore[override]
        self, chunk: ChunkLike, data: ArrayLike, key: str, handle: Session = HANDLED, **kwargs: Any
    ) -> None:
        """Replace the rows of a column of a chunk."""
        super().overwrite(chunk, data, key=key, handle=handle, **kwargs)

    @handles_handles("a", lambda args: args[0].loader._engine)
    def clear(self, chunk: ChunkLike, handle: Session = HANDLED) -> None:  # type: ignore[override]
        """Remove the rows of every column of a chunk."""
        for key in self.keys(handle=handle):
            super().clear(chunk, key=key, handle=handle)
