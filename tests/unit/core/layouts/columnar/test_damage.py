"""Sets in the columnar layout that contradict themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bsb_hdf5.core.column_specs import POSITION
from bsb_hdf5.core.layouts.columnar.network import ColumnarNetwork
from bsb_hdf5.errors import (
    CorruptNetworkError,
)
from tests.unit.core.layouts.columnar.networks import block, cells, group_of, links, new_network


def damaged(part: str, array: str, rows: Any) -> ColumnarNetwork:
    """A network in which an array of a set is another."""
    network = new_network()
    network.placement("cell").append(0, cells(4, k=np.arange(4.0)))
    network.connectivity("loop").append(links(0, 1, [0, 1, 2], (1, 1)))
    network.flush()
    group = group_of(network, part)
    if array in group:
        group.delete(array)
    if rows is not None:
        group.create_array(array, np.asarray(rows))
    return ColumnarNetwork(network._root)


@pytest.mark.parametrize(
    "entry",
    [
        [0, 0, 5, 3],
        [0, 2, 3, 1],
        [0, 4, 1, 2],
        [0, -1, 2, 1],
        [0, 0, -1, 1],
        [0, 2**62, 2**62, 1],
        [0, 2**63 - 1, 2**63 - 1, 0],
        [0, 0, 1, 4],
        [0, 0, 1, -1],
    ],
)
def test_segments_of_rows_or_columns_that_are_not_there_are_corrupt(entry: list[int]) -> None:
    network = damaged("placement_sets", "segments", [entry])
    with pytest.raises(CorruptNetworkError, match="'cell'"):
        network.placement("cell").counts()


@pytest.mark.parametrize(
    "entry",
    [
        [0, 1, 0, 4, -1],
        [0, 1, 3, 1, -1],
        [0, 1, -1, 1, -1],
        [0, 1, 0, 0, -1],
        [0, 1, 0, -5, -1],
        [0, 1, 2**63 - 1, 2**63 - 1, -1],
        [0, 1, 0, 3, 1],
        [0, 1, 0, 1, -2],
        [0, 1, 0, 1, 2**63 - 1],
    ],
)
def test_blocks_of_rows_that_are_not_there_are_corrupt(entry: list[int]) -> None:
    network = damaged("connectivity_sets", "blocks", [entry])
    with pytest.raises(CorruptNetworkError, match="'loop'"):
        network.connectivity("loop").local_chunks("inc")


@pytest.mark.parametrize("rows", [None, np.zeros(4), np.zeros((2, 3)), np.zeros((1, 4))])
def test_a_table_that_is_none_is_corrupt(rows: Any) -> None:
    network = damaged("placement_sets", "segments", rows)
    with pytest.raises(CorruptNetworkError, match="segments"):
        network.placement("cell").counts()


@pytest.mark.parametrize("rows", [None, np.zeros((4, 2)), np.zeros((3, 3))])
def test_a_column_that_is_too_short_or_of_another_width_is_corrupt(rows: Any) -> None:
    network = damaged("placement_sets", "position", rows)
    with pytest.raises(CorruptNetworkError, match="'cell'"):
        network.placement("cell").read_column(POSITION, np.array([0]))


@pytest.mark.parametrize("name", ["cells", "points"])
@pytest.mark.parametrize("rows", [None, np.zeros((2, 2)), np.zeros((9, 3)), np.zeros(9)])
def test_connections_that_are_missing_or_of_another_width_are_corrupt(name: str, rows: Any) -> None:
    network = damaged("connectivity_sets", name, rows)
    with pytest.raises(CorruptNetworkError, match="'loop'"):
        block(network, 0, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"columns": 5}',
        '{"columns": ["position", "position"]}',
        '{"labels": []}',
        '{"columns": ' + str([f"c{i}" for i in range(64)]).replace("'", '"') + "}",
    ],
)
def test_names_that_are_not_what_they_should_be_are_corrupt(text: str) -> None:
    network = new_network()
    network.flush()
    group_of(network).attributes.set("names", text)
    with pytest.raises(CorruptNetworkError):
        ColumnarNetwork(network._root).placement("cell").counts()


@pytest.mark.parametrize("code", [1, 7])
def test_a_morphology_code_without_name_is_corrupt(code: int) -> None:
    network = new_network()
    network.placement("cell").append(0, cells(1, morphologies=(["m"], [0])))
    network.flush()
    group_of(network).array("morphology").write(0, np.array([code]))
    with pytest.raises(CorruptNetworkError, match=rf"1 morphologies.*{code}"):
        ColumnarNetwork(network._root).placement("cell").read_morphologies(np.array([0]))
