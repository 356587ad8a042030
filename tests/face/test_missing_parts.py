"""Classic files that have only some of the parts are networks, and grow into whole ones."""

from __future__ import annotations

import json
import shutil
from itertools import combinations
from pathlib import Path

import h5py
import numpy as np
import pytest
from bsb import DatasetNotFoundError, Storage

from bsb_hdf5 import PlacementSet, convert, repack
from bsb_hdf5.engines import hdf5
from bsb_hdf5.errors import NotANetworkError
from bsb_hdf5.maintenance.integrity import verify
from tests.face.conftest import FileOf
from tests.face.samples import cell_type, chunk, morphology, positions, untouched

PARTS = ("placement", "connectivity", "morphologies", "morphology_meta", "files")
SOME = [some for count in range(1, len(PARTS)) for some in combinations(PARTS, count)]

pytestmark = pytest.mark.filterwarnings("ignore::bsb.BsbProvenanceUpgradeWarning")


def only(path: Path, *parts: str) -> Path:
    """Leave those parts in a file, and none of the attributes that 8.0.2 gives it."""
    with h5py.File(path, "r+") as file:
        for part in {*PARTS} - {*parts}:
            del file[part]
        for name in [*file.attrs]:
            del file.attrs[name]
    return path


@pytest.fixture
def whole(small_file: FileOf, tmp_path: Path) -> Path:
    return Path(shutil.copy(small_file("classic"), tmp_path / "network.hdf5"))


@pytest.mark.parametrize("parts", SOME, ids="+".join)
def test_some_of_the_parts_make_a_network(whole: Path, parts: tuple[str, ...]) -> None:
    """It is recognized and read, and stays what it is byte for byte."""
    path = only(whole, *parts)
    with untouched(path):
        assert hdf5.HDF5Engine.recognizes(str(path), None)
        storage = Storage("hdf5", str(path))
        cells = [each.tag for each in map(found, [storage] * 2, "ab") if each is not None]
        assert (["a", "b"] if "placement" in parts else []) == cells
        tags = [each.tag for each in storage.get_connectivity_sets()]
        assert (["a_to_b"] if "connectivity" in parts else []) == tags
        assert ("morphologies" in parts) == storage.morphologies.has("stub")
        assert ({"stub"} if "morphology_meta" in parts else set()) == {
            each.name for each in storage.morphologies.all()
        }
        assert ("files" in parts) == storage.files.has("note")
        # What is placed and connected has morphologies that are not there.
        lacking = "placement" in parts and "morphologies" not in parts
        assert lacking == any("not stored" in each.what for each in verify(storage))


def found(storage: Storage, name: str) -> PlacementSet | None:
    try:
        cells: PlacementSet = storage.get_placement_set(cell_type(name))
    except DatasetNotFoundError:
        return None
    return cells


@pytest.mark.parametrize("parts", SOME, ids="+".join)
def test_the_first_write_makes_the_parts_that_are_missing(
    whole: Path, parts: tuple[str, ...]
) -> None:
    path = only(whole, *parts)
    storage = Storage("hdf5", str(path))
    storage.files.store("a text", id="new")
    with h5py.File(path) as file:
        assert {"placement", "connectivity", "morphologies", "files"} <= {*file}
        assert {"bsb_provenance", "bsb_version", "bsb_hdf5_version"} <= {*file.attrs}
    cells = storage.require_placement_set(cell_type("c"))
    cells.append_data(chunk(0), positions(2))
    storage.morphologies.save("new", morphology())
    storage.require_connectivity_set(cells.cell_type, cells.cell_type, "c_to_c")
    assert 2 == len(storage.get_placement_set(cell_type("c")))
    assert ("morphologies" in parts) == storage.morphologies.has("stub")


def test_a_library_of_morphologies_made_by_hand_is_read(tmp_path: Path) -> None:
    """As the tests of bsb-hdf5 8.0.2 make it."""
    path = tmp_path / "library.hdf5"
    with h5py.File(path, "w") as file:
        group = file.create_group("morphologies/M")
        data = group.create_dataset("data", data=np.zeros((2, 5)))
        data.attrs["labels"] = json.dumps({"0": []})
        data.attrs["properties"] = []
        group.create_dataset("graph", data=[[2, -1]])
        file["morphology_meta"] = json.dumps({"M": {"name": "M"}})
    with untouched(path):
        storage = Storage("hdf5", str(path))
        assert 2 == len(storage.morphologies.load("M").points)
        assert () == tuple(each for each in verify(storage) if each.part != "provenance")
    copy = convert(str(path), str(tmp_path / "copy.hdf5"), layout="columnar")
    assert ["M"] == [each.name for each in copy.morphologies.all()]
    repack(storage)
    assert 2 == len(storage.morphologies.load("M").points)


@pytest.mark.parametrize("made", [[], ["measurements"], ["placement_sets", "stored_files"]])
def test_a_file_with_none_of_the_parts_is_refused(tmp_path: Path, made: list[str]) -> None:
    path = tmp_path / "other.hdf5"
    with h5py.File(path, "w") as file:
        for name in made:
            file.create_group(name)
        # A text of that name is no part.
        file["files"] = "none"
    with untouched(path):
        assert not hdf5.HDF5Engine.recognizes(str(path), None)
        with pytest.raises(NotANetworkError, match="is not a network"):
            Storage("hdf5", str(path)).morphologies.all()
