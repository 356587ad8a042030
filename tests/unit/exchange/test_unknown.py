"""Arrays that a layout does not know are copied in pieces, every row of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bsb_hdf5.exchange import unknown
from tests.unit.memory import new_root


@pytest.mark.parametrize("rows", range(12))
@pytest.mark.parametrize("width", [(), (2,), (0,)])
def test_all_pieces_of_an_array_are_copied(
    rows: int, width: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unknown, "_PIECE_BYTES", 48)
    values: Any = np.random.default_rng(rows).random((rows, *width))
    source, target = new_root(), new_root()
    made = unknown._copy_array(source.create_array("x", values), target, "y")
    assert values.tolist() == made.read().tolist() == target.array("y").read().tolist()
    assert values.shape == made.shape
    assert 4 * 48 > max(part.nbytes for part in unknown._pieces(source.array("x")))
