"""A network is written as the tables that its sets are."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pandas
import pytest
from bsb import Chunk

from bsb_hdf5 import export_csv
from bsb_hdf5.errors import StoreExistsError, StoreIOError
from bsb_hdf5.queries import to_frame
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, cell_type
from tests.unit.queries.networks import ENGINES, TAGS, TYPES, Sample, new_storage, random_network


@pytest.fixture(params=ENGINES)
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Sample:
    """A network with additional data in one of its chunks."""
    sample = random_network(new_storage(request.param, tmp_path), 1)
    cells = sample.storage.require_placement_set(cell_type("a/b"))
    for x, count in ((0, 2), (5, 1)):
        cells.append_data(Chunk((x, 0, 0), CHUNK_SIZE), np.ones((count, 3)) / 3)
    cells.append_additional("weight, of each", Chunk((5, 0, 0), CHUNK_SIZE), np.array([0.1]))
    cells.label(["x", "y"], [0])
    return sample


@pytest.mark.parametrize("most", [1 << 17, 1])
def test_tables_are_those_of_the_sets(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(importlib.import_module("bsb_hdf5.exchange.tables"), "_MOST_CELLS", most)
    export_csv(sample.storage, tmp_path / "tables")
    index = json.loads((tmp_path / "tables" / "network.json").read_text())
    assert {*TYPES, "a/b"} == set(index["cells"])
    assert list(CHUNK_SIZE) == index["chunk_size"]
    for name, file in index["cells"].items():
        expected = to_frame(sample.placement(name))
        read = pandas.read_csv(tmp_path / "tables" / file, index_col="cell")
        read["labels"] = read["labels"].fillna("")
        columns = sorted(expected.columns)
        assert columns == sorted(read.columns)
        pandas.testing.assert_frame_equal(expected[columns], read[columns], check_dtype=False)
    for tag, types in TAGS.items():
        named = index["connections"][tag]
        assert types == (named["pre"], named["post"])
        read = pandas.read_csv(tmp_path / "tables" / named["file"])
        expected = to_frame(sample.connectivity(tag))
        pandas.testing.assert_frame_equal(expected, read, check_dtype=False)


def test_what_is_at_the_folder_stays_unless_it_was_exported(sample: Sample, tmp_path: Path) -> None:
    target = tmp_path / "tables"
    export_csv(sample.storage, target)
    with pytest.raises(StoreExistsError, match="pass overwrite=True"):
        export_csv(sample.storage, target)
    (target / "old").write_text("of an earlier export")
    export_csv(sample.storage, target, overwrite=True)
    assert not (target / "old").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to(target)
    for name in ("mine", "link"):
        with pytest.raises(StoreExistsError, match="was not written by an export"):
            export_csv(sample.storage, tmp_path / name, overwrite=True)
    assert (target / "network.json").is_file()


def test_nothing_is_left_of_an_export_that_fails(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    module = importlib.import_module("bsb_hdf5.exchange.tables")
    monkeypatch.setattr(module, "_write_connections", fail)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StoreIOError, match="can't be written: No space left on device"):
        export_csv(sample.storage, tmp_path / "tables")
    assert before == sorted(tmp_path.iterdir())
