"""Connections in the columnar layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bsb_hdf5.core.column_specs import POSITION, additional_column
from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.layouts.columnar.connectivity import ColumnarConnectivity
from tests.unit.core.layouts.columnar.networks import (
    block,
    cells,
    group_of,
    links,
    new_network,
    reopened,
)


def test_a_connection_is_stored_once_in_small_integers() -> None:
    network = new_network()
    network.connectivity("loop").append(links(0, 1, [0, 1, 2]))
    network.flush()
    group = group_of(network, "connectivity_sets")
    assert ("blocks", "cells") == group.names()
    assert (3, 2) == group.array("cells").shape
    assert np.uint16 == group.array("cells").dtype
    assert [[0, 1, 0, 3, -1]] == group.array("blocks").read().tolist()


def test_only_blocks_with_branches_have_points() -> None:
    network = new_network()
    soma, detailed = links(0, 1, [0, 1]), links(0, 2, [5, 6], (3, 4))
    network.connectivity("loop").append(joined(detailed, soma, links(0, 3, [7])))
    network.flush()
    group = group_of(network, "connectivity_sets")
    assert [[3, 4, 3, 4]] * 2 == group.array("points").read().tolist()
    table = [[0, 1, 0, 2, -1], [0, 2, 2, 2, 0], [0, 3, 4, 1, -1]]
    assert table == group.array("blocks").read().tolist()
    assert [[0, -1, -1], [1, -1, -1]] == block(reopened(network), 0, 1)
    assert [[5, 3, 4], [6, 3, 4]] == block(reopened(network), 0, 2)


@pytest.mark.parametrize("swapped", [False, True])
def test_points_on_one_side_only_are_kept(swapped: bool) -> None:
    network = new_network()
    sides = [np.array([[5, 3, 4], [6, -1, -1]]), np.array([[1, -1, -1], [2, -1, -1]])]
    pre, post = sides[::-1] if swapped else sides
    network.connectivity("loop").append(Blocks.between(0, 1, pre, post))
    network = reopened(network)
    near, far, _ = network.connectivity("loop").read_blocks("out", 0, np.array([1]))
    assert (pre.tolist(), post.tolist()) == (near.tolist(), far.tolist())


@pytest.mark.parametrize("direction", ["out", "inc"])
def test_several_blocks_with_branches_on_one_side_keep_them(direction: str) -> None:
    """Those appended together with a block that has none."""
    some, none = np.array([[5, 3, 4], [6, 1, 2]]), np.array([[1, -1, -1], [2, -1, -1]])
    pre, post = (some, none) if direction == "out" else (none, some)
    network = new_network()
    network.connectivity("loop").append(
        joined(links(0, 0, [7]), Blocks.between(0, 1, pre, post), Blocks.between(1, 0, post, pre))
    )
    network = reopened(network)
    near, far, _ = network.connectivity("loop").read_blocks("out", 0, np.array([1]))
    assert (pre.tolist(), post.tolist()) == (near.tolist(), far.tolist())
    near, far, _ = network.connectivity("loop").read_blocks("out", 1, np.array([0]))
    assert (post.tolist(), pre.tolist()) == (near.tolist(), far.tolist())


def joined(*parts: Blocks) -> Blocks:
    def column(name: str) -> NDArray[np.int64]:
        return np.concatenate([getattr(part, name) for part in parts])

    return Blocks(column("pre_chunks"), column("post_chunks"), column("pre"), column("post"))


def test_a_block_is_read_in_the_order_of_appending() -> None:
    network = new_network()
    for ranks in ([5, 4], [9], [1]):
        network.connectivity("loop").append(joined(links(0, 1, ranks), links(0, 0, ranks)))
        network = reopened(network)
    assert [5, 4, 9, 1] == [row[0] for row in block(network, 0, 1)]
    assert 8 == network.connectivity("loop").count


def test_many_chunks_are_read_at_once_as_they_are_one_by_one() -> None:
    network = new_network()
    for pre, post in [(0, 1), (2, 1), (0, 5), (0, 1), (7, 0)]:
        network.connectivity("loop").append(links(pre, post, [pre, post], (pre, post)))
    data = reopened(network).connectivity("loop")
    for direction in ("inc", "out"):
        asked = np.array([0, 1, 3, 7])
        sizes = data.local_sizes(direction)
        seen = []
        for part in data.read_locals(direction, asked):
            for local, blocks, rows in part.by_local_chunk():
                found = data.block_sizes(direction, local)
                assert found.ids.tolist() == part.global_chunks[blocks].tolist()
                near, far, _ = data.read_blocks(direction, local, found.ids)
                assert near.tolist() == part.local_locations[rows].tolist()
                assert far.tolist() == part.global_locations[rows].tolist()
                assert rows.stop - rows.start == sizes.among(np.array([local])).total
                seen.append(local)
        assert np.intersect1d(asked, data.local_chunks(direction)).tolist() == seen
    assert [] == list(data.read_locals("inc", np.array([99])))


def test_cleared_connections_leave_a_hole_that_nothing_reads() -> None:
    network = new_network()
    for chunk in range(4):
        network.connectivity("loop").append(links(chunk, 9, [chunk]))
    network = reopened(network)
    network.connectivity("loop").clear(np.array([1]))
    network = reopened(network)
    network.connectivity("loop").append(links(5, 9, [55]))
    network = reopened(network)
    assert 5 == group_of(network, "connectivity_sets").array("cells").shape[0]
    near, _, lengths = network.connectivity("loop").read_blocks("inc", 9, np.arange(6))
    assert [0, 2, 3, 55] == near[:, 0].tolist()
    assert [1, 0, 1, 1, 0, 1] == lengths.tolist()


def test_rows_at_the_end_of_a_set_that_were_cleared_are_used_again() -> None:
    network = new_network()
    for chunk in range(3):
        network.connectivity("loop").append(links(chunk, 9, [chunk, chunk]))
        network.placement("cell").append(chunk, cells(2, chunk))
    network.connectivity("loop").clear(np.array([2]))
    network.placement("cell").clear(np.array([2]))
    network.connectivity("loop").append(links(4, 9, [44]))
    network.placement("cell").append(4, cells(1, 44.0))
    network = reopened(network)
    assert 5 == group_of(network, "connectivity_sets").array("cells").shape[0]
    assert 5 == group_of(network).array("position").shape[0]
    assert [[44, -1, -1]] == block(network, 4, 9)
    assert [44.0] == network.placement("cell").read_column(POSITION, np.array([4]))[0][:, 0]


def test_a_set_that_was_cleared_holds_no_rows() -> None:
    network = new_network()
    network.connectivity("loop").append(links(0, 1, [9, 9], (2, 0)))
    network.placement("cell").append(0, cells(2, k=np.zeros((2, 4))))
    network = reopened(network)
    network.connectivity("loop").clear(None)
    network.placement("cell").clear(None)
    network = reopened(network)
    group = group_of(network, "connectivity_sets")
    assert [0, 0, 0] == [group.array(name).shape[0] for name in group.names()]
    assert 0 == group_of(network).array("position").shape[0]
    network.placement("cell").append(1, cells(1, k=[5.0]))
    network.connectivity("loop").append(links(0, 1, [1], (1, 1)))
    network = reopened(network)
    assert [[1, 1, 1]] == block(network, 0, 1)
    key = additional_column("k")
    assert [5.0] == network.placement("cell").read_column(key, np.array([1]))[0].tolist()


def test_connections_from_and_to_a_chunk_are_cleared() -> None:
    network = new_network()
    for pre, post in [(0, 1), (1, 2), (2, 0), (0, 0)]:
        network.connectivity("loop").append(links(pre, post, [pre]))
    network.connectivity("loop").clear(np.array([1]))
    data = reopened(network).connectivity("loop")
    assert [0, 2] == data.local_chunks("out").tolist()
    assert [0] == data.local_chunks("inc").tolist()
    assert {0: (2, 1), 2: (0, 1)} == data.chunk_totals()


def test_connections_come_in_pieces_of_whole_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bsb_hdf5.core.layouts.columnar.blocks._UNPACKED", 4)
    network = new_network()
    sizes = [(0, 1, 3), (1, 1, 9), (0, 0, 1), (0, 1, 2), (1, 0, 1), (2, 2, 1)]
    for pre, post, size in sizes:
        point = (size, 5) if size in (3, 1) else (-1, -1)
        network.connectivity("loop").append(links(pre, post, list(range(size)), point))
    data = reopened(network).connectivity("loop")
    parts = list(data.read_locals("out", np.array([0, 1, 2])))
    assert [1, 5, 1, 9, 1] == [count for part in parts for count in np.diff(part.starts).tolist()]
    assert [[1], [5], [1], [9], [1]] == [np.diff(part.starts).tolist() for part in parts]
    for part in parts:
        near, far, _ = data.read_blocks("out", int(part.local_chunks[0]), part.global_chunks)
        assert near.tolist() == part.local_locations.tolist()
        assert far.tolist() == part.global_locations.tolist()


def test_cells_are_read_without_branches_and_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bsb_hdf5.core.layouts.columnar.blocks._UNPACKED", 4)
    network = new_network()
    for pre, post, size in [(0, 1, 3), (1, 1, 9), (0, 0, 1), (0, 1, 2), (2, 2, 1)]:
        point = (size, 5) if size in (3, 1) else (-1, -1)
        network.connectivity("loop").append(links(pre, post, list(range(size)), point))
    data = reopened(network).connectivity("loop")
    chunks = np.array([0, 1, 2])
    named: list[str] = []
    plain = ColumnarConnectivity._read_rows

    def read(self: Any, name: str, *ranges: Any) -> Any:
        named.append(name)
        return plain(self, name, *ranges)

    monkeypatch.setattr(ColumnarConnectivity, "_read_rows", read)
    for direction in ("inc", "out"):
        whole = list(data.read_locals(direction, chunks))
        named.clear()
        cells = list(data.read_locals(direction, chunks, cells_only=True))
        assert ["cells"] == named
        for part, only in zip(whole, cells, strict=True):
            assert part.starts.tolist() == only.starts.tolist()
            assert part.local_chunks.tolist() == only.local_chunks.tolist()
            assert part.global_chunks.tolist() == only.global_chunks.tolist()
            assert part.local_locations[:, :1].tolist() == only.local_locations.tolist()
            assert part.global_locations[:, :1].tolist() == only.global_locations.tolist()


def test_what_is_shared_with_callers_they_cannot_change() -> None:
    network = new_network()
    network.connectivity("loop").append(links(0, 1, [0, 1, 2]))
    for direction in ("inc", "out"):
        ids = network.connectivity("loop").local_sizes(direction).ids
        with pytest.raises(ValueError, match="read-only"):
            ids[0] = 7
