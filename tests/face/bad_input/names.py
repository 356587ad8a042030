"""Names that are refused, and names of what does not exist."""

from __future__ import annotations

import re
from typing import Any

import bsb

from bsb_hdf5 import errors as e
from tests.face.bad_input.calls import Bad, append
from tests.face.samples import (
    SmallNetwork,
    cell_type,
    chunk,
    morphology,
    positions,
)

WRONG_NAMES: list[tuple[str, Any]] = [
    ("a NUL", "a\0b"),
    ("nothing", ""),
    ("a dot", "."),
    ("two dots", ".."),
    ("a surrogate", "\ud800"),
]


def type_named(name: str) -> Any:
    made = cell_type("innocent")
    made.name = name
    return made


NAMES = [
    Bad(
        f"{title} as name of a {kind}", call, e.InvalidNameError, (re.escape(repr(name)), "must be")
    )
    for title, name in WRONG_NAMES
    for kind, call in (
        ("cell type", lambda n, name=name: n.storage.require_placement_set(type_named(name))),
        (
            "cell type to create",
            lambda n, name=name: n.storage._PlacementSet.create(
                n.storage._engine, type_named(name)
            ),
        ),
        (
            "connectivity set",
            lambda n, name=name: n.storage._ConnectivitySet.require(
                n.storage._engine, n.a.cell_type, n.b.cell_type, name
            ),
        ),
        (
            "connectivity set to create",
            lambda n, name=name: n.storage._ConnectivitySet.create(
                n.storage._engine, n.a.cell_type, n.b.cell_type, name
            ),
        ),
        ("file", lambda n, name=name: n.storage.files.store("text", name)),
        ("morphology", lambda n, name=name: n.storage.morphologies.save(name, morphology())),
        (
            "additional column",
            lambda n, name=name: append(n, positions=positions(1), additional={name: [1.0]}),
        ),
        (
            "column to append to",
            lambda n, name=name: n.b.append_additional(name, chunk(0), [1.0]),
        ),
        (
            "column of the collection",
            lambda n, name=name: n.b._additional_chunks.append(chunk(0), name, [1.0]),
        ),
    )
]

LOOKUPS = [
    Bad(f"{title} as {kind} to find", call, error, (), also)
    for title, name in WRONG_NAMES
    for kind, call, error, also in (
        (
            "a cell type",
            lambda n, name=name: n.storage.get_placement_set(type_named(name)),
            e.StorageError,
            bsb.DatasetNotFoundError,
        ),
        (
            "a tag",
            lambda n, name=name: n.storage.get_connectivity_set(name),
            e.StorageError,
            bsb.DatasetNotFoundError,
        ),
        (
            "a file",
            lambda n, name=name: n.storage.files.load(name),
            e.StorageError,
            FileNotFoundError,
        ),
        (
            "an old file",
            lambda n, name=name: n.storage.files.remove(name),
            e.StorageError,
            FileNotFoundError,
        ),
        (
            "a morphology",
            lambda n, name=name: n.storage.morphologies.load(name),
            e.StorageError,
            bsb.MissingMorphologyError,
        ),
        (
            "an old morphology",
            lambda n, name=name: n.storage.morphologies.remove(name),
            e.StorageError,
            bsb.MissingMorphologyError,
        ),
    )
]


def ask_for_other(method: str, network: SmallNetwork) -> None:
    getattr(network.storage.morphologies, method)("other")
