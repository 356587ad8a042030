"""
Cells in chunks: what can be stored of them, and how a selection of them is numbered.

Cells are numbered by chunk (ascending id), and within a chunk by the order in which they
were appended. Every column of a chunk is aligned to that order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from ..errors import (
    CellIdError,
    CorruptNetworkError,
    DataNotFoundError,
    DtypeError,
    InputError,
    LengthError,
    ShapeError,
)
from .chunk_id import Ids
from .extremes import extremes
from .labels import LabelSets
from .names import check_name, check_names, check_text
from .network import (
    ColumnSpec,
    LabelChange,
    MorphologyRows,
    PlacementReader,
    PlacementWriter,
)
from .statistics import ChunkCounts
from .validation import as_count, as_floats, as_integers

POSITION = ColumnSpec("position", (3,), np.dtype(np.float64), np.nan)
ROTATION = ColumnSpec("rotation", (3,), np.dtype(np.float64), 0.0)
MORPHOLOGY = ColumnSpec("morphology", (), np.dtype(np.int64), None)
LABELS = ColumnSpec("labels", (), np.dtype(np.int64), 0)


def additional_column(key: str) -> ColumnSpec:
    """The column of a key of the additional data."""
    return ColumnSpec(key, None, np.dtype(np.float64), np.nan, collection="additional")


# What every call makes has no slots: a frozen object is made in a third of the time without.
@attrs.frozen(eq=False, slots=False)
class PlacementRows:
    """
    Cells to append to one chunk, checked.

    :param count: how many.
    :param positions: (count, 3) floats, um, or None.
    :param rotations: (count, 3) floats, Euler angles in degrees, or None.
    :param morphologies: a name per cell as index, or None.
    :param additional: floats of ``count`` rows by key.
    """

    count: int
    positions: NDArray[np.float64] | None = None
    rotations: NDArray[np.float64] | None = None
    morphologies: MorphologyRows | None = None
    additional: Mapping[str, NDArray[np.float64]] = attrs.field(factory=dict)

    @classmethod
    def of_cells(
        cls,
        positions: Any,
        morphologies: tuple[Sequence[str], Any] | None,
        rotations: Any,
        additional: Mapping[str, Any] | None,
    ) -> PlacementRows:
        """
        Cells with positions.

        Cells with morphologies and without rotations are not rotated.

        :param morphologies: names, and per cell the index of one.
        :raises InputError: shapes, dtypes or lengths that don't fit.
        """
        placed = _as_triplets(positions, "positions")
        count = len(placed)
        turned = None if rotations is None else _as_triplets(rotations, "rotations")
        if morphologies is not None and turned is None:
            turned = np.zeros((count, 3))
        rows = cls(
            count,
            placed,
            turned,
            None if morphologies is None else _as_morphologies(*morphologies),
            _as_additional(additional, count),
        )
        rows._check_lengths()
        return rows

    @classmethod
    def of_entities(cls, count: Any, additional: Mapping[str, Any] | None) -> PlacementRows:
        """
        Cells that have no place in space.

        :raises InputError: no count, or additional data of another length.
        """
        number = as_count(count, "the count of entities")
        rows = cls(number, additional=_as_additional(additional, number))
        rows._check_lengths()
        return rows

    def columns(self) -> Iterable[tuple[ColumnSpec, NDArray[Any]]]:
        """The columns given, morphologies aside, as they are needed to index names."""
        if self.positions is not None:
            yield POSITION, self.positions
        if self.rotations is not None:
            yield ROTATION, self.rotations
        for key, values in self.additional.items():
            yield additional_column(key), values

    def _check_lengths(self) -> None:
        lengths = {spec.title: len(values) for spec, values in self.columns()}
        if self.morphologies is not None:
            lengths["morphology"] = len(self.morphologies.indices)
        wrong = {name: length for name, length in lengths.items() if length != self.count}
        if wrong:
            found = ", ".join(f"{length} of '{name}'" for name, length in wrong.items())
            raise LengthError(
                f"{self.count} cells were given {found}; valid is one row per cell",
                found=wrong,
                valid=self.count,
            )


def _as_triplets(values: Any, what: str) -> NDArray[np.float64]:
    array = as_floats(values, what)
    if array.shape == (1,):
        # A lone number stands for one cell with that coordinate on every axis.
        return np.repeat(array, 3).reshape(1, 3)
    if array.size == 0 and array.ndim <= 2:  # noqa: PLR2004
        return np.zeros((0, 3))
    if array.ndim != 2 or array.shape[1] != 3:  # noqa: PLR2004
        raise ShapeError(
            f"{what} have shape {array.shape}; valid is (n, 3)", found=array.shape, valid="(n, 3)"
        )
    return array


def _as_morphologies(names: Sequence[str], indices: Any) -> MorphologyRows:
    codes = as_integers(indices, "morphology indices")
    if codes.ndim != 1:
        raise ShapeError(f"morphology indices have shape {codes.shape}; valid is (n,)")
    if codes.size and (codes.min() < 0 or codes.max() >= len(names)):
        raise InputError(
            f"morphology indices reach from {codes.min()} to {codes.max()};"
            f" there are {len(names)} morphologies"
        )
    return MorphologyRows(check_names(names, "morphology"), codes)


def _as_additional(
    additional: Mapping[str, Any] | None, count: int
) -> dict[str, NDArray[np.float64]]:
    if not isinstance(additional, Mapping | None):
        raise DtypeError(
            f"additional data is {additional!r}; valid is a dictionary", asked=additional
        )
    return {
        check_name(key, "key of additional data"): as_additional_rows(key, values)
        for key, values in (additional or {}).items()
    }


def as_additional_rows(key: str, values: Any) -> NDArray[np.float64]:
    """
    Additional data of one key: floats with a row per cell.

    :raises InputError: not numbers, or no rows.
    """
    rows = as_floats(values, f"additional data '{key}'")
    if rows.ndim == 0:
        raise ShapeError(f"additional data '{key}' is one number; valid is a row per cell")
    return rows


def as_cell_ids(ids: Any, size: int, what: str) -> NDArray[np.int64]:
    """
    Ids of cells, checked against how many cells there are.

    :param ids: (n,) whole numbers.
    :raises InputError: no whole numbers, another shape.
    :raises CellIdError: ids below 0 or from ``size`` up.
    """
    cells = as_integers(ids, f"ids of {what}")
    _check_cell_ids(cells, size, what)
    return cells


def _check_cell_ids(cells: NDArray[np.int64], size: int, what: str) -> tuple[int, int]:
    """The least and the most; 0 and -1 if there are none."""
    if cells.ndim != 1:
        raise ShapeError(f"ids of {what} have shape {cells.shape}; valid is (n,)")
    least, most = extremes(cells) if cells.size else (0, -1)
    if least < 0 or most >= size:
        outside = (cells < 0) | (cells >= size)
        raise CellIdError(
            f"{what} {cells[outside][0]} is outside the {size} cells"
            f" ({int(outside.sum())} of {len(cells)} ids are)",
            asked=cells[outside][:10].tolist(),
            valid=size,
        )
    return least, most


@attrs.frozen(eq=False, slots=False)
class Selection:
    """
    Which cells of a set: those of some chunks that carry one of some labels.

    :param chunks: ids; None for all.
    :param labels: None for no filter; empty for the cells without label.
    """

    chunks: Ids | None = None
    labels: Sequence[str] | None = None

    def resolve(self, data: PlacementReader) -> SelectedCells:
        """Number the selected cells of a set."""
        counts = data.counts().select(self.chunks)
        mask = None if self.labels is None else label_mask(data, counts, self.labels)
        return SelectedCells(counts, mask)


@attrs.frozen(eq=False, slots=False)
class SelectedCells:
    """
    Cells of some chunks, numbered from 0.

    :param counts: the cells of the chunks.
    :param mask: which of them are selected; None for all.
    """

    counts: ChunkCounts
    mask: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return self.counts.total if self.mask is None else int(self.mask.sum())

    def locate(self, ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """
        Where cells are.

        :param ids: (n,) numbers of selected cells, in range.
        :returns: per cell, the index of its chunk in ``counts`` and its rank there.
        """
        flat = self._flat(ids)
        chunk = self.counts.ends.searchsorted(flat, side="right")
        return chunk, flat - self.counts.offsets[chunk]

    def within(self, ids: Any, what: str) -> tuple[ChunkCounts, NDArray[np.int64]]:
        """
        The chunks that cells are in, and the numbers of the cells among all cells of these.

        :param ids: (n,) numbers of selected cells.
        :param what: such a cell is, for messages.
        :raises InputError: as :func:`as_cell_ids` does.
        """
        flat, counts = as_integers(ids, f"ids of {what}", copy=False), self.counts
        least, most = _check_cell_ids(flat, len(self), what)
        if self.mask is not None and len(flat):
            flat = self._flat(flat)
            least, most = extremes(flat)
        first = int(counts.ends.searchsorted(least, side="right"))
        if first < len(counts.ids) and most < counts.ends[first]:
            one = slice(first, first + 1)
            return ChunkCounts(counts.ids[one], counts.counts[one]), flat - counts.offsets[first]
        chunk = counts.ends.searchsorted(flat, side="right")
        touched = np.bincount(chunk).nonzero()[0]
        held = ChunkCounts(counts.ids[touched], counts.counts[touched])
        shifts = np.zeros(len(counts.ids), dtype=np.int64)
        shifts[touched] = held.offsets - counts.offsets[touched]
        return held, flat + shifts[chunk]

    def _flat(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Numbers of selected cells among all cells of the chunks."""
        return ids if self.mask is None else self.mask.nonzero()[0][ids]

    def global_ids(self, whole: ChunkCounts) -> NDArray[np.int64]:
        """Their numbers in the whole set, whose counts are given."""
        shifts = whole.offsets[np.searchsorted(whole.ids, self.counts.ids)]
        shifts = shifts - self.counts.offsets
        ids = np.arange(self.counts.total) + np.repeat(shifts, self.counts.counts)
        return ids if self.mask is None else ids[self.mask]


