"""Files of a folder as objects: read in part, and replaced whole."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5.adapters.zarr.objects import ObjectFile, write_again, write_object
from bsb_hdf5.errors import CorruptNetworkError


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_parts_of_a_file_are_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"0123456789")
    with ObjectFile(str(tmp_path / "x")) as file:
        assert 10 == file.size
        assert [b"234", b"89", b"", b""] == [
            file.read(*part) for part in ((2, 5), (8, 20), (5, 5), (12, 15))
        ]
        # Another file in its place changes nothing of that.
        write_object(str(tmp_path / "x"), b"other")
        assert b"01" == file.read(0, 2)
        descriptor = file._descriptor
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_file_is_read_to_its_end_however_little_the_system_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pread = os.pread
    (tmp_path / "x").write_bytes(b"0123456789")
    with ObjectFile(str(tmp_path / "x")) as file:
        for most in range(1, 11):
            give = partial(
                lambda most, file, size, start: pread(file, min(size, most), start), most
            )
            monkeypatch.setattr(os, "pread", give)
            assert b"12345678" == file.read(1, 9)
            assert b"0123456789" == file.read(0, 12)


def test_what_is_no_file_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    for name in ("missing", "file/x"):
        with pytest.raises((FileNotFoundError, NotADirectoryError)):
            ObjectFile(str(tmp_path / name))
    for name in ("folder", "pipe"):
        with pytest.raises(CorruptNetworkError, match=f"{name}' is not a regular file"):
            ObjectFile(str(tmp_path / name))
    with pytest.raises(OSError, match="link"):
        ObjectFile(str(tmp_path / "link"))


@pytest.mark.parametrize("write", [write_object, write_again])
def test_a_file_is_made_with_its_folders_and_replaced(tmp_path: Path, write: Any) -> None:
    path = tmp_path / "a" / "b" / "zarr.json"
    for data in (b"first", b"another", b""):
        write(str(path), data)
        assert data == path.read_bytes().rstrip()
        assert ["zarr.json"] == names(path.parent)


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "zarr.json"
    path.write_bytes(b"before")
    pwrite, seen = os.pwrite, list[str]()

    def fail(file: int, data: Any, start: int) -> int:
        seen.extend(name for name in names(tmp_path) if name != "zarr.json")
        if start:
            raise OSError(28, "No space left on device")
        return pwrite(file, data[:2], start)

    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(OSError, match="No space"):
        write_object(str(path), b"after")
    assert (b"before", ["zarr.json"]) == (path.read_bytes(), names(tmp_path))
    assert all(name.startswith("zarr.") and name.endswith(".partial") for name in seen)
    assert 1 == len(set(seen))


def test_all_is_written_however_little_the_system_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, start: pwrite(file, data[:3], start))
    write_object(str(tmp_path / "x"), b"0123456789")
    assert b"0123456789" == (tmp_path / "x").read_bytes()


def test_a_text_is_written_over_another_with_spaces_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "zarr.json"
    path.write_bytes(b"a longer text")
    inode = path.stat().st_ino
    write_again(str(path), b"short")
    assert (b"short        ", inode) == (path.read_bytes(), path.stat().st_ino)
    write_again(str(path), b"longer than any text before")
    assert (b"longer than any text before", inode) == (path.read_bytes(), path.stat().st_ino)


def test_a_file_with_another_name_is_replaced_and_the_other_stays(tmp_path: Path) -> None:
    path = tmp_path / "zarr.json"
    path.write_bytes(b"shared")
    os.link(path, tmp_path / "copy")
    write_again(str(path), b"mine")
    assert (b"mine", b"shared") == (path.read_bytes(), (tmp_path / "copy").read_bytes())
    assert ["copy", "zarr.json"] == names(tmp_path)
