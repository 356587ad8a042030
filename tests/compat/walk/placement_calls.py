"""Calls of a placement set, whole, filtered and empty."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.compat.walk import arguments as a
from tests.compat.walk.calls import Call, Method, Receiver
from tests.compat.walk.world import World, chunk, grid

SETS: dict[str, Receiver] = {
    "all cells": lambda w: w.cells("a"),
    "one chunk": lambda w: w.cells("a", [chunk(1)]),
    "a chunk not held": lambda w: w.cells("a", [chunk(7)]),
    "no chunks": lambda w: w.cells("a", []),
    "a label": lambda w: w.cells("a", None, ["core"]),
    "two labels": lambda w: w.cells("a", None, ["core", "rim"]),
    "a label nobody has": lambda w: w.cells("a", None, ["unknown"]),
    "no labels": lambda w: w.cells("a", None, []),
    "a bare text as label": lambda w: w.cells("a", None, "core"),
    "a label in a chunk": lambda w: w.cells("a", [chunk(1)], ["core"]),
    "morphology labels": lambda w: w.cells("a", morphology_labels=["dendrites"]),
    "cells with positions only": lambda w: w.cells("b"),
    "cells without labels by label": lambda w: w.cells("b", None, ["core"]),
    "entities": lambda w: w.cells("entities"),
    "a set without cells": lambda w: w.cells("silent"),
}
SOME = {name: SETS[name] for name in ("all cells", "one chunk", "a label", "a set without cells")}
WRITTEN = {
    name: SETS[name]
    for name in (
        "all cells",
        "one chunk",
        "a label",
        "cells with positions only",
        "entities",
        "a set without cells",
    )
}
CLASS: dict[str, Receiver] = {"the class": lambda w: w.PlacementSet}


def filters(ps: Any, result: Any) -> Any:
    """What a setter of filters did."""
    return result, ps.get_loaded_chunks(), ps.get_label_filter(), len(ps)


def read(name: str, /, **parameters: a.Kind) -> Method:
    return Method(f"PlacementSet.{name}", SETS, parameters)


def write(name: str, /, **parameters: a.Kind) -> Method:
    return Method(f"PlacementSet.{name}", WRITTEN, parameters, writes=True)


METHODS = (
    read("load_positions"),
    read("load_rotations"),
    read("load_morphologies", allow_empty=a.FLAG.or_left_out()),
    read("load_ids"),
    read("load_additional", key=a.KEY.or_left_out()),
    read("get_unique_labels"),
    read("get_labelled", labels=a.LABELS.or_left_out()),
    read("get_label_mask", labels=a.LABELS.or_left_out()),
    read("get_chunk_stats"),
    read("get_all_chunks"),
    read("convert_to_local", ids=a.CELL_IDS),
    write("label", labels=a.LABELS, cells=a.CELL_IDS),
    write("remove_labels", labels=a.LABELS, cells=a.CELL_IDS),
    write("label_by_mask", labels=a.LABELS, mask=a.MASK),
    write("remove_labels_by_mask", labels=a.LABELS, mask=a.MASK),
    write("clear", chunks=a.CHUNKS.or_left_out()),
    Method(
        "PlacementSet.append_data",
        WRITTEN,
        {
            "chunk": a.NEW_CHUNK,
            "positions": a.POSITIONS,
            "morphologies": a.MORPHOLOGIES.or_left_out(),
            "rotations": a.ROTATIONS.or_left_out(),
            "additional": a.ADDITIONAL.or_left_out(),
        },
        writes=True,
    ),
    Method(
        "PlacementSet.append_entities",
        {"entities": SETS["entities"], **WRITTEN},
        {"chunk": a.NEW_CHUNK, "count": a.COUNT, "additional": a.ADDITIONAL.or_left_out()},
        writes=True,
        handled=False,
    ),
    Method(
        "PlacementSet.append_additional",
        WRITTEN,
        {"name": a.NEW_KEY, "chunk": a.CHUNK, "data": a.ROWS},
        writes=True,
    ),
    Method(
        "PlacementSet.create",
        CLASS,
        {"engine": a.ENGINE, "cell_type": a.NEW_CELL_TYPE},
        writes=True,
        leading=1,
    ),
    Method(
        "PlacementSet.require",
        CLASS,
        {"engine": a.ENGINE, "cell_type": a.NEW_CELL_TYPE},
        writes=True,
        leading=1,
    ),
    Method("PlacementSet.exists", CLASS, {"engine": a.ENGINE, "cell_type": a.CELL_TYPE}, leading=1),
    Method(
        "PlacementSet.set_morphology_label_filter",
        SOME,
        {"morphology_labels": a.LABELS},
        handled=False,
        after=lambda ps, result: (result, ps.load_morphologies(allow_empty=True)),
    ),
    Method(
        "PlacementSet.set_label_filter", SOME, {"labels": a.LABELS}, handled=False, after=filters
    ),
    Method("PlacementSet.get_label_filter", SETS, handled=False),
    Method("PlacementSet.count_morphologies", SETS, handled=False),
    Method("PlacementSet.load_boxes", SETS, handled=False),
    Method("PlacementSet.__len__", SETS, handled=False),
    Method("PlacementSet.__iter__", SETS, handled=False),
    Method("PlacementSet.__repr__", SOME, handled=False),
    Method(
        "ChunkLoader.set_chunk_filter", SOME, {"chunks": a.CHUNKS}, handled=False, after=filters
    ),
    Method("ChunkLoader.clear_chunk_filter", SETS, handled=False, after=filters),
    Method("ChunkLoader.include_chunk", SOME, {"chunk": a.CHUNK}, handled=False, after=filters),
    Method("ChunkLoader.exclude_chunk", SOME, {"chunk": a.CHUNK}, handled=False, after=filters),
    Method("ChunkLoader.get_loaded_chunks", SETS, handled=False),
    Method("ChunkLoader.get_all_chunks", SETS),
    Method("ChunkLoader.require_chunk", WRITTEN, {"chunk": a.CHUNK}, writes=True),
    Method(
        "ChunkLoader.get_chunk_path",
        SOME,
        {
            "chunk": a.CHUNK.or_left_out(),
            "collection": a.values(additional="additional", number=5).or_left_out(),
            "key": a.values(weight="weight", number=5).or_left_out(),
        },
        handled=False,
    ),
)


def constructed(make: a.Make) -> Any:
    return lambda w: w.PlacementSet(w.engine, make(w))


def within(chunks: a.Make) -> Any:
    def run(w: World) -> Any:
        ps = w.cells("a")
        with ps.chunk_context(chunks(w)):
            inside = ps.get_loaded_chunks(), len(ps)
        return inside, ps.get_loaded_chunks(), len(ps)

    return run


def appended(**data: Any) -> Any:
    return lambda w: w.cells("a").append_data(
        chunk(7), **{k: v(w) if callable(v) else v for k, v in data.items()}
    )


APPENDS: dict[str, dict[str, Any]] = {
    "all kinds": {
        "positions": grid(2),
        "morphologies": lambda w: w.morphology_set(["twig"], [0, 0]),
        "rotations": grid(2),
        "additional": {"weight": [1.0, 2.0]},
    },
    "nothing": {},
    "rotations only": {"rotations": grid(2)},
    "morphologies only": {"morphologies": lambda w: w.morphology_set(["stub"], [0])},
    "additional only": {"additional": {"new": [1.0, 2.0, 3.0]}},
    "a count": {"count": 2},
    "a count and positions": {"count": 2, "positions": grid(2)},
    "a count and rotations": {"count": 2, "rotations": grid(2)},
    "a count and additional": {"count": 2, "additional": {"new": [1.0, 2.0]}},
    "a negative count": {"count": -1},
}


def extra() -> Iterator[Call]:
    for name, make in a.CELL_TYPE.variants.items():
        yield Call("PlacementSet", f"of cell type {name}", constructed(make), False)
    for name, make in a.CHUNKS.variants.items():
        yield Call("ChunkLoader.chunk_context", f"chunks {name}", within(make), False)
    for name, data in APPENDS.items():
        yield Call("PlacementSet.append_data", f"with {name}", appended(**data), True)
    yield Call("PlacementSet.__eq__", "of the same", lambda w: w.cells("a") == w.cells("a"), False)
    yield Call("PlacementSet.__eq__", "of another", lambda w: w.cells("a") == w.cells("b"), False)
    yield Call("PlacementSet.__eq__", "of a text", lambda w: w.cells("a") == "a", False)
    yield Call("PlacementSet.__hash__", "of a set", lambda w: hash(w.cells("a")) and None, False)
    yield Call("PlacementSet.tag", "of a set", lambda w: w.cells("a").tag, False)
    yield Call("PlacementSet.cell_type", "of a set", lambda w: w.cells("a").cell_type.name, False)
    yield Call("PlacementSet.load_box_tree", "of a set", _boxes, False)
    yield from _encoding()


def _boxes(w: World) -> Any:
    tree = w.cells("a").load_box_tree()
    return len(w.cells("a")), type(tree).__name__


def _encoding() -> Iterator[Call]:
    def encode(data: Any, ds: Any) -> Any:
        def run(w: World) -> Any:
            from bsb_hdf5.placement_set import encode_labels

            return encode_labels(data, ds)

        return run

    for name, data in {
        "rows": np.array([1, 0, 2]),
        "no rows": np.empty(0, dtype=int),
        "a list": [0, 1],
        "None": None,
    }.items():
        yield Call("encode_labels", f"data {name} of no dataset", encode(data, None), False)
    yield Call("encode_labels", "dataset a text", encode(np.array([0]), "dataset"), False)


def calls() -> Iterator[Call]:
    for method in METHODS:
        yield from method.calls()
    yield from extra()