def label_mask(
    data: PlacementReader, counts: ChunkCounts, labels: Iterable[str] | None
) -> NDArray[np.bool_]:
    """Which cells of some chunks match labels (see ``LabelSets.matching``)."""
    if labels is None:
        return np.ones(counts.total, dtype=bool)
    return data.label_sets().mask(load_label_codes(data, counts), labels)


def load_label_codes(data: PlacementReader, counts: ChunkCounts) -> NDArray[np.int64]:
    """A label code per cell of some chunks."""
    rows, lengths = data.read_column(LABELS, counts.ids)
    return align(LABELS, rows, lengths, counts)


def load_column(data: PlacementReader, column: ColumnSpec, cells: SelectedCells) -> NDArray[Any]:
    """
    A row per selected cell.

    Cells that were stored without get the fill value of the column, unless none of the
    chunks has the column at all: then there are no rows.
    """
    rows, lengths = data.read_column(column, cells.counts.ids)
    if not len(rows):
        return rows
    aligned = align(column, rows, lengths, cells.counts)
    return aligned if cells.mask is None else aligned[cells.mask]


def align(
    column: ColumnSpec, rows: NDArray[Any], lengths: NDArray[np.int64], counts: ChunkCounts
) -> NDArray[Any]:
    """
    Rows of several chunks, filled up to one per cell.

    :raises CorruptNetworkError: a chunk has more rows than cells.
    """
    if not len(rows):
        return _filled(column, rows, counts)
    if counts.are(lengths):
        return rows
    if np.any(lengths > counts.counts):
        chunk = int(np.argmax(lengths > counts.counts))
        raise CorruptNetworkError(
            f"chunk {counts.ids[chunk]} has {lengths[chunk]} rows of '{column.title}'"
            f" for {counts.counts[chunk]} cells"
        )
    aligned = _filled(column, rows, counts)
    ranks = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    aligned[ranks + np.repeat(counts.offsets, lengths)] = rows
    return aligned


