"""What may lie at a path, and where a path leads."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import (
    NotANetworkError,
    StoreAccessError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
)
from bsb_hdf5.testing.contents import reading, snapshot, writing
from tests.unit.adapters.hdf5.stores import change_much, fail_with, files


def test_a_link_that_leads_nowhere_is_not_replaced(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreExistsError):
        Hdf5Store(str(path)).create().commit()
    assert path.is_symlink()
    assert ["network.hdf5"] == files(tmp_path)


@pytest.mark.parametrize("folder", ["missing/network.hdf5", "file/network.hdf5"])
def test_a_place_in_no_folder_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises((StoreNotFoundError, StoreIOError), match=folder):
        Hdf5Store(str(tmp_path / folder)).create()


def lay(path: Path, store: Hdf5Store, kind: str) -> None:
    """Replace the file of a store."""
    content = path.read_bytes()
    path.unlink()
    if kind == "a directory":
        path.mkdir()
    else:
        path.write_bytes(
            {
                "an empty file": b"",
                "a text": b"{}" * 1000,
                "noise": np.random.default_rng(3).bytes(5000),
                "a signature": content[:8],
                "a truncated file": content[: len(content) // 2],
                "a damaged file": content[:20] + b"\xff" * 60 + content[80:],
            }[kind]
        )


OTHERS = [
    "a directory",
    "an empty file",
    "a text",
    "noise",
    "a signature",
    "a truncated file",
    "a damaged file",
]


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_hdf5_file_is_reported_and_stays_as_it_is(
    store: Hdf5Store, path: Path, kind: str
) -> None:
    lay(path, store, kind)
    before = None if path.is_dir() else path.read_bytes()
    for verb in (store.open_read, store.open_write):
        with pytest.raises(NotANetworkError, match=r"network\.hdf5"):
            verb()
    assert store.exists()
    assert before == (None if path.is_dir() else path.read_bytes())


@pytest.mark.parametrize("kind", ["a directory", "an empty file", "a text", "noise"])
def test_what_is_no_hdf5_file_is_not_recognized(store: Hdf5Store, path: Path, kind: str) -> None:
    assert store.recognizes()
    lay(path, store, kind)
    assert not store.recognizes()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_file_that_may_not_be_opened_is_reported(
    store: Hdf5Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "open", fail_with(number))
    other = Hdf5Store(store.location)
    for verb in (other.open_read, other.open_write):
        with pytest.raises(StoreAccessError, match=r"network\.hdf5"):
            verb()


def test_a_path_may_lead_over_links(store: Hdf5Store, path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.hdf5"
    link.symlink_to(path)
    assert store.identity == Hdf5Store(str(link)).identity
    assert snapshot(store) == snapshot(Hdf5Store(str(link)))


@pytest.mark.parametrize("folder", [".", "other"])
def test_a_file_of_several_names_is_one_network(
    store: Hdf5Store, path: Path, tmp_path: Path, folder: str
) -> None:
    (tmp_path / "other").mkdir()
    other = tmp_path / folder / "name.hdf5"
    os.link(path, other)
    before = snapshot(store)
    stores = store, Hdf5Store(str(path)), Hdf5Store(str(other))
    for number, each in enumerate(stores):
        with writing(each) as root:
            root.array("rows").append(np.array([float(number)]))
    assert before != snapshot(store) == snapshot(stores[1]) == snapshot(stores[2])
    # It would have one name, and be another network.
    for each in stores:
        with pytest.raises(StoreAccessError, match="several names"):
            each.rewrite()
    store.remove()
    stores[2].rewrite().rollback()
    assert 3003 == len(snapshot(stores[2])["members"]["rows"]["rows"][3])


def test_a_name_that_a_killed_creation_left_is_removed(store: Hdf5Store, path: Path) -> None:
    left = path.with_name(".network.hdf5.0123abcd.new")
    os.link(path, left)
    with reading(store):
        assert left.exists()
    with writing(store) as root:
        change_much(root)
    assert not left.exists()
    assert path.exists()


def test_a_file_that_moved_with_its_link_is_followed(
    store: Hdf5Store, path: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    link, moved = tmp_path / "link", tmp_path / "other" / "network.hdf5"
    link.symlink_to(path)
    linked = Hdf5Store(str(link))
    with writing(linked) as root:
        root.array("rows").write(0, np.array([5.0]))
    path.rename(moved)
    link.unlink()
    link.symlink_to(moved)
    assert Hdf5Store(str(moved)).identity == linked.identity
    with writing(linked) as root:
        root.array("rows").write(0, np.array([7.0]))
    with reading(Hdf5Store(str(moved))) as root:
        assert 7.0 == root.array("rows").read()[0]


def test_a_link_that_was_moved_to_another_file_is_followed(
    store: Hdf5Store, path: Path, tmp_path: Path
) -> None:
    link, other = tmp_path / "link", tmp_path / "other.hdf5"
    store.copy(str(other))
    with writing(Hdf5Store(str(other))) as root:
        root.array("rows").write(0, np.array([7.0]))
    link.symlink_to(path)
    linked = Hdf5Store(str(link))
    for target, value in ((path, 0.0), (other, 7.0), (path, 0.0)):
        link.unlink()
        link.symlink_to(target)
        with reading(linked) as root:
            assert value == root.array("rows").read()[0]
        assert Hdf5Store(str(target)).identity == linked.identity


def test_a_relative_path_is_meant_where_it_was_given(
    store: Hdf5Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    relative = Hdf5Store(path.name)
    monkeypatch.chdir("/")
    assert store.location == relative.location
    assert relative.exists()
