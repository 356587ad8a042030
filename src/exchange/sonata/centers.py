"""Where connections are in space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.chunk_id import Ids
from ...core.column_specs import POSITION, ROTATION
from .nodes import Nodes

Points = NDArray[np.float64]


class Centers:
    """
    Points of morphologies, turned and moved as the cells that have them.

    Positions and rotations of the cells are kept in memory.
    """

    def __init__(self, nodes: Nodes) -> None:
        self._positions = nodes.read(POSITION)
        self._rotations = nodes.read(ROTATION)

    def of(self, cells: Ids, points: Points) -> Points:
        """
        Places in the network.

        :param cells: (n,) their numbers.
        :param points: (n, 3) um, on their morphologies.
        :returns: (n, 3) um; NaN where the position of a cell is not known.
        """
        if self._positions is None:
            return np.full(points.shape, np.nan)
        return np.asarray(self._positions[cells] + self._turned(cells, points))

    def _turned(self, cells: Ids, points: Points) -> Points:
        from scipy.spatial.transform import Rotation

        if self._rotations is None or not points.any():
            return points
        angles = np.nan_to_num(self._rotations[cells])
        return np.asarray(Rotation.from_euler("xyz", angles, degrees=True).apply(points))
