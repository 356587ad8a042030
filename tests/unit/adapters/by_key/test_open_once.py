"""Objects that a process opens once for a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsb_hdf5.adapters.by_key.open_once import OpenOnce
from bsb_hdf5.testing.processes import OtherProcess


class Library:
    """Opens files, each once; what is closed is noted."""

    def __init__(self) -> None:
        self.is_open: set[str] = set()

    def open(self, path: str) -> list[str]:
        if path in self.is_open:
            raise ValueError(f"'{path}' is open")
        Path(path).touch()
        self.is_open.add(path)
        return [path]

    def close(self, opened: list[str]) -> None:
        self.is_open.remove(opened[0])


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
def objects(library: Library) -> OpenOnce[list[str]]:
    return OpenOnce(library.open, library.close)


def test_the_last_user_closes_what_the_first_opened(
    tmp_path: Path, library: Library, objects: OpenOnce[list[str]]
) -> None:
    path = str(tmp_path / "a")
    first, second = objects.acquire(path), objects.acquire(path)
    assert first is second
    objects.release(first)
    assert {path} == library.is_open
    objects.release(second)
    assert set() == library.is_open


def test_two_paths_of_a_file_share_it_and_two_files_do_not(
    tmp_path: Path, objects: OpenOnce[list[str]]
) -> None:
    path, other, link = (str(tmp_path / name) for name in "abc")
    first = objects.acquire(path)
    Path(link).symlink_to(path)
    assert objects.acquire(link) is first
    assert objects.acquire(other) is not first


def test_what_could_not_be_opened_is_tried_again(
    tmp_path: Path, library: Library, objects: OpenOnce[list[str]]
) -> None:
    path = str(tmp_path / "a")
    library.is_open.add(path)
    with pytest.raises(ValueError, match="is open"):
        objects.acquire(path)
    library.is_open.clear()
    assert [path] == objects.acquire(path)


def test_a_forked_child_opens_its_own_and_leaves_that_of_its_parent(
    tmp_path: Path, library: Library, objects: OpenOnce[list[str]]
) -> None:
    path = str(tmp_path / "a")
    inherited = objects.acquire(path)

    def act() -> tuple[bool, bool]:
        objects.release(inherited)
        left = path in library.is_open
        library.is_open.clear()
        return left, objects.acquire(path) is not inherited

    with OtherProcess(act) as other:
        assert (True, True) == other.result()
    assert objects.acquire(path) is inherited
