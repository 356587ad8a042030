"""The rows of new cells, as they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bsb_hdf5.core.placement_rows import PlacementRows
from bsb_hdf5.errors import (
    DtypeError,
    InputError,
    InvalidNameError,
    LengthError,
    ShapeError,
)


def test_cells_come_as_copies_of_what_was_given() -> None:
    positions, rotations, values = np.ones((2, 3)), np.ones((2, 3)), np.ones(2)
    rows = PlacementRows.of_cells(positions, (["m"], [0, 0]), rotations, {"k": values})
    for given_array in (positions, rotations, values):
        given_array[:] = -1
    assert [[1.0] * 3] * 2 == rows.positions.tolist()  # type: ignore[union-attr]
    assert [[1.0] * 3] * 2 == rows.rotations.tolist()  # type: ignore[union-attr]
    assert [1.0, 1.0] == rows.additional["k"].tolist()


def test_cells_with_morphology_are_rotated_by_nothing_if_nobody_says_otherwise() -> None:
    rows = PlacementRows.of_cells(np.zeros((2, 3)), (["m"], [0, 0]), None, None)
    assert [[0.0] * 3] * 2 == rows.rotations.tolist()  # type: ignore[union-attr]
    assert PlacementRows.of_cells(np.zeros((2, 3)), None, None, None).rotations is None


@pytest.mark.parametrize("positions", [[], np.zeros((0, 3)), np.zeros((0, 2)), [[]]])
def test_no_positions_are_no_cells(positions: Any) -> None:
    rows = PlacementRows.of_cells(positions, None, None, None)
    assert 0 == rows.count
    assert (0, 3) == rows.positions.shape  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "positions", [np.zeros((2, 2)), np.zeros((2, 0)), np.zeros(3), np.zeros((1, 3, 1)), 5.0]
)
def test_positions_of_another_shape_are_refused(positions: Any) -> None:
    with pytest.raises(ShapeError, match="positions"):
        PlacementRows.of_cells(positions, None, None, None)


@pytest.mark.parametrize(
    ("given_rows", "titles"),
    [
        ({"rotations": np.zeros((2, 3))}, ["rotation"]),
        ({"morphologies": (["m"], [0])}, ["morphology"]),
        ({"additional": {"a": [1.0], "b": [1.0] * 3}}, ["additional/a"]),
        ({"rotations": np.zeros((4, 3)), "additional": {"a": [1]}}, ["rotation", "additional/a"]),
    ],
)
def test_rows_that_differ_in_length_are_refused(given_rows: Any, titles: list[str]) -> None:
    rows = {"morphologies": None, "rotations": None, "additional": None, **given_rows}
    with pytest.raises(LengthError) as caught:
        PlacementRows.of_cells(np.zeros((3, 3)), **rows)
    assert titles == list(caught.value.fields["found"])
    assert 3 == caught.value.fields["valid"]


@pytest.mark.parametrize("indices", [[2], [-1], [0, 5]])
def test_indices_of_no_morphology_are_refused(indices: list[int]) -> None:
    with pytest.raises(InputError, match="morphology"):
        PlacementRows.of_cells(np.zeros((len(indices), 3)), (["a", "b"], indices), None, None)


@pytest.mark.parametrize("name", ["a\0b", "", "."])
def test_names_that_can_not_be_stored_are_refused(name: str) -> None:
    with pytest.raises(InvalidNameError):
        PlacementRows.of_cells(np.zeros((1, 3)), ([name], [0]), None, None)
    with pytest.raises(InvalidNameError):
        PlacementRows.of_cells(np.zeros((1, 3)), None, None, {name: [1.0]})


def test_additional_data_have_a_row_per_cell() -> None:
    rows = PlacementRows.of_entities(2, {"vectors": np.zeros((2, 4)), "flags": [True, False]})
    assert (2, 4) == rows.additional["vectors"].shape
    with pytest.raises(ShapeError, match="one number"):
        PlacementRows.of_entities(2, {"k": 5})
    with pytest.raises(DtypeError):
        PlacementRows.of_entities(2, {"k": ["a", "b"]})


def test_entities_have_no_place() -> None:
    rows = PlacementRows.of_entities(5, None)
    assert 5 == rows.count
    assert rows.positions is None
    assert [] == rows.columns()


def test_a_lone_number_places_one_cell_with_it_on_every_axis() -> None:
    rows = PlacementRows.of_cells([5.0], None, None, {})
    assert 1 == rows.count
    np.testing.assert_array_equal(rows.positions, [[5.0, 5.0, 5.0]])
