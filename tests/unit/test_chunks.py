"""The columns of a set, each under a name of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bsb import Chunk, Storage

from bsb_hdf5.chunks import ChunkedCollection, ChunkedProperty
from tests.face.samples import cell_type


def test_a_set_has_its_columns_and_makes_no_attribute_up(tmp_path: Path) -> None:
    storage = Storage("memory", str(tmp_path / "network"))
    cells = storage.require_placement_set(cell_type("a"))
    cells.append_data(Chunk((0, 0, 0), (1, 1, 1)), np.ones((2, 3)))
    for name in ("position", "rotation", "morphology", "labels"):
        column = vars(cells)[f"_{name}_chunks"]
        assert isinstance(column, ChunkedProperty)
        assert name == column.name
    assert isinstance(vars(cells)["_additional_chunks"], ChunkedCollection)
    assert [[1.0] * 3] * 2 == cells._position_chunks.load().tolist()
    with pytest.raises(AttributeError, match="_other_chunks"):
        cells._other_chunks  # noqa: B018
