"""Networks that use every feature, and ways to damage them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
import pytest

from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.files import StoredContent
from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.layouts.detection import create_network, open_network
from bsb_hdf5.core.morphology import MorphologyTable
from bsb_hdf5.core.placement_rows import MorphologyRows, PlacementRows
from bsb_hdf5.core.statistics import ChunkCounts
from bsb_hdf5.maintenance.checks.network import repair_network, verify_network
from bsb_hdf5.maintenance.findings import Finding, Report
from bsb_hdf5.ports.arrays import GroupWriter
from bsb_hdf5.testing.contents import contents_of
from tests.unit.memory import new_root

Root = GroupWriter

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
    :param repaired: whether a repair puts it right, or with which copy trusted it does.
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


def is_of(damage: Damage, finding: Finding) -> bool:
    return (
        damage.part == finding.part
        and finding.where.startswith(damage.where)
        and re.search(damage.what, finding.what) is not None
    )


def check_found(damage: Damage) -> None:
    root = rich(damage.layout)
    damage.do(root)
    before = contents_of(root)
    report = verified(root)
    found = [finding for finding in report if is_of(damage, finding)]
    assert found, str(report)
    assert {bool(damage.repaired)} == {finding.repairable for finding in found}
    assert before == contents_of(root)


def check_repaired(damage: Damage) -> None:
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


IN_BOTH = [
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
    *in_both(
        "a storage id without a character",
        edit(PROVENANCE, lambda held: held.update(storage_id="")),
        "provenance",
        "storage_id",
        "is ''; it must be a text",
        True,
    ),
    *in_both("a chunk size", put("chunk_size", "x"), "network", "chunk size", "'x'", False),
]
