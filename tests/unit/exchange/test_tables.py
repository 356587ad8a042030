"""A network is written as the tables that its sets are."""

from __future__ import annotations

import csv
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas
import pyarrow.parquet
import pytest
from bsb import Chunk

from bsb_hdf5 import ConnectivitySet, export_csv, export_parquet
from bsb_hdf5.errors import CorruptNetworkError, InputError, StoreExistsError, StoreIOError
from bsb_hdf5.exchange.csv_tables import CsvFormat
from bsb_hdf5.queries import to_frame
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, cell_type
from tests.unit.queries.networks import ENGINES, TAGS, TYPES, Sample, copied_network, new_storage


@pytest.fixture(params=ENGINES)
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Sample:
    """A network with additional data in one of its chunks."""
    sample = copied_network(request.param, tmp_path, 1)
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


def test_a_set_of_a_type_without_placement_set_has_a_table_without_rows(
    sample: Sample, tmp_path: Path
) -> None:
    engine = sample.storage._engine
    ConnectivitySet.require(engine, cell_type("golgi"), cell_type("ghost"), "half")
    export_csv(sample.storage, tmp_path / "tables")
    index = json.loads((tmp_path / "tables" / "network.json").read_text())
    named = index["connections"]["half"]
    assert ("golgi", "ghost") == (named["pre"], named["post"])
    assert 0 == len(pandas.read_csv(tmp_path / "tables" / named["file"]))


def test_names_that_are_long_or_differ_in_capitals_have_files_of_their_own(
    tmp_path: Path,
) -> None:
    storage = new_storage("columnar", tmp_path)
    names = ["a", "A", "a~1", "\u9897\u7c92" * 50, "\u9897\u7c92" * 50 + "x", "x" * 300]
    for count, name in enumerate(names, 1):
        cells = storage.require_placement_set(cell_type(name))
        cells.append_data(Chunk((0, 0, 0), CHUNK_SIZE), np.zeros((count, 3)))
    export_csv(storage, tmp_path / "tables")
    files = json.loads((tmp_path / "tables" / "network.json").read_text(encoding="utf-8"))["cells"]
    assert len(names) == len({each.lower() for each in files.values()})
    for count, name in enumerate(names, 1):
        assert count == len(pandas.read_csv(tmp_path / "tables" / files[name]))
    export_csv(storage, tmp_path / "tables", overwrite=True)


def test_what_is_at_the_folder_stays_unless_it_was_exported(sample: Sample, tmp_path: Path) -> None:
    target = tmp_path / "tables"
    export_csv(sample.storage, target)
    with pytest.raises(StoreExistsError, match="pass overwrite=True"):
        export_csv(sample.storage, target)
    before = (target / "network.json").stat().st_ino
    export_csv(sample.storage, target, overwrite=True)
    assert before != (target / "network.json").stat().st_ino
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to(target)
    for name in ("mine", "link"):
        with pytest.raises(StoreExistsError, match="was not written by an export"):
            export_csv(sample.storage, tmp_path / name, overwrite=True)
    assert (target / "network.json").is_file()


def test_what_an_export_did_not_write_is_never_deleted(sample: Sample, tmp_path: Path) -> None:
    target = tmp_path / "tables"
    export_csv(sample.storage, target)
    for stranger in ("notes.txt", "more/cells.a.csv"):
        (target / stranger).parent.mkdir(exist_ok=True)
        (target / stranger).write_text("mine")
        with pytest.raises(StoreExistsError, match=f"holds '{stranger}', which the export did not"):
            export_parquet(sample.storage, target, overwrite=True)
        assert "mine" == (target / stranger).read_text()
        (target / stranger).unlink()
    mine = tmp_path / "project"
    mine.mkdir()
    # The usual name of a configuration of BSB.
    (mine / "network.json").write_text('{"name": "mine", "network": {}}')
    with pytest.raises(StoreExistsError, match="was not written by an export"):
        export_csv(sample.storage, mine, overwrite=True)
    assert (mine / "network.json").is_file()


