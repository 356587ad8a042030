"""Small networks in memory, of which some parts are replaced, and all that a network holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from bsb_hdf5.core import columns
from bsb_hdf5.core.chunk_id import pack
from bsb_hdf5.core.column_specs import LABELS, POSITION, ROTATION, additional_column
from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.files import StoredContent
from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.layouts.detection import create_network
from bsb_hdf5.core.layouts.protocols import NetworkReader, NetworkWriter
from bsb_hdf5.core.mirrored import perspectives
from bsb_hdf5.core.morphology import MorphologyTable
from bsb_hdf5.core.placement_rows import MorphologyRows, PlacementRows
from bsb_hdf5.core.statistics import ChunkCounts
from tests.unit.memory import new_root

NEAR, FAR, EMPTY = (int(each) for each in pack(np.array([[0, 0, 0], [1, -2, 3], [5, 0, 0]])))
NAN = float("nan")
TABLE = MorphologyTable(
    np.array([[0.0, 1, 2, 3, 1, 9.5], [4, 5, 6, NAN, 0, 1]]),
    np.array([[1, -1], [2, 0]]),
    LabelSets.from_lists({0: [], 1: ["soma"]}),
    ("depth",),
)
Rows = dict[str, Any]
Content = dict[str, Any]


def cells(count: int, **changes: Any) -> Rows:
    """The rows of a chunk."""
    positions = np.arange(3.0 * count).reshape(count, 3)
    return {"positions": positions, "rotations": positions * 2, "k": positions[:, 0], **changes}


# Two blocks of connections, the second of which has points.
LINKS: dict[tuple[int, int], list[Any]] = {
    (NEAR, NEAR): [[[0, -1, -1], [1, -1, -1]], [[1, -1, -1], [0, -1, -1]]],
    (NEAR, FAR): [[[2, 0, 1], [0, 0, 2], [1, 0, 0]], [[0, 0, 0], [1, 1, 1], [0, 1, 0]]],
}


def network(layout: str = "columnar", **changes: Any) -> NetworkWriter:
    """A network; some of its parts are replaced, and those that are None left out."""
    parts: dict[str, Any] = {
        "size": [1.0, 2.0, 3.0],
        "near": cells(3),
        "far": cells(2),
        "empty": [EMPTY],
        "names": ("m", "n"),
        "codes": [1, 0, 1],
        "labels": [["x"], [], ["x", "y"]],
        "other": "b",
        "links": LINKS,
        "types": ("a", "b"),
        "tag": "more",
        "table": TABLE,
        "morphology": "n",
        "meta": {"m": {"at": np.array([1, 2])}, "o": {"z": 1, "a": 2}},
        "file": StoredContent.of("text", {"a": 1}, "utf-8", 5),
        "id": "g",
        **changes,
    }
    made = create_network(new_root(), layout)
    made.set_chunk_size(np.array(parts["size"]))
    for name in ("m", parts["morphology"]):
        made.morphologies.save(name, parts["table"])
    made.morphologies.replace_meta(parts["meta"])
    made.files.store("f", parts["file"])
    made.files.store(parts["id"], StoredContent.of("", None, None, 1))
    made.create_placement(parts["other"], created_at="now")
    _place(made, parts)
    for tag, links in (("c", parts["links"]), (parts["tag"], {})):
        made.create_connectivity(tag, *parts["types"], created_at="now")
        for (pre, post), ends in links.items():
            made.connectivity(tag).append(Blocks.between(pre, post, *map(np.array, ends)))
    made.flush()
    return made


def _place(made: NetworkWriter, parts: dict[str, Any]) -> None:
    made.create_placement("a", created_at="now")
    placed = made.placement("a")
    for chunk, rows in ((NEAR, parts["near"]), (FAR, parts["far"])):
        positions, k = rows["positions"], rows["k"]
        names = None
        if chunk == NEAR:
            codes = np.array(parts["codes"], dtype=np.int64)
            names = MorphologyRows(parts["names"], codes)
        additional = {} if k is None else {rows.get("key", "k"): k}
        held = PlacementRows(len(positions), positions, rows["rotations"], names, additional)
        placed.append(chunk, held)
    for chunk in parts["empty"]:
        placed.require_chunk(chunk)
    sets = [frozenset(each) for each in parts["labels"]]
    table = LabelSets({0: frozenset(), **{i + 1: each for i, each in enumerate(sets)}})
    counts = ChunkCounts.of({NEAR: len(sets)})
    placed.write_labels(counts, np.arange(len(sets)) + 1, table)


def content(held: NetworkReader) -> Content:
    """All of a network: cells by type and chunk, connections by set and chunks."""
    return {
        "size": held.chunk_size.tolist(),
        "cells": {name: cells_of(held, name) for name in held.placement_names()},
        "sets": {tag: connections_of(held, tag) for tag in held.connectivity_tags()},
        "morphologies": {
            name: str((held.morphologies.load(name).data, held.morphologies.meta_of(name)))
            for name in held.morphologies.names()
        },
        "files": {id_: held.files.load(id_) for id_ in held.files.ids()},
    }


def cells_of(held: NetworkReader, name: str) -> dict[int, list[Any]]:
    source = held.placement(name)
    counts = source.counts()
    specs = [POSITION, ROTATION, *map(additional_column, source.additional_keys())]
    found: dict[int, list[Any]] = {}
    for chunk in counts.ids.tolist():
        one = counts.select(np.array([chunk]))
        rows = [
            columns.align(each, *source.read_column(each, one.ids), one).tolist() for each in specs
        ]
        codes = columns.align(LABELS, *source.read_column(LABELS, one.ids), one)
        names = source.read_morphologies(one.ids)
        held_names = [names.names[i] for i in names.indices.tolist()]
        held_names += [""] * (one.total - len(held_names))
        labels = map(sorted, source.label_sets().of(codes))
        titles = [each.title for each in specs]
        found[chunk] = [
            {**dict(zip(titles, values, strict=True)), "morphology": morphology, "labels": label}
            for *values, morphology, label in zip(*rows, held_names, labels, strict=True)
        ]
    return found


def connections_of(held: NetworkReader, tag: str) -> tuple[Any, dict[tuple[int, int], list[Any]]]:
    source = held.connectivity(tag)
    found = {}
    for part in perspectives(source, "out", 1000):
        rows = np.hstack([part.local_locations, part.global_locations]).tolist()
        for i, (first, end) in enumerate(zip(part.starts[:-1], part.starts[1:], strict=True)):
            pair = int(part.local_chunks[i]), int(part.global_chunks[i])
            found[pair] = rows[first:end]
    return (source.pre_type, source.post_type), found
