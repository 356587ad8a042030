"""Morphologies in files that were made by hand, as bsb-hdf5 8.0.2 reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5 import convert
from tests.face.samples import untouched

SEPARATE = [[end, -1] for end in range(1, 6)]


def library(path: Path, points: int, graph: Any) -> Storage:
    with h5py.File(path, "w") as file:
        group = file.create_group("morphologies/M")
        data = group.create_dataset("data", data=np.ones((points, 5)))
        data.attrs["labels"] = json.dumps({"1": []})
        data.attrs["properties"] = []
        group.create_dataset("graph", data=graph)
        file["morphology_meta"] = json.dumps({"M": {}})
    return Storage("hdf5", str(path))


@pytest.mark.parametrize(
    ("points", "graph", "branches", "roots"),
    [
        (0, [], 0, 0),
        (0, [[0, -1]] * 3, 3, 3),
        # The only branch ends before the only point.
        (1, [[0, -1]], 1, 1),
        (5, SEPARATE, 5, 5),
        (5, [*SEPARATE[:4], [5, 0]], 5, 4),
        (3, [], 0, 0),
        (4, [[2, -1]], 1, 1),
    ],
)
def test_points_and_branches_are_those_of_the_file(
    tmp_path: Path, points: int, graph: Any, branches: int, roots: int
) -> None:
    storage = library(tmp_path / "library.hdf5", points, graph)
    with untouched(tmp_path / "library.hdf5"):
        for each in storage.morphologies.load("M"), storage.morphologies.all()[0].load():
            assert (branches, roots) == (len(each.branches), len(each.roots))
            assert (points, 3) == each.flatten().shape or not branches
            assert each._check_shared()
    copy = convert(storage, str(tmp_path / "copy.hdf5"), layout="columnar")
    assert branches == len(copy.morphologies.load("M").branches)
