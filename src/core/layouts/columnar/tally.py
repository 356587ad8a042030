"""
The tally of a set: its attribute that sums up the table.

It consists of the generation, the number of entries, their checksum, and sums over them. Where
checksums of rows are kept, the latest of them follow.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from .checksums import RecentRecords, integers_as_bytes

HEAD = 3
"""Numbers before the sums."""


@attrs.frozen
class StoredTally:
    """
    A tally that was read.

    :param generation: generation of the table; other parameters likewise.
    :param recent: the latest checksums of rows, if there are any.
    """

    generation: int
    entries: int
    checksum: int
    sums: tuple[int, ...]
    recent: RecentRecords | None

    @classmethod
    def of(cls, value: object, sums: int) -> StoredTally | None:
        """
        The tally that an attribute holds; None if it holds something else.

        :param sums: how many there must be.
        """
        if not isinstance(value, np.ndarray) or value.dtype.kind != "i":
            return None
        recent = RecentRecords.of(value)
        size = HEAD + sums
        if value.shape != (size + (0 if recent is None else recent.size),):
            return None
        generation, entries, checksum, *found = value[:size].tolist()
        return cls(generation, entries, checksum, tuple(found), recent)


def tally_of(numbers: Sequence[int], recent: RecentRecords | None) -> NDArray[np.int64]:
    """
    What the attribute holds.

    :param numbers: generation, entries, checksum and sums.
    :param recent: the latest checksums of rows, if any are kept.
    :returns: an array that is not to be changed.
    """
    records = b"" if recent is None else recent.as_bytes()
    return np.frombuffer(integers_as_bytes(*numbers) + records, np.int64)
