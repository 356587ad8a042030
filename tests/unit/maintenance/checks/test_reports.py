"""
What is found, and what a repair leaves, whichever part of a network is damaged, and however.

``python -m tests.unit.maintenance.checks.test_reports`` writes what is expected, to be read before
it is committed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from bsb_hdf5.adapters.memory.arrays import MemoryGroupWriter
from bsb_hdf5.core.layouts.nodes import ARRAY, DOCUMENT, kind_of
from bsb_hdf5.errors import StorageError
from bsb_hdf5.maintenance.findings import Finding
from tests.unit.maintenance.checks.damages import (
    Root,
    at,
    drop,
    lose,
    put,
    repaired,
    replace,
    resize,
    rich,
    verified,
    write,
)

EXPECTED = Path(__file__).with_name("reports.json")
# Parts that others are like.
OF_ROOT = "the root"
LIKE_OTHERS = ("/8", "/n", "inc/9")
Change = Callable[[Root], Any]


# What is damaged in a test: members of the root, or its own attributes.
PARTS = {
    "classic": [
        [OF_ROOT, "files", "morphology_meta"],
        ["morphologies"],
        ["placement"],
        ["connectivity"],
    ],
    "columnar": [
        [OF_ROOT, "stored_files"],
        ["morphology_tables"],
        ["placement_sets"],
        ["connectivity_sets"],
    ],
}


def changes_in(root: Root, parts: list[str]) -> Iterator[tuple[str, Change]]:
    """Ways to change each attribute, array, text and group in some parts of a network."""
    for title, change in changes_of(root):
        if any(re.search(rf"(^|no ){part}\b", title) for part in parts):
            yield title, change


def changes_of(root: Root, *path: str) -> Iterator[tuple[str, Change]]:
    place = "/".join(path) or OF_ROOT
    for name in root.attributes.names():
        yield f"{place} without @{name}", lose(name, *path)
        for value in (-7, "x"):
            yield f"{place}: @{name} is {value!r}", put(name, value, *path)
    for name in root.names():
        below = (*path, name)
        if "/".join(below).endswith(LIKE_OTHERS):
            continue
        yield f"no {'/'.join(below)}", drop(*below)
        kind = kind_of(root, name)
        yield from _changes_of_member(root, below, kind)
        if kind not in (ARRAY, DOCUMENT):
            yield from changes_of(root.group(name), *below)


def _changes_of_member(
    root: Root, path: tuple[str, ...], kind: str
) -> Iterator[tuple[str, Change]]:
    title = "/".join(path)
    if kind == DOCUMENT:
        yield f"{title} is an array", replace([1], *path)
        return
    yield f"{title} is a text", _as_text(*path)
    if kind != ARRAY:
        return
    rows = root.array(path[-1]).read()
    if not len(rows):
        return
    yield f"{title} lacks a row", resize(len(rows) - 1, path)
    yield f"{title} has other rows", write(0, rows[:1] + rows.dtype.type(5), *path)
    yield f"{title} has rows below 0", write(0, rows[:1] * 0 - rows.dtype.type(5), *path)
    yield f"{title} has wide rows", replace(np.zeros((len(rows), 9), rows.dtype), *path)


def _as_text(*path: str) -> Change:
    def do(root: Root) -> None:
        drop(*path)(root)
        at(root, *path[:-1]).write_document(path[-1], b"[]")

    return do


def outcome(root: Root, change: Change) -> list[Any]:
    """What is found, and what is left by a repair; or the error of both."""
    root = deepcopy(root)
    change(root)
    try:
        found = verified(root)
        # What can't be repaired is found again.
        left = repaired(root) if any(each.repairable for each in found) else found
        return [described(found), described(left)]
    except StorageError as error:
        return [type(error).__name__]


def described(findings: Iterable[Finding]) -> list[list[Any]]:
    """Findings without what other libraries say."""
    return [
        [each.part, each.where, each.what.partition("can't be read: ")[0], each.repairable]
        for each in findings
    ]


def outcomes(layout: str, parts: list[str]) -> dict[str, list[Any]]:
    root = rich(layout)
    return {title: outcome(root, change) for title, change in changes_in(root, parts)}


def of_checksums() -> dict[str, list[Any]]:
    """Rows that changed by themselves, in arrays that do not notice it, as those of HDF5."""
    with patch.object(MemoryGroupWriter, "unchecked_rows", True, create=True):
        root = rich("columnar")
        return {
            title: outcome(root, change)
            for title, change in changes_of(root)
            if "other rows" in title or "below 0" in title
        }


@pytest.mark.parametrize("parts", PARTS["classic"], ids=lambda parts: parts[-1])
def test_whatever_is_damaged_of_the_classic_layout_is_reported_as_it_was(parts: list[str]) -> None:
    compare(parts[-1], outcomes("classic", parts))


@pytest.mark.parametrize("parts", PARTS["columnar"], ids=lambda parts: parts[-1])
def test_whatever_is_damaged_of_the_columnar_layout_is_reported_as_it_was(parts: list[str]) -> None:
    compare(parts[-1], outcomes("columnar", parts))


def test_each_part_is_damaged() -> None:
    for layout, every in PARTS.items():
        held = {name for parts in every for name in parts} - {OF_ROOT}
        assert held == {*rich(layout).names()}


def test_rows_that_changed_by_themselves_are_reported_by_chunk() -> None:
    compare("checksums", of_checksums())


def compare(kind: str, found: dict[str, list[Any]]) -> None:
    expected = json.loads(EXPECTED.read_text(encoding="utf-8"))[kind]
    assert sorted(expected) == sorted(found)
    for title, reports in expected.items():
        assert reports == found[title], title


if __name__ == "__main__":
    lines = []
    kinds = {
        parts[-1]: outcomes(layout, parts) for layout, every in PARTS.items() for parts in every
    }
    for each, held in {**kinds, "checksums": of_checksums()}.items():
        rows = [f"{json.dumps(title)}: {json.dumps(value)}" for title, value in held.items()]
        lines.append(f'"{each}": {{\n' + ",\n".join(rows) + "\n}")
    EXPECTED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
