"""The columns of a placement set."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from ..errors import CorruptNetworkError
from ..ports.arrays import DType
from .rows import Lengths, Rows


@attrs.frozen
class ColumnSpec:
    """
    A column of a placement set.

    :param name: name of the column, or key in its collection.
    :param width: shape of a row; None if the first rows decide.
    :param dtype: dtype of the values.
    :param fill: value of the cells that have none.
    :param collection: the group of columns it belongs to, if any.
    """

    name: str
    width: tuple[int, ...] | None
    dtype: DType
    fill: float | None
    collection: str | None = None
    title: str = attrs.field(init=False)

    @title.default
    def _title(self) -> str:
        return f"{self.collection}/{self.name}" if self.collection else self.name

    @property
    def empty(self) -> Rows:
        """No rows, of the right shape."""
        return np.zeros((0, *(self.width or ())), dtype=self.dtype)


POSITION = ColumnSpec("position", (3,), np.dtype(np.float64), np.nan)
ROTATION = ColumnSpec("rotation", (3,), np.dtype(np.float64), 0.0)
MORPHOLOGY = ColumnSpec("morphology", (), np.dtype(np.int64), None)
LABELS = ColumnSpec("labels", (), np.dtype(np.int64), 0)


def additional_column(key: str) -> ColumnSpec:
    """The column of a key of the additional data."""
    return ColumnSpec(key, None, np.dtype(np.float64), np.nan, collection="additional")


def join(rows: Sequence[Rows], column: ColumnSpec) -> tuple[Rows, Lengths]:
    """Rows of several chunks as one array, and how many there are of each."""
    lengths = np.array([len(part) for part in rows], dtype=np.int64)
    filled = [part for part in rows if len(part)]
    widths = {part.shape[1:] for part in filled}
    if len(widths) > 1:
        raise CorruptNetworkError(
            f"rows of '{column.title}' are of shape {' and '.join(map(str, sorted(widths)))}"
        )
    return (np.concatenate(filled) if filled else column.empty), lengths
