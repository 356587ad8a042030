"""The arrays of the columns of a chunk in the classic layout."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from ....errors import LengthError, NodeNotFoundError
from ....ports.arrays import ArrayReader, ArrayWriter, GroupReader, GroupWriter
from ...column_specs import ColumnSpec
from ...rows import Rows
from ..nodes import GROUP, kind_of
from .paths import Kind, locate, make_room

G = TypeVar("G", bound=GroupReader)


def _is_column(group: GroupReader, name: str) -> bool:
    return kind_of(group, name) != GROUP


COLUMNS = Kind("key of additional data", _is_column)


def _find(group: G, column: ColumnSpec) -> tuple[G, str] | None:
    """The group of a column of a chunk, and its name there; None if either is missing."""
    if column.collection is not None:
        if column.collection not in group:
            return None
        group = group.group(column.collection)  # type: ignore[assignment]  # of the same kind
    return locate(group, column.name)


def find_array(group: GroupReader, column: ColumnSpec) -> ArrayReader | None:
    """The array of a column of a chunk; None if it does not exist."""
    found = _find(group, column)
    return None if found is None else found[0].array(found[1])


def array_of(group: GroupReader, column: ColumnSpec) -> ArrayReader:
    """
    The array of a column of a chunk.

    :raises NodeNotFoundError: it does not exist.
    """
    found = find_array(group, column)
    if found is None:
        raise NodeNotFoundError(f"there is no array '{column.title}'", asked=column.title)
    return found


def check_width(column: ColumnSpec, width: tuple[int, ...], rows: Rows) -> None:
    if rows.shape[1:] != width:
        raise LengthError(
            f"rows of '{column.title}' are of shape {rows.shape[1:]}; those stored are of {width}"
        )


def append_aligned(group: GroupWriter, column: ColumnSpec, before: int, rows: Rows) -> None:
    """Append rows, preceded by fill values for earlier cells without rows."""
    array = _array_for(group, column, rows)
    held = 0 if array is None else array.shape[0]
    if held < before:
        missing = np.full((before - held, *rows.shape[1:]), column.fill, dtype=column.dtype)
        rows = np.concatenate((missing, rows))
    if array is None:
        _create(group, column, rows)
    else:
        array.append(rows)


def replace_rows(group: GroupWriter, column: ColumnSpec, rows: Rows) -> None:
    """Replace all rows of a column of a chunk."""
    array = _array_for(group, column, rows)
    if array is None:
        _create(group, column, rows)
        return
    array.resize(len(rows))
    array.write(0, rows)


def _array_for(group: GroupWriter, column: ColumnSpec, rows: Rows) -> ArrayWriter | None:
    """The array to add rows to, if any; one without rows, of another width, is removed."""
    found = _find(group, column)
    if found is None:
        return None
    array = found[0].array(found[1])
    if column.width is None and array.shape[1:] != rows.shape[1:]:
        found[0].delete(found[1])
        return None
    return array


def _create(group: GroupWriter, column: ColumnSpec, rows: Rows) -> None:
    member, name = _place(group, column)
    member.create_array(name, np.asarray(rows, dtype=column.dtype))


def _place(group: GroupWriter, column: ColumnSpec) -> tuple[GroupWriter, str]:
    """The group of a column of a chunk, created if it is missing, and the name there."""
    if column.collection is None:
        return group, column.name
    return make_room(group.require_group(column.collection), column.name, COLUMNS)
