"""
The chunks of a resource, and its data by chunk.

:class:`ChunkLoader` is the part of a placement set, or of a resource of a user, that handles
chunks. :class:`ChunkedProperty` and :class:`ChunkedCollection` read and write a single column of
it. The built-in columns of a placement set are those of its cells; all others are the user's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, TypeAlias

import attrs
import numpy as np
from bsb import Chunk
from numpy.typing import ArrayLike, DTypeLike

from .chunk_arguments import (
    ChunkLike,
    as_chunk,
    as_chunks,
    as_id,
    chunk_size_to_note,
    note_chunk_size,
)
from .chunk_columns import (
    ADDITIONAL,
    as_column_rows,
    check_apart,
    check_chunk,
    clear_of_cells,
    is_of_cells,
    read_of_cells,
    read_own,
    write_of_cells,
)
from .chunk_storage import ChunkStorage
from .core.chunk_groups import check_collection
from .core.chunk_id import Ids
from .core.column_specs import ColumnSpec
from .core.layouts.protocols import PlacementReader
from .core.names import check_name, check_text
from .core.rows import Rows
from .errors import DataNotFoundError
from .handles import HANDLED, handles_handles
from .transactions.session import Session

Loaded: TypeAlias = Any
"""Rows, or what ``extract`` makes of them."""
Insert: TypeAlias = Callable[[Any], ArrayLike]
Extract: TypeAlias = Callable[[Rows, Any], Loaded]


class ChunkLoader(ChunkStorage):
    """
    Mixin of a resource: the chunks that it has, and those that it is restricted to.

    A class that uses it may be given ``properties`` and ``collections``, functions that
    make a :class:`ChunkedProperty` or :class:`ChunkedCollection` of a resource. A resource then
    has each as ``_<name>_chunks``.
    """

    _property_makers: ClassVar[tuple[Callable[[ChunkLoader], ChunkedProperty], ...]] = ()
    _collection_makers: ClassVar[tuple[Callable[[ChunkLoader], ChunkedCollection], ...]] = ()

    def __init_subclass__(
        cls,
        properties: Iterable[Callable[[ChunkLoader], ChunkedProperty]] = (),
        collections: Iterable[Callable[[ChunkLoader], ChunkedCollection]] = (),
        **kwargs: object,
    ) -> None:
        super().__init_subclass__(**kwargs)
        cls._property_makers = tuple(properties) or cls._property_makers
        cls._collection_makers = tuple(collections) or cls._collection_makers

    _properties: Sequence[ChunkedProperty] = ()
    _collections: Sequence[ChunkedCollection] = ()

    def __init__(self) -> None:
        ChunkStorage.__init__(self)
        # perf: get a placement set of a chunk; it is given none.
        if self._property_makers or self._collection_makers:
            self._make_columns()

    def _make_columns(self) -> None:
        self._properties = [make(self) for make in self._property_makers]
        self._collections = [make(self) for make in self._collection_makers]
        for property_ in self._properties:
            setattr(self, f"_{property_.name}_chunks", property_)
        for collection in self._collections:
            setattr(self, f"_{collection.collection}_chunks", collection)

    @handles_handles("r")
    def get_all_chunks(self, handle: Session = HANDLED) -> list[Chunk]:
        """
        All chunks of the resource, also those without rows, by id.

        :raises NodeNotFoundError: it has no data by chunk yet.
        """
        return as_chunks(self._chunk_ids(handle), handle.network.chunk_size)

    def get_chunk_path(
        self, chunk: ChunkLike | None = None, collection: str | None = None, key: str | None = None
    ) -> str:
        """
        The path of a chunk, or of a column of it, in layouts with a group per chunk.

        :param chunk: a chunk; by default, the path of the set is returned.
        :param collection: name of a collection of the chunk.
        :param key: name of a property of the chunk, or of a column of the collection.
        :raises NodeNotFoundError: it is a placement set in a layout without groups per chunk, such
            as the columnar one.
        """
        if chunk is None:
            return self._path
        names = (str(as_id(chunk)), collection, key)
        self._check_chunk_groups()
        return "/".join([self._path, *(name for name in names if name is not None)])

    @handles_handles("a")
    def require_chunk(self, chunk: ChunkLike, handle: Session = HANDLED) -> None:
        """
        Make sure that a chunk exists, with or without cells.

        :raises ChunkError: it differs in size from the chunks of the network.
        """
        needed, cells = as_chunk(chunk), self._cells_writer(handle)
        if cells is not None:
            note_chunk_size(handle.network_writer, needed)
            cells.require_chunk(as_id(needed))
            return
        groups = self._groups_writer(handle)
        note_chunk_size(handle.network_writer, needed)
        groups.require_chunk(
            as_id(needed),
            [each._column(None) for each in self._properties],
            [each._collection for each in self._collections],
        )


class ChunkedProperty:
    """
    One column of a resource: an array per chunk.

    :param loader: the resource.
    :param property: name of the column.
    :param shape: shape of the column without rows, ``(0, ...)``; None to take it from the rows.
    :param dtype: dtype of the values.
    :param insert: changes rows before they are stored.
    :param extract: changes rows after they were loaded. For a column of cells it gets all rows
        and the set's data; for any other the rows of one chunk after the other, each with its
        array (an ``h5py.Dataset`` in HDF5), or None if it has none.
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
    ) -> Loaded:
        """
        The rows of the chunks that the resource is restricted to.

        :param raw: leave out ``extract``.
        :param key: another column than this.
        :param pad_by: fill up to as many rows as this column has, or to the number of
            cells if it is ``position``.
        """
        ids = self.loader._selected_chunks()
        chunks = self.loader._chunk_ids(handle) if ids is None else ids
        column, cells = self._column(key), self.loader._cells(handle)
        if cells is not None and is_of_cells(column):
            return self._load_cells(cells, chunks, column, raw, pad_by)
        parts = [self._load_own(handle, id_, column, raw, pad_by) for id_ in chunks.tolist()]
        filled = [part for part in parts if part.size]
        if not filled:
            return column.empty if raw or self.extract is None else self.extract(column.empty, None)
        # Subclasses of arrays may define how to concatenate them.
        join = getattr(type(filled[0]), "concatenate", None)
        return np.concatenate(filled) if join is None else join(*filled)

    def get_chunk_reader(
        self, handle: Session, raw: bool, key: str | None = None, pad_by: str | None = None
    ) -> Callable[[ChunkLike], Loaded]:
        """A function that loads the rows of one chunk; see :meth:`load`."""

        def read(chunk: ChunkLike) -> Loaded:
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
    ) -> Loaded:
        id_, column, cells = as_id(chunk), self._column(key), self.loader._cells(handle)
        if cells is not None and is_of_cells(column):
            return self._load_cells(cells, np.array([id_]), column, raw, pad_by)
        return self._load_own(handle, id_, column, raw, pad_by)

    @handles_handles("a", lambda args: args[0].loader._engine)
    def append(
        self, chunk: ChunkLike, data: ArrayLike, key: str | None = None, handle: Session = HANDLED
    ) -> None:
        """
        Add rows to a chunk.

        Rows of a column of cells go to the cells of the chunk after the last that has one, and
        then to new cells. Label codes are better overwritten: once any cell of a set has a label,
        others may have code 0, so that codes that are added make new cells.

        :param chunk: the chunk, which is made if it is absent.
        :param data: rows.
        :param key: another column than this.
        :raises InputError: the rows don't fit, or are fractions for a column of integers, or codes
            of labels or morphologies that the set does not know; nothing is stored.
        """
        self._write(handle, chunk, data, key, replace=False)

    @handles_handles("a", lambda args: args[0].loader._engine)
    def clear(self, chunk: ChunkLike, key: str | None = None, handle: Session = HANDLED) -> None:
        """
        Remove the rows of a chunk.

        :raises NodeNotFoundError: there is no such chunk.
        """
        column, id_ = self._column(key), as_id(chunk)
        cells = self.loader._cells_writer(handle)
        if cells is not None and is_of_cells(column):
            clear_of_cells(cells, column, id_)
            return
        groups = self.loader._groups_writer(handle)
        if cells is not None and id_ in cells.chunks():
            # Not every layout has a group of each chunk of cells.
            groups.require_chunk(id_)
        groups.clear(id_, column)

    @handles_handles("a", lambda args: args[0].loader._engine)
    def overwrite(
        self, chunk: ChunkLike, data: ArrayLike, key: str | None = None, handle: Session = HANDLED
    ) -> None:
        """Replace the rows of a chunk; parameters and errors as for :meth:`append`."""
        self._write(handle, chunk, data, key, replace=True)

    def _write(
        self,
        session: Session,
        chunk: ChunkLike,
        data: ArrayLike,
        key: str | None,
        *,
        replace: bool,
    ) -> None:
        id_, column = as_id(chunk), self._column(key)
        rows = as_column_rows(data if self.insert is None else self.insert(data), column)
        cells = self.loader._cells_writer(session)
        if cells is not None and is_of_cells(column):
            chunk_size_to_note(session.network, as_chunk(chunk))
            write_of_cells(cells, column, id_, rows, replace=replace)
            self.loader.require_chunk(chunk, handle=session)
            return
        if cells is not None:
            check_apart(column)
        groups = self.loader._groups_writer(session)
        groups.check_fit(id_, column, rows)
        self.loader.require_chunk(chunk, handle=session)
        groups.require_chunk(id_)
        if replace:
            groups.clear(id_, column)
        groups.append(id_, column, rows)
        if column.collection is not None and self.name is None:
            groups.add_key(column.collection, column.name)

    def _column(self, key: str | None) -> ColumnSpec:
        name = check_name(self.name if key is None else key, "column")
        dtype = np.dtype(self.dtype)
        width = None if self.shape is None else tuple(self.shape[1:])
        collection = None if self.collection is None else check_collection(self.collection)
        return ColumnSpec(name, width, dtype, 0, collection)

    def _padding(self, pad_by: str | None) -> ColumnSpec | None:
        """The column that says how many rows there are, whatever these are."""
        return None if pad_by is None else attrs.evolve(self._column(pad_by), width=None)

    def _load_cells(
        self, cells: PlacementReader, chunks: Ids, column: ColumnSpec, raw: bool, pad_by: str | None
    ) -> Loaded:
        rows = read_of_cells(cells, chunks, column, self._padding(pad_by))
        return rows if raw or self.extract is None else self.extract(rows, cells)

    def _load_own(
        self, session: Session, id_: int, column: ColumnSpec, raw: bool, pad_by: str | None
    ) -> Loaded:
        """Rows of one chunk that belong to no cell."""
        groups, cells = self.loader._groups(session), self.loader._cells(session)
        rows = read_own(groups, cells, id_, column, self._padding(pad_by))
        if raw or self.extract is None:
            return rows
        return self.extract(rows, groups.node(id_, column))


