"""Connections on few cells are counted as those on many are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from bsb import Chunk

from bsb_hdf5 import ConnectivitySet
from bsb_hdf5.queries import distances, in_degree, matrix, out_degree, pairs, streams, to_sparse
from bsb_hdf5.queries.streams import Piece, stream
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, cell_type
from tests.unit.queries.networks import Sample, new_storage

pytestmark = pytest.mark.usefixtures("_pieces")


@pytest.fixture(params=[1, 3], ids=["one presynaptic cell", "several"])
def converging(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> ConnectivitySet:
    """Two connections from each of few cells to one."""
    storage = new_storage(engine, tmp_path)
    granule, golgi = (
        storage.require_placement_set(cell_type(name)) for name in ("granule", "golgi")
    )
    chunk, count = Chunk((0, 0, 0), CHUNK_SIZE), request.param
    granule.append_data(chunk, [[3.0, 0.0, 0.0]] * count)
    golgi.append_data(chunk, [[0.0, 4.0, 0.0]])
    connected = storage.require_connectivity_set(granule.cell_type, golgi.cell_type, "both")
    from_each = [[i, -1, -1] for i in range(count)] * 2
    connected.connect(granule, golgi, from_each, [[0, -1, -1]] * 2 * count)
    return connected  # type: ignore[no-any-return]


def test_pairs_with_a_single_cell_are_counted_once(converging: ConnectivitySet) -> None:
    count = len(converging) // 2
    found = pairs(converging)
    assert list(range(count)) == found.pre.tolist()
    assert [0] * count == found.post.tolist()
    assert [2] * count == found.synapses.tolist() == to_sparse(converging).toarray()[:, 0].tolist()
    assert [count] == in_degree(converging, by="pairs").tolist()
    assert [1] * count == out_degree(converging, by="pairs").tolist()
    for by in ("type", "label", "chunk"):
        assert [[count]] == matrix(converging, "pairs", by=by).values.tolist()
    assert [[1.0]] == matrix(converging, "probability").values.tolist()
    assert [0, count] == distances(converging, bins=[0.0, 4.9, 5.1], by="pairs").counts.tolist()


def test_connections_with_a_single_cell_are_counted(converging: ConnectivitySet) -> None:
    count = len(converging) // 2
    assert [2 * count] == in_degree(converging).tolist()
    assert [2] * count == out_degree(converging).tolist()
    for by in ("type", "label", "chunk"):
        assert [[2 * count]] == matrix(converging, by=by).values.tolist()
    found = distances(converging, bins=[0.0, 4.9, 5.1])
    assert ([0, 2 * count], 5.0, 0.0) == (found.counts.tolist(), found.mean, found.sd)


@pytest.mark.parametrize("direction", ["inc", "out"])
def test_the_connections_of_smaller_pieces_are_those_of_the_piece(
    sample: Sample, direction: str
) -> None:
    def by_chunk(pieces: Iterable[Piece]) -> dict[int, list[int]]:
        ranks: dict[int, list[int]] = {}
        for piece in pieces:
            for chunk, found in piece.ranks():
                ranks.setdefault(chunk, []).extend(found.tolist())
        return ranks

    with stream(sample.connectivity("gap"), None, None) as asked:
        for piece in asked.pieces(direction):
            cuts = list(piece.cuts())
            assert by_chunk([piece]) == by_chunk(cuts)
            assert max(len(cut.numbers()[0]) for cut in cuts) <= streams._CUT
