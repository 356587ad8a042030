"""The least and the most of many integers."""

from __future__ import annotations

from ..ports.arrays import AnyArray

# Numbers from which on it takes less time to reduce to the least than to find it.
_MANY = 4096


def min_max(values: AnyArray) -> tuple[int, int]:
    """
    The least and the most.

    :param values: integers of any shape, at least one.
    """
    if values.size == 1:
        only: int = values.item()
        return only, only
    if values.size >= _MANY:
        return int(values.min()), int(values.max())
    return values.item(values.argmin()), values.item(values.argmax())
