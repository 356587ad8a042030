"""To consolidate the metadata of a network loses nothing, wherever a session was killed before."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from bsb_hdf5.adapters.zarr.session import DraftView
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.testing.contents import reading, snapshot, writing
from tests.faults.dying import in_child
from tests.unit.adapters.zarr.stores import change, check_changed, filled

# zarr says of each consolidation that others may not know it, and names what is not complete.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Consolidated metadata"),
    pytest.mark.filterwarnings("ignore:Object at .* is not recognized"),
]
POSITION = "placement/granule/position"
# Calls of the system that change what is in a folder.
CALLS = ("replace", "pwrite", "write", "ftruncate", "unlink", "rmdir")


@pytest.fixture
def unfollowed(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network whose last session was killed right after its commit."""
    store = filled(path)
    with monkeypatch.context() as patch, writing(store) as root:
        patch.setattr(DraftView, "write_changed", lambda *_: None)
        change(root)
    return path


def opened(path: Path) -> Any:
    return zarr.open_group(path, mode="r", use_consolidated=False)


def test_the_last_commit_stays(unfollowed: Path) -> None:
    before = snapshot(ZarrStore(unfollowed))
    assert opened(unfollowed)[POSITION].shape[0] == 2000
    for _ in range(2):
        zarr.consolidate_metadata(unfollowed)
        check_changed(ZarrStore(unfollowed))
        assert before == snapshot(ZarrStore(unfollowed))
    with writing(ZarrStore(unfollowed)) as root:
        root.attributes.set("more", 1)
    check_changed(ZarrStore(unfollowed))
    assert opened(unfollowed)[POSITION].shape[0] == 4000
    zarr.consolidate_metadata(unfollowed)
    check_changed(ZarrStore(unfollowed))


def test_attributes_of_others_stay_too(unfollowed: Path) -> None:
    opened_group: Any = zarr.open_group(unfollowed, use_consolidated=False)
    opened_group[POSITION].attrs["mine"] = 5
    zarr.consolidate_metadata(unfollowed)
    with reading(ZarrStore(unfollowed)) as root:
        array = root.group("placement").group("granule").array("position")
        assert (4000, 3) == array.shape
        assert 5 == array.attributes.get("mine")
    check_changed(ZarrStore(unfollowed))


def test_an_attribute_that_its_program_removes_does_not_come_back(path: Path) -> None:
    store = filled(path)
    group: Any = zarr.open_group(path, use_consolidated=False)
    group[POSITION].attrs["mine"] = 5
    zarr.consolidate_metadata(path)
    with writing(ZarrStore(path)) as root:
        root.group("placement").group("granule").array("position").append(np.ones((1, 3)))
    group = zarr.open_group(path, use_consolidated=False)
    del group[POSITION].attrs["mine"]
    zarr.consolidate_metadata(path)
    with reading(store) as root:
        array = root.group("placement").group("granule").array("position")
        assert (2001, 3) == array.shape
        assert array.attributes.get("mine") is None


def test_what_was_never_committed_does_not_appear(path: Path) -> None:
    before = snapshot(filled(path))
    session = ZarrStore(path).open_write()
    change(session.root)
    session._draft.store()
    session._held.close()
    zarr.consolidate_metadata(path)
    assert before == snapshot(ZarrStore(path))
    with writing(ZarrStore(path)) as root:
        change(root)
    check_changed(ZarrStore(path))
    zarr.consolidate_metadata(path)
    check_changed(ZarrStore(path))


def test_a_copy_has_the_metadata_that_the_killed_session_did_not_write(
    unfollowed: Path, tmp_path: Path
) -> None:
    target = tmp_path / "copy.zarr"
    ZarrStore(unfollowed).copy(str(target))
    assert opened(target)[POSITION].shape[0] == 4000
    zarr.consolidate_metadata(target)
    check_changed(ZarrStore(target))


def die_at(k: int) -> None:
    """Kill this process at the k-th call of the system that changes files."""
    calls = 0

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls - 1 == k:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return run

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))


def test_it_is_what_it_was_or_what_it_was_to_be_wherever_a_session_dies(path: Path) -> None:
    filled(path)
    before = snapshot(ZarrStore(path))
    start = path.with_name("start.zarr")
    shutil.copytree(path, start)
    with writing(ZarrStore(path)) as root:
        change(root)
    after = snapshot(ZarrStore(path))
    seen = []
    for k in range(1000):
        shutil.rmtree(path)
        shutil.copytree(start, path)

        def change_and_die(k: int = k) -> None:
            die_at(k)
            with writing(ZarrStore(path)) as root:
                change(root)

        status = in_child(change_and_die)
        zarr.consolidate_metadata(path)
        found = snapshot(ZarrStore(path))
        assert found in (before, after), k
        seen.append(found == after)
        with writing(ZarrStore(path)) as root:
            root.attributes.set("more", k)
        with reading(ZarrStore(path)) as read:
            assert k == read.attributes.get("more")
        if not status:
            break
    assert sorted(seen) == seen
    assert {False, True} == set(seen)


def test_a_new_network_says_the_same_everywhere(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bsb_hdf5.adapters.zarr.session._MOST_GATHERED", 100)
    creation = ZarrStore(path).create()
    array = creation.root.require_group("g").create_array("x", np.zeros((50, 3)))
    for number in range(3):
        array.append(np.ones((50, 3)))
        array.attributes.set("number", number)
    creation.commit()
    assert 200 == opened(path)["g/x"].shape[0]
    assert 2 == opened(path)["g/x"].attrs["number"]
