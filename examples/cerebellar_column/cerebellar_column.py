"""BSB components of the column: upright rotations, cell annotations and gap junctions.

Lengths are in um, angles in degrees; x runs mediolaterally, y sagittally, z towards the pia.
"""

import abc
from collections.abc import Iterator
from typing import Any

import numpy as np
from bsb import config
from bsb.config import refs, types
from bsb.connectivity import ConnectionStrategy
from bsb.connectivity.strategy import roi_key
from bsb.placement.distributor import RotationDistributor
from bsb.postprocessing import AfterPlacementHook
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]


@config.node
class UprightRotations(RotationDistributor):
    """Turn each cell about the vertical axis, by at most ``spread`` degrees either way.

    Arbors that rise towards the pia keep doing so; a spread of 180 frees the azimuth.
    """

    spread: float = config.attr(type=types.float(min=0, max=180), default=180)

    def distribute(self, positions: Floats, context: Any) -> Floats:
        """Return (n, 3) Euler angles about x, y and z."""
        key = ("rotations", context.indicator.cell_type.name, context.chunk.id)
        azimuth = self.get_rng(key=key).uniform(-self.spread, self.spread, len(positions))
        return np.column_stack((np.zeros((len(positions), 2)), azimuth))


class CellAnnotation(AfterPlacementHook, abc.ABC):
    """Note something about every placed cell of the given types."""

    cell_types: list[Any] = config.reflist(refs.cell_type_ref, required=True)

    @abc.abstractmethod
    def annotate(self, cells: Any) -> None:
        """Label, or store data with, the cells of one placement set."""

    def postprocess(self) -> None:
        """Annotate the cells of all types, or of none when one of them fails."""
        with self.scaffold.storage.write_scope():
            for cell_type in self.cell_types:
                self.annotate(cell_type.get_placement_set())


def _chunkwise_positions(cells: Any) -> Iterator[tuple[Any, Floats]]:
    """Yield each chunk with the (n, 3) positions of its cells."""
    for chunk in cells.get_all_chunks():
        with cells.chunk_context([chunk]):
            yield chunk, cells.load_positions()


@config.node
class ZebrinStripes(CellAnnotation):
    """Label cells by parasagittal stripe: negative at x = 0, alternating at every border."""

    borders: list[float] = config.attr(type=types.list(float), required=True)

    def annotate(self, cells: Any) -> None:
        """Label the cells with the sign of the stripe they lie in."""
        stripe = np.searchsorted(self.borders, cells.load_positions()[:, 0])
        cells.label(["zebrin_negative"], np.flatnonzero(stripe % 2 == 0))
        cells.label(["zebrin_positive"], np.flatnonzero(stripe % 2 == 1))


@config.node
class LateralMargin(CellAnnotation):
    """Store each cell's distance to the nearest side of the network; label the outer cells.

    Cells labelled ``edge`` miss the neighbours they would have in tissue, so analyses leave
    them out.
    """

    edge_width: float = config.attr(type=types.float(min=0), required=True)

    def annotate(self, cells: Any) -> None:
        """Store ``lateral_margin`` and label the cells of the margin."""
        for chunk, positions in _chunkwise_positions(cells):
            cells.append_additional("lateral_margin", chunk, self._margin(positions))
        margin = self._margin(cells.load_positions())
        cells.label(["edge"], np.flatnonzero(margin < self.edge_width))

    def _margin(self, positions: Floats) -> Floats:
        network = self.scaffold.network
        from_lower = positions[:, :2] - network.origin[:2]
        from_upper = [network.x, network.y] - from_lower
        margin: Floats = np.minimum(from_lower, from_upper).min(axis=1)
        return margin


@config.node
class PialDepth(CellAnnotation):
    """Store each cell's depth below the pia, the top of the network."""

    def annotate(self, cells: Any) -> None:
        """Store ``pial_depth``."""
        network = self.scaffold.network
        pia = network.origin[2] + network.z
        for chunk, positions in _chunkwise_positions(cells):
            cells.append_additional("pial_depth", chunk, pia - positions[:, 2])


@config.node
class GapJunctions(ConnectionStrategy):
    """Couple pairs of cells with a probability that falls with the distance of their somata.

    The probability at distance d is ``amplitude / (1 + exp((d - midpoint) / slope)) - offset``,
    cut to [0, 1]: the form fitted to paired recordings of Golgi cells by Vervaeke et al.,
    Neuron 67 (2010) 435-451. A junction has no direction: it is stored once, and the deeper
    cell counts as presynaptic.
    """

    amplitude: float = config.attr(type=types.float(min=0), required=True)
    offset: float = config.attr(type=types.float(min=0), required=True)
    midpoint: float = config.attr(type=types.float(min=0), required=True)
    slope: float = config.attr(type=types.float(min=0), required=True)

    def probability(self, distance: Floats) -> Floats:
        """Return the coupling probability at the given distances, same shape."""
        boltzmann = self.amplitude / (1 + np.exp((distance - self.midpoint) / self.slope))
        return np.clip(boltzmann - self.offset, 0, 1)

    @property
    def reach(self) -> float:
        """The distance at which the coupling probability becomes 0."""
        return float(self.midpoint + self.slope * np.log(self.amplitude / self.offset - 1))

    def get_region_of_interest(self, chunk: Any) -> list[Any]:
        """Return the populated chunks that are in reach of any cell of ``chunk``."""
        populated = self.get_all_post_chunks()
        gaps = np.abs(np.array(populated) - np.array(chunk)) - 1
        gap = np.linalg.norm(np.maximum(gaps, 0) * chunk.dimensions, axis=1)
        return [populated[i] for i in np.flatnonzero(gap <= self.reach)]

    def connect(self, pre: Any, post: Any) -> None:
        """Couple the cells of one chunk with those of its region of interest."""
        for pre_set in pre.placement:
            for post_set in post.placement:
                pair = (pre_set.cell_type.name, post_set.cell_type.name)
                # Keyed on the work, not on who does it: the same network on any number of ranks.
                key = ("connectivity", self.name, *pair, roi_key(pre), roi_key(post))
                self._couple(pre_set, post_set, self.get_rng(key=key))

    def _couple(self, pre_set: Any, post_set: Any, rng: np.random.Generator) -> None:
        pre_somata, post_somata = pre_set.load_positions(), post_set.load_positions()
        probability = self.probability(cdist(pre_somata, post_somata))
        # Both cells of a pair come by as presynaptic; only the deeper one of them draws.
        deeper = pre_somata[:, None, 2] < post_somata[None, :, 2]
        coupled = np.argwhere(deeper & (rng.random(probability.shape) < probability))
        locations = np.full((2, len(coupled), 3), -1)
        locations[:, :, 0] = coupled.T
        self.connect_cells(pre_set, post_set, *locations)
