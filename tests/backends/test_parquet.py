"""Networks in Parquet pass all that an engine has to pass, and other programs open their tables."""

from __future__ import annotations

import json
from pathlib import Path

import bsb
import numpy as np
import pandas as pd

from bsb_hdf5.testing import engine_suite

globals().update(engine_suite("parquet", root=lambda path: f"{path}.parquet", examples=3))


class Granule:
    name = "granule"


def test_a_table_is_opened_by_pandas(tmp_path: Path) -> None:
    root = tmp_path / "network.parquet"
    cells = bsb.Storage("parquet", str(root)).require_placement_set(Granule())
    positions = np.arange(9.0).reshape(3, 3)
    cells.append_data(bsb.Chunk((0, 0, 0), (100, 100, 100)), positions=positions)
    manifest = json.loads((root / "manifest.json").read_text())
    tables = [pd.read_parquet(path).to_numpy() for path in root.glob("*.parquet")]
    assert any(np.array_equal(positions, table) for table in tables)
    assert {"format", "state", "root"} == set(manifest)
