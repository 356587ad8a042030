"""Small networks in the columnar layout."""

from __future__ import annotations

from typing import Any

import numpy as np

from bsb_hdf5.adapters.memory.arrays import (
    MemoryGroupWriter,
)
from bsb_hdf5.core.cell_labels import change_labels
from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.layouts.columnar.network import ColumnarNetwork
from bsb_hdf5.core.layouts.columnar.placement import ColumnarPlacement
from bsb_hdf5.core.placement_rows import PlacementRows
from bsb_hdf5.core.selection import Selection
from tests.unit.memory import new_root


def new_network() -> ColumnarNetwork:
    """An empty network, with a set of each kind."""
    network = ColumnarNetwork.create(new_root())
    network.create_placement("cell", created_at="now")
    network.create_connectivity("loop", "cell", "cell", created_at="now")
    return network


def reopened(network: ColumnarNetwork) -> ColumnarNetwork:
    """The network as a program finds it that never saw it."""
    network.flush()
    return ColumnarNetwork(network._root)


def group_of(network: ColumnarNetwork, part: str = "placement_sets") -> MemoryGroupWriter:
    """The group of the one set of a kind."""
    sets = network._root.group(part)
    group = sets.group(sets.names()[0])
    assert isinstance(group, MemoryGroupWriter)
    return group


def cells(count: int, start: float = 0.0, **more: Any) -> PlacementRows:
    values = start + np.arange(float(count))
    positions = np.repeat(values, 3).reshape(-1, 3)
    morphologies = more.pop("morphologies", None)
    return PlacementRows.of_cells(positions, morphologies, more.pop("rotations", None), more)


def links(pre: int, post: int, ranks: list[int], point: tuple[int, int] = (-1, -1)) -> Blocks:
    """Connections between equal ranks in two chunks, all at one point."""
    locations = np.array([[rank, *point] for rank in ranks], dtype=np.int64).reshape(-1, 3)
    return Blocks.between(pre, post, locations, locations)


def block(network: ColumnarNetwork, pre: int, post: int) -> list[list[int]]:
    near, far, _ = network.connectivity("loop").read_blocks("out", pre, np.array([post]))
    assert near.tolist() == far.tolist()
    return [list(row) for row in near.tolist()]


def label(placed: ColumnarPlacement, cell: int, name: str) -> None:
    change_labels(placed, Selection().resolve(placed), np.array([cell]), [name])


def eight_chunks() -> ColumnarNetwork:
    """A network with a cell in each of eight chunks."""
    network = new_network()
    for chunk in range(8):
        network.placement("cell").append(chunk, cells(1))
    return reopened(network)


def add(network: Any, chunk: int) -> None:
    network.placement("cell").append(chunk, cells(2, chunk))
    network.connectivity("loop").append(links(chunk, 0, [chunk]))
