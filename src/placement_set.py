"""Placement sets: BSB's interface to the cells of one type."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import zip_longest
from typing import Any, Protocol

import bsb
import numpy as np
from bsb import Chunk, MorphologySet, RotationSet, StoredMorphology
from bsb._encoding import EncodedLabels
from bsb.storage.provenance import iso_now
from numpy.typing import ArrayLike, NDArray

from .chunk_arguments import ChunkLike, as_chunk, as_id, as_ids, chunk_size_to_note, id_of
from .chunks import ChunkedCollection, ChunkedProperty, ChunkLoader
from .core import columns, placement
from .core.cell_ids import SelectedCells, as_cell_ids, to_local_ids
from .core.chunk_id import Ids, normalize_size
from .core.column_specs import POSITION, ROTATION
from .core.labels import LabelSets
from .core.layouts.columnar.staged import StagedCells
from .core.layouts.protocols import PlacementReader, PlacementWriter
from .core.placement_rows import MorphologyRows, PlacementRows, as_additional_rows
from .core.rows import Locations
from .core.validation import as_numbers
from .errors import (
    CorruptNetworkError,
    DataNotFoundError,
    InputError,
    MorphologyNotFoundError,
)
from .handles import (
    HANDLED,
    SessionEngine,
    handles_class_handles,
    handles_handles,
    handles_static_handles,
    prepares,
)
from .placement_arguments import as_placement_rows, ids_of_mask
from .placement_labels import LabelledCells
from .resource import NetworkPart
from .telemetry import spanned
from .transactions.session import Session

# The most cells of a set: int64 and float64 hold this number, and sums over many sets, exactly.
_MOST_CELLS = 1 << 53
# From this many entities at a time, the cells of the set are counted first.
_MANY_CELLS = 1 << 32


class _Node(Protocol):
    """The parts of an ``h5py.Dataset`` that are read: the group above it, and attributes."""

    @property
    def parent(self) -> _Node: ...

    @property
    def attrs(self) -> Mapping[str, Any]: ...


def encode_labels(data: ArrayLike, ds: PlacementReader | _Node | None) -> EncodedLabels:
    """
    Label codes, with the label sets that they stand for.

    :param data: (n,) codes.
    :param ds: the placement set's data, which knows the label sets, or the ``h5py.Dataset`` of
        the codes of a chunk in a classic file; if None, no row has a label.
    """
    if ds is None:
        return EncodedLabels.none(len(np.asarray(data)))
    codes = np.ascontiguousarray(data, dtype=int)
    sets = ds.label_sets() if hasattr(ds, "label_sets") else _stored_label_sets(ds)
    return EncodedLabels(codes.shape, buffer=codes, labels=sets.to_lists())


def _stored_label_sets(codes: _Node) -> LabelSets:
    """The label sets of the placement set that the label codes of a chunk belong to."""
    stored = codes.parent.parent.attrs.get("labelsets", "{}")
    try:
        return LabelSets.from_lists(json.loads(stored))
    except (ValueError, TypeError, AttributeError) as error:
        raise CorruptNetworkError(f"the attribute 'labelsets' can't be read: {error}") from error


class PlacementSet(NetworkPart, ChunkLoader, LabelledCells, bsb.PlacementSet):
    """
    The cells of one type.

    The chunk and label filters of the set restrict what is loaded.
    A label filter keeps the cells that carry any of its labels; an empty one keeps those
    without label. Cells are numbered by chunk id, and by rank within their chunk.

    :param engine: engine of the storage.
    :param cell_type: ``bsb.CellType``.
    :raises DatasetNotFoundError: the set does not exist.
    """

    def __init__(
        self, engine: SessionEngine, cell_type: bsb.CellType, handle: Session = HANDLED
    ) -> None:
        NetworkPart.__init__(self, engine, "placement", cell_type.name)
        bsb.PlacementSet.__init__(self, engine, cell_type)
        ChunkLoader.__init__(self)
        self._check_exists(engine, self.tag, handle=handle)

    # perf: get a placement set of a chunk; its columns are seldom asked for.
    @cached_property
    def _position_chunks(self) -> ChunkedProperty:
        return ChunkedProperty(self, "position", shape=(0, 3), dtype=float)

    @cached_property
    def _rotation_chunks(self) -> ChunkedProperty:
        return ChunkedProperty(self, "rotation", shape=(0, 3), dtype=float)

    @cached_property
    def _morphology_chunks(self) -> ChunkedProperty:
        return ChunkedProperty(self, "morphology", shape=(0,), dtype=int)

    @cached_property
    def _labels_chunks(self) -> ChunkedProperty:
        return ChunkedProperty(self, "labels", shape=(0,), dtype=int, extract=encode_labels)

    @cached_property
    def _additional_chunks(self) -> ChunkedCollection:
        return ChunkedCollection(self, "additional", shape=None, dtype=float)

    @staticmethod
    @spanned("r", name="exists")
    @handles_static_handles("r")
    def _check_exists(engine: SessionEngine, tag: str, handle: Session = HANDLED) -> None:
        handle.network.placement(tag)

    @classmethod
    @handles_class_handles("a")
    def create(  # type: ignore[override]
        cls, engine: SessionEngine, cell_type: bsb.CellType, handle: Session = HANDLED
    ) -> PlacementSet:
        """
        Make the placement set of a cell type.

        :raises DatasetExistsError: it exists.
        """
        handle.network_writer.create_placement(cell_type.name, created_at=iso_now())
        # Within the session, so that a subclass's constructor needs no handle.
        return cls(engine, cell_type)

    @staticmethod
    @handles_static_handles("r")
    def exists(engine: SessionEngine, cell_type: bsb.CellType, handle: Session = HANDLED) -> bool:  # type: ignore[override]
        """Whether the cell type has a placement set."""
        return handle.network.holds("placement", cell_type.name)

    @classmethod
    def require(  # type: ignore[override]
        cls, engine: SessionEngine, cell_type: bsb.CellType, handle: Session = HANDLED
    ) -> PlacementSet:
        """The placement set of a cell type, made if it is absent."""
        # Look first, so that a mere requirement of the set does not count as a change.
        if not cls.exists(engine, cell_type, handle=handle):
            cls._create_missing(engine, cell_type, handle=handle)
        if handle is HANDLED:
            return cls(engine, cell_type)
        with engine.sessions.scope(write=False, handle=handle):
            return cls(engine, cell_type)

    @classmethod
    @spanned("a", name="_require_group")
    @handles_class_handles("a")
    def _create_missing(
        cls, engine: SessionEngine, cell_type: bsb.CellType, handle: Session = HANDLED
    ) -> None:
        # Another rank or thread may have made it since.
        if not handle.network.holds("placement", cell_type.name):
            handle.network_writer.create_placement(cell_type.name, created_at=iso_now())

    @handles_handles("a")
    def remove(self, handle: Session = HANDLED) -> None:
        """Delete the set with its cells."""
        handle.network_writer.remove_placement(self.tag)

    @handles_handles("r")
    def __len__(self, handle: Session = HANDLED) -> int:
        return len(self._selected(handle)[1])

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Position, and morphology or None, of each cell."""
        positions, morphologies, with_one = self._load_cells()
        each = iter(morphologies)
        return zip_longest(positions, (next(each) if has else None for has in with_one))

    @handles_handles("r")
    def _load_cells(
        self, handle: Session = HANDLED
    ) -> tuple[Any, MorphologySet, NDArray[np.bool_]]:
        data, cells = self._selected(handle)
        rows, with_one = columns.find_morphologies(data, cells)
        return columns.load_column(data, POSITION, cells), self._set_of(rows, handle), with_one

    @handles_handles("r")
    def _morpho_backmap(self, locs: Locations, handle: Session = HANDLED) -> Locations:
        """Locations on morphologies without the branches that the morphology labels leave out."""
        rows, with_one = columns.find_morphologies(*self._selected(handle))
        morphologies = self._set_of(rows, handle)
        # BSB skips cells whose index is not that of a morphology.
        indices = np.full(len(with_one), -1, dtype=np.int64)
        indices[with_one] = rows.indices
        morphologies._m_indices = indices
        locs = locs.copy()
        on_branches = locs[:, 1] >= 0
        locs[on_branches] = morphologies._mapback(locs[on_branches])
        return locs

    @handles_handles("r")
    def load_ids(self, handle: Session = HANDLED) -> NDArray[np.int64]:
        """Ids of the cells, which count all cells of the set: (n,)."""
        data, cells = self._selected(handle)
        return cells.global_ids(data.counts())

    @handles_handles("r")
    def load_positions(self, handle: Session = HANDLED) -> NDArray[np.float64]:
        """Positions of the cells: (n, 3), um; NaN for entities among them."""
        data, cells = self._selected(handle)
        return columns.load_column(data, POSITION, cells)

    @handles_handles("r")
    def load_rotations(self, handle: Session = HANDLED) -> RotationSet:
        """
        Rotations of the cells.

        :raises DatasetNotFoundError: there are cells, and none has a rotation.
        """
        data, cells = self._selected(handle)
        rows = columns.load_column(data, ROTATION, cells)
        if len(rows) != len(cells):
            raise DataNotFoundError(f"the cells of '{self.tag}' have no rotations")
        return RotationSet(rows)

    @handles_handles("r")
    def load_morphologies(
        self, handle: Session = HANDLED, allow_empty: bool = False
    ) -> MorphologySet:
        """
        Morphologies of the cells; each is loaded when it is used.

        :param allow_empty: leave out cells without a morphology, even if no cell has one.
        :raises DatasetNotFoundError: some of the cells have none.
        """
        selected = self._selected(handle)
        if allow_empty:
            return self._set_of(columns.find_morphologies(*selected)[0], handle)
        rows = columns.load_morphologies(*selected)
        if rows is None:
            raise DataNotFoundError(f"the cells of '{self.tag}' have no morphologies")
        return self._set_of(rows, handle)

    def _set_of(self, rows: MorphologyRows, handle: Session) -> MorphologySet:
        return MorphologySet(
            self._loaders(rows.names, handle), rows.indices, labels=self._morphology_labels
        )

    def _loaders(self, names: Sequence[str], handle: Session) -> list[StoredMorphology]:
        repository = self._engine.morphologies
        try:
            return [repository.preload(name, handle=handle) for name in names]
        except MorphologyNotFoundError as error:
            raise DataNotFoundError(
                f"cells of '{self.tag}' have a morphology that is not stored: {error}"
            ) from error

    @handles_handles("r")
    def load_additional(self, key: str | None = None, handle: Session = HANDLED) -> Any:
        """
        Additional data of the cells that were given any.

        :param key: name of the data; by default, all of them, by key.
        :returns: (n, ...) floats, or a dictionary of them. Cells without data have no row, or
            a row of NaN if cells with data follow in their chunk.
        :raises DatasetNotFoundError: the set has no data of that key.
        """
        data, cells = self._selected(handle)
        if key is not None:
            return columns.load_additional(data, key, cells)
        keys = data.additional_keys()
        return {each: columns.load_additional(data, each, cells) for each in keys}

    @prepares
    def append_data(
        self,
        chunk: ChunkLike,
        positions: ArrayLike | None = None,
        morphologies: MorphologySet | None = None,
        rotations: RotationSet | ArrayLike | None = None,
        additional: Mapping[str, ArrayLike] | None = None,
        count: int | None = None,
        handle: Session = HANDLED,
    ) -> None:
        """
        Add cells to a chunk: cells with positions, or entities.

        :param chunk: the chunk, which is made if it is absent.
        :param positions: (n, 3), um.
        :param morphologies: ``MorphologySet`` of n cells; needs positions.
        :param rotations: ``RotationSet``, or (n, 3) Euler angles in degrees; needs
            positions. By default, cells with a morphology are not rotated.
        :param additional: n rows of numbers by key.
        :param count: number of entities, which have additional data only.
        :raises InputError: the arguments don't match each other; nothing is stored.
        :raises MissingMorphologyError: a cell has a morphology that is not stored.
        :raises ChunkError: the chunk differs in size from those of the network.
        """
        target = as_chunk(chunk)
        rows = as_placement_rows(positions, morphologies, rotations, additional, count)
        sessions = self._engine.sessions
        if handle is HANDLED and sessions.stages and rows.count <= _MANY_CELLS:
            size = normalize_size(getattr(target, "_size", None))
            if sessions.stage(StagedCells(self.tag, id_of(target), rows, size)):
                return
        self._append(target, rows, handle=handle)

    @handles_handles("a")
    def _append(self, target: Chunk, rows: PlacementRows, handle: Session = HANDLED) -> None:
        self._check_stored(rows.morphologies, handle)
        self._check_room(rows.count, handle)
        size = chunk_size_to_note(handle.network, target)
        self._writer(handle).append(id_of(target), rows)
        # An error above leaves everything unchanged.
        if size is not None:
            handle.network_writer.set_chunk_size(size)

    def _check_stored(self, given: MorphologyRows | None, handle: Session) -> None:
        if given is None or not len(given.indices):
            return
        # perf: append morphologies; nearly always none is lacking, be it used or not.
        lacking = handle.network.morphologies.lacks(given.names)
        for index in np.unique(given.indices).tolist() if lacking else ():
            if (name := given.names[index]) in lacking:
                raise MorphologyNotFoundError(
                    f"cells of '{self.tag}' can't have the morphology '{name}': it is not stored;"
                    " save it in the morphology repository first",
                    asked=name,
                )

    def _check_room(self, count: int, handle: Session) -> None:
        if count <= _MANY_CELLS:
            return
        held = self._data(handle).counts().total
        if held + count > _MOST_CELLS:
            raise InputError(
                f"'{self.tag}' has {held} cells and can't have {count} more: a set holds at most"
                f" {_MOST_CELLS}",
                asked=count,
                valid=_MOST_CELLS - held,
            )

    def append_entities(
        self, chunk: ChunkLike, count: int, additional: Mapping[str, ArrayLike] | None = None
    ) -> None:
        """Add entities to a chunk; see :meth:`append_data`."""
        self.append_data(chunk, count=count, additional=additional)

    @handles_handles("a")
    def append_additional(
        self, name: str, chunk: ChunkLike, data: ArrayLike, handle: Session = HANDLED
    ) -> None:
        """
        Add data to the cells of a chunk that have none of that name yet.

        :param data: rows of numbers, one per cell, beginning with the first such cell.
        :raises LengthError: there are more rows than such cells; nothing is stored.
        """
        target, placed = as_id(chunk), self._writer(handle)
        rows = as_additional_rows(name, data)
        placement.append_additional(placed, name, target, rows)

    @handles_handles("a")
    def clear(self, chunks: Iterable[ChunkLike] | None = None, handle: Session = HANDLED) -> None:
        """
        Remove cells.

        :param chunks: the chunks to clear; by default, all.
        """
        cleared = None if chunks is None else as_ids(chunks)
        self._writer(handle).clear(cleared)
        if not handle.network.chunk_groups:
            # Other data of the chunk lies in a separate group.
            own = self._groups(handle).chunks()
            gone = own if cleared is None else np.intersect1d(own, cleared)
            if len(gone):
                self._groups_writer(handle).remove(gone.tolist())

    @handles_handles("r")
    def get_chunk_stats(self, handle: Session = HANDLED) -> dict[str, int]:
        """How many cells each chunk has, by its id as text."""
        counts = self._data(handle).counts()
        return {
            str(chunk): count
            for chunk, count in zip(counts.ids.tolist(), counts.counts.tolist(), strict=True)
        }

    @handles_handles("r")
    def convert_to_local(
        self, ids: ArrayLike, handle: Session = HANDLED
    ) -> NDArray[np.int64] | NDArray[np.bool_]:
        """
        Ids of cells in the whole set as numbers within the chunks that the set is restricted to.

        :param ids: (n,) ids in the whole set, or a mask of all its cells; cells of other
            chunks are left out.
        :returns: (k,) numbers; if the set is restricted to chunks, and none of the cells is in
            one of them, a mask that selects none of the cells there.
        :raises CellIdError: ids outside the set.
        """
        whole, chunks = self._data(handle).counts(), self._selected_chunks()
        given = as_numbers(ids, f"ids of cells of '{self.tag}'")
        if given.dtype == bool:
            given = ids_of_mask(given, whole.total)
        cells = as_cell_ids(given, whole.total, f"cells of '{self.tag}'")
        local = to_local_ids(cells, whole, chunks)
        if chunks is None or len(local):
            return local
        # BSB indexes populations with this.
        return np.zeros(whole.select(chunks).total, dtype=bool)

    def _selected(self, handle: Session) -> tuple[PlacementReader, SelectedCells]:
        """The stored set, and the cells of it that the filters keep."""
        data = self._data(handle)
        return data, self._selection().resolve(data)

    def _chunk_ids(self, session: Session) -> Ids:
        return self._data(session).chunks()

    def _cells(self, session: Session) -> PlacementReader:
        return self._data(session)

    def _cells_writer(self, session: Session) -> PlacementWriter:
        return self._writer(session)

    def _data(self, session: Session) -> PlacementReader:
        return session.network.placement(self.tag)

    def _writer(self, session: Session) -> PlacementWriter:
        return session.network_writer.placement(self.tag)
