"""Damage of sets of the classic layout whose names are not the shortest spelling of their path."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from bsb_hdf5 import verify
from tests.face.layouts import new_storage
from tests.face.samples import cell_type, chunk, on_soma, positions


@pytest.mark.parametrize("tag", ["t/u", "v//w"])
def test_counts_that_are_no_json_are_one_finding(tag: str, tmp_path: Path) -> None:
    path, kind = tmp_path / "network", cell_type("a")
    storage = new_storage(path, "classic")
    storage.require_placement_set(kind).append_data(chunk(0), positions(3))
    loop = storage.require_connectivity_set(kind, kind, tag)
    loop.chunk_connect(chunk(0), chunk(0), on_soma(0, 1), on_soma(1, 2))
    with h5py.File(path, "r+") as file:
        file[f"connectivity/{tag}"].attrs["chunks"] = "no JSON"
    [finding] = verify(storage).findings
    assert tag in finding.where
