"""A network that is kept as bytes by key, and the file it lies in."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5.adapters.by_key import store as module
from bsb_hdf5.adapters.native import drafts
from bsb_hdf5.errors import LockTimeoutError, StoreAccessError
from bsb_hdf5.ports.store import Capabilities
from bsb_hdf5.testing.contents import differing, make, snapshot
from bsb_hdf5.testing.contract_samples import fill_sample
from tests.contract.pickled_store import Pickled, PickledStore


def test_that_a_file_cannot_be_removed_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    store = make(PickledStore(str(tmp_path / "network")), fill_sample)
    before = snapshot(store)
    monkeypatch.setattr(os, "unlink", refuse)
    with pytest.raises(StoreAccessError, match="network"):
        store.remove()
    monkeypatch.undo()
    assert [] == differing(before, snapshot(store))


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_the_transaction_of_a_new_network_ends_with_its_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    closed: list[str] = []
    close = Pickled.close

    def note(self: Pickled) -> None:
        closed.append(self.path)
        close(self)

    monkeypatch.setattr(Pickled, "close", note)
    session = PickledStore(str(tmp_path / "network")).create()
    assert [] == closed
    getattr(session, end)()
    assert 1 == len(closed)


@pytest.mark.parametrize("across", [False, True])
def test_a_network_that_is_moved_by_a_link_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, across: bool
) -> None:
    store = make(PickledStore(str(tmp_path / "network")), fill_sample)
    before = snapshot(store)
    (tmp_path / "link").symlink_to("network")
    if across:
        # As if the target were on another filesystem.
        monkeypatch.setattr(module, "rename_within", lambda path, target: False)
    PickledStore(str(tmp_path / "link")).move(str(tmp_path / "target"))
    assert ["target"] == sorted(each.name for each in tmp_path.iterdir())
    assert [] == differing(before, snapshot(PickledStore(str(tmp_path / "target"))))


@pytest.mark.parametrize("durable", [False, True])
def test_the_name_of_a_new_network_survives_a_power_cut_if_the_store_claims_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    synced: list[list[str]] = []
    monkeypatch.setattr(drafts, "sync_folder", lambda path: synced.append(os.listdir(path)))
    claims = Capabilities(persistent=True, writable=True, durable=durable)
    monkeypatch.setattr(PickledStore, "capabilities", claims)
    store = make(PickledStore(str(tmp_path / "a")))
    store.copy(str(tmp_path / "b"))
    store.move(str(tmp_path / "c"))
    names = [{"a"}, {"a", "b"}, {"b", "c"}] if durable else []
    assert names == [{each for each in found if len(each) == 1} for found in synced]


def test_what_others_would_store_as_a_network_is_moved_to_another_filesystem_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def publish_beside_another(draft: drafts.Draft) -> None:
        other = PickledStore(str(tmp_path / "network"), lock_limit=0.0)
        with pytest.raises(LockTimeoutError):
            other.open_write()
        publish(draft)

    publish = drafts.Draft.publish
    store = make(PickledStore(str(tmp_path / "network")), fill_sample)
    before = snapshot(store)
    monkeypatch.setattr(module, "rename_within", lambda path, target: False)
    monkeypatch.setattr(drafts.Draft, "publish", publish_beside_another)
    store.move(str(tmp_path / "target"))
    assert [] == differing(before, snapshot(PickledStore(str(tmp_path / "target"))))


def test_a_network_that_others_make_in_the_place_of_one_that_was_moved_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename_and_make(path: str, target: str) -> bool:
        assert rename(path, target)
        os.unlink(f"{path}-lock")
        make(PickledStore(path))
        return True

    rename = drafts.rename_within
    store = make(PickledStore(str(tmp_path / "network")), fill_sample)
    monkeypatch.setattr(module, "rename_within", rename_and_make)
    store.move(str(tmp_path / "target"))
    assert store.recognizes()
