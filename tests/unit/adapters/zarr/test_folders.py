"""The folder of a network: what is read in it, what is free, and what may be removed."""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path
from typing import Any, get_args

import pytest

from bsb_hdf5.adapters.zarr import folders
from bsb_hdf5.adapters.zarr.objects import ObjectFile, path_in
from bsb_hdf5.adapters.zarr.paths import Kind
from bsb_hdf5.errors import CorruptNetworkError

ARRAY, GROUP, PLAIN = "array", "group", "plain"


def metadata(path: str, kind: str) -> bytes:
    marks: dict[str, Any] = {ARRAY: {"array": path}, GROUP: {"group": path}}
    attributes = {"bsb_hdf5": marks[kind]} if kind in marks else {}
    node = "array" if kind == ARRAY else "group"
    document = {"zarr_format": 3, "node_type": node, "attributes": attributes}
    return json.dumps(document).encode()


def put(root: Path, name: str, content: bytes = b"x") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def made(root: Path, path: str, kind: str) -> None:
    put(root, f"{path}/zarr.json", metadata(path, kind))
    if kind == ARRAY:
        put(root, f"{path}/c/0/0")


def files(root: Path) -> list[str]:
    return sorted(str(each.relative_to(root)) for each in root.rglob("*") if each.is_file())


@pytest.mark.parametrize("key", ["/etc", "..", "a/../b", "a\\b", "a\0b"])
def test_no_key_leads_out_of_a_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(CorruptNetworkError, match="leads out of it") as caught:
        path_in(str(tmp_path), key)
    assert str(tmp_path) == caught.value.fields["location"]


def test_no_link_is_followed_but_to_the_folder_itself(tmp_path: Path) -> None:
    put(tmp_path, "net/a/b/c")
    (tmp_path / "link").symlink_to("net")
    (tmp_path / "net" / "l").symlink_to("a")
    for root in ("net", "link"):
        for key in ("a", "a/b", "a/b/c", "missing/x"):
            path_in(str(tmp_path / root), key)
        for key in ("l", "l/b", "l/b/c"):
            with pytest.raises(CorruptNetworkError, match=r"net/l|link/l"):
                path_in(str(tmp_path / root), key)


def test_folders_that_were_checked_are_not_checked_again(tmp_path: Path) -> None:
    root, checked = str(tmp_path), set[str]()
    put(tmp_path, "a/b/c")
    assert str(tmp_path / "a/b/c") == path_in(root, "a/b/c", checked)
    assert {"a/b"} == checked
    (tmp_path / "a/b/l").symlink_to("c")
    (tmp_path / "l").symlink_to("a")
    for key in ("a/b/l", "l/b/c"):
        with pytest.raises(CorruptNetworkError, match="symbolic link"):
            path_in(root, key, checked)
    with pytest.raises(CorruptNetworkError, match="leads out of it"):
        path_in(root, "a/b/..", checked)
    assert str(tmp_path / "x") == path_in(root, "x", checked)
    assert {"a/b"} == checked


def test_files_are_read_whole_and_nothing_else(tmp_path: Path) -> None:
    put(tmp_path, "a/x", b"0123456789")
    assert b"0123456789" == folders.read_file(str(tmp_path), "a/x")
    with ObjectFile(str(tmp_path / "a/x")) as file:
        assert [b"2345", b"89", b""] == [file.read(*part) for part in ((2, 6), (8, 99), (20, 30))]
    with pytest.raises(CorruptNetworkError, match="not a regular file"):
        folders.read_file(str(tmp_path), "a")
    with pytest.raises(FileNotFoundError):
        folders.read_file(str(tmp_path), "b")
    assert 10 == folders.size_of(str(tmp_path))


def test_a_place_is_free_where_nothing_is(tmp_path: Path) -> None:
    root = str(tmp_path)
    (tmp_path / "empty").mkdir()
    put(tmp_path, "file")
    put(tmp_path, "full/x")
    (tmp_path / "nowhere").symlink_to("missing")
    for path, array, group in (
        ("missing", True, True),
        ("missing/below", True, True),
        ("empty", True, True),
        ("file", False, False),
        ("full", False, True),
    ):
        assert (array, group) == (
            folders.is_free(root, path, "array"),
            folders.is_free(root, path, "group"),
        ), path
    for kind in get_args(Kind):
        with pytest.raises(CorruptNetworkError, match="symbolic link"):
            folders.is_free(root, "nowhere", kind)
    for kind, is_free in ((PLAIN, True), (GROUP, True), (ARRAY, False)):
        made(tmp_path, kind, kind)
        assert is_free == folders.is_free(root, kind, "group"), kind
        assert not folders.is_free(root, kind, "array")
    put(tmp_path, "other/zarr.json", metadata("elsewhere", GROUP))
    assert not folders.is_free(root, "other", "group")


def test_metadata_are_read_up_to_a_size(tmp_path: Path) -> None:
    root = str(tmp_path)
    for size, found in ((1 << 16, True), ((1 << 16) + 1, False)):
        put(tmp_path, "a/zarr.json", b" " * size)
        assert found == bool(folders.metadata_of(root, "a"))
    assert b"" == folders.metadata_of(root, "missing")
    put(tmp_path, "file")
    assert b"" == folders.metadata_of(root, "file")
    put(tmp_path, "b/other", b"content")
    (tmp_path / "b" / "zarr.json").symlink_to("other")
    assert b"" == folders.metadata_of(root, "b")


