"""A summary says what is stored."""

from __future__ import annotations

import pytest

from bsb_hdf5.queries import summary
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, LABELS
from tests.unit.queries.networks import TAGS, TYPES, Sample


def test_it_counts_cells_and_connections(sample: Sample) -> None:
    found = summary(sample.storage)
    assert CHUNK_SIZE == found.chunk_size
    cells = {each.name: each for each in found.cells}
    assert {name: len(sample.cells[name]) for name in TYPES} == {
        name: each.cells for name, each in cells.items()
    }
    for name in TYPES:
        held = frozenset[str]().union(*(cell.labels for cell in sample.cells[name]))
        assert held <= set(cells[name].labels) <= set(LABELS)
    sets = {each.tag: each for each in found.connections}
    for tag, (pre, post) in TAGS.items():
        count = len(sample.connections[tag])
        assert (pre, post, count) == (sets[tag].pre, sets[tag].post, sets[tag].connections)
        assert count / len(sample.cells[post]) == pytest.approx(sets[tag].mean_in_degree)
        assert count / len(sample.cells[pre]) == pytest.approx(sets[tag].mean_out_degree)
    assert (0, 0) == (found.morphologies, found.files)
