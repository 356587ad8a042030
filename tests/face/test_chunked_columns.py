"""Rotations and morphologies as columns of chunks: loaded, appended and overwritten."""

from __future__ import annotations

import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5 import PlacementSet
from bsb_hdf5.handles import HANDLED
from tests.face.samples import (
    SmallNetwork,
    cell_type,
    chunk,
    morphology,
    morphology_set,
    positions,
)

FIRST, SECOND = chunk(0), chunk(1)


@pytest.fixture
def cells(storage: Storage) -> PlacementSet:
    cells: PlacementSet = storage.require_placement_set(cell_type("a"))
    cells.append_data(FIRST, positions(3))
    cells.append_data(SECOND, positions(2))
    return cells


def test_rotations_are_appended_to_the_cells_that_have_none(cells: PlacementSet) -> None:
    rotations = cells._rotation_chunks
    given = np.array([[1, 2, 3], [4, 5, 6]])
    rotations.append(FIRST, given)
    assert (2, 3) == rotations.load().shape
    assert np.float64 == rotations.load().dtype
    assert given.tolist() == rotations.load().tolist()
    rotations.append(FIRST, [[7, 8, 9]])
    rotations.append(SECOND, [[0.5, 0, 0]])
    expected = [[1, 2, 3], [4, 5, 6], [7, 8, 9], [0.5, 0, 0]]
    assert expected == rotations.load().tolist()
    assert [*expected, [0, 0, 0]] == rotations.load(pad_by="position").tolist()
    labels = cells._labels_chunks
    labels.append(FIRST, [0])
    assert [0, 0, 0, 0] == labels.load(pad_by="rotation").tolist()
    with cells.chunk_context([SECOND]):
        assert [[0.5, 0, 0]] == rotations.load().tolist()
    assert expected[3:] == rotations.get_chunk_reader(HANDLED, False)(SECOND).tolist()
    assert [3, 2] == [cells.get_chunk_stats()[str(each.id)] for each in (FIRST, SECOND)]


def test_rotations_are_overwritten_in_one_chunk(small: SmallNetwork) -> None:
    rotations = small.a._rotation_chunks
    assert [[0.0] * 3] * 3 + [[10.0] * 3] * 2 == rotations.load().tolist()
    rotations.overwrite(SECOND, [[1, 2, 3], [4, 5, 6]])
    assert [[0.0] * 3] * 3 + [[1, 2, 3], [4, 5, 6]] == rotations.load().tolist()
    rotations.clear(FIRST)
    assert [[1, 2, 3], [4, 5, 6]] == rotations.load().tolist()
    assert 5 == len(small.a) == len(small.a.load_positions())


def test_morphologies_are_codes_that_are_appended_and_overwritten(storage: Storage) -> None:
    cells: PlacementSet = storage.require_placement_set(cell_type("a"))
    for name in ("one", "other", "third"):
        storage.morphologies.save(name, morphology())
    loaders = morphology_set(storage, ["one", "other", "third"], [0, 1, 2])
    for each in (FIRST, SECOND):
        cells.append_data(each, positions(3), morphologies=loaders)
    codes = cells._morphology_chunks
    codes.overwrite(FIRST, [2, 0])
    codes.append(FIRST, [1])
    assert [2, 0, 1, 0, 1, 2] == codes.load().tolist()
    assert np.issubdtype(codes.load().dtype, np.integer)
    with cells.chunk_context([FIRST]):
        assert [2, 0, 1] == codes.load().tolist()
        found = cells.load_morphologies()
        names = [found._loaders[index].name for index in found.get_indices()]
        assert ["third", "one", "other"] == names
    assert 6 == len(cells)


def test_rows_for_new_cells_follow_those_of_the_cells_there_are(cells: PlacementSet) -> None:
    cells._rotation_chunks.append(SECOND, np.arange(9).reshape(3, 3))
    assert np.arange(9).reshape(3, 3).tolist() == cells._rotation_chunks.load().tolist()
