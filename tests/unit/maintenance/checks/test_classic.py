"""Damage that only the classic layout can have."""

from __future__ import annotations

import numpy as np
import pytest

from bsb_hdf5.core.layouts.classic.network import ClassicNetwork
from bsb_hdf5.core.layouts.detection import open_network
from bsb_hdf5.errors import CorruptNetworkError
from bsb_hdf5.maintenance.checks.classic_cells import CheckedCells
from bsb_hdf5.maintenance.findings import Finding, Report
from bsb_hdf5.ports.arrays import GroupWriter
from tests.unit.maintenance.checks.damages import (
    IN_BOTH,
    LOCAL,
    PROVENANCE,
    REMOTE,
    A,
    C,
    Damage,
    at,
    check_found,
    check_repaired,
    classic,
    drop,
    edit,
    lose,
    put,
    repaired,
    replace,
    resize,
    rich,
    verified,
    write,
)

CLASSIC = [
    classic(
        "a bad state id",
        edit(PROVENANCE, lambda held: held.update(state_id="x")),
        "provenance",
        "state_id",
        "'x'",
        True,
    ),
    classic(
        "too few cells counted in a chunk",
        edit("chunks", lambda held: held.update({"4": 2}), *A),
        "placement",
        "'a', chunk 4",
        "2 cells are counted; the columns have rows for 3",
        True,
    ),
    classic(
        "a chunk whose cells are not counted",
        edit("chunks", lambda held: held.__delitem__("4"), *A),
        "placement",
        "'a', chunk 4",
        "0 cells are counted; the columns have rows for 3",
        True,
    ),
    classic(
        "a negative count",
        edit("chunks", lambda held: held.update({"77": -2}), *A),
        "placement",
        "'a', chunk 77",
        "-2 cells",
        True,
    ),
    classic(
        "counts that are no JSON", put("chunks", "{", *A), "placement", "'a', chunks", "JSON", True
    ),
    classic(
        "counts of what is no chunk",
        edit("chunks", lambda held: held.update({"-5": 1}), *A),
        "placement",
        "'a', chunks",
        "-5",
        True,
    ),
    classic("a wrong length", put("len", 7, *A), "placement", "'a', len", "is 7; .* 13", True),
    classic("a revision", put("revision", "x", *A), "placement", "'a', revision", "'x'", True),
    classic(
        "a key that is not named",
        put("additional_keys", ["other"], *A),
        "placement",
        "'a', additional_keys",
        "'k'",
        True,
    ),
    classic(
        "positions of another shape",
        replace(np.zeros((3, 2)), *A, "8", "position"),
        "placement",
        "'a', chunk 8, position",
        r"\(3, 2\)",
        False,
    ),
    classic(
        "a document in the place of a column",
        replace(b"text", *A, "8", "rotation"),
        "placement",
        "'a', chunk 8, rotation",
        "no array",
        False,
    ),
    classic(
        "label codes without a label set",
        write(0, [6], *A, "4", "labels"),
        "placement",
        "'a', chunk 4, labels",
        r"\[6\]",
        False,
    ),
    classic(
        "label sets that are no JSON",
        put("labelsets", "[", *A),
        "placement",
        "'a', labelsets",
        "JSON",
        False,
    ),
    classic(
        "an index of no morphology",
        write(0, [2], *A, "4", "morphology"),
        "placement",
        "'a', chunk 4, morphology",
        r"indices \[2\]; there are 2",
        False,
    ),
    classic(
        "an index of a morphology below 0",
        write(0, [-1], *A, "4", "morphology"),
        "placement",
        "'a', chunk 4, morphology",
        r"indices \[-1\]; there are 2",
        False,
    ),
    classic(
        "cells of a morphology that is not stored",
        drop("morphologies", "n"),
        "placement",
        "'a', chunk 4, morphology",
        "'n', which is not stored",
        False,
    ),
    classic(
        "a group that is no chunk",
        lambda root: at(root, *A).require_group("08"),
        "placement",
        "'a', chunk 08",
        "'08' is not the id",
        False,
    ),
    classic(
        "a chunk past the last one",
        lambda root: at(root, *A).require_group(str(1 << 48)),
        "placement",
        f"'a', chunk {1 << 48}",
        f"{1 << 48} is not the id of a chunk; ids go from 0 to {(1 << 48) - 1}",
        False,
    ),
    classic(
        "a set that is no group",
        replace([1], "placement", "b"),
        "placement",
        "'b'",
        "not a group",
        False,
    ),
    classic(
        "a chunk that does not exist in the totals",
        edit(
            "chunks",
            lambda held: held.update({"6": {"placed": 2, "connections": {"inc": 0, "out": 0}}}),
        ),
        "totals",
        "chunk 6",
        "2 and 0 and 0 are counted; there are none",
        True,
    ),
    classic(
        "wrong totals",
        edit("chunks", lambda held: held["9"]["connections"].update(inc=1)),
        "totals",
        "chunk 9",
        "5 and 1 and 0 are counted; there are 5 and 8 and 0",
        True,
    ),
    classic(
        "a chunk that the totals lack",
        edit("chunks", lambda held: held.__delitem__("9")),
        "totals",
        "chunk 9",
        "none are counted; there are 5 and 8 and 0",
        True,
    ),
    classic("totals that are no JSON", put("chunks", "x"), "totals", "chunks", "JSON", True),
    classic(
        "totals of another form", put("chunks", '{"4": 3}'), "totals", "chunks", "unexpected", True
    ),
    classic(
        "wrong counts of connections",
        edit("chunks", lambda held: held["4"].update(inc=5), *C),
        "connectivity",
        "'c', chunk 4",
        "5 and 8 are counted; there are 8 and 8",
        True,
    ),
    classic(
        "a count of one direction only",
        edit("chunks", lambda held: held["4"].__delitem__("inc"), *C),
        "connectivity",
        "'c', chunk 4",
        "0 and 8 are counted; there are 8 and 8",
        True,
    ),
    classic(
        "counts of a chunk without connections",
        edit("chunks", lambda held: held.update({"5": {"inc": 1, "out": 0}}), *C),
        "connectivity",
        "'c', chunk 5",
        "1 and 0 are counted; there are none",
        True,
    ),
    classic("a wrong length", put("len", 15, *C), "connectivity", "'c', len", "15; .* 16", True),
    classic("no presynaptic type", lose("pre", *C), "connectivity", "'c', pre", "missing", False),
    classic(
        "connections of one copy only",
        drop(*C, "out", "8"),
        "connectivity",
        "'c', from chunk 8 to 4",
        "4 incoming and 0 outgoing",
        "inc",
    ),
    classic(
        "connections of the other copy only",
        drop(*C, "inc", "9"),
        "connectivity",
        "'c', from chunk 4 to 9",
        "0 incoming and 4 outgoing",
        "out",
    ),
    classic(
        "halves of other connections",
        write(1, [[5, 5, 5]], *C, "inc", "9", LOCAL),
        "connectivity",
        "'c', from chunk 4 to 9",
        "4 incoming and 4 outgoing connections that are not the same",
        "out",
    ),
    classic(
        "a start that belongs to no block",
        put("44", 1, *C, "inc", "9"),
        "connectivity",
        "'c', inc, chunk 9",
        "'44' belongs to no block",
        True,
    ),
    classic(
        "a block without a start",
        lose("8", *C, "inc", "9"),
        "connectivity",
        "'c', inc, chunk 9",
        "'8'",
        "out",
    ),
    classic(
        "blocks that begin after the end",
        put("9", 99, *C, "out", "4"),
        "connectivity",
        "'c', out, chunk 4",
        "begin at rows",
        "inc",
    ),
    classic(
        "sides of unequal lengths",
        resize(3, (*C, "out", "4", LOCAL)),
        "connectivity",
        "'c', out, chunk 4",
        "3 local and 8 global",
        "inc",
    ),
    classic(
        "a chunk that is named twice",
        put("chunk_list", np.array([[9, 0, 0], [4, 0, 0], [4, 0, 0]]), *C, "out", "8"),
        "connectivity",
        "'c', out, chunk 8",
        "twice",
        "inc",
    ),
    classic(
        "a copy that is not there",
        drop(*C, "inc"),
        "connectivity",
        "'c', inc",
        "no group 'inc'",
        "out",
    ),
    classic(
        "locations of another shape",
        replace(np.zeros((8, 2), int), *C, "out", "4", REMOTE),
        "connectivity",
        "'c', out, chunk 4",
        r"\(8, 2\)",
        "inc",
    ),
    classic(
        "a morphology without points",
        drop("morphologies", "m", "data"),
        "morphologies",
        "'m'",
        "data",
        False,
    ),
    classic(
        "a point of an unknown label",
        write(0, [[0.0, 0, 0, 0, 7, 0]], "morphologies", "m", "data"),
        "morphologies",
        "'m'",
        r"\[7\]",
        False,
    ),
    classic(
        "a point of half a label",
        write(0, [[0.0, 0, 0, 0, 0.5, 0]], "morphologies", "m", "data"),
        "morphologies",
        "'m'",
        "label codes are not whole numbers",
        False,
    ),
    classic(
        "a morphology that is an array",
        replace([1], "morphologies", "o"),
        "morphologies",
        "'o'",
        "is an array, not a group",
        False,
    ),
    classic(
        "metadata that is no JSON",
        replace(b"x", "morphology_meta"),
        "morphologies",
        "metadata",
        "JSON",
        False,
    ),
    classic(
        "metadata in endless lists",
        replace(b'{"m":' + b"[" * 100_000, "morphology_meta"),
        "morphologies",
        "metadata",
        "",
        False,
    ),
    classic("another content", replace(b"texT", "files", "f"), "files", "'f'", "checksum", False),
    classic(
        "a text of no encoding",
        lambda root: at(root, "files").document("f").attributes.set("encoding", "none"),
        "files",
        "'f'",
        "can't be decoded as 'none'",
        False,
    ),
    classic("a file that is a group", replace([1], "files", "g"), "files", "'g'", "doc", False),
]


