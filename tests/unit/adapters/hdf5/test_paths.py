"""What may lie at a path, and where a path leads."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import numpy as np
import pytest

from bsb_hdf5.adapters.hdf5 import new_file, paths
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import (
    InputError,
    NotANetworkError,
    StoreAccessError,
    StoreIOError,
    StoreNotFoundError,
)
from bsb_hdf5.platform import write_some
from bsb_hdf5.testing.contents import make, reading, snapshot, writing
from tests.unit.adapters.hdf5.stores import change_much, fail_with, files


def test_a_link_that_leads_nowhere_gets_its_file(path: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    path.symlink_to(tmp_path / "folder" / "file")
    store = Hdf5Store(str(path))
    assert not store.exists()
    store.create().commit()
    assert store.exists() and path.is_symlink()
    assert ["folder", "network.hdf5"] == files(tmp_path)
    assert ["file"] == files(tmp_path / "folder")


def test_a_folder_that_is_missing_is_named_as_a_folder(tmp_path: Path) -> None:
    folder = re.escape(f"the folder '{tmp_path / 'missing'}'")
    with pytest.raises(StoreNotFoundError, match=folder):
        Hdf5Store(str(tmp_path / "missing" / "network.hdf5")).create()
    (tmp_path / "network.hdf5").symlink_to(tmp_path / "missing" / "file")
    with pytest.raises(StoreNotFoundError, match=folder):
        Hdf5Store(str(tmp_path / "network.hdf5")).create()


@pytest.mark.parametrize("name", ["n" * 255, "n" * 242, "\N{GREEK SMALL LETTER ALPHA}" * 127])
def test_a_name_may_be_as_long_as_the_filesystem_takes(tmp_path: Path, name: str) -> None:
    store = Hdf5Store(str(tmp_path / name))
    make(store)
    with writing(store) as root:
        root.create_array("rows", np.arange(3))
    store.copy(str(tmp_path / f"c{name[1:]}"))
    rewritten = store.rewrite()
    rewritten.root.create_array("rows", rewritten.before.array("rows").read())
    rewritten.commit()
    store.move(str(tmp_path / f"m{name[1:]}"))
    assert sorted([f"c{name[1:]}", f"m{name[1:]}"]) == files(tmp_path)


def test_a_path_with_a_nul_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="NUL"):
        Hdf5Store(f"{tmp_path}/a\0b")
    store = make(Hdf5Store(str(tmp_path / "network")))
    for act in (store.copy, store.move):
        with pytest.raises(InputError, match="NUL"):
            act(f"{tmp_path}/a\0b")
    assert ["network"] == files(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_that_is_rewritten_keeps_its_mode_owner_group_and_attributes(path: Path) -> None:
    store = Hdf5Store(str(path))
    make(store)
    os.chown(path, 12, 34)
    os.chmod(path, 0o640)
    attributes = {"user.origin": b"a simulation"}
    try:
        for name, value in attributes.items():
            os.setxattr(path, name, value)
    except OSError:
        attributes = {}
    store.rewrite().commit()
    status = path.stat()
    assert (12, 34, 0o640) == (status.st_uid, status.st_gid, status.st_mode & 0o7777)
    assert attributes == {name: os.getxattr(path, name) for name in os.listxattr(path)}


def test_a_file_that_could_not_keep_its_owner_is_not_rewritten(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Hdf5Store(str(path))
    make(store)
    before = path.read_bytes()
    status = os.stat(path)
    other = os.stat_result((*status[:4], 12, 34, *status[6:]))
    original = os.stat
    monkeypatch.setattr(
        os, "stat", lambda name, **options: other if name == str(path) else original(name)
    )
    monkeypatch.setattr(os, "fchown", fail_with(errno.EPERM))
    with pytest.raises(StoreAccessError, match="user 12 and group 34") as caught:
        store.rewrite()
    assert errno.EPERM == caught.value.errno
    monkeypatch.undo()
    assert [path.name] == files(path.parent)
    assert before == path.read_bytes()
    store.open_write().rollback()


def test_a_file_is_nobodys_else_until_it_has_its_owner(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Hdf5Store(str(path))
    make(store)
    path.chmod(0o664)
    seen: list[int] = []
    monkeypatch.setattr(
        new_file, "give_owner", lambda descriptor, _: seen.append(os.fstat(descriptor).st_mode)
    )
    store.rewrite().commit()
    assert [0o600] == [mode & 0o777 for mode in seen]
    assert 0o664 == path.stat().st_mode & 0o777


def test_what_is_kept_open_of_a_file_is_let_go_when_another_store_removes_it(path: Path) -> None:
    store = make(Hdf5Store(str(path)))
    with reading(store):
        pass
    Hdf5Store(str(path)).remove()
    descriptors = Path("/proc/self/fd")
    assert not [each for each in descriptors.iterdir() if str(path) in os.path.realpath(each)]


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


@pytest.mark.parametrize("size", [None, 0, 1, 6, 7, 8, 20, 30])
@pytest.mark.parametrize("most", [3, 1 << 20])
def test_a_file_is_copied_up_to_a_size(
    tmp_path: Path, size: int | None, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "_PIECE", 7)
    monkeypatch.setattr(
        paths, "write_some", lambda file, data, start: write_some(file, data[:most], start)
    )
    content = bytes(range(20))
    (tmp_path / "source").write_bytes(content)
    with (tmp_path / "source").open("rb") as source, (tmp_path / "copy").open("wb") as target:
        paths.copy_content(source.fileno(), target.fileno(), size)
    assert content[:size] == (tmp_path / "copy").read_bytes()
