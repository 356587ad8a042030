"""Samples for the contract of stores: values, ranges, and changes of a small store."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeAlias

import numpy as np

from ..core.column_specs import LABELS, MORPHOLOGY, POSITION, ROTATION
from ..core.layouts.columnar.blocks import CELL_KINDS, POINT_KINDS
from ..core.layouts.columnar.morphologies import ROW_KINDS
from ..core.layouts.columnar.placement_table import CODE_KINDS
from ..core.layouts.optional_verbs import write_integers
from ..ports.arrays import AttributeWriter, GroupWriter
from ..ports.store import Store

NewStore: TypeAlias = Callable[[str], Store]
Change: TypeAlias = Callable[[GroupWriter], object]

ROWS = np.arange(12.0).reshape(4, 3)
EVERY_BYTE = bytes(range(256)) + b"\0\0"

VALUES: dict[str, Any] = {
    "text": "granule",
    "text beyond ASCII": "Purkyně · 小脳",
    "empty text": "",
    "long text": "x" * 100_000,
    "texts": ["basket", "stellate", "Golgi", ""],
    "no texts": [],
    "many texts": [f"name {i}" for i in range(5000)],
    "array": np.arange(6, dtype=np.int16).reshape(2, 3),
    "large array": np.arange(40_000, dtype=np.int64),
    "empty array": np.zeros((0, 3)),
    "floats": np.array([np.nan, np.inf, -0.0, 1e-300]),
}

# What the layouts store: integers in the fewest bytes that hold them.
_OF_LAYOUTS = (
    *(kind for kinds in ROW_KINDS.values() for kind in kinds),
    *(*CELL_KINDS, *POINT_KINDS, *CODE_KINDS),
    *(column.dtype for column in (POSITION, ROTATION, MORPHOLOGY, LABELS)),
    np.dtype(np.uint8),
)
# What users store beside it.
_OF_USERS = map(np.dtype, ("i1", "u8", "f4", "?", ">f8", ">i4"))
DTYPES = list(dict.fromkeys(each.str for each in (*_OF_LAYOUTS, *_OF_USERS)))

KINDS = ["group", "array", "document"]

# First rows, and rows after the last, of an array of 10 rows.
SLICES = [(0, 10), (3, 7), (0, 1), (9, 10), (4, 4), (7, 3), (8, 50), (20, 30)]
RANGES: dict[str, list[tuple[int, int]]] = {
    "none": [],
    "one": [(3, 7)],
    "the whole": [(0, 10)],
    "an empty one": [(4, 4)],
    "empty ones at both ends": [(0, 0), (10, 10)],
    "two that touch": [(2, 4), (4, 7)],
    "two that touch, the later first": [(4, 7), (2, 4)],
    "in reverse": [(8, 10), (5, 6), (0, 2)],
    "overlapping": [(1, 6), (4, 9), (4, 5)],
    "the same thrice": [(7, 9), (7, 9), (7, 9)],
    "one within another": [(0, 10), (3, 4)],
    "empty ones between": [(5, 8), (2, 2), (8, 9), (9, 9), (0, 1)],
    "each row by itself": [(i, i + 1) for i in (9, 0, 8, 1, 7, 2)],
}
RANGES_OUTSIDE = [
    [(0, 11)],
    [(11, 11)],
    [(-1, 2)],
    [(-3, -1)],
    [(4, 2)],
    [(0, 2), (9, 11)],
    [(20, 30), (0, 2)],
]


def prepare(root: GroupWriter) -> None:
    """One member of each kind, one attribute on each."""
    group = root.require_group("group")
    group.require_group("inner").create_array("deep", np.arange(3))
    array = root.create_array("array", ROWS)
    document = root.write_document("document", b"first")
    holders: list[AttributeWriter] = [m.attributes for m in (root, group, array, document)]
    for attributes in holders:
        attributes.set("text", "before")
        attributes.set("number", 1)
        attributes.set("numbers", np.arange(3))


def fill_sample(root: GroupWriter) -> None:
    """
    Write a small network of everything that a store has to read: what ``filled_store`` holds.

    :param root: root of an empty store.
    """
    prepare(root)
    for title, value in VALUES.items():
        root.group("group").attributes.set(title, value)
    arrays = root.require_group("arrays")
    for dtype in DTYPES:
        arrays.create_array(dtype, np.array([[1, 0], [0, 1], [1, 1]], dtype=dtype))
    arrays.create_array("long", np.arange(30_000.0).reshape(-1, 3))
    arrays.create_array("without rows", np.zeros((0, 3)))
    documents = root.require_group("documents")
    contents: list[bytes | str] = [b"", EVERY_BYTE, "Purkyně · 小脳", b"x" * 100_000]
    for number, content in enumerate(contents):
        documents.write_document(str(number), content)


CHANGES: dict[str, Change] = {
    "a group made": lambda root: root.require_group("new"),
    "a group made deep down": lambda root: root.group("group").group("inner").require_group("new"),
    "an array made": lambda root: root.create_array("new", ROWS),
    "a document made": lambda root: root.write_document("new", "text"),
    "rows appended": lambda root: root.array("array").append(ROWS),
    "rows overwritten": lambda root: root.array("array").write(1, -ROWS[:2]),
    "an array cut": lambda root: root.array("array").resize(1),
    "an array emptied": lambda root: root.array("array").resize(0),
    "an array extended": lambda root: root.array("array").resize(50),
    "a document shortened": lambda root: root.write_document("document", b"2"),
    "a document replaced": lambda root: root.write_document("document", b"other"),
    "a document lengthened": lambda root: root.write_document("document", b"x" * 10_000),
    "a document replaced by text": lambda root: root.write_document("document", "text"),
    "a group deleted": lambda root: root.delete("group"),
    "an array deleted": lambda root: root.delete("array"),
    "a document deleted": lambda root: root.delete("document"),
    "an attribute made": lambda root: root.attributes.set("new", "text"),
    "an attribute of a group replaced": lambda root: root.group("group").attributes.set(
        "text", "after"
    ),
    "an attribute of an array replaced": lambda root: root.array("array").attributes.set(
        "numbers", np.arange(9.0)
    ),
    "an attribute of a document replaced": lambda root: root.document("document").attributes.set(
        "number", "now a text"
    ),
    "an attribute deleted": lambda root: root.attributes.delete("text"),
    "integers set": lambda root: write_integers(root.attributes, {"number": 5, "another": 6}),
}


def bounds(ranges: list[tuple[int, int]]) -> tuple[Any, Any]:
    """First rows, and rows after the last, as arrays."""
    starts, stops = np.array(ranges, dtype=np.int64).reshape(-1, 2).T
    return starts, stops


def version_of(store: Store) -> Hashable | None:
    """The version that a session sees now; None if the store does not know it."""
    session = store.open_read()
    try:
        return session.version
    finally:
        session.close()


def known_versions(versions: list[Hashable | None]) -> set[Hashable]:
    """The distinct versions among those that the store knows."""
    return {version for version in versions if version is not None}
