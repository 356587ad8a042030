"""Pairs of connected cells are those of a plain count."""

from __future__ import annotations

import statistics
from contextlib import nullcontext
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from bsb_hdf5.queries import pairs, synapses_per_pair, to_sparse
from tests.unit.queries.networks import FILTERS, TAGS, Sample

pytestmark = pytest.mark.usefixtures("_pieces")


def test_each_pair_is_found_once_in_order(sample: Sample) -> None:
    for tag, types in TAGS.items():
        for filters in FILTERS:
            pre, post = map(sample.placement, types, filters)
            found = pairs(sample.connectivity(tag), pre=pre, post=post)
            expected = sorted(sample.pairs(tag, *filters).items())
            rows = zip(found.pre.tolist(), found.post.tolist(), strict=True)
            assert expected == list(zip(rows, found.synapses.tolist(), strict=True))
            assert len(expected) == len(found)


def test_synapses_per_pair_are_over_connected_pairs(sample: Sample) -> None:
    for tag, types in TAGS.items():
        for filters in FILTERS:
            pre, post = map(sample.placement, types, filters)
            found = synapses_per_pair(sample.connectivity(tag), pre=pre, post=post)
            values = list(sample.pairs(tag, *filters).values())
            assert len(values) == found.n
            if values:
                assert statistics.mean(values) == pytest.approx(found.mean)
                assert statistics.pstdev(values) == pytest.approx(found.sd)


def test_a_sparse_matrix_has_the_synapses_of_each_pair(sample: Sample) -> None:
    for tag, types in TAGS.items():
        for filters in FILTERS:
            pre, post = map(sample.placement, types, filters)
            found = to_sparse(sample.connectivity(tag), pre=pre, post=post)
            assert (len(pre), len(post)) == found.shape
            table = found.tocoo()
            rows = zip(table.row.tolist(), table.col.tolist(), strict=True)
            assert sample.pairs(tag, *filters) == dict(zip(rows, table.data.tolist(), strict=True))


@pytest.mark.parametrize(
    "pieces", [[[11, 12], [19], [15, 15]], [[15, 15, 19], [11, 12]], [[11, 12, 15, 15, 19]], []]
)
def test_pairs_are_in_order_in_whichever_pieces_they_come(
    pieces: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [Mock(pair_keys=Mock(return_value=np.array(each))) for each in pieces]
    asked = Mock(pieces=Mock(return_value=parts), post=Mock(size=10))
    monkeypatch.setattr("bsb_hdf5.queries.connections.stream", lambda *_: nullcontext(asked))
    connections: Any = None
    found = pairs(connections)
    expected = [(1, 1, 1), (1, 2, 1), (1, 5, 2), (1, 9, 1)] if pieces else []
    assert expected == list(zip(found.pre, found.post, found.synapses, strict=True))
    asked.pieces.assert_called_with("out")
