"""What users of bsb-hdf5 8.0.2 do, and what comes of it in every engine."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import bsb
import h5py
import numpy as np
import pytest
from bsb import BsbProvenanceUpgradeWarning, Chunk, MorphologySet, Storage, StoredMorphology

from bsb_hdf5.chunk_arguments import as_chunk
from bsb_hdf5.core.connectivity import as_locations
from bsb_hdf5.errors import ChunkRangeError, InputError
from bsb_hdf5.placement_set import PlacementSet
from bsb_hdf5.resource import PromotedHandleWarning, UnusedWriteScopeWarning
from tests.face.layouts import new_storage
from tests.face.samples import cell_type, morphology

SIZE = (100.0, 100.0, 100.0)
FIRST, SECOND, THIRD = (Chunk((i, 0, 0), SIZE) for i in range(3))


@pytest.fixture(params=["classic", "columnar", "memory", "zarr"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param in ("memory", "zarr"):
        return Storage(request.param, str(tmp_path / "network"))
    return new_storage(tmp_path / "network", request.param)


@pytest.fixture
def cells(storage: Storage) -> Any:
    placed = storage.require_placement_set(cell_type("a"))
    placed.append_data(FIRST, np.zeros((3, 3)))
    placed.append_data(SECOND, np.zeros((2, 3)))
    return placed


def test_where_no_cell_is_local_a_mask_selects_none(cells: Any) -> None:
    cells.set_chunk_filter([SECOND])
    for ids in ([0, 2], []):
        local = cells.convert_to_local(ids)
        assert (np.dtype(bool), (2,)) == (local.dtype, local.shape)
        assert not np.arange(2)[local].size
    assert [1] == cells.convert_to_local([0, 4]).tolist()
    cells.clear_chunk_filter()
    assert [0, 2] == cells.convert_to_local([0, 2]).tolist()
    assert np.dtype(np.int64) == cells.convert_to_local([]).dtype


def test_unique_labels_are_an_array_of_sets_that_can_be_hashed(cells: Any) -> None:
    cells.label(["x", "y"], [0, 1])
    found = cells.get_unique_labels()
    assert isinstance(found, np.ndarray)
    assert {frozenset(), frozenset({"x", "y"})} == {frozenset(each) for each in found}
    assert 2 == len(set(found))


def test_files_are_stored_with_meta_and_id_in_either_order(storage: Storage) -> None:
    store = storage.files.store
    meta = {"kind": "text"}
    assert "first" == store("a", meta, "first")
    assert "second" == store("b", "second", meta)
    assert "third" == store("c", "third")
    assert "fourth" == store("d", id="fourth", meta=meta)
    assert "fifth" == store("e", "fifth", meta=meta)
    unnamed = store("e", meta)
    for id_ in ("first", "second", "fourth", "fifth", unnamed):
        assert "text" == storage.files.get_meta(id_)["kind"]
    assert "c" == storage.files.load("third")[0]


def test_bytes_that_their_encoding_can_not_be_are_refused(storage: Storage) -> None:
    with pytest.raises(InputError, match=r"not text in 'utf-8'.*leave out the encoding"):
        storage.files.store(b"\xff\xfe", id="bytes", encoding="utf-8")
    assert not storage.files.has("bytes")
    storage.files.store("ä".encode("latin-1"), id="text", encoding="latin-1")
    assert "ä" == storage.files.load("text")[0]


def test_cells_get_no_morphology_that_is_not_stored(storage: Storage, cells: Any) -> None:
    loaders = [StoredMorphology("nowhere", morphology, {})]
    with pytest.raises(bsb.MissingMorphologyError, match="'nowhere': it is not stored"):
        cells.append_data(THIRD, np.zeros((1, 3)), morphologies=MorphologySet(loaders, [0]))
    assert 5 == len(cells)


def test_warnings_of_upstream_can_be_named_in_filters() -> None:
    for category in (PromotedHandleWarning, UnusedWriteScopeWarning):
        warnings.simplefilter("ignore", category)


def test_locations_of_objects_are_taken_if_they_are_whole_numbers() -> None:
    whole = np.array([[0, -1, -1]], dtype=object)
    assert [[0, -1, -1]] == as_locations(whole, "locations").tolist()
    for bad in (0.5, "x", None, [1]):
        wrong = np.empty((1, 3), dtype=object)
        wrong[:] = 0
        wrong[0, 0] = bad
        with pytest.raises(InputError, match="locations"):
            as_locations(wrong, "locations")


@pytest.mark.parametrize("coordinate", [2**15, -(2**15) - 1])
def test_chunks_beyond_16_bits_are_an_error_of_chunks(cells: Any, coordinate: int) -> None:
    for use in (as_chunk, lambda c: cells.set_chunk_filter([c]), cells.require_chunk):
        with pytest.raises(bsb.ChunkError) as raised:
            use((0, coordinate, 0))
        assert isinstance(raised.value, ChunkRangeError)


def test_the_upgrade_warning_comes_once_and_decides_over_nothing(tmp_path: Path) -> None:
    path = tmp_path / "network"
    new_storage(path, "classic").require_placement_set(cell_type("a"))
    with h5py.File(path, "r+") as file:
        del file.attrs["bsb_provenance"]
    storage = new_storage(path, "classic")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BsbProvenanceUpgradeWarning):
            storage.files.store("text", id="note")
        storage.files.store("text", id="more")
    assert {"note", "more"} == set(storage.files.all())
    assert storage._engine.metadata["storage_id"]


def test_the_upgrade_warning_points_at_the_line_that_wrote(tmp_path: Path) -> None:
    path = tmp_path / "network"
    new_storage(path, "classic")
    with h5py.File(path, "r+") as file:
        del file.attrs["bsb_provenance"]
    storage = new_storage(path, "classic")
    with pytest.warns(BsbProvenanceUpgradeWarning) as caught:
        storage.files.store("text", id="note")
    assert [__file__] == [each.filename for each in caught]


def test_sets_of_a_subclass_are_made_by_a_constructor_that_takes_no_handle(
    storage: Storage,
) -> None:
    class Own(PlacementSet):
        def __init__(self, engine: Any, kind: Any) -> None:
            super().__init__(engine, kind)
            self.own = True

    engine: Any = storage._engine
    with storage.write_scope() as session:
        made = [
            Own.create(engine, cell_type("a")),
            Own.require(engine, cell_type("a")),
            Own.create(engine, cell_type("b"), handle=session),
            Own.require(engine, cell_type("c"), handle=session),
        ]
    made.append(Own.require(engine, cell_type("c")))
    assert all(isinstance(each, Own) and each.own for each in made)


def test_a_copy_of_a_set_has_filters_of_its_own(cells: Any) -> None:
    cells.set_chunk_filter([FIRST])
    copied = copy.copy(cells)
    copied.include_chunk(SECOND)
    copied.set_label_filter(["x"])
    assert (3, 0) == (len(cells), len(copied))
