"""Sessions that take no more steps when there were many before."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pytest
from bsb import Storage

from tests.face.layouts import new_storage
from tests.face.samples import cell_type, chunk, positions

FEW = 40
MOST = 1.1
"""Times as many steps."""


def steps_of(storage: Storage) -> int:
    """Calls that a small append and a count take; the fewest of several, as some tidy up."""
    cells = storage.get_placement_set(cell_type("a"))
    found = []
    for _ in range(10):
        calls = 0

        def count(frame: FrameType, event: str, argument: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        before = len(cells)
        sys.setprofile(count)
        cells.append_data(chunk(0), positions(10))
        after = len(cells)
        sys.setprofile(None)
        assert before + 10 == after
        found.append(calls)
    return min(found)


@pytest.mark.parametrize(
    ("kind", "sessions"), [("columnar", 300), ("classic", 200), ("memory", 500), ("zarr", 60)]
)
def test_an_append_and_a_count_take_as_many_steps_after_many_sessions(
    tmp_path: Path, kind: str, sessions: int
) -> None:
    hdf5, root = kind in ("columnar", "classic"), tmp_path / "network"
    storage = new_storage(root, kind) if hdf5 else Storage(kind, str(root))
    cells = storage.require_placement_set(cell_type("a"))
    for _ in range(FEW):
        cells.append_data(chunk(0), positions(10))
    first = steps_of(storage)
    for _ in range(sessions):
        cells.append_data(chunk(0), positions(10))
    assert steps_of(storage) <= MOST * first
