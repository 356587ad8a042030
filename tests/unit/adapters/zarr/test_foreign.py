"""Folders in folders are looked into up to a depth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bsb_hdf5.adapters.zarr.folders import foreign_in, remove_own
from tests.unit.adapters.zarr.test_strangers import marked


def nested(depth: int) -> str:
    return "/".join("d" * depth)


def test_empty_folders_in_each_other_are_not_foreign_up_to_200(tmp_path: Path) -> None:
    (tmp_path / nested(200)).mkdir(parents=True)
    assert [] == foreign_in(str(tmp_path))
    (tmp_path / nested(201)).mkdir()
    assert ["d"] == foreign_in(str(tmp_path))


def test_an_array_in_200_folders_is_removed_with_its_network(tmp_path: Path) -> None:
    root = tmp_path / "network"
    marked(root / nested(200), nested(200))
    remove_own(str(root), keep_lock=False)
    assert not root.exists()


def test_what_lies_among_the_shards_of_an_array_is_foreign(tmp_path: Path) -> None:
    shards = marked(tmp_path / "a", "a") / "c"
    (shards / "notes.txt").write_text("mine")
    (shards / "1").mkdir()
    (shards / "1" / "0").write_bytes(b"precious")
    (shards / "1" / "mine").write_text("mine")
    assert ["a/c/1/mine", "a/c/notes.txt"] == foreign_in(str(tmp_path))


OF_FS = json.dumps({"engine_name": "fs"})


TRACES: list[tuple[str, str | None, list[str]]] = [
    (OF_FS, None, []),
    (OF_FS, "file_meta", ["file_meta", "metadata.json"]),
    (OF_FS, "mine", ["mine"]),
    (json.dumps({"engine_name": "other"}), None, ["metadata.json"]),
    ("[]", None, ["metadata.json"]),
    ("{", None, ["metadata.json"]),
]


def test_what_the_engine_of_folders_leaves_where_it_looked_is_not_foreign(tmp_path: Path) -> None:
    for number, (text, folder, foreign) in enumerate(TRACES):
        (root := tmp_path / str(number)).mkdir()
        (root / "metadata.json").write_text(text)
        if folder:
            (root / folder).mkdir()
            (root / folder / "file").touch()
        assert foreign == foreign_in(str(root))
        # Nothing else is taken for it, nor the same in another folder.
        (root / "notes.json").write_text(text)
        (root / "other").mkdir()
        (root / "other" / "metadata.json").write_text(text)
        assert sorted([*foreign, "notes.json", "other"]) == foreign_in(str(root))


@pytest.mark.parametrize(("keep", "left"), [(True, [".lock"]), (False, [])])
def test_what_sessions_leave_is_removed_with_the_network(
    keep: bool, left: list[str], tmp_path: Path
) -> None:
    root = tmp_path / "network"
    marked(root / "a" / "b", "a/b")
    (root / ".lock").touch()
    (root / "metadata.json").write_text(OF_FS)
    remove_own(str(root), keep_lock=keep)
    assert left == (sorted(each.name for each in root.iterdir()) if root.exists() else [])


def test_what_is_foreign_outlives_its_network(tmp_path: Path) -> None:
    root = tmp_path / "network"
    marked(root / "a", "a")
    for path in ("notes.txt", "a/notes.txt", ".hidden/file", "a/.hidden/file"):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text("mine")
    (root / "link").symlink_to(tmp_path)
    found = [".hidden", "a/.hidden", "a/notes.txt", "link", "notes.txt"]
    assert found == foreign_in(str(root))
    remove_own(str(root), keep_lock=False)
    # What was an array is a folder of others.
    assert [".hidden", "a", "link", "notes.txt"] == foreign_in(str(root))
    assert [".hidden", "notes.txt"] == sorted(each.name for each in (root / "a").iterdir())
