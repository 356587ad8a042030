"""Damage that only the columnar layout can have."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from bsb_hdf5.adapters.memory.arrays import MemoryGroupWriter
from bsb_hdf5.maintenance.checks import columnar as checks
from bsb_hdf5.maintenance.checks import parts
from bsb_hdf5.maintenance.findings import Report
from tests.unit.maintenance.checks.damages import (
    Damage,
    Root,
    at,
    check_found,
    check_repaired,
    columnar,
    put,
    repaired,
    replace,
    resize,
    retally,
    rich,
    verified,
    write,
)

COLUMNAR = [
    columnar("a bad state id", put("state_id", -4), "provenance", "state_id", "-4", True),
    columnar(
        "a revision",
        put("revision", "x", "placement_sets", "a"),
        "placement",
        "'a', revision",
        "'x'",
        True,
    ),
    columnar(
        "a revision of connections",
        put("revision", "x", "connectivity_sets", "c"),
        "connectivity",
        "'c', revision",
        "'x'",
        True,
    ),
    columnar(
        "another content", replace(b"texT", "stored_files", "f"), "files", "'f'", "checksum", False
    ),
    columnar(
        "a segment past the end",
        resize(4, ("placement_sets", "a", "position")),
        "placement",
        "'a'",
        "4 rows of 'position'",
        False,
    ),
    columnar(
        "segments of the same rows",
        write(2, [[8, 0, 3, 15]], "placement_sets", "a", "segments"),
        "placement",
        "'a'",
        "include row 0",
        False,
    ),
    columnar(
        "a segment of no chunk",
        write(2, [[-8, 4, 2, 15]], "placement_sets", "a", "segments"),
        "placement",
        "'a'",
        "-8 is not the id",
        False,
    ),
    columnar(
        "two segments of one row",
        write(4, [[8, 6, 1, 0]], "placement_sets", "a", "segments"),
        "placement",
        "'a'",
        "include row 6",
        False,
    ),
    columnar(
        "a segment past the last chunk",
        write(2, [[1 << 50, 4, 3, 31]], "placement_sets", "a", "segments"),
        "placement",
        "'a'",
        f"{1 << 50} is not the id",
        False,
    ),
    columnar(
        "label codes without a label set",
        write(5, [6], "placement_sets", "a", "labels"),
        "placement",
        "'a', chunk 8, labels",
        r"\[6\]",
        False,
    ),
    columnar(
        "a morphology that is not stored",
        lambda root: (
            at(root, "morphology_tables")
            .array("log")
            .append(np.frombuffer(b'{"remove":"n"}\n', dtype=np.uint8))
        ),
        "placement",
        "'a', chunks 4 to 9",
        "'n', which is not stored",
        False,
    ),
    *(
        columnar(
            f"number {index} of a tally of cells",
            retally(index, "placement_sets", "a"),
            "placement",
            "'a', tally",
            "the stored rows give",
            True,
        )
        for index in range(1, 6)
    ),
    *(
        columnar(
            f"number {index} of a tally of connections",
            retally(index, "connectivity_sets", "c"),
            "connectivity",
            "'c', tally",
            "the stored rows give",
            True,
        )
        for index in range(1, 6)
    ),
    columnar(
        "a tally of another form",
        put("tally", "x", "connectivity_sets", "c"),
        "connectivity",
        "'c', tally",
        "'x'",
        True,
    ),
    columnar(
        "a tally of the log",
        retally(2, "morphology_tables"),
        "morphologies",
        "log, tally",
        "the stored rows give",
        True,
    ),
    columnar(
        "a line of the log that says nothing",
        lambda root: (
            at(root, "morphology_tables")
            .array("log")
            .append(np.frombuffer(b"{}\n", dtype=np.uint8))
        ),
        "morphologies",
        "all",
        "says",
        False,
    ),
    columnar(
        "blocks past the end",
        resize(3, ("connectivity_sets", "c", "cells")),
        "connectivity",
        "'c'",
        "within 3 rows",
        False,
    ),
    columnar(
        "blocks of the same rows",
        write(1, [[4, 4, 1, 2, -1]], "connectivity_sets", "c", "blocks"),
        "connectivity",
        "'c'",
        "include row 1",
        False,
    ),
    columnar(
        "blocks of no chunk",
        write(1, [[4, 1 << 50, 2, 2, -1]], "connectivity_sets", "c", "blocks"),
        "connectivity",
        "'c'",
        "not the id of a chunk",
        False,
    ),
    columnar(
        "blocks of a chunk below 0",
        write(1, [[4, -8, 2, 2, -1]], "connectivity_sets", "c", "blocks"),
        "connectivity",
        "'c'",
        "-8 is not the id of a chunk",
        False,
    ),
    columnar(
        "points below -1",
        write(0, [[-2, 0, 0, 0]], "connectivity_sets", "c", "points"),
        "connectivity",
        "'c'",
        "locations are below -1",
        False,
    ),
    *(
        columnar(
            f"cells below 0, {side}synaptic",
            replace([ranks, *[[0, 0]] * 15], "connectivity_sets", "c", "cells"),
            "connectivity",
            "'c'",
            "ranks of cells are below 0",
            False,
        )
        for side, ranks in (("pre", [-1, 0]), ("post", [0, -1]))
    ),
]


@pytest.mark.parametrize("damage", COLUMNAR, ids=str)
def test_damage_of_the_columnar_layout_is_found_where_it_is(damage: Damage) -> None:
    check_found(damage)


@pytest.mark.parametrize("damage", COLUMNAR, ids=str)
def test_damage_of_the_columnar_layout_is_repaired_or_left_alone(damage: Damage) -> None:
    check_repaired(damage)


def test_points_of_the_same_rows_are_found() -> None:
    root = rich("columnar")
    table = at(root, "connectivity_sets", "c").array("blocks")
    rows = table.read()
    detailed = np.flatnonzero(rows[:, 4] >= 0)
    rows[detailed[-1], 4] = rows[detailed[-2], 4]
    table.write(0, rows)
    (found,) = verified(root)
    assert found.what.endswith(f"include row {rows[detailed[-2], 4]}")


def test_a_tally_is_shown_beside_what_it_should_be(monkeypatch: pytest.MonkeyPatch) -> None:
    # Checksums of the last rows follow it, where the store has none.
    monkeypatch.setattr(MemoryGroupWriter, "unchecked_rows", True, raising=False)
    root = rich("columnar")
    attributes = at(root, "placement_sets", "a").attributes
    held = attributes.get("tally")
    right = held.tolist()[1:6]
    assert 6 < len(held)
    held[2] += 1
    attributes.set("tally", held)
    (found,) = verified(root)
    assert f"is {[right[0], right[1] + 1, *right[2:]]}; the stored rows give {right}" == found.what


def test_a_line_of_the_log_that_is_not_complete_is_no_damage() -> None:
    root = rich("columnar")
    log = at(root, "morphology_tables").array("log")
    log.append(np.frombuffer(b'{"re', dtype=np.uint8))
    assert Report() == verified(root)


def test_damage_of_a_portion_of_one_chunk_is_of_that_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_PORTION_OF_CELLS", 1)
    root = rich("columnar")
    write(5, [6], "placement_sets", "a", "labels")(root)
    at(root, "placement_sets", "a").array("morphology").write(5, np.array([9]))
    assert {"'a', chunk 8, labels", "'a', chunk 8, morphology"} == {e.where for e in verified(root)}


@pytest.mark.parametrize(
    "change",
    [
        write(1, [[4, 99, 1, 31]], "placement_sets", "a", "segments"),
        write(1, [[4, 4, 99, 2, -1]], "connectivity_sets", "c", "blocks"),
    ],
    ids=["segments", "blocks"],
)
def test_a_table_that_refers_to_no_rows_gets_no_tally(change: Callable[[Root], None]) -> None:
    root = rich("columnar")
    change(root)
    (found,) = verified(root)
    assert not found.repairable


def test_an_entry_without_cells_shares_no_row_with_others() -> None:
    root = rich("columnar")
    group = at(root, "placement_sets", "a")
    group.array("segments").append(np.array([[8, 1, 0, 0]]))
    group.attributes.delete("tally")
    assert Report() == verified(root)


@pytest.mark.parametrize(
    ("before", "after"), [(5, 6), (0, 1), (-3, 0), (2**63 - 1, 0), (2**63 - 2, 2**63 - 1)]
)
def test_a_tally_that_is_put_right_is_of_another_generation(before: int, after: int) -> None:
    root = rich("columnar")
    attributes = at(root, "placement_sets", "a").attributes
    tally = attributes.get("tally")
    whole = tally.copy()
    tally[:2] = before, 99
    attributes.set("tally", tally)
    assert 1 == len(repaired(root).repaired)
    whole[0] = after
    assert whole.tolist() == attributes.get("tally").tolist()


def test_arrays_are_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "_PIECE_BYTES", 96)
    widths: tuple[tuple[int, ...], ...] = ((), (2,), (2, 3), (0,))
    for width, rows in product(widths, (0, 1, 5, 12)):
        values = np.random.default_rng(rows).random((rows, *width))
        found = list(parts.pieces(rich("columnar").create_array("x", values)))
        assert values.tolist() == [row for piece in found for row in piece.tolist()]
        most = 96 // max(1, int(np.prod(width)) * 8)
        assert -(-rows // max(1, most)) == len(found)
