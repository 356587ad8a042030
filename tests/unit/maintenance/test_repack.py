"""A repack that fails leaves the network as it was, and free for others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5 import repack
from bsb_hdf5.errors import StoreIOError
from tests.face.layouts import new_storage
from tests.face.samples import cell_type, chunk, positions


@pytest.mark.parametrize("layout", ["classic", "columnar"])
def test_a_repack_that_fails_changes_nothing(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = new_storage(tmp_path / "network", layout)
    cells: Any = storage.require_placement_set(cell_type("a"))
    cells.append_data(chunk(0), positions(3))
    path = Path(storage.root)
    before, names = path.read_bytes(), sorted(tmp_path.iterdir())

    def fail(*_: object, **__: object) -> None:
        raise StoreIOError("full")

    with monkeypatch.context() as patch:
        patch.setattr("bsb_hdf5.maintenance.repack.copy_whole", fail)
        with pytest.raises(StoreIOError, match="full"):
            repack(storage)
    assert (before, names) == (path.read_bytes(), sorted(tmp_path.iterdir()))
    storage._engine.sessions.settings.limit = 0.5
    cells.append_data(chunk(0), positions(2))
    repack(storage)
    assert 5 == len(cells.load_positions())
