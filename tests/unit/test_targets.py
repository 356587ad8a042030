"""Files and folders beside a network: their names, and that they are whole or not there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import bsb
import pytest

import bsb_hdf5
from bsb_hdf5 import queries
from bsb_hdf5.errors import InputError, StoreAccessError, StoreIOError
from bsb_hdf5.targets import (
    cause_of,
    check_folder,
    local_path,
    made_beside,
    write_beside,
    writing,
)

CAUSES: list[tuple[Exception, int | None, str]] = [
    (OSError(errno.ENOSPC, "full"), errno.ENOSPC, os.strerror(errno.ENOSPC)),
    (OSError("errno = 28, of HDF5"), errno.ENOSPC, os.strerror(errno.ENOSPC)),
    (RuntimeError("it failed (errno = 13, 'x')"), errno.EACCES, os.strerror(errno.EACCES)),
    (OSError("a text"), None, "a text"),
    (MemoryError(), errno.ENOMEM, "there is not enough memory"),
]


def test_the_cause_of_an_error_is_that_of_the_system() -> None:
    for error, number, said in CAUSES:
        assert (number, said) == cause_of(error), error


def test_errors_of_the_system_name_the_target() -> None:
    for error, number, said in CAUSES[:4]:
        kind = StoreAccessError if number == errno.EACCES else StoreIOError
        with pytest.raises(kind) as raised, writing("there"):
            raise error
        assert f"'there' can't be written: {said}" == str(raised.value)
        assert ("there", number) == (
            raised.value.fields["location"],
            raised.value.fields["errno"],
        )
        assert raised.value.__cause__ is error
    for denied in (errno.EACCES, errno.EPERM, errno.EROFS):
        with pytest.raises(StoreAccessError), writing("there"):
            raise OSError(denied, "no")
    for other in (RuntimeError("of somebody else"), StoreIOError("told"), ValueError("x")):
        with pytest.raises(type(other)) as same, writing("there"):
            raise other
        assert same.value is other


@pytest.mark.parametrize("place", ["lab/net", Path("lab/net"), b"lab/net"])
def test_files_and_folders_are_named_by_texts_and_paths(place: Any) -> None:
    assert Path("lab/net") == local_path(place)


@pytest.mark.parametrize("place", ["C://lab/net", "/mirror/https://lab/net"])
def test_a_path_that_holds_what_urls_begin_with_is_one(place: str) -> None:
    assert Path(place) == local_path(place)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (3, "must be a str or a path, not 3"),
        (None, "must be a str or a path, not None"),
        ("s3://lab/net", "'s3://lab/net' is a URL; name a file or folder"),
        ("", "'' can't name a file"),
        ("a\0b", r"'a\\x00b' can't name a file"),
    ],
)
def test_what_names_no_file_is_refused(place: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        local_path(place)
    assert place == caught.value.fields["asked"]


@pytest.mark.parametrize("place", ["s3://me:secret@lab/net", " s3://me:se/secret@lab/net"])
def test_credentials_in_what_names_no_file_are_not_shown(place: str) -> None:
    with pytest.raises(InputError, match="contains credentials") as caught:
        local_path(place)
    assert "secret" not in f"{caught.value}{caught.value.fields}"


@pytest.mark.parametrize(
    "export",
    [
        bsb_hdf5.export_csv,
        bsb_hdf5.export_parquet,
        bsb_hdf5.export_sonata,
        queries.plot,
        lambda network, place: bsb_hdf5.import_sonata(place, network.root + "2"),
    ],
)
@pytest.mark.parametrize("place", [3, "s3://lab/net.html", "a\0.html"])
def test_nothing_is_written_to_what_names_no_file(
    export: Callable[[bsb.Storage, Any], object],
    place: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    network = bsb.Storage("memory", "net")
    with pytest.raises(InputError, match="file or folder"):
        export(network, place)
    assert [] == list(tmp_path.iterdir())


def test_no_two_places_beside_a_target_are_one(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 255)
    with made_beside(target) as first, made_beside(target) as second:
        first.write_text("a file")
        second.mkdir()
        (second / "file").touch()
        assert tmp_path == first.parent.parent == second.parent.parent
        first.rename(target)
    assert [target] == list(tmp_path.iterdir())
    assert "a file" == target.read_text()


def test_what_is_not_given_its_name_is_removed(tmp_path: Path) -> None:
    for make in (Path.mkdir, Path.touch, str):
        with pytest.raises(ValueError), made_beside(tmp_path / "target") as made:
            make(made)
            raise ValueError
        assert not list(tmp_path.iterdir())


POSIX_MODES = pytest.mark.skipif(os.name == "nt", reason="files have no such modes")


@pytest.mark.parametrize(
    ("folder", "message", "number"),
    [
        ("nowhere", "does not exist; create it first", errno.ENOENT),
        ("file", "is a file", errno.ENOTDIR),
    ],
)
def test_a_place_that_no_file_can_have_is_refused(
    tmp_path: Path, folder: str, message: str, number: int
) -> None:
    (tmp_path / "file").touch()
    target = tmp_path / folder / "page.html"
    with pytest.raises(StoreIOError, match=message) as raised:
        check_folder(target)
    assert (number, str(target)) == (raised.value.errno, raised.value.fields["location"])
    check_folder(tmp_path / "page.html")


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "page.html"
    target.write_text("before")
    synced: list[tuple[int, str]] = []

    def sync(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_size, target.read_text()))

    monkeypatch.setattr(os, "fsync", sync)
    write_beside(target, lambda file: file.write(b"after"))
    assert [(5, "before")] == synced
    assert "after" == target.read_text()
    assert [target] == list(tmp_path.iterdir())


def test_what_fails_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    target.write_text("before")

    def fail(file: BinaryIO) -> None:
        file.write(b"after")
        raise ValueError

    with pytest.raises(ValueError):
        write_beside(target, fail)
    assert ["before"] == [each.read_text() for each in tmp_path.iterdir()]


@pytest.fixture
def _no_mask() -> Iterator[None]:
    """Files get the modes that they are made with."""
    before = os.umask(0)
    yield
    os.umask(before)


@POSIX_MODES
@pytest.mark.usefixtures("_no_mask")
@pytest.mark.parametrize(("mode", "expected"), [(None, 0o666), (0o640, 0o640), (0o600, 0o600)])
def test_those_who_may_not_read_the_network_may_not_read_the_file(
    tmp_path: Path, mode: int | None, expected: int
) -> None:
    target = tmp_path / "page.html"
    write_beside(target, lambda file: file.write(b"after"), mode)
    assert expected == target.stat().st_mode & 0o777
