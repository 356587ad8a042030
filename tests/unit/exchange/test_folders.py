"""Folders that an export makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bsb_hdf5.errors import StoreIOError
from bsb_hdf5.exchange.folders import write_folder

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
        if self.name.endswith(".part"):
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
