"""Connectivity sets of types that have no placement set, as bsb-hdf5 8.0.2 makes them, too."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bsb import Chunk

from bsb_hdf5 import ConnectivitySet, queries
from bsb_hdf5.errors import CorruptNetworkError
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, cell_type
from tests.unit.queries.networks import new_storage

CHUNK = Chunk((0, 0, 0), CHUNK_SIZE)


@pytest.fixture(params=[("ghost", "golgi"), ("golgi", "ghost")], ids=["pre", "post"])
def half(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> ConnectivitySet:
    """A set without connections, one type of which has no placement set."""
    storage = new_storage(engine, tmp_path)
    golgi = storage.require_placement_set(cell_type("golgi"))
    golgi.append_data(CHUNK, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    made: ConnectivitySet = storage.require_connectivity_set(*map(cell_type, request.param), "half")
    return made


def sizes(half: ConnectivitySet) -> tuple[int, int]:
    """Presynaptic and postsynaptic cells."""
    return (0, 2) if half.pre_type_name == "ghost" else (2, 0)


def test_without_connections_the_type_has_no_cells(half: ConnectivitySet) -> None:
    pre, post = sizes(half)
    assert [0] * post == queries.in_degree(half).tolist()
    assert [0] * pre == queries.out_degree(half, by="pairs").tolist()
    assert (pre, post) == queries.to_sparse(half).shape
    assert (0, 0) == (len(queries.pairs(half)), len(queries.to_frame(half)))
    assert 0 == len(queries.afferent(half, [0] if post else []))
    found = queries.distances(half, bins=[0.0, 1.0])
    assert ([0], 0, True) == (found.counts.tolist(), found.outside, math.isnan(found.mean))


@pytest.mark.parametrize("by", ["type", "label", "chunk"])
@pytest.mark.parametrize("value", ["count", "pairs", "probability"])
def test_a_matrix_has_it_as_a_type_without_cells(
    half: ConnectivitySet, value: str, by: str
) -> None:
    found = queries.matrix(half, value, by=by)
    groups = tuple(1 if by == "type" or size else 0 for size in sizes(half))
    assert groups == found.values.shape
    assert sizes(half) == (found.pre_cells.sum(), found.post_cells.sum())
    assert not (found.values > 0).any()


QUESTIONS: dict[str, Callable[[Any], object]] = {
    "in-degree": queries.in_degree,
    "out-degree": queries.out_degree,
    "distances": queries.distances,
    "matrix": queries.matrix,
    "pairs": queries.pairs,
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_connections_on_cells_of_such_a_type_are_refused(
    half: ConnectivitySet, question: str
) -> None:
    half.chunk_connect(CHUNK, CHUNK, [(0, -1, -1)], [(1, -1, -1)])
    with pytest.raises(
        CorruptNetworkError,
        match=r"'half' has connections on cells of type 'ghost', of which .* no placement set",
    ):
        QUESTIONS[question](half)


def test_the_set_with_connections_is_named(half: ConnectivitySet) -> None:
    pre, post = map(cell_type, (half.pre_type_name, half.post_type_name))
    other = ConnectivitySet.require(half._engine, pre, post, "zz")
    other.chunk_connect(CHUNK, CHUNK, [(0, -1, -1)], [(1, -1, -1)])
    with pytest.raises(CorruptNetworkError, match="'zz' has connections on cells of type 'ghost'"):
        queries.matrix([half, other])
