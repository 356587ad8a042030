"""Degrees, convergence and divergence are those of a plain count."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bsb_hdf5 import queries
from bsb_hdf5.errors import CorruptNetworkError, InputError
from tests.unit.queries.networks import FILTERS, TAGS, Filters, Sample

pytestmark = pytest.mark.usefixtures("_pieces")

DEGREES: list[tuple[Callable[..., Any], Callable[..., Any], int]] = [
    (queries.in_degree, queries.convergence, 1),
    (queries.out_degree, queries.divergence, 0),
]


def counted(
    sample: Sample, tag: str, side: int, by: str, filters: tuple[Filters | None, ...]
) -> list[int]:
    degrees = [0] * len(sample.kept(TAGS[tag][side], filters[side]))
    for pair, synapses in sample.pairs(tag, *filters).items():
        degrees[pair[side]] += 1 if by == "pairs" else synapses
    return degrees


@pytest.mark.parametrize(("degree", "mean", "side"), DEGREES)
@pytest.mark.parametrize("by", ["synapses", "pairs"])
def test_they_count_connections_with_and_without_filters(
    sample: Sample, degree: Any, mean: Any, side: int, by: str
) -> None:
    for tag, types in TAGS.items():
        for filters in FILTERS:
            pre, post = map(sample.placement, types, filters)
            expected = counted(sample, tag, side, by, filters)
            cs = sample.connectivity(tag)
            assert expected == degree(cs, pre=pre, post=post, by=by).tolist()
            for over in ("all", "connected"):
                values = [n for n in expected if n or over == "all"]
                found = mean(cs, pre=pre, post=post, by=by, over=over)
                assert len(values) == found.n
                if values:
                    assert statistics.mean(values) == pytest.approx(found.mean)
                    assert statistics.pstdev(values) == pytest.approx(found.sd)
                else:
                    assert np.isnan([found.mean, found.sd]).all()


def test_whole_sets_are_asked_without_any(sample: Sample) -> None:
    cs = sample.connectivity("gap")
    assert counted(sample, "gap", 1, "synapses", (None, None)) == queries.in_degree(cs).tolist()


def test_a_mean_says_what_it_is_over(sample: Sample) -> None:
    cs = sample.connectivity("gap")
    assert "cells of 'golgi'" == queries.convergence(cs).over
    assert "connected cells of 'granule'" == queries.divergence(cs, over="connected").over
    assert "2 ± 0.5 (over 3 cells)" == str(queries.Mean(2.0, 0.5, 3, "cells"))
    with pytest.raises(InputError, match="over must be 'all' or 'connected', not 'some'"):
        queries.convergence(cs, over="some")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": np.zeros(2)}, "by must be 'synapses' or 'pairs', not array"),
        ({"by": "connections"}, "by must be 'synapses' or 'pairs', not 'connections'"),
        ({"pre": 3}, "the presynaptic cells must be a PlacementSet, not 3"),
    ],
)
def test_bad_arguments_are_refused(sample: Sample, arguments: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        queries.in_degree(sample.connectivity("gap"), **arguments)


def test_cells_of_another_type_are_refused(sample: Sample) -> None:
    with pytest.raises(InputError, match="are of type 'granule', not 'golgi'"):
        queries.in_degree(sample.connectivity("gap"), pre=sample.placement("golgi"))


@pytest.mark.parametrize("by", ["synapses", "pairs"])
@pytest.mark.parametrize("past", [0, 600])
def test_a_connection_on_no_cell_is_named(own_sample: Sample, by: Any, past: int) -> None:
    """The first past the end too, whose number is that of a cell in the next chunk."""
    missing, cs = own_sample.connect_with_no_cell("gap", past), own_sample.connectivity("gap")
    with pytest.raises(CorruptNetworkError, match=f"on cell {missing} in chunk"):
        queries.in_degree(cs, by=by)
