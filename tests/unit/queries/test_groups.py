"""Groups of cells."""

from __future__ import annotations

import pytest

from bsb_hdf5.queries.groups import Grouping, grouping_of
from bsb_hdf5.queries.populations import Population
from tests.unit.queries.networks import Sample


def golgi_by(sample: Sample, by: str) -> Grouping:
    cells = sample.placement("golgi")
    with sample.storage.read_scope() as session:
        return grouping_of(Population.of(cells, session), by, session)


@pytest.mark.parametrize("by", ["type", "chunk"])
def test_cells_in_one_group_each_need_no_table_of_groups_by_code(sample: Sample, by: str) -> None:
    """Such a table grows with the square of the groups, and multiplying by it with the cube."""
    found = golgi_by(sample, by)
    assert found.members is None
    assert len(found.keys) == found.width == len(found.cells())


def test_cells_with_several_labels_have_a_code_that_several_groups_hold(sample: Sample) -> None:
    found = golgi_by(sample, "label")
    assert found.members is not None
    assert (len(found.keys), found.width) == found.members.shape
