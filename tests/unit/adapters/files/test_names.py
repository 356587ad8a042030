"""Names of files: what users give, and temporary names that are known again."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from bsb_hdf5.adapters.files.names import checked_path, hidden_path, is_hidden_name, target_of
from bsb_hdf5.errors import InputError
from bsb_hdf5.targets import local_path


def test_a_path_is_text_without_nul() -> None:
    assert ["a/b", "a/b", "a"] == [checked_path("a/b"), checked_path(Path("a/b")), _bytes(b"a")]
    with pytest.raises(InputError, match="contains a NUL") as caught:
        checked_path("a\0b")
    assert "a\0b" == caught.value.fields["asked"]


def _bytes(path: bytes) -> str:
    return checked_path(path)  # type: ignore[arg-type]


def test_a_link_stands_for_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "nowhere").symlink_to("missing")
    (tmp_path / "folder").symlink_to(tmp_path)
    for name, target in (("link", "file"), ("nowhere", "missing"), ("folder/link", "file")):
        assert os.path.realpath(tmp_path / target) == target_of(str(tmp_path / name))
    for same in ("file", "missing", "folder/file"):
        assert str(tmp_path / same) == target_of(str(tmp_path / same))


@pytest.mark.parametrize("name", ["n", "é" * 127, "n" * 255, "é" * 200])
def test_a_hidden_name_lies_beside_and_fits(name: str, tmp_path: Path) -> None:
    path = str(tmp_path / name)
    first, second = hidden_path(path, "new"), hidden_path(path, "new")
    assert first != second
    folder, found = os.path.split(first)
    assert str(tmp_path) == folder
    assert re.fullmatch(r"\..+\.[0-9a-f]{8}\.new", found)
    assert 255 >= len(os.fsencode(found))
    assert found[1:].startswith(name[:100])
    # As much of the name as there is room for.
    assert len(os.fsencode(name)) < 240 or 254 <= len(os.fsencode(found))
    assert is_hidden_name(found, name, "new")
    assert not is_hidden_name(found, name, "gone")
    assert not is_hidden_name(found, f"x{name}", "new")
    assert not is_hidden_name(name, name, "new")
    (tmp_path / found).touch()


def test_a_path_that_no_file_can_have_is_refused() -> None:
    for name in ("\ud800.hdf5", "folder\ud800/n.zarr"):
        with pytest.raises(InputError, match="can't be encoded in utf-8"):
            checked_path(name)
        with pytest.raises(InputError, match="can't name a file"):
            local_path(name)
