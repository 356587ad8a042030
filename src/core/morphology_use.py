"""Which cells have a morphology."""

from __future__ import annotations

from .connectivity import batches
from .layouts.protocols import NetworkReader

_CELLS_AT_ONCE = 1_000_000


def cell_type_with(network: NetworkReader, morphology: str) -> str | None:
    """The first placement set of which a cell has a morphology; None if no cell has it."""
    for name in network.placement_names():
        cells = network.placement(name)
        for chunks in batches(cells.counts(), _CELLS_AT_ONCE):
            used = cells.read_morphologies(chunks).names
            if any(network.is_same(each, morphology) for each in used):
                return name
    return None
