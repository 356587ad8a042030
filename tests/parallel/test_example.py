"""``mpiexec -n 3 bsb compile`` makes the network that one process makes, and says how far it is."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from bsb import CellType, Storage

import bsb_hdf5
from tests.parallel.launcher import as_rank, environment, mpiexec

EXAMPLE = Path(__file__).parents[2] / "examples" / "cerebellar_column"
COMPILE = ("-m", "bsb", "compile", "network.json", "-v", "3")
LIMIT = 180.0
CELLS = ("golgi_cell", "basket_cell", "stellate_cell")


def prepare(folder: Path) -> Path:
    """The example on a ninth of its ground."""
    shutil.copytree(EXAMPLE, folder)
    path = folder / "network.json"
    configuration: dict[str, Any] = json.loads(path.read_text())
    configuration["network"].update(x=100, y=100, chunk_size=[50, 50, 100])
    configuration["after_placement"]["zebrin_stripes"]["borders"] = [50]
    configuration["after_placement"]["lateral_margin"]["edge_width"] = 20
    path.write_text(json.dumps(configuration))
    return folder


def compiled(folder: Path, *command: str) -> tuple[Storage, str]:
    """The network that ``bsb compile`` makes, and what it prints."""
    done = subprocess.run(
        command,
        cwd=prepare(folder),
        env=environment(),
        timeout=LIMIT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return Storage("hdf5", str(folder / "cerebellar_column.hdf5")), done.stdout


def contents(storage: Storage) -> dict[str, np.ndarray[Any, Any]]:
    """Cells in order, and connections in an order of their own."""
    found = {each.tag: each.load_positions() for each in placement_sets(storage)}
    for each in storage.get_connectivity_sets():
        rows = np.column_stack(each.load_connections().as_globals().all())
        found[each.tag] = rows[np.lexsort(rows.T)]
    return found


def placement_sets(storage: Storage) -> list[Any]:
    cells = [CellType(name=name, spatial={"radius": 1.0, "density": 1e-3}) for name in CELLS]
    return [storage.get_placement_set(each) for each in cells]


def test_ranks_compile_the_example_as_one_process_does(tmp_path: Path) -> None:
    ranks = (str(mpiexec()), "-n", "3")
    together, printed = compiled(tmp_path / "together", *ranks, *as_rank(*COMPILE))
    alone, _ = compiled(tmp_path / "alone", *as_rank(*COMPILE))
    found, expected = contents(together), contents(alone)
    assert expected.keys() == found.keys()
    assert len(CELLS) < len(expected)
    for name, rows in expected.items():
        assert len(rows)
        np.testing.assert_array_equal(rows, found[name], err_msg=name)
    assert not bsb_hdf5.verify(together).findings
    for pool in ("placement", "connectivity"):
        assert f"JobStatus.SUCCESS {{root}}.{pool}." in printed
