"""The minimum and maximum of integers."""

from __future__ import annotations

from ..ports.arrays import AnyArray

# perf: connect 500,000; the size from which on `min` is faster than `argmin`.
_MANY = 4096


def min_max(values: AnyArray) -> tuple[int, int]:
    """
    The minimum and the maximum.

    :param values: integers of any shape, at least one.
    """
    if values.size == 1:
        only: int = values.item()
        return only, only
    if values.size >= _MANY:
        return int(values.min()), int(values.max())
    return values.item(values.argmin()), values.item(values.argmax())


def minimum(values: AnyArray) -> int:
    """The least of integers, of which there is at least one."""
    return int(values.min()) if values.size >= _MANY else values.item(values.argmin())


def maximum(values: AnyArray) -> int:
    """The greatest of integers, of which there is at least one."""
    return int(values.max()) if values.size >= _MANY else values.item(values.argmax())
