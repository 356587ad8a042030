"""Cells of which only some have a morphology, and morphologies that no cell has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bsb import DatasetNotFoundError, Storage

from bsb_hdf5 import convert, repack
from bsb_hdf5.maintenance.integrity import verify
from tests.face.samples import cell_type, chunk, morphology, morphology_set, positions

ENGINES = ["classic", "columnar", "memory", "zarr"]


@pytest.fixture(params=ENGINES)
def partial(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    """Two cells without morphology, then two with one, in a chunk each."""
    name = request.param if request.param in ("memory", "zarr") else "hdf5"
    storage = Storage(name, str(tmp_path / "network"))
    if name == "hdf5":
        storage = convert(storage, str(tmp_path / "copy"), layout=request.param)
    for each in ("m", "n", "spare"):
        storage.morphologies.save(each, morphology())
    cells = storage.require_placement_set(cell_type("c"))
    cells.append_data(chunk(0), positions(2))
    cells.append_data(
        chunk(1),
        positions(2, first=50.0),
        morphologies=morphology_set(storage, ["spare", "n", "m"], [2, 1]),
    )
    return cells


def storage_of(cells: Any) -> Storage:
    return Storage(cells._engine._format, cells._engine.root)


def test_the_cells_that_have_one_are_loaded_on_request(partial: Any) -> None:
    found = partial.load_morphologies(allow_empty=True)
    assert ["m", "n"] == [found.names[i] for i in found.get_indices()]
    assert 2 == partial.count_morphologies()
    with pytest.raises(DatasetNotFoundError, match=r"2 of 4 cells of 'c' have no morphology"):
        partial.load_morphologies()
    partial.set_chunk_filter([chunk(1)])
    assert 2 == len(partial.load_morphologies())
    partial.set_chunk_filter([chunk(0)])
    assert 0 == len(partial.load_morphologies(allow_empty=True))


def test_a_cell_without_morphology_is_iterated_over_with_none(partial: Any) -> None:
    pairs = [*partial]
    assert [0.0, 3.0, 50.0, 53.0] == [position[0] for position, _ in pairs]
    assert [True, True, False, False] == [found is None for _, found in pairs]
    partial.label(["x"], [1, 3])
    partial.set_label_filter(["x"])
    assert [True, False] == [found is None for _, found in partial]
    assert 1 == len(partial.load_morphologies(allow_empty=True))


def test_locations_on_labelled_branches_are_found_among_such_cells(partial: Any) -> None:
    """Only the second branch of each morphology is labelled."""
    storage = storage_of(partial)
    connections = storage.require_connectivity_set(partial.cell_type, partial.cell_type, "t")
    partial.set_morphology_label_filter(["tuft"])
    sources = np.array([[0, -1, -1], [2, 0, 1], [3, 0, 2]])
    connections.connect(partial, partial, sources, np.array([[1, -1, -1]] * 3))
    found = [
        (int(chunks.id > 0), *row)
        for _, chunks, _, (rows, _) in connections.flat_iter_connections("out")
        for row in rows.tolist()
    ]
    assert [(0, 0, -1, -1), (1, 0, 1, 1), (1, 1, 1, 2)] == sorted(found)


def test_a_morphology_that_no_cell_has_can_be_removed(partial: Any) -> None:
    storage = storage_of(partial)
    storage.morphologies.remove("spare")
    partial.set_chunk_filter([chunk(1)])
    assert {"m", "n"} == {*partial.load_morphologies().names}
    assert 2 == partial.count_morphologies()
    assert () == verify(storage).findings
    repack(storage)
    assert 2 == partial.count_morphologies()
