"""Rows of the two copies of connections in the classic layout."""

from __future__ import annotations

import numpy as np
import pytest

from bsb_hdf5.maintenance.findings import Finding, Report
from tests.unit.maintenance.checks.damages import (
    LOCAL,
    REMOTE,
    C,
    at,
    repaired,
    rich,
    verified,
    write,
)


@pytest.mark.parametrize("array", [LOCAL, REMOTE])
@pytest.mark.parametrize(
    ("row", "problem"),
    [([-1, 0, 0], "the ranks of cells are below 0"), ([0, -1, -2], "locations are below -1")],
)
def test_rows_that_are_no_connections_are_found_and_come_right_from_the_other_copy(
    array: str, row: list[int], problem: str
) -> None:
    root = rich("classic")
    write(1, [row], *C, "inc", "9", array)(root)
    finding = Finding("connectivity", "'c', inc", problem, repairable=True)
    assert finding in verified(root).findings
    assert () == repaired(root, "out").findings
    assert Report() == verified(root)


def test_rows_that_are_no_connections_in_both_copies_can_not_be_repaired() -> None:
    root = rich("classic")
    for direction, chunk, array in (("inc", "9", LOCAL), ("out", "4", REMOTE)):
        rows = at(root, *C, direction, chunk).array(array)
        held = rows.read()
        rows.write(0, np.where(held == held.max(), -7, held))
    found = {each.where: each for each in verified(root).findings}
    for direction in ("inc", "out"):
        finding = found[f"'c', {direction}"]
        assert ("locations are below -1", False) == (finding.what, finding.repairable)
