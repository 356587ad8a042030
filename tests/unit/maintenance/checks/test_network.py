"""Damage of every kind is found, named with its place, and repaired where that was promised."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given, settings

from bsb_hdf5.adapters.memory.arrays import MemoryGroupWriter
from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.files import StoredContent
from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.layouts.detection import create_network, open_network
from bsb_hdf5.core.morphology import MorphologyTable
from bsb_hdf5.core.placement_rows import MorphologyRows, PlacementRows
from bsb_hdf5.core.statistics import ChunkCounts
from bsb_hdf5.errors import InputError, NotANetworkError
from bsb_hdf5.maintenance.checks.network import repair_network, verify_network
from bsb_hdf5.maintenance.findings import Finding, Findings, Report
from bsb_hdf5.testing.contents import contents_of
from tests.unit.core.layouts.histories import Side, Step, steps
from tests.unit.memory import new_root

Root = MemoryGroupWriter
BUNDLE = {"storage_id": "an id", "state_id": 3}
FEW = 4
"""Connections at a time: most sets are read in several pieces."""

layouts = pytest.mark.parametrize("layout", ["classic", "columnar"])


def positions(count: int) -> Any:
    return np.arange(3.0 * count).reshape(count, 3)


def locations(cells: list[int], point: int) -> Any:
    return np.array([(cell, point, point) for cell in cells], dtype=np.int64)


def rich(layout: str) -> Root:
    """A network that uses every feature: in chunks 4, 8 and 9, the last one of entities only."""
    root = new_root()
    network = create_network(root, layout)
    network.set_provenance(BUNDLE)
    network.set_versions("1", "2")
    network.set_chunk_size(np.array([1.0, 2.0, 3.0]))
    table = MorphologyTable(
        np.array([[0.0, 1, 2, 3, 1, 9.5], [4, 5, 6, 7, 0, 1]]),
        np.array([[1, -1], [2, 0]]),
        LabelSets.from_lists({0: [], 1: ["soma"]}),
        ("depth",),
    )
    network.morphologies.save("m", table)
    network.morphologies.save("n", table)
    network.morphologies.replace_meta({"m": {"at": [1, 2]}})
    network.files.store("f", StoredContent.of("text", {"a": 1}, None, 5))
    network.create_placement("a", created_at="now")
    cells = network.placement("a")
    names = MorphologyRows(("n", "m"), np.array([1, 0, 1], dtype=np.int64))
    for chunk in (4, 8):
        additional = {"k": np.arange(3.0)}
        cells.append(chunk, PlacementRows(3, positions(3), positions(3), names, additional))
        cells.append(chunk, PlacementRows.of_entities(1, None), gaps=True)
    cells.append(9, PlacementRows.of_entities(5, None))
    sets = LabelSets.from_lists({0: [], 1: ["x"], 2: ["x", "y"]})
    cells.write_labels(ChunkCounts.of({4: 2, 8: 3}), np.array([0, 1, 2, 0, 1]), sets)
    network.create_connectivity("c", "a", "a", created_at="now")
    for turn in range(2):
        for pre in (4, 8):
            for post in (9, 4):
                ends = locations([turn, 2], turn - 1), locations([1, turn + 1], turn - 1)
                network.connectivity("c").append(Blocks.between(pre, post, *ends))
    network.flush()
    return root


def verified(root: Root) -> Report:
    return verify_network(root, "here", most=FEW)


def repaired(root: Root, trust: str | None = None) -> Report:
    network = open_network(root, "here")
    bundle = {"storage_id": "a new id"}
    report = repair_network(root, "here", network, lambda: bundle, trust=trust, most=FEW)
    network.flush()
    return report


@attrs.frozen
class Damage:
    """
    Something that is broken on purpose.

    :param where: what the place that is reported begins with.
    :param what: a part of what is reported, as a regular expression.
    :param repaired: whether a repair puts it right, or with which half trusted it does.
    """

    title: str
    layout: str
    do: Callable[[Root], Any]
    part: str
    where: str
    what: str
    repaired: bool | str

    def __str__(self) -> str:
        return f"{self.layout}: {self.title}"


def at(root: Root, *path: str) -> Root:
    for name in path:
        root = root.group(name)
    return root


def edit(name: str, change: Callable[[Any], Any], *path: str) -> Callable[[Root], None]:
    """Change a JSON attribute of the group at a path."""

    def do(root: Root) -> None:
        attributes = at(root, *path).attributes
        document = json.loads(attributes.get(name))
        changed = change(document)
        attributes.set(name, json.dumps(document if changed is None else changed))

    return do


def put(name: str, value: Any, *path: str) -> Callable[[Root], None]:
    """Set an attribute of the group at a path."""
    return lambda root: at(root, *path).attributes.set(name, value)


def write(row: int, values: Any, *path: str) -> Callable[[Root], None]:
    """Overwrite rows of the array at a path."""
    return lambda root: at(root, *path[:-1]).array(path[-1]).write(row, np.array(values))


def replace(rows: Any, *path: str) -> Callable[[Root], None]:
    """Put an array, or a document, in the place of what is at a path."""

    def do(root: Root) -> None:
        group = at(root, *path[:-1])
        text = isinstance(rows, bytes)
        if path[-1] in group and not (text and path[0] in ("files", "stored_files")):
            group.delete(path[-1])
        if text:
            group.write_document(path[-1], rows)
        else:
            group.create_array(path[-1], np.array(rows))

    return do


def resize(rows: int, *paths: tuple[str, ...]) -> Callable[[Root], None]:
    def do(root: Root) -> None:
        for path in paths:
            at(root, *path[:-1]).array(path[-1]).resize(rows)

    return do


def drop(*path: str) -> Callable[[Root], None]:
    return lambda root: at(root, *path[:-1]).delete(path[-1])


def lose(name: str, *path: str) -> Callable[[Root], None]:
    return lambda root: at(root, *path).attributes.delete(name)


def swap_rows(*path: str) -> Callable[[Root], None]:
    def do(root: Root) -> None:
        array = at(root, *path[:-1]).array(path[-1])
        array.write(0, array.read()[[1, 0]])

    return do


def retally(index: int, *path: str) -> Callable[[Root], None]:
    def do(root: Root) -> None:
        attributes = at(root, *path).attributes
        tally = attributes.get("tally")
        tally[index] += 1
        attributes.set("tally", tally)

    return do


A, C = ("placement", "a"), ("connectivity", "c")
LOCAL, REMOTE = "local_locs", "global_locs"


def in_both(title: str, do: Any, *rest: Any) -> list[Damage]:
    return [Damage(title, layout, do, *rest) for layout in ("classic", "columnar")]


def classic(title: str, do: Any, *rest: Any) -> Damage:
    return Damage(title, "classic", do, *rest)


def columnar(title: str, do: Any, *rest: Any) -> Damage:
    return Damage(title, "columnar", do, *rest)


PROVENANCE = "bsb_provenance"
DAMAGES = [
    *in_both("no identity", lose(PROVENANCE), "provenance", PROVENANCE, "is missing", True),
    *in_both(
        "provenance that is no JSON", put(PROVENANCE, "{"), "provenance", PROVENANCE, "JSON", True
    ),
    *in_both(
        "no storage id",
        edit(PROVENANCE, lambda held: held.update(storage_id=None)),
        "provenance",
        "storage_id",
        "is None",
        True,
    ),
    classic(
        "a bad state id",
        edit(PROVENANCE, lambda held: held.update(state_id="x")),
        "provenance",
        "state_id",
        "'x'",
        True,
    ),
    columnar("a bad state id", put("state_id", -4), "provenance", "state_id", "-4", True),
    *in_both("a chunk size", put("chunk_size", "x"), "network", "chunk size", "'x'", False),
    classic(
        "too few cells counted in a chunk",
        edit("chunks", lambda held: held.update({"4": 2}), *A),
        "placement",
        "'a', chunk 4",
        "2 cells are counted; there are rows of 3",
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
    classic("a wrong length", put("len", 7, *A), "placement", "'a', len", "is 7; .* 13", True),
    classic("a revision", put("revision", "x", *A), "placement", "'a', revision", "'x'", True),
    columnar(
        "a revision",
        put("revision", "x", "placement_sets", "a"),
        "placement",
        "'a', revision",
        "'x'",
        True,
    ),
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
        r"\[2\] of a list of 2",
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
        "'08' is no id",
        False,
    ),
    classic(
        "a set that is no group",
        replace([1], "placement", "b"),
        "placement",
        "'b'",
        "no group",
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
    classic("totals that are no JSON", put("chunks", "x"), "totals", "chunks", "JSON", True),
    classic("totals of another form", put("chunks", '{"4": 3}'), "totals", "chunks", "else", True),
    classic(
        "wrong counts of connections",
        edit("chunks", lambda held: held["4"].update(inc=5), *C),
        "connectivity",
        "'c', chunk 4",
        "5 and 8 are counted; there are 8 and 8",
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
        "connections of one half only",
        drop(*C, "out", "8"),
        "connectivity",
        "'c', from chunk 8 to 4",
        "4 incoming and 0 outgoing",
        "inc",
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
        "a half that is not there",
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
    columnar(
        "another content", replace(b"texT", "stored_files", "f"), "files", "'f'", "checksum", False
    ),
    classic("a file that is a group", replace([1], "files", "g"), "files", "'g'", "doc", False),
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
        "name row 0",
        False,
    ),
    columnar(
        "a segment of no chunk",
        write(2, [[-8, 4, 2, 15]], "placement_sets", "a", "segments"),
        "placement",
        "'a'",
        "-8 is no id",
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
            "of what is there",
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
            "of what is there",
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
        "of what is there",
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
        "name row 1",
        False,
    ),
    columnar(
        "blocks of no chunk",
        write(1, [[4, 1 << 50, 2, 2, -1]], "connectivity_sets", "c", "blocks"),
        "connectivity",
        "'c'",
        "no id of a chunk",
        False,
    ),
    columnar(
        "points below -1",
        write(0, [[-7, 0, 0, 0]], "connectivity_sets", "c", "points"),
        "connectivity",
        "'c'",
        "below -1",
        False,
    ),
]


def is_of(damage: Damage, finding: Finding) -> bool:
    return (
        damage.part == finding.part
        and finding.where.startswith(damage.where)
        and re.search(damage.what, finding.what) is not None
    )


@layouts
def test_nothing_is_wrong_with_a_network_that_uses_every_feature(layout: str) -> None:
    root = rich(layout)
    before = contents_of(root)
    assert "nothing is wrong" == str(verified(root))
    assert Report() == repaired(root)
    assert before == contents_of(root)


@layouts
def test_nothing_but_the_identity_is_missing_in_a_new_network(layout: str) -> None:
    root = new_root()
    create_network(root, layout)
    (finding,) = verified(root)
    assert "provenance" == finding.part


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_damage_is_found_where_it_is(damage: Damage) -> None:
    root = rich(damage.layout)
    damage.do(root)
    before = contents_of(root)
    report = verified(root)
    found = [finding for finding in report if is_of(damage, finding)]
    assert found, str(report)
    assert {bool(damage.repaired)} == {finding.repairable for finding in found}
    assert before == contents_of(root)


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_damage_is_repaired_or_left_alone(damage: Damage) -> None:
    root = rich(damage.layout)
    damage.do(root)
    before, found = contents_of(root), verified(root)
    if damage.repaired is not True:
        report = repaired(root)
        assert [] == [finding for finding in report.repaired if is_of(damage, finding)]
        assert any(is_of(damage, finding) for finding in report)
    if damage.repaired is False:
        assert found.findings == report.findings + report.repaired
        assert bool(report.repaired) or before == contents_of(root)
        return
    trust = None if damage.repaired is True else damage.repaired
    report = repaired(root, trust)
    if damage.repaired is True:
        assert set(found) <= set(report.repaired)
    assert any(is_of(damage, finding) for finding in report.repaired)
    assert () == report.findings
    assert Report() == verified(root)


@pytest.mark.parametrize(("broken", "whole"), [("inc", "out"), ("out", "inc")])
def test_the_half_that_is_believed_makes_the_other_one(broken: str, whole: str) -> None:
    def rows(root: Root, direction: str) -> Any:
        found = open_network(root, "here").connectivity("c")
        return [
            [part.tolist() for part in found.read_blocks(direction, local, np.array([4, 8, 9]))]
            for local in (4, 8, 9)
        ]

    expected = rows(rich("classic"), "inc"), rows(rich("classic"), "out")
    root = rich("classic")
    drop(*C, broken, "4")(root)
    assert expected != (rows(root, "inc"), rows(root, "out"))
    revision = at(root, *C).attributes.get("revision")
    assert () == repaired(root, whole).findings
    assert expected == (rows(root, "inc"), rows(root, "out"))
    assert 16 == open_network(root, "here").connectivity("c").count
    assert 1 + revision == at(root, *C).attributes.get("revision")


def test_the_half_that_lost_connections_can_be_believed_too() -> None:
    root = rich("classic")
    drop(*C, "inc", "9")(root)
    report = repaired(root, "inc")
    assert () == report.findings
    assert Report() == verified(root)
    network = open_network(root, "here")
    assert 8 == network.connectivity("c").count
    assert 0 == network.totals.as_document()["9"]["connections"]["inc"]


def test_the_order_of_the_rows_of_a_block_is_no_difference() -> None:
    root = rich("classic")
    for name in (LOCAL, REMOTE):
        swap_rows(*C, "inc", "9", name)(root)
    assert Report() == verified(root)


def test_a_column_that_ends_early_and_a_count_without_rows_are_no_damage() -> None:
    root = rich("classic")
    for name in ("rotation", "labels", "morphology"):
        resize(1, (*A, "4", name))(root)
    assert Report() == verified(root)


def test_what_no_early_version_stored_is_not_missed() -> None:
    root = rich("classic")
    for path in ((), A, C):
        for name in ("chunks", "len", "revision", "created_at"):
            lose(name, *path)(root)
    assert Report() == verified(root)


def test_a_tally_that_a_writer_removed_is_not_missed() -> None:
    root = rich("columnar")
    for path in (("placement_sets", "a"), ("connectivity_sets", "c"), ("morphology_tables",)):
        lose("tally", *path)(root)
    assert Report() == verified(root)


def test_everything_is_found_at_once_and_all_of_it_is_repaired() -> None:
    root = rich("classic")
    chosen = [
        each for each in DAMAGES if each.layout == "classic" and each.repaired in (True, "inc")
    ]
    titles = ("a wrong length", "wrong totals", "too few", "no identity", "one half only")
    chosen = [each for each in chosen if any(title in each.title for title in titles)]
    assert len(titles) < len(chosen)
    for damage in chosen:
        damage.do(root)
    report = verified(root)
    assert {"placement", "connectivity", "totals", "provenance"} == {each.part for each in report}
    assert () == repaired(root, "inc").findings
    assert Report() == verified(root)


def test_a_network_gets_a_new_identity_only_if_it_has_none() -> None:
    root = rich("columnar")
    put("state_id", "x")(root)
    repaired(root)
    assert {"storage_id": "an id", "state_id": 0} == open_network(root, "here").provenance
    put("bsb_provenance", "{}")(root)
    repaired(root)
    assert {"storage_id": "a new id", "state_id": 0} == open_network(root, "here").provenance


def test_a_half_that_does_not_exist_can_not_be_believed() -> None:
    root = rich("classic")
    put("len", 3, *A)(root)
    before = contents_of(root)
    with pytest.raises(InputError, match="both"):
        repaired(root, "both")
    assert before == contents_of(root)


def test_what_is_no_network_is_not_verified() -> None:
    with pytest.raises(NotANetworkError, match="here"):
        verify_network(new_root(), "here")


def test_only_so_many_findings_of_a_part_are_listed() -> None:
    found = Findings()
    mended: list[int] = []
    for number in range(250):
        found.note("files", f"{number}", "x" * 10_000, (number, lambda: mended.append(1)))
    found.note("totals", "here", "wrong")
    listed = found.listed()
    assert [*(str(each) for each in range(100)), "here", "elsewhere"] == [e.where for e in listed]
    assert "150 more findings" == listed[-1].what
    assert 1000 > max(len(each.what) for each in listed)
    assert 250 == len(found.mends)


def test_a_report_can_be_printed() -> None:
    finding = Finding("totals", "chunk 4", "3 are counted", repairable=True)
    report = Report((finding,), (finding,))
    line = "totals: chunk 4: 3 are counted (can be repaired)"
    assert f"repaired: {line}\n{line}" == str(report)
    assert [finding] == list(report)
    assert (1, 0) == (len(report), len(Report((), (finding,))))


@given(steps)
@settings(max_examples=60, deadline=None)
def test_nothing_is_wrong_whatever_happened(history: list[Step]) -> None:
    for layout in ("classic", "columnar"):
        side = Side.of(layout)
        for number, step in enumerate(history):
            side.run(step, number)
        report = verified(side.store.open_read().root)  # type: ignore[arg-type]
        # Morphologies may be removed while cells have them.
        left = [each for each in report if not each.what.endswith("which is not stored")]
        assert ["provenance"] == [each.part for each in left], str(report)
