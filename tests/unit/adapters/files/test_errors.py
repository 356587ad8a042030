"""What the system raises becomes an error of this package, with its number."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bsb_hdf5.adapters.files.errors import system_error
from bsb_hdf5.errors import StoreAccessError, StoreError, StoreIOError, StoreNotFoundError


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, StoreNotFoundError),
        (errno.EACCES, StoreAccessError),
        (errno.EPERM, StoreAccessError),
        (errno.EROFS, StoreAccessError),
        (errno.ENOSPC, StoreIOError),
        (errno.EIO, StoreIOError),
        (errno.ENOTDIR, StoreNotFoundError),
    ],
)
def test_each_number_has_its_class(number: int, kind: type[StoreError], tmp_path: Path) -> None:
    path = str(tmp_path / "x")
    found = system_error(OSError(number, os.strerror(number)), path)
    assert kind is type(found)
    assert path == found.fields["location"]
    assert path in str(found)
    assert number == getattr(found, "errno", None)
    if kind is not StoreNotFoundError:
        assert os.strerror(number) in str(found)


def test_an_error_without_a_number_says_what_it_says() -> None:
    found = system_error(OSError("odd"), "x")
    assert "'x': odd" == str(found)
    assert found.fields["errno"] is None


def test_a_folder_that_may_not_be_written_is_named_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = PermissionError(errno.EACCES, "Permission denied")
    new = str(tmp_path / "new")
    monkeypatch.setattr(os, "access", lambda path, mode: path != str(tmp_path))
    assert str(system_error(denied, new)).startswith(f"the folder '{tmp_path}' may not be written")
    Path(new).touch()
    assert str(system_error(denied, new)).startswith(f"'{new}' may not be opened or written")


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    below = str(tmp_path / "file" / "x")
    for number in (errno.ENOTDIR, errno.ENOENT):
        found = system_error(OSError(number, os.strerror(number)), below)
        assert str(found).startswith(f"'{tmp_path / 'file'}' is a file, not a folder for '{below}'")


def test_what_is_missing_is_the_file_or_its_folder(tmp_path: Path) -> None:
    gone = OSError(errno.ENOENT, "")
    assert f"there is no file '{tmp_path / 'x'}'" == str(system_error(gone, str(tmp_path / "x")))
    missing = str(tmp_path / "no" / "x")
    assert f"the folder '{tmp_path / 'no'}' of '{missing}' does not exist; create it first" == str(
        system_error(gone, missing)
    )
    (tmp_path / "link").symlink_to(missing)
    assert "create it first" in str(system_error(gone, str(tmp_path / "link")))
