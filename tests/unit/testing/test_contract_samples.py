"""The contract tries every dtype that the layouts store."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import bsb
import numpy as np
import pytest

from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.ports.arrays import GroupReader
from bsb_hdf5.testing.contents import reading
from bsb_hdf5.testing.contract_samples import DTYPES
from bsb_hdf5.testing.network_samples import cell_type, chunk_at, morphology_of


def dtypes_in(group: GroupReader) -> Iterator[str]:
    """Dtypes of all arrays in a group and below."""
    for name in group.names():
        try:
            yield group.array(name).dtype.str
        except LookupError:
            try:
                yield from dtypes_in(group.group(name))
            except LookupError:
                continue


@pytest.mark.parametrize("layout", ["classic", "columnar"])
@pytest.mark.parametrize("largest", [3, 2**17])
def test_every_dtype_of_a_network_is_tried(
    layout: str, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BSB_HDF5_LAYOUT", layout)
    root = uuid.uuid4().hex
    storage = bsb.Storage("memory", root)
    cells = storage.require_placement_set(cell_type("granule"))
    cells.append_data(chunk_at(0), positions=np.zeros((3, 3)), morphologies=None)
    storage.morphologies.save("m", morphology_of("labelled"))
    points = np.array([[0, 0, 0], [1, 2, largest]])
    connections = storage.require_connectivity_set(cell_type("granule"), cell_type("granule"), "x")
    connections.chunk_connect(chunk_at(0), chunk_at(0), points, points)
    storage.files.store("text", id="note")
    with reading(MemoryStore(root)) as read:
        found = set(dtypes_in(read))
    storage.remove()
    assert len(found) > 1
    assert found <= set(DTYPES)
