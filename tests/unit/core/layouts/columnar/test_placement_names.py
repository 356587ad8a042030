"""Morphologies of cells in the columnar layout, which are stored by name."""

from __future__ import annotations

import numpy as np
import pytest

from bsb_hdf5.errors import (
    LengthError,
)
from tests.unit.core.layouts.columnar.networks import cells, group_of, new_network, reopened


def test_names_of_morphologies_are_stored_once_a_set() -> None:
    network = new_network()
    data = network.placement("cell")
    for chunk in range(3):
        data.append(chunk, cells(2, morphologies=(["m", "n", "m"], [chunk % 2, 2])))
    network = reopened(network)
    data = network.placement("cell")
    found = data.read_morphologies(np.array([1, 0, 2]))
    names = [found.names[index] for index in found.indices.tolist()]
    assert ["n", "m", "m", "m", "m", "m"] == names
    assert ("m",) == data.read_morphologies(np.array([0])).names
    assert np.int32 == group_of(network).array("morphology").dtype


def test_cells_with_and_without_morphology_do_not_mix_in_a_chunk() -> None:
    network = new_network()
    network.placement("cell").append(0, cells(2, morphologies=(["m"], [0, 0])))
    network.placement("cell").append(1, cells(2))
    network = reopened(network)
    data = network.placement("cell")
    with pytest.raises(LengthError, match=r"chunk 0 of 'cell' has 2 morphologies for 2 cells"):
        data.append(0, cells(1))
    with pytest.raises(LengthError, match="0 morphologies for 2 cells"):
        data.append(1, cells(1, morphologies=(["m"], [0])))
    data.append(0, cells(1, morphologies=(["m"], [0])))
    data.append(2, cells(1))
    with pytest.raises(LengthError, match="chunk 2"):
        data.append(2, cells(1, morphologies=(["m"], [0])))
    assert [3, 2, 1] == reopened(network).placement("cell").counts().counts.tolist()


def test_what_a_chunk_has_of_morphologies_is_known_as_it_changes() -> None:
    network = new_network()
    data = network.placement("cell")
    data.append(0, cells(1))
    data.append(1, cells(1, morphologies=(["m"], [0])))
    for _ in range(2):
        data.append(2, cells(1, morphologies=(["m"], [0])))
        data.append(0, cells(1))
    with pytest.raises(LengthError, match="2 morphologies for 2 cells"):
        data.append(2, cells(1))
    data.clear(np.array([2]))
    data.append(2, cells(1))
    assert [3, 1, 1] == reopened(network).placement("cell").counts().counts.tolist()