def _filled(column: ColumnSpec, like: NDArray[Any], counts: ChunkCounts) -> NDArray[Any]:
    """A row of the fill value per cell; ``numpy.full`` takes twice as long for those of a chunk."""
    rows = np.empty((counts.total, *like.shape[1:]), dtype=like.dtype)
    rows.fill(column.fill)
    return rows


def load_morphologies(data: PlacementReader, cells: SelectedCells) -> MorphologyRows | None:
    """
    A morphology per selected cell; None if none of the chunks has any.

    :raises DataNotFoundError: some of the selected cells have one and some have none.
    """
    found = data.read_morphologies(cells.counts.ids)
    if not found.lengths.any():
        return None
    counts = cells.counts
    with_one = np.arange(counts.total) < np.repeat(counts.offsets + found.lengths, counts.counts)
    mask = np.ones(counts.total, dtype=bool) if cells.mask is None else cells.mask
    if np.any(mask & ~with_one):
        cell = int(np.argmax(mask & ~with_one))
        chunk = int(np.searchsorted(counts.offsets + counts.counts, cell, side="right"))
        raise DataNotFoundError(
            f"chunk {counts.ids[chunk]} of '{data.name}' has {found.lengths[chunk]} morphologies"
            f" for {counts.counts[chunk]} cells"
        )
    return MorphologyRows(found.names, found.indices[mask[with_one]])


