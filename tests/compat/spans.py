"""
Record the OpenTelemetry spans of calls of a BSB storage.

    python spans.py NAME OUT

NAME is an engine, or ``classic`` or ``columnar`` for HDF5 files of that layout. It is a script of
its own so that the interpreter that runs it decides which package has the engine. The document
that it writes has a list of root spans for each call: name, attributes, status, and the spans
below.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bsb import Branch, CellType, Chunk, MissingMorphologyError, Morphology, MorphologySet, Storage
from bsb_otel.testing import OTelFixture

# Imported before spans are recorded: 8.0.2 makes its tracer then, and keeps it.
import bsb_hdf5  # noqa: F401

Span = dict[str, Any]
Calls = Iterator[tuple[str, Callable[[], object]]]

CHUNK = Chunk((0, 0, 0), (100.0, 100.0, 100.0))
ROOT = "network.hdf5"


def new_storage(name: str) -> Storage:
    if name in ("memory", "zarr"):
        return Storage(name, ROOT)
    if name == "columnar":
        from bsb_hdf5.config import NetworkRoot

        return Storage("hdf5", NetworkRoot(ROOT, layout="columnar"))
    return Storage("hdf5", ROOT)


def placement_calls(storage: Storage, a: CellType) -> Calls:
    cells = storage.get_placement_set(a)
    rows = np.arange(12.0).reshape(4, 3)
    morphologies = MorphologySet([storage.morphologies.preload("m")], [0, 0, 0, 0])
    yield "append cells", lambda: cells.append_data(CHUNK, rows, morphologies=morphologies)
    yield "append additional data", lambda: cells.append_additional("age", CHUNK, rows[:, 0])
    yield "load positions", cells.load_positions
    yield "load morphologies", cells.load_morphologies
    yield "load additional data", lambda: cells.load_additional("age")
    yield "load ids", cells.load_ids
    yield "length", lambda: len(cells)
    yield "label", lambda: cells.label(["big"], [0, 2])
    yield "remove labels", lambda: cells.remove_labels(["big"], [2])
    yield "unique labels", cells.get_unique_labels
    yield "labelled", lambda: cells.get_labelled(["big"])
    yield "label mask", lambda: cells.get_label_mask(["big"])
    yield "local ids", lambda: cells.convert_to_local([1, 2])
    yield "chunks", cells.get_all_chunks
    yield "chunk statistics", cells.get_chunk_stats
    yield "load a property", cells._position_chunks.load
    yield "require a chunk", lambda: cells.require_chunk(CHUNK)


def connectivity_calls(storage: Storage, a: CellType, b: CellType) -> Calls:
    pre, post = storage.get_placement_set(a), storage.get_placement_set(b)
    locations = np.array([[0, -1, -1], [1, -1, -1]])
    yield "require connections", lambda: storage.require_connectivity_set(a, b, "ab")
    cs = storage.require_connectivity_set(a, b, "ab")
    yield "require them again", lambda: storage.require_connectivity_set(a, b, "ab")
    yield "get connections", lambda: storage.get_connectivity_set("ab")
    yield "tags", lambda: type(cs).get_tags(storage._engine)
    yield "connections exist", lambda: type(cs).exists(storage._engine, "ab")
    yield "connect", lambda: cs.connect(pre, post, locations, locations)
    yield "connect chunks", lambda: cs.chunk_connect(CHUNK, CHUNK, locations, locations)
    yield "connection statistics", cs.get_chunk_stats
    yield "local chunks", lambda: cs.get_local_chunks("inc")
    yield "global chunks", lambda: cs.get_global_chunks("inc", CHUNK)
    yield "load a block", lambda: cs.load_block_connections("inc", CHUNK, CHUNK)
    yield "load local connections", lambda: cs.load_local_connections("out", CHUNK)
    yield "clear connections", cs.clear


def repository_calls(storage: Storage) -> Calls:
    repository = storage.morphologies
    branch = Branch(np.arange(6.0).reshape(2, 3), np.ones(2))
    yield "save", lambda: repository.save("m", Morphology([branch]))
    yield "load a morphology", lambda: repository.load("m")
    yield "preload", lambda: repository.preload("m")
    yield "all morphologies", repository.all
    yield "has", lambda: repository.has("m")
    yield "meta", lambda: repository.get_meta("m")
    yield "all meta", repository.get_all_meta
    yield "update meta", lambda: repository.update_all_meta({"m": {"a": 1}})
    yield "load no morphology", lambda: repository.load("none")


def file_calls(storage: Storage) -> Calls:
    files = storage.files
    yield "store", lambda: files.store("text", {"a": 1}, "note")
    yield "remove a file", lambda: files.remove("note")


def resource_calls(storage: Storage, a: CellType) -> Calls:
    resource = type(storage.files).__mro__[1]
    if resource.__name__ != "Resource":
        resource = resource.__mro__[1]
    mine = resource(storage._engine, "/mine")
    yield "create", lambda: mine.create(np.zeros((3, 2)))
    more = resource(storage._engine, "/more")
    yield "append rows", lambda: more.append(np.zeros((2, 2)))
    yield "append more", lambda: more.append([[1.0, 2.0]])
    yield "exists", mine.exists
    yield "keys", mine.keys
    yield "rows", mine.get_dataset
    yield "shape", lambda: mine.shape
    yield "attributes", lambda: mine.attributes
    yield "remove", mine.remove
    yield "attributes of cells", lambda: storage.get_placement_set(a).keys()


def engine_calls(storage: Storage, a: CellType) -> Calls:
    cells = storage.get_placement_set(a)

    def within(scope: Callable[[], Any], call: Callable[[], object]) -> None:
        with scope():
            call()

    engine = storage._engine
    yield "read scope", lambda: within(engine.read_scope, cells.load_ids)
    yield "write scope", lambda: within(engine.write_scope, lambda: cells.label(["x"], [0]))
    yield "statistics", engine.get_chunk_stats
    yield "clear the cells", cells.clear


def all_calls(name: str) -> Calls:
    a, b = CellType(name="a", spatial={"radius": 1}), CellType(name="b", spatial={"radius": 1})
    yield "make a storage", lambda: new_storage(name)
    storage = new_storage(name)
    yield "storage exists", storage.exists
    yield "require cells", lambda: storage.require_placement_set(a)
    yield "get cells", lambda: storage.get_placement_set(a)
    yield "cells exist", lambda: storage._PlacementSet.exists(storage._engine, a)
    storage.require_placement_set(b).append_data(CHUNK, np.zeros((4, 3)))
    yield from repository_calls(storage)
    yield from placement_calls(storage, a)
    yield from connectivity_calls(storage, a, b)
    yield from file_calls(storage)
    yield from resource_calls(storage, a)
    yield from engine_calls(storage, a)


def spans_of(call: Callable[[], object]) -> list[Span]:
    """The root spans that a call emits, with those below them."""
    # An error is in the status of the span.
    with OTelFixture() as results, contextlib.suppress(MissingMorphologyError):
        call()
    below: dict[str | None, list[Span]] = {}
    for span in sorted(results(), key=lambda span: str(span["start_time"])):
        below.setdefault(span["parent_id"], []).append(span)

    def tree(span: Span) -> Span:
        return {
            "name": span["name"],
            "attributes": span["attributes"],
            "status": span["status"]["status_code"],
            "below": [tree(each) for each in below.get(span["context"]["span_id"], [])],
        }

    return [tree(span) for span in below.get(None, [])]


def main(name: str, out: str) -> None:
    recorded = {title: spans_of(call) for title, call in all_calls(name)}
    Path(out).write_text(json.dumps(recorded, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