def test_parquet_holds_the_tables_with_their_types(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, most in (("tables", "_MOST_CELLS"), ("parquet_tables", "_MOST_ROWS")):
        monkeypatch.setattr(importlib.import_module(f"bsb_hdf5.exchange.{module}"), most, 1)
    export_parquet(sample.storage, tmp_path / "tables")
    index = json.loads((tmp_path / "tables" / "network.json").read_text())
    assert "parquet" == index["format"]
    for name, file in index["cells"].items():
        expected = to_frame(sample.placement(name))
        read = pandas.read_parquet(tmp_path / "tables" / file)
        assert "cell" == read.columns[0]
        read = read.set_index("cell")
        read["labels"] = [",".join(each) for each in read["labels"]]
        columns = sorted(expected.columns)
        assert columns == sorted(read.columns)
        pandas.testing.assert_frame_equal(expected[columns], read[columns], check_dtype=False)
    for tag, types in TAGS.items():
        named = index["connections"][tag]
        assert types == (named["pre"], named["post"])
        read = pandas.read_parquet(tmp_path / "tables" / named["file"])
        pandas.testing.assert_frame_equal(to_frame(sample.connectivity(tag)), read)


def test_each_parquet_file_says_what_it_holds(sample: Sample, tmp_path: Path) -> None:
    export_parquet(sample.storage, tmp_path / "tables")
    (tag, (pre, post)), *_ = TAGS.items()
    index = json.loads((tmp_path / "tables" / "network.json").read_text())
    metadata = pyarrow.parquet.read_schema(
        tmp_path / "tables" / index["connections"][tag]["file"]
    ).metadata
    expected = {"name": tag, "chunk_size": list(CHUNK_SIZE), "pre": pre, "post": post}
    assert expected == json.loads(metadata[b"bsb"])


def test_without_pyarrow_the_way_to_install_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(InputError, match=r"pip install 'bsb-hdf5\[parquet\]'"):
        export_parquet(new_storage(ENGINES[0], tmp_path), tmp_path / "tables")


def test_additional_data_replaces_no_other_column(tmp_path: Path) -> None:
    storage = new_storage(ENGINES[0], tmp_path)
    cells = storage.require_placement_set(cell_type("odd"))
    chunk = Chunk((0, 0, 0), CHUNK_SIZE)
    cells.append_data(chunk, np.full((1, 3), 7.0))
    for key in ("x", "labels", "chunk"):
        cells.append_additional(key, chunk, np.array([[1.0, 2.0, 3.0]] if key == "chunk" else [5]))
    table = to_frame(cells)
    assert [7.0, 5, "", 5] == [table[name][0] for name in ("x", "x_", "labels", "labels_")]
    assert [1.0, 2.0, 3.0] == [table[f"chunk_{i}"][0] for i in range(3)]


@pytest.mark.parametrize("export", [export_csv, export_parquet])
@pytest.mark.parametrize("first", [0, 1])
def test_a_column_holds_the_data_of_one_key_in_all_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, export: Any, first: int
) -> None:
    monkeypatch.setattr(importlib.import_module("bsb_hdf5.exchange.tables"), "_MOST_CELLS", 1)
    storage = new_storage(ENGINES[0], tmp_path)
    cells = storage.require_placement_set(cell_type("odd"))
    # Some chunks lack the key whose first column has the name of the other one.
    for x in range(3):
        both = {"a": np.array([[1.0, 2.0]]), "a_0": np.array([3.0])}
        more = both if x == first else {"a_0": np.array([4.0])}
        cells.append_data(Chunk((x, 0, 0), CHUNK_SIZE), np.ones((1, 3)), additional=more)
    export(storage, tmp_path / "tables")
    (file,) = (tmp_path / "tables").glob("cells.odd.*")
    read = pandas.read_csv(file) if file.suffix == ".csv" else pandas.read_parquet(file)
    names = ["a_0", "a_1", "a_0_"]
    expected = to_frame(cells)[names].reset_index(drop=True)
    pandas.testing.assert_frame_equal(expected, read[names])
    assert [3.0 if x == first else 4.0 for x in range(3)] == read["a_0_"].tolist()


@pytest.mark.parametrize("odd", ["a\rb", "a\nb", "a\r\nb", 'a"b', "a,b", "a\x85b", "\r"])
def test_any_character_of_a_label_or_key_stays_within_its_row(tmp_path: Path, odd: str) -> None:
    storage = new_storage(ENGINES[0], tmp_path)
    cells = storage.require_placement_set(cell_type("odd"))
    for x in range(2):
        chunk = Chunk((x, 0, 0), CHUNK_SIZE)
        cells.append_data(chunk, np.ones((1, 3)), additional={odd: np.array([1.5])})
    cells.label([odd], [1])
    export_csv(storage, tmp_path / "tables")
    with (tmp_path / "tables" / "cells.odd.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert odd in head
    assert [["0", ""], ["1", odd]] == [[row[0], row[head.index("labels")]] for row in rows]


def test_data_of_a_key_in_two_shapes_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("bsb_hdf5.exchange.tables"), "_MOST_CELLS", 1)
    storage = new_storage("classic", tmp_path)
    cells = storage.require_placement_set(cell_type("odd"))
    for x in range(2):
        chunk = Chunk((x, 0, 0), CHUNK_SIZE)
        cells.append_data(chunk, np.ones((1, 3)), additional={"a": np.ones((1, 2))})
    with h5py.File(storage.root, "r+") as file:
        group = file[f"placement/odd/{int(chunk.id)}/additional"]
        del group["a"]
        group["a"] = np.ones((1, 3))
    message = r"'additional/a' of 'odd' are of shape \(3,\) and \(2,\)"
    with pytest.raises(CorruptNetworkError, match=message):
        export_csv(storage, tmp_path / "tables")
    assert not (tmp_path / "tables").exists()


def test_nothing_is_left_of_an_export_that_fails(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CsvFormat, "write_connections", fail)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StoreIOError, match="can't be written: No space left on device"):
        export_csv(sample.storage, tmp_path / "tables")
    assert before == sorted(tmp_path.iterdir())