def test_an_array_goes_with_its_shards_and_what_was_not_completed(tmp_path: Path) -> None:
    root = str(tmp_path)
    made(tmp_path, "a/b/x", ARRAY)
    for name in ("a", "a/b"):
        made(tmp_path, name, PLAIN)
    for name in ("a/b/x/c/1/0", f"a/b/x/c/0/0.{uuid.uuid4().hex}.partial"):
        put(tmp_path, name)
    put(tmp_path, f"a/b/x/zarr.{uuid.uuid4().hex}.partial")
    made(tmp_path, "a/y", ARRAY)
    folders.remove_node(root, "a/b/x")
    # The groups above go with it, but for those that hold something.
    assert ["a/y/c/0/0", "a/y/zarr.json", "a/zarr.json"] == files(tmp_path)
    assert not (tmp_path / "a" / "b").exists()
    folders.remove_node(root, "a/y")
    assert [] == os.listdir(tmp_path)


def test_what_lies_in_an_array_stays_with_its_folders(tmp_path: Path) -> None:
    root = str(tmp_path)
    made(tmp_path, "a/x", ARRAY)
    made(tmp_path, "a", PLAIN)
    mine = ["a/x/c/0/notes", "a/x/notes", "a/x/report.partial"]
    for name in mine:
        put(tmp_path, name)
    folders.remove_node(root, "a/x")
    assert sorted([*mine, "a/zarr.json"]) == files(tmp_path)
    made(tmp_path, "g", GROUP)
    put(tmp_path, "g/notes")
    folders.remove_node(root, "g")
    assert ["g/notes"] == [name for name in files(tmp_path) if name[0] == "g"]


def test_what_no_session_made_at_its_place_is_not_removed(tmp_path: Path) -> None:
    root = str(tmp_path)
    for path, says, kind in (("a", "b", ARRAY), ("c", "c", GROUP), ("d", "d", PLAIN)):
        put(tmp_path, f"{path}/zarr.json", metadata(says, kind))
        put(tmp_path, f"{path}/c/0")
    before = files(tmp_path)
    for path in ("a", "d", "missing"):
        folders.remove_node(root, path)
    assert before == files(tmp_path)
    folders.remove_node(root, "c")
    assert [name for name in before if name != "c/zarr.json"] == files(tmp_path)
    made(tmp_path, "e", GROUP)
    folders.remove_node(root, "e")
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize(("age", "goes"), [(3500, False), (3700, True)])
def test_what_was_not_completed_goes_after_an_hour(tmp_path: Path, age: int, goes: bool) -> None:
    for path, kind in (("used", ARRAY), ("left", ARRAY), ("group", GROUP), ("mine", PLAIN)):
        made(tmp_path, path, kind)
    for name in ("", "used/", "used/c/0/", "mine/", "mine/deep/", ".hidden/"):
        partial = put(tmp_path, f"{name}0.{uuid.uuid4().hex}.partial")
        moment = time.time() - age
        os.utime(partial, (moment, moment))
    put(tmp_path, "notes.partial")
    os.utime(tmp_path / "notes.partial", (0, 0))
    folders.sweep(str(tmp_path), {"used"})
    left = files(tmp_path)
    assert not any(name.startswith(("left", "group")) for name in left)
    assert {"used/zarr.json", "used/c/0/0", "mine/zarr.json", "notes.partial"} <= set(left)
    unfinished = [name for name in left if name.endswith(".partial") and name != "notes.partial"]
    # Sessions make no hidden folders.
    assert (1 if goes else 6) == len(unfinished)
    assert any(name.startswith(".hidden/") for name in unfinished)


def test_names_of_shards_and_of_what_is_not_completed(tmp_path: Path) -> None:
    unique, root = uuid.uuid4().hex, str(tmp_path)
    for name, shard, unfinished in (
        ("0", True, False),
        ("17", True, False),
        (f"0.{unique}.partial", True, True),
        (f"zarr.{unique}.partial", False, True),
        (f"x.{unique}.partial", False, False),
        ("0.partial", False, False),
        (f"0.{unique[:-1]}.partial", False, False),
        ("0x", False, False),
        ("zarr.json", False, False),
    ):
        made(tmp_path, "a", ARRAY)
        for path in ("a/c/1", "other"):
            put(tmp_path, f"{path}/{name}")
        found = folders.FolderContent(root)
        of_others = {key for key in (f"a/c/1/{name}", "other") if key in found.foreign}
        expected = set() if unfinished else {"other"} if shard else {f"a/c/1/{name}", "other"}
        if name == "zarr.json":
            expected = {f"a/c/1/{name}", "other"}
        assert expected == of_others, name
        assert unfinished == (f"other/{name}" in found.unfinished), name
        (tmp_path / "other" / name).unlink()
        folders.remove_node(root, "a")
        left = tmp_path / "a" / "c" / "1" / name
        assert shard != left.exists(), name
        left.unlink(missing_ok=True)


@pytest.mark.parametrize("below", ["", "a/c/1/"])
def test_folders_that_no_session_nests_so_deep_are_not_looked_into(
    tmp_path: Path, below: str
) -> None:
    made(tmp_path, "a", ARRAY)
    put(tmp_path, below + "/".join(["0"] * 300) + "/file")
    (found,) = folders.FolderContent(str(tmp_path)).foreign
    assert found.startswith(below + "0")
    assert 290 > found.count("/")
