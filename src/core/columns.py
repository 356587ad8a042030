"""
The columns of a placement set, and what selected cells have of them.

Every column of a chunk is aligned to the order of its cells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import DataNotFoundError
from .cell_ids import SelectedCells
from .column_specs import ColumnSpec, additional_column
from .layouts.protocols import PlacementReader
from .names import check_text
from .placement_rows import MorphologyRows
from .rows import Rows
from .statistics import ChunkCounts


def within(
    rows: Rows, lengths: NDArray[np.int64], counts: ChunkCounts
) -> tuple[Rows, NDArray[np.int64]]:
    """
    The rows of counted cells, and the number of rows of each chunk.

    Rows beyond the counted cells, which a failed append of bsb-hdf5 8.0.2 leaves, are dropped.
    """
    if not np.any(lengths > counts.counts):
        return rows, lengths
    ranks = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return rows[ranks < np.repeat(counts.counts, lengths)], np.minimum(lengths, counts.counts)


def align(column: ColumnSpec, rows: Rows, lengths: NDArray[np.int64], counts: ChunkCounts) -> Rows:
    """Rows of several chunks, filled up to one per cell; those past the last cell are left out."""
    if not len(rows):
        return _filled(column, rows, counts)
    if counts.are(lengths):
        return rows
    rows, lengths = within(rows, lengths, counts)
    aligned = _filled(column, rows, counts)
    ranks = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    aligned[ranks + np.repeat(counts.offsets, lengths)] = rows
    return aligned


def _filled(column: ColumnSpec, like: Rows, counts: ChunkCounts) -> Rows:
    """A row of the fill value per cell; ``numpy.full`` is half as fast for a chunk's cells."""
    rows = np.empty((counts.total, *like.shape[1:]), dtype=like.dtype)
    rows.fill(column.fill)
    return rows


def load_column(data: PlacementReader, column: ColumnSpec, cells: SelectedCells) -> Rows:
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


def find_morphologies(
    data: PlacementReader, cells: SelectedCells
) -> tuple[MorphologyRows, NDArray[np.bool_]]:
    """The morphologies of the selected cells that have one, and which of the selected cells do."""
    found, counts = data.read_morphologies(cells.counts.ids), cells.counts
    indices, lengths = within(found.indices, found.lengths, counts)
    with_one = np.arange(counts.total) < np.repeat(counts.offsets + lengths, counts.counts)
    if indices is not found.indices:
        found = MorphologyRows(found.names, indices, lengths).used()
    if cells.mask is None:
        return found, with_one
    rows = MorphologyRows(found.names, found.indices[cells.mask[with_one]])
    return rows, with_one[cells.mask]


def load_morphologies(data: PlacementReader, cells: SelectedCells) -> MorphologyRows | None:
    """
    A morphology per selected cell; None if none of the chunks has any.

    :raises DataNotFoundError: some of the selected cells have one and some have none.
    """
    found, with_one = find_morphologies(data, cells)
    if not found.names:
        return None
    missing = len(with_one) - len(found.indices)
    if missing:
        raise DataNotFoundError(
            f"{missing} of {len(with_one)} cells of '{data.name}' have no morphology;"
            " load_morphologies(allow_empty=True) returns those of the others"
        )
    return found


def load_additional(data: PlacementReader, key: str, cells: SelectedCells) -> Rows:
    """
    The additional data of a key: a row per selected cell that was given any.

    Cells that came after the last with data in their chunk, or into chunks without any, have
    no row; cells that came before the first have NaN.

    :raises DataNotFoundError: the set has no data of that key.
    """
    if not data.has_key(check_text(key, "additional data")):
        keys = data.additional_keys()
        raise DataNotFoundError(
            f"'{data.name}' has no additional data '{key}'; it has {list(keys)}",
            asked=key,
            valid=list(keys),
        )
    column = additional_column(key)
    rows, lengths = within(*data.read_column(column, cells.counts.ids), cells.counts)
    if cells.mask is None:
        return rows
    stored = np.arange(cells.counts.total) < np.repeat(
        cells.counts.offsets + lengths, cells.counts.counts
    )
    aligned = align(column, rows, lengths, cells.counts)
    return aligned[cells.mask & stored]
