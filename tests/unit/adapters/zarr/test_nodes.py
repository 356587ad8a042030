"""Groups and arrays of any name."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pytest
import zarr

from bsb_hdf5.adapters.zarr.services import storage_of
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.adapters.zarr.values import MARK
from bsb_hdf5.core.layouts.nodes import ARRAY, GROUP, kind_of
from bsb_hdf5.errors import (
    DtypeError,
    SessionClosedError,
)
from bsb_hdf5.testing.contents import contents_of, make, reading, writing
from tests.unit.adapters.zarr.stores import ROWS, filled

NAMES = ["zarr.json", "packs", "c", ".", "..", ".lock", "__x", "a/b", "A", "a", "é", "x" * 300, " "]


def test_arrays_of_any_name_lie_apart(path: Path) -> None:
    store = make(ZarrStore(path))
    with writing(store) as root:
        for i, name in enumerate(NAMES):
            root.create_array(name, ROWS + i)
        root.require_group("group").create_array("zarr.json", ROWS)
    with reading(ZarrStore(path)) as read:
        for i, name in enumerate(NAMES):
            assert np.array_equal(ROWS + i, read.array(name).read())
    assert {path.name} == {each.name for each in path.parent.iterdir()}
    names = [each.name.casefold() for each in path.iterdir()]
    assert len(set(names)) == len(names)


def test_a_group_takes_the_place_of_an_array_and_back(path: Path) -> None:
    store = filled(path)
    for i in range(4):
        with writing(store) as root:
            root.delete("placement")
            if i % 2:
                root.require_group("placement").create_array("c", ROWS + i)
            else:
                root.create_array("placement", ROWS + i)
        with reading(ZarrStore(path)) as read:
            array = read.group("placement").array("c") if i % 2 else read.array("placement")
            assert np.array_equal(ROWS + i, array.read())


def test_objects_of_python_are_refused(path: Path) -> None:
    store = filled(path)
    session = store.open_write()
    for wrong in (np.array([{}, None]), np.zeros(2, dtype=[("a", "f8")])):
        with pytest.raises(DtypeError):
            session.root.create_array("x", wrong)
        with pytest.raises(DtypeError):
            session.root.attributes.set("x", wrong)
    assert 0 == session.changes
    session.rollback()


def test_a_session_that_ended_is_not_used_any_more(path: Path) -> None:
    store = filled(path)
    session = store.open_write()
    array = session.root.group("placement").group("granule").array("position")
    session.commit()
    with pytest.raises(SessionClosedError):
        array.append(ROWS)
    reader = store.open_read()
    array = reader.root.group("placement").group("granule").array("position")  # type: ignore[assignment]
    reader.close()
    with pytest.raises(SessionClosedError):
        array.read()


def test_an_array_that_is_made_again_has_another_type_and_width(path: Path) -> None:
    store = make(ZarrStore(path))
    made: list[Any] = [
        np.arange(5000.0),
        np.arange(6000, dtype=np.int16).reshape(2000, 3),
        np.arange(4000, dtype=np.uint8),
        np.ones((900, 7), dtype=np.float32),
        np.zeros(3, dtype=bool),
    ]
    for rows in [*made, *made[::-1]]:
        with writing(store) as root:
            if "set" in root:
                assert root.group("set").array("x").read().shape[0]
                root.delete("set")
            root.require_group("set").create_array("x", rows)
        with writing(store) as root:
            root.group("set").array("x").append(rows)
        for reader in (store, ZarrStore(path)):
            with reading(reader) as read:
                found = read.group("set").array("x").read()
                assert rows.dtype == found.dtype
                assert np.array_equal(np.concatenate((rows, rows)), found)


def seen_by_zarr(place: Path | str, *, consolidated: bool) -> Any:
    """The network, as zarr reads it in a folder or a repository."""
    store: Any = place
    if isinstance(place, str):
        repository = icechunk.Repository.open(storage_of(place))
        store = repository.readonly_session("main").store
    return zarr.open_group(store, mode="r", use_consolidated=consolidated)


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("kind", ["folder", "repository"])
def test_other_programs_see_each_change_of_attributes_shapes_and_members(
    same: bool, kind: str, path: Path
) -> None:
    place = path if kind == "folder" else f"memory://{uuid.uuid4().hex}/net"
    store = filled(path, ZarrStore(place))
    changes: list[Any] = [
        lambda root: root.attributes.set("a", 1),
        lambda root: root.group("placement").attributes.set("a", 2.5),
        lambda root: root.group("placement").group("granule").attributes.set("a", "text"),
        lambda root: root.group("placement").group("granule").array("few").attributes.set("b", [1]),
        lambda root: root.document("document").attributes.set("c", "d"),
        lambda root: root.group("placement").attributes.set("a", 7),
        lambda root: root.group("placement").group("granule").attributes.delete("a"),
        lambda root: root.group("placement").group("granule").array("few").append(np.arange(3)),
        lambda root: root.group("placement").require_group("new").attributes.set("e", True),
        lambda root: root.group("placement").group("granule").delete("gone"),
    ]
    for change in changes:
        with writing(store if same else ZarrStore(place)) as root:
            change(root)
            written = contents_of(root)
        with reading(ZarrStore(place)) as read:
            assert written == contents_of(read)
            # icechunk has no consolidated metadata.
            for consolidated in (True, False) if kind == "folder" else (False,):
                compare(read, seen_by_zarr(place, consolidated=consolidated))


def compare(group: Any, seen: Any) -> None:
    """What this package and zarr read of a group, and of all below it."""
    compare_attributes(group, seen)
    for name in group.names():
        kind = kind_of(group, name)
        if kind == GROUP:
            compare(group.group(name), seen[name])
            continue
        compare_attributes(getattr(group, kind)(name), seen[name])
        if kind == ARRAY:
            assert np.array_equal(group.array(name).read(), seen[name][:])


def compare_attributes(node: Any, seen: Any) -> None:
    for name in node.attributes.names():
        assert np.array_equal(node.attributes.get(name), seen.attrs[name]), name
    assert {*node.attributes.names()} == {*seen.attrs} - {MARK}


@pytest.mark.parametrize("ranges", [2, 15, 16, 40])
def test_ranges_far_apart_are_read_few_or_many(path: Path, ranges: int) -> None:
    rows = np.arange(300_000.0)
    store = make(ZarrStore(path), lambda root: root.create_array("x", rows))
    starts = np.linspace(0, 299_000, ranges).astype(np.int64)
    expected = [rows[start : start + 10] for start in starts.tolist()]
    with reading(store) as root:
        found = root.array("x").read_ranges(starts, starts + 10)
    assert np.concatenate(expected).tolist() == found.tolist()
    with writing(store) as root:
        array = root.array("x")
        array.append(rows[:5])
        assert np.concatenate(expected).tolist() == array.read_ranges(starts, starts + 10).tolist()
