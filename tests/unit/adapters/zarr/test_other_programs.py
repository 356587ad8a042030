"""Programs that use zarr work in a network: what is theirs stays, and is not the network's."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import CorruptNetworkError, StoreError, UnknownContentError
from bsb_hdf5.exchange.unknown import check_foreign
from bsb_hdf5.ports.arrays import AttributeCopier
from bsb_hdf5.testing.contents import reading, snapshot, writing
from tests.unit.adapters.zarr.stores import change, check_changed, filled

# zarr says of every consolidation that other programs may not know it, and names the lock file.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Consolidated metadata"),
    pytest.mark.filterwarnings("ignore:Object at .lock is not recognized"),
]

ODD = [{"a": 1}, None, [1, "a"], 2**70, [[1], [2, 3]], {"dtype": "<f8"}, {}]
PLACES = ["", "placement/granule", "placement/granule/position"]


def opened(path: Path) -> Any:
    """What zarr finds at a path, by the consolidated metadata if there are some."""
    return zarr.open(path, mode="r")


def analyse(path: Path) -> None:
    """What xarray does where it writes a dataset into a group of its own."""
    group = zarr.open_group(path).create_group("analysis")
    group.create_array("m", data=np.arange(4.0), dimension_names=["t"])
    zarr.open_group(path / "placement").create_array("n", data=np.arange(3))
    zarr.consolidate_metadata(path)


def check_analysis(path: Path) -> None:
    root = opened(path)
    assert root.metadata.consolidated_metadata is not None
    assert {"analysis", "placement"} == {name for name in root if not name.startswith("document")}
    assert np.arange(4.0).tolist() == root["analysis/m"][:].tolist()
    assert {"granule", "n"} == set(root["placement"])
    assert np.arange(3).tolist() == root["placement/n"][:].tolist()


def test_groups_and_arrays_of_others_are_neither_read_nor_lost(path: Path) -> None:
    before = snapshot(filled(path))
    analyse(path)
    assert before == snapshot(ZarrStore(path))
    for _ in range(2):
        # The first session of a store, and another one.
        store = ZarrStore(path)
        for number in range(2):
            with writing(store) as root:
                root.attributes.set("number", number)
            check_analysis(path)
    with writing(store) as root:
        change(root)
    check_changed(ZarrStore(path))
    check_analysis(path)


def test_what_the_state_before_left_is_not_read_where_zarr_lists_it(path: Path) -> None:
    store = filled(path)
    with writing(store) as root:
        change(root)
    zarr.consolidate_metadata(path)
    assert {"document", "placement"} < set(opened(path))
    store = ZarrStore(path)
    check_changed(store)
    with writing(store) as root:
        root.attributes.set("more", 1)
    check_changed(store)
    assert "document" not in opened(path)
    assert not (path / "document").exists()


def test_an_array_that_others_did_not_consolidate_breaks_nothing(path: Path) -> None:
    store = filled(path)
    zarr.open_group(path).create_array("mine", data=np.arange(5))
    with writing(store) as root:
        change(root)
    assert "mine" not in opened(path)
    zarr.consolidate_metadata(path)
    check_changed(ZarrStore(path))
    with writing(ZarrStore(path)) as root:
        root.attributes.set("more", 1)
    assert [0, 1, 2, 3, 4] == opened(path)["mine"][:].tolist()


def test_a_rewritten_network_lists_what_others_made(path: Path) -> None:
    filled(path)
    analyse(path)
    session = ZarrStore(path).rewrite()
    session.root.require_group("placement").require_group("granule").create_array("x", np.ones(2))
    session.root.write_document("document", b"again")
    session.commit()
    check_analysis(path)
    with reading(ZarrStore(path)) as root:
        assert ["x"] == list(root.group("placement").group("granule").names())


def test_what_others_made_is_foreign(path: Path) -> None:
    store = filled(path)
    analyse(path)
    assert ("analysis", "placement/n") == store.foreign()
    with pytest.raises(UnknownContentError, match="'analysis', 'placement/n'"):
        check_foreign(store)


def test_a_copy_of_a_folder_has_what_others_made(path: Path, tmp_path: Path) -> None:
    before = snapshot(filled(path))
    analyse(path)
    (path / "placement/granule/position/c/notes.txt").write_text("mine")
    (path / "link").symlink_to("nowhere")
    target = tmp_path / "copy.zarr"
    ZarrStore(path).copy(str(target))
    check_analysis(target)
    copied = ZarrStore(target)
    assert ZarrStore(path).foreign() == copied.foreign()
    assert "mine" == (target / "placement/granule/position/c/notes.txt").read_text()
    assert "nowhere" == str((target / "link").readlink())
    assert before == snapshot(copied)
    with writing(copied) as root:
        change(root)
    check_changed(ZarrStore(target))
    check_analysis(target)
    # The original is as it was.
    check_analysis(path)
    assert before == snapshot(ZarrStore(path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with a name")
def test_a_folder_with_something_that_cannot_be_copied_is_not(path: Path, tmp_path: Path) -> None:
    store = filled(path)
    os.mkfifo(path / "pipe")
    with pytest.raises(StoreError, match="pipe"):
        store.copy(str(tmp_path / "copy.zarr"))
    assert [path.name] == [each.name for each in tmp_path.iterdir()]


def test_a_copy_of_an_archive_does_not_lack_what_others_made(path: Path, tmp_path: Path) -> None:
    filled(path)
    analyse(path)
    store = ZarrStore(shutil.make_archive(str(path), "zip", path))
    with pytest.raises(UnknownContentError, match=r"'analysis', 'placement/n'.*drop_unknown"):
        store.copy(str(tmp_path / "copy.zarr"))
    assert not (tmp_path / "copy.zarr").exists()


def test_an_archive_knows_what_is_foreign_by_its_root(path: Path) -> None:
    before = snapshot(filled(path))
    assert () == ZarrStore(shutil.make_archive(f"{path}.0", "zip", path)).foreign()
    analyse(path)
    store = ZarrStore(shutil.make_archive(str(path), "zip", path))
    assert before == snapshot(store)
    assert ("analysis", "placement/n") == store.foreign()


def test_a_removal_leaves_what_others_made(path: Path) -> None:
    store = filled(path)
    analyse(path)
    store.remove()
    assert not store.exists()
    assert [0, 1, 2, 3] == opened(path / "analysis/m")[:].tolist()
    assert [0, 1, 2] == opened(path / "placement/n")[:].tolist()


def test_a_copy_of_a_group_is_the_users(path: Path) -> None:
    before = snapshot(filled(path))
    shutil.copytree(path / "placement/granule", path / "mine")
    zarr.consolidate_metadata(path)
    store = ZarrStore(path)
    assert before == snapshot(store)
    with writing(store) as root:
        change(root)
    with writing(store) as root:
        root.group("placement").delete("granule")
    with pytest.raises(KeyError):
        opened(path)["mine"]
    # The copies of what is gone are no longer listed, and can be read all the same.
    with reading(ZarrStore(path)) as root:
        assert [] == list(root.group("placement").names())
    assert (2000, 3) == opened(path / "mine/position").shape


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("consolidated", [False, True])
def test_values_that_no_session_stores_stay(
    path: Path, place: str, value: Any, consolidated: bool
) -> None:
    filled(path)
    zarr.open(path / place).attrs["note"] = value
    if consolidated:
        zarr.consolidate_metadata(path)
    for _ in range(2):
        store = ZarrStore(path)
        for number in range(2):
            with writing(store) as root:
                of(root, place).attributes.set("number", number)
        stored = json.loads((path / place / "zarr.json").read_bytes())
        assert value == stored["attributes"]["note"]
        assert 1 == stored["attributes"]["number"]
    found = opened(path)
    found = found[place] if place else found
    assert ("note" in found.attrs) is (consolidated or not place)
    with reading(ZarrStore(path)) as root:
        attributes = of(root, place).attributes
        if consolidated or not place:
            assert "note" in attributes.names()
            with pytest.raises(CorruptNetworkError, match="the attribute 'note' has the value"):
                attributes.get("note")
        else:
            assert "note" not in attributes.names()


def of(root: Any, place: str) -> Any:
    *groups, last = place.split("/")
    for name in groups:
        root = root.group(name)
    if not last:
        return root
    return root.array(last) if last == "position" else root.group(last)


def killed_before_it_follows(path: Path, act: Callable[[Any], None]) -> None:
    session = ZarrStore(path).open_write()
    session._draft.write_changed = lambda after: None  # type: ignore[method-assign]
    act(session.root)
    session.commit()


def test_what_others_set_before_a_killed_session_stays(path: Path) -> None:
    filled(path)
    zarr.open(path / PLACES[2]).attrs["note"] = {"unit": "um"}
    killed_before_it_follows(path, lambda root: of(root, PLACES[2]).attributes.set("number", 1))
    with writing(ZarrStore(path)):
        pass
    stored = json.loads((path / PLACES[2] / "zarr.json").read_bytes())["attributes"]
    assert ({"unit": "um"}, 1) == (stored["note"], stored["number"])


def test_an_attribute_that_a_session_deletes_does_not_return(path: Path) -> None:
    store = filled(path)
    with writing(store) as root:
        of(root, PLACES[1]).attributes.set("old", 1)
    with writing(ZarrStore(path)) as root:
        of(root, PLACES[1]).attributes.delete("old")
    stored = json.loads((path / PLACES[1] / "zarr.json").read_bytes())["attributes"]
    assert ["bsb_hdf5"] == list(stored)


def test_values_that_no_session_stores_are_copied_to_another_zarr_network(
    path: Path, tmp_path: Path
) -> None:
    store = filled(path)
    zarr.open_group(path).attrs["note"] = {"a": None}
    with writing(filled(tmp_path / "other.zarr")) as target, reading(store) as source:
        attributes = target.attributes
        assert isinstance(attributes, AttributeCopier)
        assert attributes.copy(source.attributes, "note")
        assert not attributes.copy(source.attributes, "missing")
    assert {"a": None} == opened(tmp_path / "other.zarr").attrs["note"]
