"""Data added to the cells of a placement set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, LabelError, LengthError
from .column_specs import LABELS, MORPHOLOGY, ColumnSpec, additional_column
from .layouts.protocols import PlacementReader, PlacementWriter
from .names import check_name
from .rows import Rows


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


def check_codes(data: PlacementReader, column: ColumnSpec, chunk: int, rows: Rows) -> None:
    """
    Check that the set knows what the codes of a column stand for, if it is one of codes.

    :param chunk: the chunk of the rows.
    :raises LabelError: a label code without a label set.
    :raises InputError: an index of no morphology.
    """
    if not rows.size:
        return
    if column.title == LABELS.title:
        known = data.label_sets().table
        unknown = [code for code in np.unique(rows).tolist() if code not in known]
        if unknown:
            raise LabelError(
                f"label code {unknown[0]} has no label set; the label codes of '{data.name}' are"
                f" {sorted(known)}. PlacementSet.label makes codes for new labels",
                asked=unknown[0],
                valid=sorted(known),
            )
    elif column.title == MORPHOLOGY.title:
        names = data.morphology_names(chunk)
        if rows.min() < 0 or rows.max() >= len(names):
            raise InputError(
                f"morphology indices reach from {rows.min()} to {rows.max()}; chunk {chunk} of"
                f" '{data.name}' has {len(names)} morphologies. PlacementSet.append_data adds"
                " morphologies by name",
                valid=len(names),
            )
