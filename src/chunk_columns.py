"""
Columns of a resource: which are those of cells, and what is read of them and written to them.

Every other column is the user's own: its rows belong to no cell.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import ArrayLike

from .core.chunk_groups import NUMBERS, ChunkGroups
from .core.chunk_id import Ids
from .core.column_specs import (
    LABELS,
    MORPHOLOGY,
    POSITION,
    ROTATION,
    ColumnSpec,
    additional_column,
)
from .core.columns import align
from .core.layouts.protocols import PlacementReader, PlacementWriter
from .core.placement import append_additional, check_codes
from .core.rows import Rows
from .core.statistics import ChunkCounts
from .core.validation import as_numbers_of
from .errors import DtypeError, InvalidNameError, NodeNotFoundError, ShapeError

_FILLS = {each.name: each.fill for each in (POSITION, ROTATION, MORPHOLOGY, LABELS)}
_OF_CELLS = frozenset(_FILLS)
ADDITIONAL = additional_column("").collection


def is_of_cells(column: ColumnSpec) -> bool:
    """Whether a column of a placement set has one row per cell."""
    if column.collection is None:
        return column.name in _OF_CELLS
    return column.collection == ADDITIONAL


def _as_of_cells(column: ColumnSpec) -> ColumnSpec:
    """A column of cells, with what those have that come without a value before others."""
    if column.collection == ADDITIONAL:
        fill = additional_column(column.name).fill
    else:
        fill = _FILLS.get(column.name)
    return column if fill is None else attrs.evolve(column, fill=fill)


def check_apart(column: ColumnSpec) -> None:
    """Check that a column of a placement set, which is not of its cells, lies apart from those."""
    if column.title.split("/")[0] in (*_OF_CELLS, ADDITIONAL):
        raise InvalidNameError(
            f"'{column.title}' can't hold other data: it is a column of every placement set;"
            " choose another name",
            asked=column.title,
        )


def check_chunk(cells: PlacementReader, id_: int) -> None:
    if id_ not in cells.chunks():
        raise NodeNotFoundError(f"there is no chunk {id_} in '{cells.name}'", asked=id_)


def _as_dtype(given: ArrayLike, column: ColumnSpec) -> Rows:
    if column.dtype.kind in NUMBERS:
        return as_numbers_of(column.dtype, given, f"rows of '{column.title}'")
    try:
        return np.asarray(given, dtype=column.dtype)
    except (TypeError, ValueError) as error:
        raise DtypeError(
            f"rows of '{column.title}' can't be stored as '{column.dtype}': {error}", asked=given
        ) from error


def as_column_rows(given: ArrayLike, column: ColumnSpec) -> Rows:
    """
    Rows to be stored in a column.

    :raises InputError: they have another shape than its rows, or can't be of its dtype.
    """
    rows = np.atleast_1d(_as_dtype(given, column))
    if column.width is not None and rows.shape[1:] != column.width:
        raise ShapeError(
            f"rows of '{column.title}' must have shape (n, *{column.width}), not {rows.shape}"
        )
    return rows


def read_of_cells(
    cells: PlacementReader, chunks: Ids, column: ColumnSpec, pad_by: ColumnSpec | None
) -> Rows:
    """
    Rows of a column of cells.

    :param pad_by: fill each chunk up with zeros to as many rows as this column has; to the number
        of cells if it is the position.
    """
    rows, lengths = cells.read_column(_as_of_cells(column), chunks)
    if pad_by is None:
        return rows
    if pad_by.name == POSITION.name:
        wanted = cells.counts().among(chunks).counts
    else:
        _, wanted = cells.read_column(pad_by, chunks)
    return align(column, rows, lengths, ChunkCounts(chunks, np.maximum(wanted, lengths)))


def write_of_cells(
    cells: PlacementWriter, column: ColumnSpec, id_: int, rows: Rows, *, replace: bool
) -> None:
    """
    Add rows to a column of cells, or replace those of a chunk.

    :raises InputError: codes of labels or morphologies that the set does not know.
    """
    column = _as_of_cells(column)
    check_codes(cells, column, id_, rows)
    if replace:
        cells.overwrite_column(column, id_, rows)
    elif column.collection == ADDITIONAL:
        # More rows than cells would make cells without a position.
        append_additional(cells, column.name, id_, rows)
    else:
        cells.append_column(column, id_, rows)


def clear_of_cells(cells: PlacementWriter, column: ColumnSpec, id_: int) -> None:
    """
    Remove the rows that a chunk has in a column of cells.

    :raises NodeNotFoundError: there is no such chunk.
    """
    check_chunk(cells, id_)
    column = _as_of_cells(column)
    held, _ = cells.read_column(column, np.array([id_], dtype=np.int64))
    cells.overwrite_column(column, id_, held[:0])


def read_own(
    groups: ChunkGroups,
    cells: PlacementReader | None,
    id_: int,
    column: ColumnSpec,
    pad_by: ColumnSpec | None,
) -> Rows:
    """
    Rows of one chunk that belong to no cell.

    :param cells: the cells of the resource, if it is a placement set.
    :param pad_by: as for :func:`read_of_cells`; the rows that are missing are zeros.
    """
    held = groups.read(id_, column)
    rows = column.empty if held is None else held
    missing = 0 if pad_by is None else _length(groups, cells, id_, pad_by) - len(rows)
    if missing > 0:
        rows = np.concatenate([rows, np.zeros((missing, *rows.shape[1:]), dtype=column.dtype)])
    return rows


def _length(
    groups: ChunkGroups, cells: PlacementReader | None, id_: int, column: ColumnSpec
) -> int:
    """How many rows a column of a chunk has."""
    if cells is not None and column.name == POSITION.name and column.collection is None:
        return int(cells.counts().among(np.array([id_])).counts[0])
    rows = groups.read(id_, column)
    if rows is None:
        raise NodeNotFoundError(f"chunk {id_} has no '{column.title}' to pad by", asked=column.name)
    return len(rows)