@pytest.mark.parametrize("damage", CLASSIC, ids=str)
def test_damage_of_the_classic_layout_is_found_where_it_is(damage: Damage) -> None:
    check_found(damage)


@pytest.mark.parametrize("damage", CLASSIC, ids=str)
def test_damage_of_the_classic_layout_is_repaired_or_left_alone(damage: Damage) -> None:
    check_repaired(damage)


def test_everything_is_found_at_once_and_all_of_it_is_repaired() -> None:
    root = rich("classic")
    chosen = [
        each
        for each in [*IN_BOTH, *CLASSIC]
        if each.layout == "classic" and each.repaired in (True, "inc")
    ]
    titles = ("a wrong length", "wrong totals", "too few", "no identity", "one copy only")
    chosen = [each for each in chosen if any(title in each.title for title in titles)]
    assert len(titles) < len(chosen)
    for damage in chosen:
        damage.do(root)
    report = verified(root)
    assert {"placement", "connectivity", "totals", "provenance"} == {each.part for each in report}
    assert () == repaired(root, "inc").findings
    assert Report() == verified(root)


@pytest.mark.parametrize(("lost", "trust"), [("inc", "out"), ("out", "inc")])
def test_a_copy_that_is_lost_is_made_from_the_other(lost: str, trust: str) -> None:
    root = rich("classic")
    drop(*C, lost)(root)
    assert verified(root).findings
    assert () == repaired(root, trust).findings
    assert Report() == verified(root)


