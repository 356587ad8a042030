"""Densities of cells."""

from __future__ import annotations

import attrs
import bsb
import numpy as np
from bsb.topology.partition import Rhomboid, Voxels
from bsb.voxels import VoxelSet
from numpy.typing import NDArray

from ..errors import InputError
from ..placement_set import PlacementSet
from ..transactions.interrupts import without_interrupts
from ..transactions.session import Session
from .networks import PlacementSets, chosen_placement_sets, session_on
from .populations import Population, load_positions


@attrs.frozen
class Density:
    """
    The cells of a type in a volume.

    :param cells: the number of cells.
    :param volume: the volume in um^3.
    :param within: a description of the volume.
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


@without_interrupts
def density(cells: PlacementSets, partition: bsb.Partition | None = None) -> dict[str, Density]:
    """
    The density of the cells of each type.

    In NetPyNE it is an input, ``density`` of a population; bluepysnap has no equivalent.

    :param cells: a placement set, several, or a network; the filters of the sets apply.
    :param partition: a layer, a rhomboid or voxels of a network: only cells within it are counted.
        By default the volume is that of all chunks in which the filters keep cells of the type.
    :returns: the density of each type.
    :raises InputError: ``cells`` is something else, or has two sets of one type; the partition is
        of another kind, or its network was not laid out; or the network does not know its chunk
        size.
    """
    sets = chosen_placement_sets(cells)
    if not sets:
        return {}
    with session_on(sets[0]._engine) as session:
        if partition is None:
            return {each.tag: _in_chunks(each, session) for each in sets}
        return {each.tag: _in_partition(each, partition, session) for each in sets}


def _in_chunks(cells: PlacementSet, session: Session) -> Density:
    population = Population.of(cells, session)
    filled = np.unique(population.chunk_of_each())
    side = session.network.chunk_size
    if len(filled) and np.isnan(side).any():
        raise InputError("the network does not say how large its chunks are; pass a partition")
    many = "1 chunk" if len(filled) == 1 else f"{len(filled)} chunks"
    volume = float(np.prod(side)) * len(filled) if len(filled) else 0.0
    return Density(population.size, volume, f"{many} with cells of '{cells.tag}'")


def _in_partition(cells: PlacementSet, partition: bsb.Partition, session: Session) -> Density:
    inside = _inside(partition, load_positions(cells, session))
    return Density(int(inside.sum()), float(partition.volume()), f"partition '{partition.name}'")


def _inside(partition: bsb.Partition, positions: NDArray[np.float64]) -> NDArray[np.bool_]:
    if isinstance(partition, Voxels):
        return _in_voxels(partition.voxelset, positions)
    if not isinstance(partition, Rhomboid):
        raise InputError(
            "the partition must be a rhomboid, a layer or voxels, such as"
            f" network.partitions[NAME], not {partition!r}",
            asked=partition,
        )
    if not hasattr(partition, "_data"):
        raise InputError(
            f"the partition '{partition.name}' has no extent yet: make a bsb.Scaffold of its"
            " configuration, which lays it out"
        )
    above, below = positions >= partition.ldc, positions < partition.mdc
    return np.asarray((above & below).all(axis=1))


def _in_voxels(voxels: VoxelSet, positions: NDArray[np.float64]) -> NDArray[np.bool_]:
    if not voxels.regular:
        raise InputError("cells can be counted in voxels of one size on a grid only")
    placed = ~np.isnan(positions).any(axis=1)
    # BSB counts voxels from 0 in steps of their size.
    at = np.floor(positions[placed] / voxels.size).astype(np.int64)
    inside = np.zeros(len(positions), dtype=bool)
    inside[placed] = np.isin(_packed(at), _packed(np.asarray(voxels.get_raw(), dtype=np.int64)))
    return inside


def _packed(rows: NDArray[np.int64]) -> NDArray[np.void]:
    """Rows of three as single values."""
    return np.ascontiguousarray(rows).view([("", np.int64)] * 3).ravel()
