"""Folders that an export makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bsb_hdf5.errors import StoreExistsError, StoreIOError
from bsb_hdf5.exchange.folders import _folder_mode, write_folder

EXPORTED = {"cells.csv"}


def write_text(text: str) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "cells.csv").write_text(text)

    return write


def test_a_folder_that_can_not_be_named_leaves_the_earlier_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "tables"
    write_folder(target, write_text("first"), lambda _: None, overwrite=False)
    rename = Path.rename

    def fail(self: Path, name: Path) -> Path:
        if name == target and not (self / "cells.csv").read_text() == "first":
            raise OSError(28, "No space left on device")
        return rename(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)
        with pytest.raises(StoreIOError, match="can't be written: No space left on device"):
            write_folder(target, write_text("second"), lambda _: EXPORTED, overwrite=True)
    assert ["tables"] == [each.name for each in tmp_path.iterdir()]
    assert "first" == (target / "cells.csv").read_text()
    write_folder(target, write_text("second"), lambda _: EXPORTED, overwrite=True)
    assert "second" == (target / "cells.csv").read_text()


def test_what_others_make_at_the_place_during_an_export_stays(tmp_path: Path) -> None:
    target = tmp_path / "tables"

    def interleaved(folder: Path) -> None:
        write_text("ours")(folder)
        target.mkdir(exist_ok=True)
        (target / "thesis.txt").write_text("mine")

    with pytest.raises(StoreExistsError, match="made by another program during the export"):
        write_folder(target, interleaved, lambda _: None, overwrite=False)
    with pytest.raises(StoreExistsError, match=r"holds 'thesis\.txt'"):
        (target / "thesis.txt").unlink()
        write_folder(target, interleaved, lambda _: EXPORTED, overwrite=True)
    assert "mine" == (target / "thesis.txt").read_text()
    assert ["tables"] == [each.name for each in tmp_path.iterdir()]


def test_of_two_exports_to_one_folder_at_a_time_one_is_there_whole(tmp_path: Path) -> None:
    target = tmp_path / "tables"

    def during_another(folder: Path) -> None:
        write_folder(target, write_text("other"), lambda _: None, overwrite=False)
        write_text("ours")(folder)

    with pytest.raises(StoreExistsError, match="made by another program"):
        write_folder(target, during_another, lambda _: None, overwrite=False)
    assert "other" == (target / "cells.csv").read_text()
    assert ["tables"] == [each.name for each in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("mode", "folder"), [(0o600, 0o700), (0o640, 0o750), (0o644, 0o755), (0o666, 0o777)]
)
def test_who_may_read_files_may_look_for_them(mode: int, folder: int) -> None:
    assert folder == _folder_mode(mode)


@pytest.mark.parametrize(("mode", "folder"), [(0o444, 0o755), (0o400, 0o700), (0, 0o700)])
def test_what_is_exported_from_a_read_only_network_can_be_written(mode: int, folder: int) -> None:
    assert folder == _folder_mode(mode)
