"""Data added to the cells of a placement set."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import LengthError
from .column_specs import additional_column
from .layouts.protocols import PlacementWriter
from .names import check_name


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