def test_a_chunk_whose_blocks_can_not_be_read_is_found_once() -> None:
    root = rich("classic")
    put("9", 99, *C, "out", "4")(root)
    (found,) = verified(root)
    assert "'c', out, chunk 4" == found.where


def test_a_column_that_can_not_be_read_has_no_cells() -> None:
    root = rich("classic")
    edit("chunks", lambda held: held.update({"77": 0, "78": 0}), *A)(root)
    at(root, *A).require_group("77").write_document("position", b"text")
    (found,) = verified(root)
    assert "'a', chunk 77, position" == found.where


def test_the_first_and_the_last_chunk_that_there_can_be_are_no_damage() -> None:
    root = rich("classic")
    for chunk in (0, (1 << 48) - 1):
        at(root, *A).require_group(str(chunk))
    assert Report() == verified(root)


def test_groups_without_end_are_damage_of_their_part() -> None:
    root = rich("classic")
    group = at(root, "files")
    for _ in range(70):
        group = group.require_group("more")
    assert {("files", "all")} == {(each.part, each.where) for each in verified(root)}


@pytest.mark.parametrize(("lost", "trust"), [("inc", "out"), ("out", "inc")])
def test_a_set_without_connections_gets_its_other_copy_back(lost: str, trust: str) -> None:
    root = rich("classic")
    network = open_network(root, "here")
    network.create_connectivity("empty", "a", "a", created_at="now")
    network.flush()
    assert Report() == verified(root)
    drop("connectivity", "empty", lost)(root)
    assert 1 == len(verified(root))
    assert () == repaired(root, trust).findings
    assert Report() == verified(root)


def test_what_a_repair_does_not_put_right_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    root = rich("classic")
    put("len", 7, *A)(root)
    found = verified(root)
    turns: list[CheckedCells] = []

    def note(cells: CheckedCells) -> None:
        turns.append(cells)

    monkeypatch.setattr(CheckedCells, "_recount", note)
    assert found == repaired(root)
    assert 1 < len(turns)


@pytest.mark.parametrize(
    ("part", "name"), [("placement", "a"), ("connectivity", "c")], ids=["cells", "connections"]
)
def test_a_set_that_can_not_be_opened_is_named_and_no_total_is_doubted(
    part: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, opened = rich("classic"), ClassicNetwork.group_of

    def open_(network: ClassicNetwork, *asked: str) -> GroupWriter:
        if asked == (part, name):
            raise CorruptNetworkError("it ends early")
        return opened(network, *asked)

    monkeypatch.setattr(ClassicNetwork, "group_of", open_)
    found = Finding(part, f"'{name}'", "can't be read: it ends early", repairable=False)
    assert Report((found,)) == verified(root)


@pytest.mark.parametrize(
    ("lost", "chunk", "trust"),
    [("inc", "4", "out"), ("inc", "9", "out"), ("out", "4", "inc"), ("out", "8", "inc")],
)
def test_a_copy_that_is_made_again_is_counted_at_once(lost: str, chunk: str, trust: str) -> None:
    root = rich("classic")
    drop(*C, lost, chunk)(root)
    found = [each for each in verified(root) if each.part == "connectivity"]
    done = repaired(root, trust).repaired
    assert found == [each for each in done if each.part == "connectivity"]
