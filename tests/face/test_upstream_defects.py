"""What bsb-hdf5 8.0.2 does wrong, one row of its defect table after the other, done right."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import bsb
import h5py
import numpy as np
import pytest
from bsb import Chunk, Storage
from bsb.storage import open_storage

from bsb_hdf5 import HDF5Engine
from bsb_hdf5 import errors as e
from bsb_hdf5.connectivity_set import LocationOutOfBoundsError
from tests.face.layouts import about_classic
from tests.face.samples import (
    LOCK_LIMIT,
    WIDTH,
    SmallNetwork,
    cell_type,
    chunk,
    connections,
    digest,
    locked_elsewhere,
    morphology,
    morphology_set,
    on_soma,
    open_engine_quickly,
    positions,
    rewrite_as_legacy,
    untouched,
    wide_chunk,
)

# --- connect: locations out of range ------------------------------------------------------


@pytest.mark.parametrize("chunks", [[chunk(0)], [chunk(0), chunk(1)], None])
@pytest.mark.parametrize("beyond", [0, 1, 10**12])
def test_connect_refuses_a_source_out_of_range_whatever_the_number_of_chunks(
    small: SmallNetwork, chunks: list[Chunk] | None, beyond: int
) -> None:
    if chunks is not None:
        small.a.set_chunk_filter(chunks)
    size = len(small.a)
    with untouched(small.path), pytest.raises(LocationOutOfBoundsError, match=r"source.*'a'"):
        small.ab.connect(small.a, small.b, on_soma(0, size + beyond), on_soma(0, 0))
    assert 3 == len(small.ab)


@pytest.mark.parametrize("chunks", [[chunk(0)], [chunk(0), chunk(2)], None])
def test_connect_refuses_a_destination_out_of_range(
    small: SmallNetwork, chunks: list[Chunk] | None
) -> None:
    if chunks is not None:
        small.b.set_chunk_filter(chunks)
    size = len(small.b)
    with untouched(small.path), pytest.raises(LocationOutOfBoundsError, match=r"destination.*'b'"):
        small.ab.connect(small.a, small.b, on_soma(0, 0), on_soma(0, size))
    assert 3 == len(small.ab)


# --- connect under label filters ----------------------------------------------------------


def test_connect_leaves_the_arrays_of_the_caller_alone_under_label_filters(
    small: SmallNetwork,
) -> None:
    small.b.label(["late"], [3, 5])
    small.b.set_label_filter(["late"])
    src, dest = on_soma(0, 1), on_soma(0, 1)
    kept = src.copy(), dest.copy()
    small.ab.clear()
    small.ab.connect(small.a, small.b, src, dest)
    assert np.array_equal(kept[0], src)
    assert np.array_equal(kept[1], dest)
    assert [(0, 0, 0, -1, -1, 3, -1, -1), (0, chunk(2).id, 1, -1, -1, 1, -1, -1)] == connections(
        small.ab
    )


def test_connect_leaves_the_arrays_of_the_caller_alone_under_morphology_label_filters(
    small: SmallNetwork,
) -> None:
    small.a.set_morphology_label_filter(["tuft"])
    src, dest = np.array([[0, 0, 2]]), on_soma(0)
    kept = src.copy()
    small.ab.clear()
    small.ab.connect(small.a, small.b, src, dest)
    assert np.array_equal(kept, src)
    # The only branch that is left under the filter is the second of the whole morphology.
    assert [(0, 0, 0, 1, 2, 0, -1, -1)] == connections(small.ab)


@pytest.mark.parametrize("morphology_labels", [None, ["tuft"]])
def test_connect_keeps_the_filters_when_it_raises(
    small: SmallNetwork, morphology_labels: list[str] | None
) -> None:
    small.b.set_label_filter(["core"])
    small.b.set_chunk_filter([chunk(0)])
    small.a.set_morphology_label_filter(morphology_labels)
    with pytest.raises(LocationOutOfBoundsError):
        small.ab.connect(small.a, small.b, on_soma(99), on_soma(0))
    with pytest.raises(LocationOutOfBoundsError):
        small.ab.connect(small.a, small.b, on_soma(0), on_soma(2))
    assert ["core"] == small.b.get_label_filter()
    assert [0] == [each.id for each in small.b.get_loaded_chunks()]
    assert 2 == len(small.b)
    assert morphology_labels == small.a._morphology_labels


# --- clearing -----------------------------------------------------------------------------


def test_clear_of_connections_removes_those_of_the_given_chunks_only(small: SmallNetwork) -> None:
    small.ab.clear([chunk(0)])
    ones, twos = chunk(1).id, chunk(2).id
    assert 2 == len(small.ab)
    left = [(ones, twos, 0, -1, -1, 0, -1, -1), (ones, twos, 1, -1, -1, 2, -1, -1)]
    assert left == connections(small.ab, "out")
    mirrored = [(twos, ones, *row[5:], *row[2:5]) for row in left]
    assert mirrored == connections(small.ab, "inc")
    stats = small.storage.get_chunk_stats()
    assert {"inc": 0, "out": 0} == stats["0"]["connections"]
    assert {"inc": 2, "out": 0} == stats[str(twos)]["connections"]


def test_clear_of_connections_to_no_chunk_removes_nothing(small: SmallNetwork) -> None:
    small.ab.clear([])
    assert 3 == len(small.ab)
    small.ab.clear([chunk(7)])
    assert 3 == len(small.ab)


def test_clear_of_connections_without_chunks_removes_all(small: SmallNetwork) -> None:
    small.ab.clear()
    assert 0 == len(small.ab)
    assert [] == connections(small.ab)


def test_a_chunk_context_ends_when_its_block_raises(small: SmallNetwork) -> None:
    with pytest.raises(ZeroDivisionError), small.a.chunk_context([chunk(1)]):
        assert 2 == len(small.a)
        raise ZeroDivisionError
    assert 5 == len(small.a)


def test_a_chunk_context_gives_the_filter_of_before_back(small: SmallNetwork) -> None:
    small.a.set_chunk_filter([chunk(0)])
    with small.a.chunk_context([chunk(1)]):
        assert 2 == len(small.a)
    assert 3 == len(small.a)


def test_clear_placement_works_on_a_network_without_cells(storage: Storage) -> None:
    storage.clear_placement()
    assert {} == storage.get_chunk_stats()
    storage.clear_connectivity()
    assert {} == storage.get_chunk_stats()


def test_clear_placement_leaves_no_cells_and_no_chunk_size(small: SmallNetwork) -> None:
    small.storage.clear_placement()
    assert small.storage._PlacementSet.exists(small.storage._engine, small.a.cell_type) is False
    again = small.storage.require_placement_set(small.a.cell_type)
    again.append_data(Chunk((0, 0, 0), (30, 30, 30)), positions(1))
    assert 1 == len(again)
    assert [30.0] * 3 == again.get_all_chunks()[0].dimensions.tolist()


# --- files --------------------------------------------------------------------------------


def test_a_file_store_has_the_files_that_exist(small: SmallNetwork) -> None:
    assert small.storage.files.has("note") is True
    assert small.storage.files.has("other") is False


def test_a_file_is_stored_under_a_text_that_is_the_second_positional_argument(
    storage: Storage,
) -> None:
    meta = {"origin": {"author": "me"}}
    assert "my id" == storage.files.store("content", "my id", meta)
    content, found = storage.files.load("my id")
    assert "content" == content
    assert {"author": "me"} == found["origin"]


def test_the_meta_of_a_caller_stays_as_it_was_when_a_file_is_stored(storage: Storage) -> None:
    meta = {"origin": {"author": "me"}}
    storage.files.store("content", "my id", meta)
    assert {"origin": {"author": "me"}} == meta


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"ab\0\0", b"\0\0ab", b"\xff\xfe\0", bytes(range(256)) * 3 + b"\0" * 9]
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_binary_content_keeps_every_byte(storage: Storage, content: bytes, overwrite: bool) -> None:
    if overwrite:
        storage.files.store("longer text than that", "blob")
    storage.files.store(content, "blob", overwrite=overwrite)
    found = storage.files.load("blob")[0]
    assert isinstance(found, bytes)
    assert content == found


@pytest.mark.parametrize("content", ["", "a\0b", "tail\0\0", "Purkinjezelle ä µ 🧠"])
def test_text_keeps_every_character(storage: Storage, content: str) -> None:
    storage.files.store(content, "text")
    assert content == storage.files.load("text")[0]


@pytest.mark.parametrize("method", ["load", "remove", "get_meta", "get_mtime", "get_encoding"])
def test_a_missing_file_is_reported_as_the_interface_says(small: SmallNetwork, method: str) -> None:
    with untouched(small.path), pytest.raises(FileNotFoundError, match="'other'") as caught:
        getattr(small.storage.files, method)("other")
    assert isinstance(caught.value, e.FileNotStoredError)


# --- morphologies -------------------------------------------------------------------------


def test_a_removed_morphology_is_listed_no_more(small: SmallNetwork) -> None:
    repository = small.storage.morphologies
    repository.save("other", morphology())
    repository.remove("other")
    assert ["stub"] == [each.name for each in repository.all()]
    assert ["stub"] == list(repository.get_all_meta())
    assert repository.has("other") is False
    with pytest.raises(bsb.MissingMorphologyError):
        repository.preload("other")


# --- the engine ---------------------------------------------------------------------------


def test_versions_is_a_dictionary(storage: Storage) -> None:
    expected = {
        "bsb": importlib.metadata.version("bsb-core"),
        "engine": "bsb-hdf5",
        "version": importlib.metadata.version("bsb-hdf5"),
    }
    assert expected == storage._engine.versions


# --- placement ----------------------------------------------------------------------------


def test_a_collection_of_columns_can_be_overwritten(small: SmallNetwork) -> None:
    small.a._additional_chunks.overwrite(chunk(0), [7.0, 8.0, 9.0], "weight")
    assert [7.0, 8.0, 9.0, 0.0, 1.0] == small.a.load_additional("weight").tolist()
    small.a._additional_chunks.overwrite(chunk(1), [1.5, 2.5], key="other")
    small.a.set_chunk_filter([chunk(1)])
    assert [1.5, 2.5] == small.a.load_additional("other").tolist()


def test_morphologies_without_positions_are_refused(small: SmallNetwork) -> None:
    morphologies = morphology_set(small.storage, ["stub"], [0, 0])
    with untouched(small.path), pytest.raises(e.LengthError, match="needs positions"):
        small.a.append_data(chunk(0), morphologies=morphologies)


@pytest.mark.parametrize("where", [chunk(0), chunk(9)])
def test_another_chunk_size_is_refused_and_leaves_no_chunk_behind(
    small: SmallNetwork, where: Chunk
) -> None:
    wrong = Chunk(where, (50.0, 100.0, 100.0))
    before = [each.id for each in small.a.get_all_chunks()]
    with untouched(small.path), pytest.raises(bsb.ChunkError, match=r"50\.0.*100\.0") as caught:
        small.a.append_data(wrong, positions(1))
    assert isinstance(caught.value, e.ChunkSizeError)
    assert before == [each.id for each in small.a.get_all_chunks()]


def test_the_chunk_statistics_of_an_empty_set_are_empty(storage: Storage) -> None:
    cells = storage.require_placement_set(cell_type("a"))
    assert {} == cells.get_chunk_stats()
    connected = storage.require_connectivity_set(cells.cell_type, cells.cell_type, "loop")
    assert {} == connected.get_chunk_stats()
    assert {} == storage.get_chunk_stats()


@pytest.mark.parametrize(
    "given",
    [
        {"rotations": np.zeros((2, 3))},
        {"rotations": np.zeros((5, 3))},
        {"additional": {"weight": np.zeros(7)}},
        {"additional": {"weight": np.zeros(4), "extra": np.zeros((3, 2))}},
        {"additional": {"weight": []}},
    ],
    ids=["2 rotations", "5 rotations", "7 values", "4 and 3 values", "no values"],
)
def test_lengths_that_differ_are_refused(small: SmallNetwork, given: dict[str, Any]) -> None:
    with untouched(small.path), pytest.raises(e.LengthError, match=r"4 cells"):
        small.b.append_data(chunk(0), positions(4), **given)


def test_morphologies_of_another_length_are_refused(small: SmallNetwork) -> None:
    morphologies = morphology_set(small.storage, ["stub"], [0, 0])
    with untouched(small.path), pytest.raises(e.LengthError, match=r"4 cells.*2 of 'morphology'"):
        small.a.append_data(chunk(0), positions(4), morphologies=morphologies)


def test_load_additional_heeds_the_label_filter(small: SmallNetwork) -> None:
    small.a.label(["odd"], [1, 4])
    small.a.set_label_filter(["odd"])
    assert [1.0, 1.0] == small.a.load_additional("weight").tolist()
    assert {"weight": [1.0, 1.0]} == {
        key: values.tolist() for key, values in small.a.load_additional().items()
    }
    small.a.set_chunk_filter([chunk(1)])
    assert [1.0] == small.a.load_additional("weight").tolist()


def test_an_empty_label_filter_keeps_the_unlabelled(small: SmallNetwork) -> None:
    small.a.label(["odd"], [1, 4])
    small.a.set_label_filter([])
    assert 3 == len(small.a)
    assert [0, 2, 3] == small.a.load_ids().tolist()
    assert positions(3)[[0, 2]].tolist() == small.a.load_positions()[:2].tolist()
    assert 3 == len(small.a.load_rotations())
    assert 3 == len(small.a.load_morphologies())
    assert [0.0, 2.0, 0.0] == small.a.load_additional("weight").tolist()
    assert [0, 2, 3] == small.a.get_labelled([]).tolist()


def test_cells_that_lost_their_labels_count_as_unlabelled(small: SmallNetwork) -> None:
    small.b.remove_labels(["core"], [0])
    small.b.set_label_filter([])
    assert [0, 2, 3, 4, 5, 6] == small.b.load_ids().tolist()


def test_more_morphology_names_than_fit_into_64_kilobytes_are_loaded(storage: Storage) -> None:
    names = [f"cell {i:0145}" for i in range(460)]
    assert sum(map(len, names)) > 2**16
    with storage.write_scope():
        for name in names:
            storage.morphologies.save(name, morphology(1), update_meta=False)
        storage.morphologies.set_all_meta({name: {"name": name} for name in names})
    cells = storage.require_placement_set(cell_type("a"))
    loaders = [bsb.StoredMorphology(name, lambda: None, {}) for name in names]
    given = bsb.MorphologySet(loaders, np.arange(len(names))[::-1].copy())
    cells.append_data(chunk(0), positions(len(names)), morphologies=given)
    found = cells.load_morphologies()
    assert names[::-1] == [found._loaders[i].name for i in found.get_indices()]


def test_more_global_chunks_than_fit_into_64_kilobytes_are_connected(wide: Storage) -> None:
    cs = wide.get_connectivity_set("wide")
    assert WIDTH == len(cs)
    assert WIDTH == len(cs.get_global_chunks("out", chunk(0)))
    near, far_chunks, far = cs.load_local_connections("out", chunk(0))
    assert [(WIDTH, 3), (WIDTH,), (WIDTH, 3)] == [near.shape, far_chunks.shape, far.shape]
    assert sorted(wide_chunk(i).id for i in range(WIDTH)) == far_chunks.tolist()


# --- opening, and locks -------------------------------------------------------------------


@about_classic
def test_opening_an_old_file_does_not_write_to_it(small: SmallNetwork) -> None:
    """Classic only: networks have had an identity since before there were columnar files."""
    rewrite_as_legacy(small.path)
    before = digest(small.path), small.path.stat().st_mtime_ns
    opened = open_storage(str(small.path))
    assert {} == opened._engine.metadata
    assert 5 == len(opened.get_placement_set(small.a.cell_type))
    assert before == (digest(small.path), small.path.stat().st_mtime_ns)


def test_a_locked_file_is_recognized(small: SmallNetwork) -> None:
    with locked_elsewhere(small.path, seconds=0.7):
        assert HDF5Engine.recognizes(str(small.path), None) is True


@pytest.mark.filterwarnings("ignore::bsb_hdf5.HDF5SlowLockingWarning")
def test_a_locked_file_is_opened_when_it_is_free(small: SmallNetwork) -> None:
    with locked_elsewhere(small.path, seconds=0.7):
        opened = open_engine_quickly(open_storage(str(small.path)))
    assert opened._engine.sessions.settings.limit == LOCK_LIMIT
    assert 5 == len(opened.get_placement_set(small.a.cell_type))


def test_a_file_that_is_no_network_is_refused_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "foreign.hdf5"
    with h5py.File(path, "w") as file:
        file["voltage"] = np.arange(5)
    with (
        untouched(path),
        pytest.raises(e.NotANetworkError, match=r"not a network.*voltage"),
    ):
        Storage("hdf5", str(path)).get_placement_set(cell_type("a"))
    with untouched(path), pytest.raises(OSError, match="not recognized"):
        open_storage(str(path))
    with untouched(path):
        assert HDF5Engine.recognizes(str(path), None) is False
