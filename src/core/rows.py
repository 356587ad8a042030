"""Names for the arrays that rules and layouts exchange."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..ports.arrays import AnyArray

Rows: TypeAlias = AnyArray
"""Rows of a column, of any dtype: (n, ...)."""
Lengths: TypeAlias = NDArray[np.int64]
"""How many rows each of some chunks has: (k,)."""
Locations: TypeAlias = NDArray[np.int64]
"""Cells, branches and points: (n, 3)."""
Location: TypeAlias = NDArray[np.int64]
"""A cell, a branch and a point: (3,)."""
