"""Groups and arrays of any name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import (
    DtypeError,
    SessionClosedError,
)
from bsb_hdf5.testing.contents import make, reading, writing
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
