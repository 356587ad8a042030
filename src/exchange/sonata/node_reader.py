"""Node populations of SONATA, as cells that can be copied into a placement set."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...core.cell_ids import SelectedCells
from ...core.chunk_id import Ids, pack
from ...core.column_specs import LABELS as LABEL_CODES
from ...core.column_specs import POSITION, ROTATION, ColumnSpec
from ...core.json_types import Document
from ...core.labels import LabelSets
from ...core.placement_rows import MorphologyRows
from ...core.rows import Lengths, Rows
from ...core.statistics import ChunkCounts
from ...errors import CorruptNetworkError
from .columns import Columns, Group, array_in, check_order, group_in
from .nodes import (
    AXES,
    CHUNK,
    LABELS,
    MORPHOLOGY,
    ORIENTATION,
    RESERVED,
    ROTATIONS,
    UNTURNED,
    quaternions,
)

# Rotations that differ by less are the same.
_SAME = 1e-9
_MOST_NAMED = 5


class NodeReader:
    """
    The cells of a node population, by chunk.

    The number of each node among the cells is kept in memory, unless the nodes lie by chunk.

    :param group: the population.
    :param own: what an export added to it; None for a population of another program.
    :param chunk_size: (3,) um; of chunks in which nodes lie that name none.
    :param is_stored: whether the network has a morphology of a name, once they are stored. Those of
        another program that it does not have are left out.
    :param morphology_of: the morphology of a file, in a population of an export.
    """

    def __init__(
        self,
        group: Group,
        own: Document | None,
        chunk_size: NDArray[np.float64],
        is_stored: Callable[[str], bool],
        morphology_of: Callable[[str], str],
    ) -> None:
        types = array_in(group, "node_type_id")
        self.size = int(types.shape[0]) if types.ndim else 0
        check_order(group, "node", self.size)
        self._columns = Columns(group_in(group, "0"), self.size)
        self._own = own
        self._chunk_size = chunk_size
        self._is_stored = is_stored
        self._morphology_of = morphology_of
        chunks = self._chunks()
        self._order = None
        if np.any(chunks[1:] < chunks[:-1]):
            self._order = np.argsort(chunks, kind="stable")
        empty = pack(np.array((own or {}).get("empty_chunks", []), np.int64).reshape(-1, 3))
        ids, held = np.unique(chunks, return_counts=True)
        self._counts = ChunkCounts.united([ChunkCounts(ids, held), ChunkCounts(*_no_cells(empty))])

    def _chunks(self) -> Ids:
        if all(name in self._columns for name in CHUNK):
            return pack(np.stack([self._columns.read_integers(name) for name in CHUNK], axis=1))
        if not all(name in self._columns for name in AXES):
            return np.zeros(self.size, dtype=np.int64)
        places = np.stack([self._columns.read(name) for name in AXES], axis=1)
        known = np.isfinite(places).all(axis=1)
        coordinates = np.zeros((self.size, 3))
        coordinates[known] = np.floor(places[known] / self._chunk_size)
        return pack(coordinates)

    def counts(self) -> ChunkCounts:
        return self._counts

    @cached_property
    def _numbers(self) -> Ids | None:
        """The number among the cells of each node; None if they are the same."""
        if self._order is None:
            return None
        numbers = np.empty(self.size, dtype=np.int64)
        numbers[self._order] = np.arange(self.size)
        return numbers

    def locate(self, nodes: Ids, what: str) -> tuple[Ids, Ids]:
        """
        The chunk, and the rank in it, of the cell of each node.

        :param what: asks, for messages.
        :raises CorruptNetworkError: one of the nodes does not exist.
        """
        wrong = (nodes < 0) | (nodes >= self.size)
        if wrong.any():
            raise CorruptNetworkError(
                f"{int(wrong.sum())} edges of '{what}' are on nodes that do not exist, such as"
                f" {nodes[wrong][0]} of {self.size}"
            )
        numbers = nodes if self._numbers is None else self._numbers[nodes]
        index, ranks = SelectedCells(self._counts).locate(numbers)
        return self._counts.ids[index], ranks

    def _read(self, name: str, chunks: Ids) -> Rows:
        """The rows of cells of some chunks that follow each other."""
        held = self._counts.select(chunks)
        if not held.total:
            return np.zeros(0, dtype=np.float64)
        first = int(self._counts.offsets_among(held.ids)[0])
        rows = slice(first, first + held.total)
        if self._order is None:
            return self._columns.read(name, rows)
        return self._sorted(name)[rows]

    def _sorted(self, name: str) -> Rows:
        """The rows of all cells: a column of one population is in memory at a time."""
        if self._kept is None or self._kept[0] != name:
            self._kept = name, self._columns.read(name)[self._order]
        return self._kept[1]

    _kept: tuple[str, Rows] | None = None

    def label_sets(self) -> LabelSets:
        if not self._has_labels:
            return LabelSets()
        texts = self._columns.library(LABELS)
        try:
            held = {i: frozenset(map(str, json.loads(text))) for i, text in enumerate(texts)}
        except (ValueError, TypeError) as error:
            raise CorruptNetworkError(f"the labels {texts} are not lists of texts") from error
        return LabelSets({0: frozenset(), **held})

    @cached_property
    def _has_labels(self) -> bool:
        """Whether label sets of an export are stored, other than that of no labels."""
        if self._own is None or LABELS not in self._columns:
            return False
        return len(self._columns.library(LABELS)) > 1

    def additional_keys(self) -> tuple[str, ...]:
        return tuple(sorted(self._additional))

    @cached_property
    def _additional(self) -> Document:
        if self._own is not None:
            held: Document = self._own.get("additional", {})
            return held
        names = set(self._columns.numeric()) - RESERVED
        return {name: {"columns": [name], "shape": []} for name in names}

    def read_column(self, column: ColumnSpec, chunks: Ids, /) -> tuple[Rows, Lengths]:
        """See :class:`PlacementReader`; of chunks that follow each other in :meth:`counts`."""
        if column.name == LABEL_CODES.name and column.collection is None:
            return self._read_labels(chunks)
        if column.collection is None:
            names = {POSITION.name: AXES, ROTATION.name: ROTATIONS}[column.name]
            shape: tuple[int, ...] = (3,)
        else:
            held = self._additional[column.name] or {"columns": [], "shape": []}
            names, shape = tuple(held["columns"]), tuple(held["shape"])
        if column.name == ROTATION.name and column.collection is None:
            rows = self._read_rotations(chunks)
        else:
            rows = self._read_floats(names, chunks)
        if rows is None:
            return column.empty, np.zeros(len(chunks), dtype=np.int64)
        kept, lengths = self._stored(rows, np.asarray(~np.isnan(rows).all(axis=1)), chunks)
        if self._own is None and column.name == ROTATION.name:
            kept = np.nan_to_num(kept)
        return kept.reshape(len(kept), *shape), lengths

    def _read_floats(self, names: tuple[str, ...], chunks: Ids) -> NDArray[np.float64] | None:
        if not names or not all(name in self._columns for name in names):
            return None
        return np.stack([self._read(name, chunks) for name in names], axis=1).astype(np.float64)

    def _read_rotations(self, chunks: Ids) -> NDArray[np.float64] | None:
        """
        Euler angles: those that an export wrote, unless the orientation was changed since.

        Cells that are not turned have NaN where no angles are stored.
        """
        from scipy.spatial.transform import Rotation

        turned = self._read_floats(ORIENTATION, chunks)
        angles = self._read_floats(ROTATIONS, chunks) if self._own is not None else None
        if turned is None:
            return angles
        if angles is None:
            angles = np.full((len(turned), 3), np.nan)
        usable = np.isfinite(turned).all(axis=1) & (np.linalg.norm(turned, axis=1) > 0)
        turned = np.where(usable[:, None], turned, UNTURNED)
        changed = (np.abs(turned - quaternions(angles)) > _SAME).any(axis=1)
        if changed.any():
            asked = Rotation.from_quat(turned[changed][:, [1, 2, 3, 0]])
            angles[changed] = asked.as_euler("xyz", degrees=True)
        return angles

    def _read_labels(self, chunks: Ids) -> tuple[Rows, Lengths]:
        if not self._has_labels:
            return LABEL_CODES.empty, np.zeros(len(chunks), dtype=np.int64)
        codes = self._read(LABELS, chunks).astype(np.int64)
        return codes, self._counts.among(chunks).counts

    def read_morphologies(self, chunks: Ids, /) -> MorphologyRows:
        """See :class:`PlacementReader`; of chunks that follow each other in :meth:`counts`."""
        texts, codes = self._morphologies
        held = self._counts.select(chunks)
        if not texts or not held.total:
            return MorphologyRows((), np.zeros(0, np.int64), np.zeros(len(chunks), np.int64))
        first = int(self._counts.offsets_among(held.ids)[0])
        indices = codes[first : first + held.total]
        named = np.array([bool(text) for text in texts])
        kept, lengths = self._stored(indices, named[indices], chunks)
        if not named[kept].all():
            left = sorted({*self._named[0]} - {*texts})[:_MOST_NAMED]
            raise CorruptNetworkError(
                "nodes without a morphology must come after all others of their chunk; give them a"
                " morphology, or a population of their own"
                + (f"; there is no SWC file of {', '.join(map(repr, left))}" if left else "")
            )
        rows = MorphologyRows(texts, kept, lengths).used()
        return rows

    @cached_property
    def _named(self) -> tuple[list[str], NDArray[np.int64]]:
        """Names, and the index of one for each cell."""
        if MORPHOLOGY not in self._columns:
            return [], np.zeros(0, dtype=np.int64)
        texts, codes = self._columns.read_texts(MORPHOLOGY)
        names = texts if self._own is None else list(map(self._morphology_of, texts))
        return names, codes if self._order is None else codes[self._order]

    @cached_property
    def _morphologies(self) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        """As :attr:`_named`, with an empty name for cells without, and for those left out."""
        names, codes = self._named
        if self._own is None:
            names = [name if name and self._is_stored(name) else "" for name in names]
        return tuple(names), codes

    def morphologies_of(self, nodes: Ids) -> tuple[tuple[str, ...], NDArray[np.int64]]:
        """Names, and the index of one for each of some nodes; an empty name for none."""
        names, codes = self._morphologies
        if not names:
            return ("",), np.zeros(len(nodes), dtype=np.int64)
        return names, codes[nodes if self._numbers is None else self._numbers[nodes]]

    def _stored(self, rows: Rows, present: NDArray[np.bool_], chunks: Ids) -> tuple[Rows, Lengths]:
        """The rows up to the last, in each chunk, that holds something; and how many these are."""
        held = self._counts.among(chunks)
        ranks = np.arange(held.total) - np.repeat(held.offsets, held.counts)
        lengths = np.zeros(len(chunks), dtype=np.int64)
        chunk = np.repeat(np.arange(len(chunks)), held.counts)
        np.maximum.at(lengths, chunk, np.where(present, ranks + 1, 0))
        return rows[ranks < lengths[chunk]], lengths


def _no_cells(ids: Ids) -> tuple[Ids, NDArray[np.int64]]:
    unique = np.unique(ids)
    return unique, np.zeros(len(unique), dtype=np.int64)
