"""Edges of networks that contradict themselves are refused, and nothing else of them is written."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np
import pytest

from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.layouts.detection import create_network, open_network
from bsb_hdf5.core.layouts.protocols import NetworkReader
from bsb_hdf5.core.placement_rows import PlacementRows
from bsb_hdf5.errors import CorruptNetworkError
from bsb_hdf5.exchange.sonata.edges import write_edges
from bsb_hdf5.exchange.sonata.nodes import write_nodes
from bsb_hdf5.exchange.sonata.sections import sections_in
from tests.unit.exchange.networks import FAR, NEAR, network
from tests.unit.memory import new_root


def written(source: NetworkReader, most: int = 10) -> Any:
    """The edges of a set, in a file in memory."""
    file = h5py.File("edges", "w", driver="core", backing_store=False)
    nodes = {name: write_nodes(file, source.placement(name), {}, 10) for name in ("a", "b")}
    ends = nodes["a"], nodes["a"]
    name = write_edges(file, source.connectivity("c"), *ends, sections_in(source), most)
    return file[f"edges/{name}"]


def counted(outgoing: int) -> NetworkReader:
    """A network that counts other connections from its first chunk than there are."""
    source = network("classic", types=("a", "a"))
    root: Any = source.__dict__["_root"]
    attributes = root.group("connectivity").group("c").attributes
    counts = json.loads(attributes.get("chunks"))
    counts[str(NEAR)]["out"] = outgoing
    attributes.set("chunks", json.dumps(counts))
    found: NetworkReader = open_network(root, "here")
    return found


@pytest.mark.parametrize("most", [1, 3, 10])
def test_no_more_connections_are_written_than_are_counted(most: int) -> None:
    assert [0, 1, 2, 0, 1] == written(counted(5), most)["source_node_id"][:].tolist()
    assert [1, 0, 3, 4, 3] == written(counted(5), most)["target_node_id"][:].tolist()
    for fewer in (0, 1, 4):
        text = f"^'c' holds more connections than the {fewer} that it counts; bsb_hdf5.repair"
        with pytest.raises(CorruptNetworkError, match=text):
            written(counted(fewer), most)


@pytest.mark.parametrize("side", [0, 1])
def test_connections_on_cells_that_do_not_exist_are_counted(side: int) -> None:
    ends: list[Any] = [[[0, -1, -1], [1, -1, -1], [1, -1, -1]] for _ in range(2)]
    ends[side] = [[4, -1, -1], [2, -1, -1], [3, -1, -1]]
    source = network(types=("a", "a"), links={(NEAR, NEAR): ends, (FAR, FAR): ends})
    # Three cells are in the one chunk, and two in the other.
    text = "^5 connections of 'c' are on cells of 'a' that do not exist; connect the set again"
    with pytest.raises(CorruptNetworkError, match=text):
        written(source)


def test_cells_whose_morphology_is_not_stored_have_their_soma_only() -> None:
    # Of the cells that connections with points come from, those named 'n' lack it.
    edges = written(network(types=("a", "a"), morphology="p"))["0"]
    assert [-1, -1, 0, 0, 0] == edges["efferent_branch"][:].tolist()
    assert [-1, -1, 1, 2, 0] == edges["efferent_point"][:].tolist()
    for name in ("section_id", "segment_id", "segment_offset", "section_pos"):
        assert [0] * 5 == edges[f"efferent_{name}"][:].tolist()


def test_where_cells_without_positions_are_connected_is_not_known() -> None:
    source = create_network(new_root(), "classic")
    source.set_chunk_size(np.array([1.0, 2.0, 3.0]))
    for name in ("a", "b"):
        source.create_placement(name, created_at="now")
    source.placement("a").append(NEAR, PlacementRows(3, None, None, None, {}))
    source.create_connectivity("c", "a", "a", created_at="now")
    ends = np.array([[0, -1, -1], [2, -1, -1]])
    source.connectivity("c").append(Blocks.between(NEAR, NEAR, ends, ends[::-1]))
    source.flush()
    edges = written(source)
    assert ([0, 2], [2, 0]) == (
        edges["source_node_id"][:].tolist(),
        edges["target_node_id"][:].tolist(),
    )
    for axis in "xyz":
        assert np.isnan(edges[f"0/afferent_center_{axis}"][:]).tolist() == [True, True]
