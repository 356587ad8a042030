"""Cells in the columnar layout: segments, columns and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bsb_hdf5.core.column_specs import POSITION, ROTATION, ColumnSpec, additional_column
from bsb_hdf5.errors import (
    InputError,
    InvalidNameError,
    LengthError,
)
from tests.unit.core.layouts.columnar.networks import (
    block,
    cells,
    group_of,
    links,
    new_network,
    reopened,
)


def test_many_segments_of_a_chunk_stay_in_order() -> None:
    network = new_network()
    for i in range(200):
        network.placement("cell").append(i % 2, cells(1, i))
        network.connectivity("loop").append(links(i % 2, 0, [i]))
    network = reopened(network)
    rows, _ = network.placement("cell").read_column(POSITION, np.array([1, 0]))
    assert [*range(1, 200, 2), *range(0, 200, 2)] == rows[:, 0].tolist()
    assert list(range(1, 200, 2)) == [row[0] for row in block(network, 1, 0)]


def test_a_column_that_is_overwritten_by_fewer_rows_loses_the_others() -> None:
    network = new_network()
    key = additional_column("k")
    network.placement("cell").append(0, cells(3, k=[1.0, 2.0, 3.0]))
    network.placement("cell").append(1, cells(1, k=[4.0]))
    network.placement("cell").overwrite_column(key, 0, np.array([9.0]))
    network = reopened(network)
    rows, lengths = network.placement("cell").read_column(key, np.array([0, 1]))
    assert ([9.0, 4.0], [1, 1]) == (rows.tolist(), lengths.tolist())
    assert [3, 1] == network.placement("cell").counts().counts.tolist()


def test_a_chunk_is_its_segments_in_the_order_of_the_table() -> None:
    network = new_network()
    data = network.placement("cell")
    data.append(5, cells(2, 0.0))
    data.append(3, cells(1, 10.0))
    data.append(5, cells(1, 20.0, rotations=np.ones((1, 3))))
    network = reopened(network)
    table = group_of(network).array("segments").read()
    assert [[5, 0, 2, 1], [3, 2, 1, 1], [5, 3, 1, 3]] == table.tolist()
    rows, lengths = network.placement("cell").read_column(POSITION, np.array([3, 5]))
    assert ([10.0, 0.0, 1.0, 20.0], [1, 3]) == (rows[:, 0].tolist(), lengths.tolist())
    rows, lengths = network.placement("cell").read_column(ROTATION, np.array([3, 5]))
    assert ([0.0, 0.0, 1.0], [0, 3]) == (rows[:, 0].tolist(), lengths.tolist())


def test_a_column_that_begins_within_a_segment_splits_it() -> None:
    network = new_network()
    network.placement("cell").append(0, cells(4))
    network.placement("cell").append(1, cells(2))
    key = additional_column("k")
    network.placement("cell").append_column(key, 0, np.array([1.0, 2.0]))
    network = reopened(network)
    table = group_of(network).array("segments").read()
    assert [[0, 0, 2, 3], [0, 2, 2, 1], [1, 4, 2, 1]] == table.tolist()
    rows, lengths = network.placement("cell").read_column(key, np.array([0, 1]))
    assert ([1.0, 2.0], [2, 0]) == (rows.tolist(), lengths.tolist())
    assert [4, 2] == network.placement("cell").counts().counts.tolist()


def test_data_of_another_width_are_refused_as_long_as_there_are_others() -> None:
    network = new_network()
    data = network.placement("cell")
    data.append(0, cells(2, k=np.zeros((2, 4))))
    with pytest.raises(LengthError, match="additional/k"):
        data.append(1, cells(1, k=[1.0]))
    with pytest.raises(LengthError, match="additional/k"):
        data.overwrite_column(additional_column("k"), 0, np.zeros(1))
    assert 2 == data.counts().total
    data.append(1, cells(1))
    data.clear(np.array([0]))
    data.append(2, cells(1, k=[1.0]))
    rows, lengths = (
        reopened(network).placement("cell").read_column(additional_column("k"), np.array([1, 2]))
    )
    assert ([1.0], [0, 1]) == (rows.tolist(), lengths.tolist())


def test_more_columns_than_bits_are_refused() -> None:
    data = new_network().placement("cell")
    keys: dict[str, Any] = {f"k{i}": [1.0] for i in range(62)}
    data.append(0, cells(1, **keys))
    with pytest.raises(InputError, match=r"64 columns.*63 at most"):
        data.append(0, cells(1, one_more=[1.0]))
    assert 62 == len(data.additional_keys())
    assert 1 == data.counts().total


def test_requiring_more_columns_than_bits_changes_nothing() -> None:
    network = new_network()
    before = network.changes
    with pytest.raises(InputError, match=r"64 columns.*63 at most"):
        network.placement("cell").require_keys([f"k{i}" for i in range(64)])
    assert before == network.changes
    network.flush()
    assert () == reopened(network).placement("cell").additional_keys()


@pytest.mark.parametrize("name", ["segments", "additional"])
def test_a_column_has_no_name_of_the_layout(name: str) -> None:
    data = new_network().placement("cell")
    column = ColumnSpec(name, (), np.dtype(np.float64), 0.0)
    with pytest.raises(InvalidNameError, match=name):
        data.append_column(column, 0, np.zeros(1))
    key: dict[str, Any] = {name: [1.0]}
    data.append(0, cells(1, **key))
    assert (name,) == data.additional_keys()


@pytest.mark.parametrize("append", [True, False])
def test_a_key_without_cells_may_get_rows_of_another_width(append: bool) -> None:
    network, key = new_network(), additional_column("k")
    network.placement("cell").append(0, cells(2, k=[[1.0, 2.0], [3.0, 4.0]]))
    network.placement("cell").clear(None)
    network = reopened(network)
    placed = network.placement("cell")
    placed.append(0, cells(2))
    rows = np.arange(6.0).reshape(2, 3)
    (placed.append_column if append else placed.overwrite_column)(key, 0, rows)
    found, lengths = reopened(network).placement("cell").read_column(key, np.array([0]))
    assert (rows.tolist(), [2]) == (found.tolist(), lengths.tolist())
