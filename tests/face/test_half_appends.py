"""What bsb-hdf5 8.0.2 leaves behind and goes on with is read here, too."""

from __future__ import annotations

import json
from typing import Any

import bsb
import h5py
import numpy as np
import pytest

from bsb_hdf5 import convert, repair
from bsb_hdf5.errors import CorruptNetworkError, LengthError
from bsb_hdf5.maintenance.integrity import verify
from tests.face.layouts import about_classic
from tests.face.samples import SmallNetwork, chunk, positions, untouched


@pytest.fixture
def half(small: SmallNetwork) -> SmallNetwork:
    """Two cells were about to be added to chunk 0, when an error stopped it after two columns."""
    with h5py.File(small.path, "r+") as file:
        group = file[f"placement/a/{chunk(0).id}"]
        for name in ("position", "morphology"):
            group[name].resize(5, axis=0)
            group[name][3:] = 0
    return small


@about_classic
def test_the_cells_that_are_counted_are_read(half: SmallNetwork) -> None:
    """Only in classic files each column has a length of its own."""
    with untouched(half.path):
        assert 5 == len(half.a) == len(half.a.load_positions()) == len(half.a.load_rotations())
        assert 5 == len(half.a.load_morphologies()) == len(half.a.load_additional("weight"))
        assert [0.0, 3.0, 6.0, 0.0, 3.0] == half.a.load_positions()[:, 0].tolist()
        assert 5 == len([*half.a])
        half.a.set_chunk_filter([chunk(0)])
        assert 3 == len(half.a.load_positions()) == len(half.a.load_morphologies())
        with pytest.raises(LengthError, match=r"bsb_hdf5\.repair counts them"):
            half.a.append_data(chunk(0), positions(1))
        with pytest.raises(CorruptNetworkError, match=r"bsb_hdf5\.repair counts them"):
            convert(half.storage, str(half.path) + ".copy")
        assert any(each.repairable for each in verify(half.storage))


@about_classic
def test_a_repair_makes_cells_of_what_is_there(half: SmallNetwork) -> None:
    """As above."""
    assert () == repair(half.storage).findings
    assert 7 == len(half.a) == len(half.a.load_positions())
    copy = SmallNetwork.of(convert(half.storage, str(half.path) + ".copy"))
    assert 7 == len(copy.a)


@pytest.mark.filterwarnings("ignore::bsb.BsbProvenanceUpgradeWarning")
@pytest.mark.parametrize("value", ["null", "odd text", "[1]", "", 5, h5py.Empty("f8"), b"\\xff"])
def test_a_provenance_that_says_nothing_keeps_nobody_from_writing(
    small: SmallNetwork, value: Any
) -> None:
    with h5py.File(small.path, "r+") as file:
        file.attrs["bsb_provenance"] = value
    with untouched(small.path):
        assert 5 == len(small.a.load_positions())
        assert small.storage._engine.metadata.get("storage_id") is None
        assert any(each.part == "provenance" for each in verify(small.storage))
    small.storage.files.store("more", id="new")
    assert small.storage._engine.metadata["storage_id"]
    assert () == verify(small.storage).findings


def test_a_stored_configuration_says_nothing_that_8_0_2_does_not_know(
    small: SmallNetwork, layout: str
) -> None:
    """Its `from_storage` raises over attributes of the storage that it has not heard of."""
    storage = {"engine": "hdf5", "root": str(small.path), "layout": layout, "lock_limit": 5}
    config = bsb.Configuration.default(storage=storage)
    small.storage.store_active_config(config)
    id_ = small.storage.files.find_meta("active_config", True).id
    tree = json.loads(small.storage.files.load(id_)[0])
    kept = {"layout", "lock_limit"} & {*tree["storage"]}
    assert kept == (set() if layout == "classic" else {"layout", "lock_limit"})
    assert "hdf5" == tree["storage"]["engine"]
    assert {"layout", "lock_limit"} <= {*config.__tree__()["storage"]}


def test_what_was_saved_is_loaded_with_its_metadata(small: SmallNetwork) -> None:
    branches = [bsb.Branch(np.full((2, 3), float(i)), np.ones(2)) for i in range(2)]
    branches[0].label(["soma"])
    branches[1].label(["axon"])
    branches[0].attach_child(branches[1])
    saved = small.storage.morphologies.save("new", bsb.Morphology([branches[0]]))
    loaded = small.storage.morphologies.load("new")
    assert saved.load() == loaded
    assert {*saved.load().meta} == {*saved.get_meta()} == {"name", "ldc", "mdc"}
