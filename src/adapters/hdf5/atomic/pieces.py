"""Pieces of a file: what a commit replaces."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from ....platform import Buffer

# Position in the file, and bytes.
Piece: TypeAlias = tuple[int, Buffer]

# perf: append 50 cells; the search for what changed takes longer than to write it.
FEW_BYTES = 2048
"""Up to this size, pieces are written whole."""


def changed_part(held: bytes, data: bytes) -> slice:
    """
    From the first to the last byte in which two pieces of the same length differ.

    An empty slice if they don't; all of a small piece if they do.
    """
    if held == data:
        return slice(0, 0)
    if len(held) <= FEW_BYTES:
        return slice(0, len(held))
    differ = (np.frombuffer(held, np.uint8) != np.frombuffer(data, np.uint8)).tobytes()
    return slice(differ.find(1), differ.rfind(1) + 1)
