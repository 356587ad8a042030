"""Distances are those between the positions of connected cells."""

from __future__ import annotations

import itertools
import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Chunk

from bsb_hdf5.errors import InputError
from bsb_hdf5.queries import distances
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, cell_type
from tests.unit.queries.networks import FILTERS, TAGS, Filters, Sample, new_storage

pytestmark = pytest.mark.usefixtures("_pieces")


def lengths(sample: Sample, tag: str, by: str, filters: tuple[Filters | None, ...]) -> list[float]:
    sides = [
        [sample.cells[name][i].position for i in sample.kept(name, each)]
        for name, each in zip(TAGS[tag], filters, strict=True)
    ]
    return [
        math.dist(sides[0][a], sides[1][b])
        for (a, b), synapses in sample.pairs(tag, *filters).items()
        for _ in range(synapses if by == "synapses" else 1)
    ]


@pytest.mark.parametrize("by", ["synapses", "pairs"])
def test_they_are_between_positions_with_and_without_filters(sample: Sample, by: str) -> None:
    edges = [0.0, 20.0, 50.0, 90.0]
    for tag, types in TAGS.items():
        for filters in FILTERS:
            pre, post = map(sample.placement, types, filters)
            found = distances(sample.connectivity(tag), bins=edges, pre=pre, post=post, by=by)
            expected = lengths(sample, tag, by, filters)
            bins = list(itertools.pairwise(edges))
            counts = [sum(low <= each < high for each in expected) for low, high in bins]
            assert counts == found.counts.tolist()
            assert sum(each > edges[-1] for each in expected) == found.outside
            assert 0 == found.without_position
            if expected:
                assert statistics.mean(expected) == pytest.approx(found.mean)
                assert statistics.pstdev(expected) == pytest.approx(found.sd, abs=1e-9)
            else:
                assert math.isnan(found.mean)


def test_a_number_of_bins_holds_all_of_them(sample: Sample) -> None:
    for tag in TAGS:
        found = distances(sample.connectivity(tag), bins=7)
        assert (7, 0) == (len(found.counts), found.outside)
        assert len(sample.connections[tag]) == found.counts.sum()
    assert 50 == len(distances(sample.connectivity("gap")).counts)


def test_cells_without_position_have_no_distance(own_sample: Sample) -> None:
    chunk = Chunk((0, 0, 0), CHUNK_SIZE)
    golgi = own_sample.placement("golgi")
    golgi.append_entities(chunk, 1)
    golgi.set_chunk_filter([chunk])
    cs = own_sample.connectivity("between golgi")
    before = distances(cs)
    cs.connect(golgi, golgi, [len(golgi) - 1], [len(golgi) - 1])
    after = distances(cs)
    assert (0, 1) == (before.without_position, after.without_position)
    assert before.counts.sum() == after.counts.sum()


@pytest.mark.parametrize(
    "bins",
    [
        *(0, -1, True, 10**20, "ten", None, ["a"]),
        *([1.0], [2.0, 1.0], [1.0, 1.0], [[1.0, 2.0]], [0.0, np.nan]),
    ],
)
def test_bins_that_are_none_are_refused(sample: Sample, bins: Any) -> None:
    with pytest.raises(InputError, match="bins must be"):
        distances(sample.connectivity("gap"), bins=bins)


def test_other_words_are_refused(sample: Sample) -> None:
    with pytest.raises(InputError, match="by must be 'synapses' or 'pairs', not 'type'"):
        distances(sample.connectivity("gap"), by="type")


def test_connections_of_cells_without_positions_have_no_distance(
    engine: str, tmp_path: Path
) -> None:
    storage = new_storage(engine, tmp_path)
    cells = storage.require_placement_set(cell_type("granule"))
    cells.append_data(Chunk((0, 0, 0), CHUNK_SIZE), count=2)
    loops = storage.require_connectivity_set(cells.cell_type, cells.cell_type, "loops")
    loops.connect(cells, cells, [[0, -1, -1]], [[1, -1, -1]])
    found = distances(loops, bins=[0.0, 10.0])
    assert (1, 0, [0]) == (found.without_position, found.outside, found.counts.tolist())


def test_a_position_that_is_infinite_has_no_distance(engine: str, tmp_path: Path) -> None:
    storage = new_storage(engine, tmp_path)
    cells = storage.require_placement_set(cell_type("granule"))
    cells.append_data(Chunk((0, 0, 0), CHUNK_SIZE), [[0.0, 0.0, np.inf], [0, 0, 0], [3, 4, 0]])
    loops = storage.require_connectivity_set(cells.cell_type, cells.cell_type, "loops")
    loops.connect(cells, cells, [0, 1], [1, 2])
    found = distances(loops, bins=1)
    assert (1, 0, [1]) == (found.without_position, found.outside, found.counts.tolist())
    assert (5.0, 0.0) == (found.mean, found.sd)


def test_a_number_of_bins_reaches_to_the_longest_distance_there_can_be(
    engine: str, tmp_path: Path
) -> None:
    storage = new_storage(engine, tmp_path)
    chunk = Chunk((0, 0, 0), CHUNK_SIZE)
    for name, x in (("granule", 30.0), ("golgi", 100.0)):
        storage.require_placement_set(cell_type(name)).append_data(chunk, [[x, 0.0, 0.0]])
    cells = [storage.get_placement_set(cell_type(name)) for name in ("granule", "golgi")]
    for pre, post in (cells, cells[::-1]):
        tag = f"from {pre.tag}"
        connections = storage.require_connectivity_set(pre.cell_type, post.cell_type, tag)
        connections.connect(pre, post, [[0, -1, -1]], [[0, -1, -1]])
        assert [1] == distances(connections, bins=1).counts.tolist()
        found = distances(connections, bins=2)
        assert 70.0 == pytest.approx(found.edges[-1])
        assert (0, [0, 1]) == (found.outside, found.counts.tolist())


def test_bins_have_a_width_even_where_no_cells_are_apart(engine: str, tmp_path: Path) -> None:
    storage = new_storage(engine, tmp_path)
    cells = storage.require_placement_set(cell_type("granule"))
    loops = storage.require_connectivity_set(cells.cell_type, cells.cell_type, "loops")
    assert [0.0, 0.5, 1.0] == distances(loops, bins=2).edges.tolist()
    cells.append_data(Chunk((0, 0, 0), CHUNK_SIZE), [[1.0, 2.0, 3.0]])
    loops.connect(cells, cells, [[0, -1, -1]], [[0, -1, -1]])
    found = distances(loops, bins=2)
    assert [0.0, 0.5, 1.0] == found.edges.tolist()
    assert ([1, 0], 0.0, 0.0) == (found.counts.tolist(), found.mean, found.sd)
