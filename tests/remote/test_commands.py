"""Commands and functions read earlier versions of a network in an object store."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
from bsb import Chunk, Storage

from bsb_hdf5 import diff, open_storage, tag, versions
from tests.unit.cli.conftest import Run, run

from .appending import CellType

__all__ = ["run"]


def network(root: str) -> list[str]:
    """A network that has cells in one chunk, then in two; the ids of both versions."""
    cells = Storage("zarr", root).require_placement_set(CellType())
    for x in range(2):
        cells.append_data(Chunk((x, 0, 0), (100, 100, 100)), np.ones((3, 3)))
    later, earlier, *_ = versions(root)
    return [earlier.id, later.id]


def test_versions_are_compared_and_read(bucket: str, run: Run) -> None:
    root = f"{bucket}/net"
    earlier, later = network(root)
    found = [open_storage(root, version=each) for each in (earlier, later)]
    assert ["placement"] == [each.part for each in diff(*found)]
    assert ["placement"] == [each.part for each in diff(found[0], root)]
    assert [] == diff(found[1], root)
    tag(root, "submitted", earlier)

    outcome = run("diff", root, root, "--versions", "submitted", later)
    assert (1, 1) == (outcome.code, len(outcome.out.splitlines()))
    assert 0 == run("diff", root, root, "--versions", later, later).code

    for at, cells in ((("--at", "submitted"), 3), ((), 6), (("--at", _now()), 6)):
        document = run("info", root, "--json", *at).document()
        assert [cells] == [each["cells"] for each in document["cell_types"]]
    assert {"granule": 3} == {
        each["group"]: each["cells"]
        for each in run("stats", root, "--json", "--at", earlier).document()["cells"]
    }
    outcome = run("info", root, "--at", "nothing")
    assert (2, 1) == (outcome.code, len(outcome.err.splitlines()))

    listed = run("versions", root, "--json").document()["versions"]
    assert [later, earlier] == [each["id"] for each in listed][:2]
    assert ["submitted"] == listed[1]["tags"]
    assert "submitted" in run("versions", root).out


def _now() -> str:
    return datetime.now(UTC).isoformat()
