"""Cells as callers give them to a placement set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bsb import MorphologySet, RotationSet, StoredMorphology

from bsb_hdf5.errors import DtypeError, InputError, LabelError, LengthError
from bsb_hdf5.placement_arguments import as_placement_rows, ids_of_mask

POSITIONS = np.arange(6.0).reshape(2, 3)
TURNED = [[0.0, 90.0, 0.0], [10.0, 0.0, 0.0]]


def morphologies(names: list[str], indices: list[int]) -> MorphologySet:
    loaders = [StoredMorphology(name, lambda: None, {}) for name in names]
    return MorphologySet(loaders, np.array(indices))


@pytest.mark.parametrize("given", [np.array(TURNED), TURNED, RotationSet(np.array(TURNED))])
def test_cells_have_positions_morphologies_and_rotations(given: Any) -> None:
    found = as_placement_rows(
        POSITIONS, morphologies(["a", "b"], [1, 0]), given, {"x": [1, 2]}, None
    )
    assert found.positions is not None
    assert POSITIONS.tolist() == found.positions.tolist()
    assert found.morphologies is not None
    assert ["b", "a"] == [found.morphologies.names[i] for i in found.morphologies.indices]
    assert found.rotations is not None
    assert TURNED == found.rotations.tolist()
    assert [1.0, 2.0] == found.additional["x"].tolist()


def test_positions_are_enough() -> None:
    found = as_placement_rows([[1, 2, 3]], None, None, None, None)
    assert found.positions is not None
    assert [[1.0, 2.0, 3.0]] == found.positions.tolist()
    assert found.morphologies is None


def test_entities_are_counted_and_have_additional_data_alone() -> None:
    found = as_placement_rows(None, None, None, {"x": [1, 2, 3]}, 3)
    assert [1.0, 2.0, 3.0] == found.additional["x"].tolist()
    wrong: list[Any] = [
        (POSITIONS, None, None),
        (None, morphologies(["a"], [0, 0]), None),
        (None, None, TURNED),
    ]
    for places, names, angles in wrong:
        with pytest.raises(InputError, match="'count' makes entities"):
            as_placement_rows(places, names, angles, None, 2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((None, None), "for entities$"),
        ((morphologies(["a"], [0]), None), "given only morphologies$"),
        ((None, TURNED), "given only rotations$"),
        ((morphologies(["a"], [0]), TURNED), "given only morphologies and rotations$"),
    ],
)
def test_without_positions_it_is_said_what_was_given(given: Any, message: str) -> None:
    with pytest.raises(LengthError, match=message):
        as_placement_rows(None, given[0], given[1], {"x": [1]}, None)


def test_what_are_no_morphologies_or_rotations_is_refused() -> None:
    text: Any = "a"
    with pytest.raises(DtypeError, match="must be a MorphologySet, not 'a'") as caught:
        as_placement_rows(POSITIONS, text, None, None, None)
    assert "a" == caught.value.fields["asked"]
    for wrong in (["a", "b"], [[1, 2]], "ab"):
        with pytest.raises(InputError):
            as_placement_rows(POSITIONS, None, wrong, None, None)


def test_a_mask_has_a_boolean_for_each_cell() -> None:
    assert [0, 2] == ids_of_mask(np.array([True, False, True]), 3).tolist()
    assert [] == ids_of_mask(np.zeros(0, dtype=bool), 0).tolist()
    for wrong in (np.ones(2, dtype=bool), np.ones((3, 1), dtype=bool), np.ones(3, dtype=int)):
        with pytest.raises(LabelError, match=r"each of the 3 cells: shape \(3,\)"):
            ids_of_mask(wrong, 3)