class ChunkedCollection(ChunkedProperty):
    """
    Columns of a resource that share their kind, by key.

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
        cells = self._cells(handle)
        if cells is not None:
            return list(cells.additional_keys())
        return self.loader._groups(handle).keys(self._collection)

    @handles_handles("r", lambda args: args[0].loader._engine)
    def load(self, key: str, handle: Session = HANDLED, **kwargs: Any) -> Loaded:  # type: ignore[override]
        """
        The rows of a column; see :meth:`ChunkedProperty.load`.

        :raises DatasetNotFoundError: cells have no additional data of that key.
        """
        cells = self._cells(handle)
        if cells is not None and not cells.has_key(check_text(key, "column")):
            raise DataNotFoundError(
                f"the column '{key}' does not exist; the columns are"
                f" {list(cells.additional_keys())}"
            )
        return super().load(key=key, handle=handle, **kwargs)

    @handles_handles("r", lambda args: args[0].loader._engine)
    def load_all(self, handle: Session = HANDLED, **kwargs: object) -> dict[str, Loaded]:
        """The rows of all columns, by key."""
        return {
            key: ChunkedCollection.load(self, key, handle=handle, **kwargs)
            for key in self.keys(handle=handle)
        }

    @handles_handles("a", lambda args: args[0].loader._engine)
    def append(  # type: ignore[override]
        self,
        chunk: ChunkLike,
        key: str,
        data: ArrayLike,
        handle: Session = HANDLED,
        **kwargs: object,
    ) -> None:
        """Add rows to a column of a chunk, which is made if it is absent."""
        super().append(chunk, data, key=key, handle=handle, **kwargs)

    @handles_handles("a", lambda args: args[0].loader._engine)
    def overwrite(  # type: ignore[override]
        self,
        chunk: ChunkLike,
        data: ArrayLike,
        key: str,
        handle: Session = HANDLED,
        **kwargs: object,
    ) -> None:
        """Replace the rows of a column of a chunk."""
        super().overwrite(chunk, data, key=key, handle=handle, **kwargs)

    @handles_handles("a", lambda args: args[0].loader._engine)
    def clear(self, chunk: ChunkLike, handle: Session = HANDLED) -> None:  # type: ignore[override]
        """
        Remove the rows of every column of a chunk.

        :raises NodeNotFoundError: there is no such chunk.
        """
        cells = self._cells(handle)
        if cells is None:
            self.loader._groups_writer(handle).clear_collection(as_id(chunk), self._collection)
            return
        check_chunk(cells, as_id(chunk))
        for key in self.keys(handle=handle):
            super().clear(chunk, key=key, handle=handle)

    @property
    def _collection(self) -> str:
        return check_collection(self.collection)

    def _cells(self, session: Session) -> PlacementReader | None:
        """The cells, if the columns are their additional data."""
        return self.loader._cells(session) if self.collection == ADDITIONAL else None