def load_additional(data: PlacementReader, key: str, cells: SelectedCells) -> NDArray[Any]:
    """
    The additional data of a key: a row per selected cell that was given any.

    Cells that came after the last with data in their chunk, or into chunks without any, have
    no row; cells that came before the first have NaN.

    :raises DataNotFoundError: the set has no data of that key.
    """
    keys = data.additional_keys()
    if check_text(key, "additional data") not in keys:
        raise DataNotFoundError(
            f"'{data.name}' has no additional data '{key}'; it has {list(keys)}",
            asked=key,
            valid=list(keys),
        )
    column = additional_column(key)
    rows, lengths = data.read_column(column, cells.counts.ids)
    if cells.mask is None:
        return rows
    stored = np.arange(cells.counts.total) < np.repeat(
        cells.counts.offsets + lengths, cells.counts.counts
    )
    aligned = align(column, rows, lengths, cells.counts)
    return aligned[cells.mask & stored]


def change_labels(
    data: PlacementWriter,
    cells: SelectedCells,
    ids: Any,
    labels: Sequence[str],
    *,
    remove: bool = False,
) -> None:
    """
    Add labels to selected cells, or take them away.

    :param ids: (n,) numbers of selected cells.
    :raises InputError: as :func:`as_cell_ids` does.
    """
    counts, flat = cells.within(ids, f"cell of '{data.name}'")
    if not len(flat) or not labels:
        return
    sets = data.label_sets()
    change = sets.remove if remove else sets.add
    data.relabel(counts, flat, lambda codes: change(codes, labels))


def replace_codes(
    codes: NDArray[np.int64], cells: NDArray[np.int64], change: LabelChange
) -> LabelSets | None:
    """
    Change some of many label codes where they are.

    :param cells: (n,) indices of those that are to change.
    :returns: what explains the codes then; None if they are what they were.
    """
    before = codes[cells]
    sets, after = change(before)
    if after is before:
        return None
    codes[cells] = after
    return sets


def to_local_ids(
    ids: NDArray[np.int64], whole: ChunkCounts, chunks: Ids | None
) -> NDArray[np.int64]:
    """
    Numbers in some chunks of cells that are numbered in the whole set.

    Cells of other chunks are left out; the order stays.

    :param ids: (n,) numbers of cells of the whole set, in range.
    """
    if chunks is None:
        return ids
    selected = whole.select(chunks)
    index, rank = SelectedCells(whole).locate(ids)
    kept = np.isin(whole.ids[index], selected.ids)
    position = np.searchsorted(selected.ids, whole.ids[index[kept]])
    return np.asarray(selected.offsets[position] + rank[kept])


def append_additional(
    data: PlacementWriter, key: str, chunk: int, rows: NDArray[np.float64]
) -> None:
    """
    Add data to the cells of a chunk that have none of that key yet.

    :raises LengthError: there are more rows than such cells.
    """
    column = additional_column(check_name(key, "key of additional data"))
    counts = data.counts().select(np.array([chunk], dtype=np.int64))
    _, lengths = data.read_column(column, np.array([chunk], dtype=np.int64))
    free = counts.total - int(lengths[0])
    if len(rows) > free:
        raise LengthError(
            f"{len(rows)} rows of '{column.title}' are given for the {free} cells of chunk"
            f" {chunk} of '{data.name}' that have none ({counts.total} cells)",
            found=len(rows),
            valid=free,
        )
    data.append_column(column, chunk, rows)
