"""The engine beside h5py in the same process, and the files that it keeps open."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np
import pytest
from bsb import DatasetNotFoundError, Storage

from bsb_hdf5.adapters.hdf5 import file_pool
from bsb_hdf5.adapters.hdf5.file_pool import MOST_KEPT
from bsb_hdf5.errors import SessionAbortedError
from tests.face.layouts import new_storage, place
from tests.face.samples import SmallNetwork, cell_type, chunk, positions

ENGINES = Path(__file__).parents[2] / "docs" / "engines.md"


def descriptors_of(path: Path) -> int:
    folder = Path("/proc/self/fd")
    return sum(
        os.path.realpath(folder / name).split(" ")[0] == str(path) for name in os.listdir(folder)
    )


def test_users_of_h5py_get_advice_where_a_write_scope_keeps_them_out(storage: Storage) -> None:
    small = SmallNetwork.build(storage)
    with pytest.raises(BlockingIOError) as caught, storage.write_scope():
        small.b.append_data(chunk(0), positions(1))
        h5py.File(small.path, "r")
    (note,) = caught.value.__notes__
    assert str(small.path) in note and "'handle'" in note
    assert 7 == len(small.b)


def test_a_handle_is_a_group_of_h5py(storage: Storage) -> None:
    small = SmallNetwork.build(storage)
    with h5py.File(small.path, "r") as file:
        expected = sorted((name, each.name) for name, each in file.items())
        attributes = sorted(file.attrs)
    names, paths = zip(*expected, strict=True)
    with storage.read_scope() as handle:
        assert expected == sorted((name, each.name) for name, each in handle.items())
        assert [*names] == sorted(handle) == sorted(handle.keys())
        assert sorted(paths) == sorted(each.name for each in handle.values())
        for name, path in expected:
            assert name in handle
            assert path == handle[name].name == handle.get(name).name
        assert "absent" not in handle
        assert 5 == handle.get("absent", 5)
        assert attributes == sorted(handle.attrs)
        with pytest.raises(KeyError):
            handle["absent"]


def test_an_error_of_h5py_that_is_caught_leaves_the_scope_whole(storage: Storage) -> None:
    small = SmallNetwork.build(storage)
    with storage.write_scope():
        small.b.append_data(chunk(0), positions(1))
        with pytest.raises(BlockingIOError):
            h5py.File(small.path, "r")
        small.b.append_data(chunk(1), positions(1))
    assert 9 == len(small.b)


@pytest.mark.parametrize("change", ["rows", "attribute", "group", "none"])
def test_an_inner_scope_that_raised_spoils_all_if_it_changed_an_object_of_h5py(
    storage: Storage, change: str
) -> None:
    def change_and_fail() -> None:
        with storage.write_scope():
            assert 7 == len(small.b)
            if change == "rows":
                mine["rows"][0] = 1
            if change == "attribute":
                mine.attrs["mine"] = 1
            if change == "group":
                mine.create_group("group")
            raise ZeroDivisionError

    small = SmallNetwork.build(storage)
    with ExitStack() as stack:
        if change != "none":
            stack.enter_context(pytest.raises(SessionAbortedError, match="ZeroDivisionError"))
        with storage.write_scope() as session:
            mine = session.create_group("mine")
            mine["rows"] = [0, 0]
            with pytest.raises(ZeroDivisionError):
                change_and_fail()
            if change == "none":
                mine["rows"][1] = 2
    with storage.read_scope() as session:
        assert ("mine" in session) == (change == "none")
        if change == "none":
            assert [0, 2] == session["mine/rows"][:].tolist()


def test_h5py_without_a_lock_reads_what_was_stored_before_the_scope(storage: Storage) -> None:
    small = SmallNetwork.build(storage)
    with h5py.File(small.path, "r") as file:
        before = sorted(file)
    with storage.write_scope():
        small.b.append_data(chunk(0), positions(100_000))
        with h5py.File(small.path, "r", locking=False) as file:
            assert before == sorted(file)
    assert 100_007 == len(small.b)


def test_an_engine_that_is_closed_has_no_file_open_and_can_be_used_again(storage: Storage) -> None:
    small = SmallNetwork.build(storage)
    assert 5 == len(small.a)
    assert 1 == descriptors_of(small.path)
    storage._engine.close()
    storage._engine.close()
    assert 0 == descriptors_of(small.path)
    assert 5 == len(small.a)


def test_closing_leaves_an_open_scope_alone(storage: Storage) -> None:
    small = SmallNetwork.build(storage)
    with storage.write_scope():
        small.b.append_data(chunk(0), positions(1))
        storage._engine.close()
        small.b.append_data(chunk(0), positions(1))
    assert 9 == len(small.b)


@pytest.mark.parametrize("engine", ["memory", "zarr"])
def test_every_engine_can_be_closed(engine: str, tmp_path: Path) -> None:
    small = SmallNetwork.build(Storage(engine, str(tmp_path / "network")))
    small.storage._engine.close()
    assert 5 == len(small.a)
    small.storage.remove()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_was_removed_or_replaced_does_not_stay_open(
    storage: Storage, tmp_path: Path, replaced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_pool, "LOOK_INTERVAL", 0.0)
    small = SmallNetwork.build(storage)
    other = SmallNetwork.build(Storage("hdf5", str(tmp_path / "other")))
    assert 5 == len(small.a) == len(other.a)
    if replaced:
        other.storage.copy(str(tmp_path / "copy"))
        os.replace(tmp_path / "copy", small.path)
    else:
        small.path.unlink()
    assert 1 == descriptors_of(small.path)
    # Whatever the process does next.
    assert 5 == len(other.a)
    assert 0 == descriptors_of(small.path)


def test_the_page_says_how_many_files_stay_open(tmp_path: Path) -> None:
    assert f"up to {MOST_KEPT} HDF5 files" in " ".join(ENGINES.read_text().split())
    storages = [Storage("hdf5", str(tmp_path / f"{i}")) for i in range(MOST_KEPT + 3)]
    for each in storages:
        each.require_placement_set(cell_type("a"))
    assert MOST_KEPT == sum(descriptors_of(Path(each.root)) for each in storages)


@pytest.mark.parametrize("layout", ["classic", "columnar"])
def test_sets_that_a_held_object_of_h5py_deletes_are_gone(tmp_path: Path, layout: str) -> None:
    small = SmallNetwork.build(new_storage(tmp_path / "network.hdf5", layout))
    storage = small.storage
    with storage.write_scope() as session:
        root = session["/"]
        small.a.load_positions()
        assert len(small.ab)
        del root[place(layout, "placement", "a")]
        del root[place(layout, "connectivity", "a_to_b")]
        with pytest.raises(DatasetNotFoundError):
            small.a.append_data(chunk(0), positions(1))
        with pytest.raises(DatasetNotFoundError):
            len(small.ab)
        made = storage.require_placement_set(cell_type("a"))
        assert 0 == len(made)
        made.append_data(chunk(7), positions(2))
    found = storage.get_placement_set(cell_type("a"))
    assert positions(2).tolist() == found.load_positions().tolist()


def test_arrays_that_a_held_object_of_h5py_changes_are_those_of_the_next_call(
    tmp_path: Path,
) -> None:
    storage = new_storage(tmp_path / "network.hdf5", "classic")
    cells = storage.require_placement_set(cell_type("a"))
    cells.append_data(chunk(1), positions(4))
    with storage.write_scope() as session:
        held = session[f"placement/a/{chunk(1).id}"]
        assert positions(4).tolist() == cells.load_positions().tolist()
        del held["position"]
        held.create_dataset("position", data=np.full((4, 3), 3.0), maxshape=(None, 3))
        assert np.full((4, 3), 3.0).tolist() == cells.load_positions().tolist()
        cells.append_data(chunk(1), [[9.0, 9, 9]])
        rows = held["position"]
        rows[0] = 5.0
        assert [5, 3, 3, 3, 9] == cells.load_positions()[:, 0].tolist()
        held.attrs["mine"] = 1
    assert [5, 3, 3, 3, 9] == cells.load_positions()[:, 0].tolist()
