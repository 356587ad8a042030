"""The bytes of arrays count, in groups up to a depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5.queries.networks import session_on
from bsb_hdf5.queries.sizes import _array_sizes, sizes
from bsb_hdf5.resource import Resource
from bsb_hdf5.storages import engine_of


@pytest.mark.parametrize(("fewer", "counted"), [(0, True), (1, False)])
def test_so_many_arrays_are_counted_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fewer: int, counted: bool
) -> None:
    engine = engine_of(Storage("memory", str(tmp_path / "network")))
    Resource(engine, "/own/rows").create(np.arange(5))
    with session_on(engine) as session:
        root = session.root
        entries = [size for name in root.names() for size in _array_sizes(root, name, 0)]
    monkeypatch.setattr("bsb_hdf5.queries.sizes._MOST_ARRAYS", len(entries) - fewer)
    assert counted == (sizes(engine).parts is not None)


def test_an_array_counts_in_up_to_64_groups(tmp_path: Path) -> None:
    engine = engine_of(Storage("memory", str(tmp_path / "network")))
    for name, groups in (("a", 64), ("b", 65)):
        Resource(engine, "/" + "/".join([name] * groups + ["rows"])).create(np.arange(5))
    parts = sizes(engine).parts
    assert parts is not None
    assert (40, 0) == (parts["a"], parts["b"])
