"""Cells are labelled by a mask where that is what a method takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5.errors import LabelError
from tests.face.samples import cell_type, chunk, positions


@pytest.mark.parametrize("verb", ["label_by_mask", "remove_labels_by_mask"])
def test_a_mask_holds_booleans_for_all_cells(verb: str, tmp_path: Path) -> None:
    storage = Storage("memory", str(tmp_path / "network"))
    cells: Any = storage.require_placement_set(cell_type("a"))
    cells.append_data(chunk(0), positions(3))
    cells.label(["x"], [0, 1])
    before = cells.get_label_mask(["x"]).tolist()
    for wrong in ([0, 2], np.array([0]), np.ones(2, dtype=bool), np.ones(3, dtype=int)):
        with pytest.raises(LabelError, match="mask"):
            getattr(cells, verb)(["x"], wrong)
    assert before == cells.get_label_mask(["x"]).tolist()
    getattr(cells, verb)(["x"], np.array([True, False, True]))
    after = [True, True, True] if verb == "label_by_mask" else [False, True, False]
    assert after == cells.get_label_mask(["x"]).tolist()
