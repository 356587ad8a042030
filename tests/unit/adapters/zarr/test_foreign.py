"""Folders in folders are looked into up to a depth."""

from __future__ import annotations

from pathlib import Path

from bsb_hdf5.adapters.zarr.foreign import foreign_in, remove_own
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
