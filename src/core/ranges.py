"""Ranges of rows: many pieces of an array, merged into few reads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import ShapeError
from ..ports.arrays import AnyArray

Bounds = NDArray[np.int64]
# perf: load locally, out; the average length from which copying ranges is faster than indexing.
_LONG = 16


def check_ranges(starts: Bounds, stops: Bounds, length: int) -> None:
    """
    Check that ranges lie within an array.

    :param length: rows of the array.
    :raises ShapeError: one of them does not.
    """
    # perf: load a chunk; comparing numpy's numbers takes several times as long.
    if len(starts) == 1 and 0 <= starts.item() <= stops.item() <= length:
        return
    wrong = (starts < 0) | (stops < starts) | (stops > length)
    if np.count_nonzero(wrong):
        bad = int(np.argmax(wrong))
        raise ShapeError(
            f"rows {starts[bad]} to {stops[bad]} are not within the {length} rows of the array",
            asked=(int(starts[bad]), int(stops[bad])),
            valid=length,
        )


def rows_of_ranges(starts: Bounds, stops: Bounds) -> Bounds:
    """Every row of some ranges, one range after the other."""
    if len(starts) == 1:
        return np.arange(starts[0], stops[0])
    lengths = stops - starts
    ends = lengths.cumsum()
    total = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(total) + (starts - ends + lengths).repeat(lengths))


def take_ranges(rows: AnyArray, starts: Bounds, stops: Bounds) -> AnyArray:
    """Some ranges of rows, one after the other, as a copy."""
    total = int((stops - starts).sum())
    if not 0 < _LONG * len(starts) <= total:
        return np.asarray(rows[rows_of_ranges(starts, stops)])
    bounds = zip(starts.tolist(), stops.tolist(), strict=True)
    return np.concatenate([rows[start:stop] for start, stop in bounds])


def coalesce(starts: Bounds, stops: Bounds) -> tuple[Bounds, Bounds]:
    """The same rows in fewer ranges: one that begins where the one before it ends joins it."""
    if len(starts) == 1 and stops.item() > starts.item():
        return starts, stops
    kept = stops > starts
    # perf: set up a simulation; most often none is empty or joins another, which is quick to see.
    if np.count_nonzero(kept) < len(starts):
        starts, stops = starts[kept], stops[kept]
    new = np.ones(len(starts) + 1, dtype=bool)
    np.not_equal(starts[1:], stops[:-1], out=new[1:-1])
    if np.count_nonzero(new) == len(new):
        return starts, stops
    return starts[new[:-1]], stops[new[1:]]
