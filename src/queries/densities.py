"""How densely cells lie."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from bsb.topology.partition import Rhomboid, Voxels
from numpy.typing import NDArray

from ..errors import InputError
from ..placement_set import PlacementSet
from .networks import PlacementSets, chosen_placement_sets, session_around
from .populations import Population, load_positions


@attrs.frozen
class Density:
    """
    Cells of a type in a volume.

    :param cells: how many.
    :param volume: um^3.
    :param within: which volume that is, in words.
    """

    cells: int
    volume: float
    within: str

    @property
    def per_um3(self) -> float:
        """Cells per um^3; NaN in no volume."""
        return self.cells / self.volume if self.volume else float("nan")

    @property
    def per_mm3(self) -> float:
        """Cells per mm^3; NaN in no volume."""
        return self.per_um3 * 1e9


def density(cells: PlacementSets, partition: Any = None) -> dict[str, Density]:
    """
    How densely the cells of each type lie.

    NetPyNE takes it as ``density`` of a population; bluepysnap has nothing of the kind.

    :param cells: a placement set, several, or a network; the filters of the sets are obeyed.
    :param partition: ``bsb.Partition`` of a network, a layer, a rhomboid or voxels: counted are the
        cells that lie in it. Without, the volume is that of the chunks in which the filters keep
        cells of the type.
    :returns: by type.
    :raises InputError: something else than cells; a partition of another kind, or of a network that
        was not laid out; or chunks whose size nobody gave.
    """
    sets = chosen_placement_sets(cells)
    with session_around(sets) as session:
        if partition is None:
            return {each.tag: _in_chunks(each, session) for each in sets}
        return {each.tag: _in_partition(each, partition, session) for each in sets}


def _in_chunks(cells: PlacementSet, session: Any) -> Density:
    population = Population.of(cells, session)
    filled = np.unique(population.chunk_of_each())
    side = session.network.chunk_size
    if len(filled) and np.isnan(side).any():
        raise InputError("the network does not say how large its chunks are; pass a partition")
    volume = float(np.prod(side)) * len(filled) if len(filled) else 0.0
    return Density(population.size, volume, f"{len(filled)} chunks with cells of '{cells.tag}'")


def _in_partition(cells: PlacementSet, partition: Any, session: Any) -> Density:
    inside = _inside(partition, load_positions(cells, session))
    return Density(int(inside.sum()), float(partition.volume()), f"partition '{partition.name}'")


def _inside(partition: Any, positions: NDArray[np.float64]) -> NDArray[np.bool_]:
    if isinstance(partition, Voxels):
        return _in_voxels(partition.voxelset, positions)
    if not isinstance(partition, Rhomboid):
        raise InputError(
            f"cells can be counted in rhomboids, layers and voxels, not in {partition!r}",
            asked=partition,
        )
    if not hasattr(partition, "_data"):
        raise InputError(
            f"the partition '{partition.name}' has no extent yet: make a bsb.Scaffold of its"
            " configuration, which lays it out"
        )
    above, below = positions >= partition.ldc, positions < partition.mdc
    return np.asarray((above & below).all(axis=1))


def _in_voxels(voxels: Any, positions: NDArray[np.float64]) -> NDArray[np.bool_]:
    if not voxels.regular:
        raise InputError("cells can be counted in voxels of one size on a grid only")
    placed = ~np.isnan(positions).any(axis=1)
    # BSB counts voxels from 0 in steps of their size.
    at = np.floor(positions[placed] / voxels.size).astype(np.int64)
    inside = np.zeros(len(positions), dtype=bool)
    inside[placed] = np.isin(_packed(at), _packed(np.asarray(voxels.get_raw(), dtype=np.int64)))
    return inside


def _packed(rows: NDArray[np.int64]) -> Any:
    """Rows of three as single values."""
    return np.ascontiguousarray(rows).view([("", np.int64)] * 3).ravel()
