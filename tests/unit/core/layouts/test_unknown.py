"""What a layout does not know of a network that uses all that it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.core.layouts.detection import open_network
from bsb_hdf5.core.layouts.nodes import ARRAY, GROUP, kind_of
from bsb_hdf5.core.layouts.unknown import Unknown
from tests.unit.maintenance.checks.damages import Root, rich

Path = tuple[str, ...]
# What is a part of the network there, whatever its name: a text is a file, and a group a set that
# has no cells yet.
KNOWN = {
    "classic": {(("files",), "document"), (("placement",), "group")},
    "columnar": {(("stored_files",), "document")},
}
MAKE: dict[str, Callable[[Any], Any]] = {
    "array": lambda group: group.create_array("stranger", np.arange(3)),
    "group": lambda group: group.require_group("stranger"),
    "document": lambda group: group.write_document("stranger", b"text"),
}
both = pytest.mark.parametrize("layout", ["classic", "columnar"])


def nodes_of(group: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Where all groups, arrays and documents are, and which of these."""
    yield path, GROUP
    for name in group.names():
        kind = kind_of(group, name)
        if kind == GROUP:
            yield from nodes_of(group.group(name), (*path, name))
        else:
            yield (*path, name), kind


def at(root: Any, path: Path, kind: str) -> Any:
    for name in path[:-1]:
        root = root.group(name)
    return getattr(root, kind)(path[-1]) if path else root


def unknown_of(root: Root) -> list[Unknown]:
    return list(open_network(root, "here").unknown())


@both
def test_all_that_a_network_uses_is_known(layout: str) -> None:
    assert [] == unknown_of(rich(layout))


@both
def test_each_strange_attribute_is_reported(layout: str) -> None:
    root = rich(layout)
    for path, kind in nodes_of(root):
        changed = deepcopy(root)
        at(changed, path, kind).attributes.set("stranger", 1)
        assert [Unknown(path, "stranger", True)] == unknown_of(changed), path


@both
def test_each_strange_member_is_reported(layout: str) -> None:
    root = rich(layout)
    for path, kind in nodes_of(root):
        for made, make in MAKE.items() if kind == GROUP else ():
            changed = deepcopy(root)
            make(at(changed, path, kind))
            expected = [] if (path, made) in KNOWN[layout] else [Unknown(path, "stranger", False)]
            assert expected == unknown_of(changed), (path, made)


@both
def test_an_array_that_is_a_text_is_reported(layout: str) -> None:
    root = rich(layout)
    for path, kind in nodes_of(root):
        if kind == ARRAY:
            changed = deepcopy(root)
            *above, name = path
            group = at(changed, tuple(above), GROUP)
            group.delete(name)
            group.write_document(name, b"text")
            # Reading what a set lists as its data fails, whatever it is.
            listed = layout == "classic" and "additional" in path
            # The rows of a column belong to cells.
            tied = path[:-1] == ("placement_sets", "a") and name != "segments"
            expected = [] if listed else [Unknown(tuple(above), name, False, tied)]
            assert expected == unknown_of(changed), path
