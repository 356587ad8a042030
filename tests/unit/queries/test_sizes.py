"""The bytes of arrays count, in groups up to a depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bsb import Storage

from bsb_hdf5.queries.sizes import sizes
from bsb_hdf5.resource import Resource
from bsb_hdf5.storages import engine_of


def test_an_array_counts_in_up_to_64_groups(tmp_path: Path) -> None:
    engine = engine_of(Storage("memory", str(tmp_path / "network")))
    for name, groups in (("a", 64), ("b", 65)):
        Resource(engine, "/" + "/".join([name] * groups + ["rows"])).create(np.arange(5))
    parts = sizes(engine).parts
    assert parts is not None
    assert (40, 0) == (parts["a"], parts["b"])
