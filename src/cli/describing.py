"""The command that says what is in a network."""

from __future__ import annotations

import json
from typing import Any

import attrs

from ..core.chunk_id import unpack
from ..engine import StorageEngine
from ..queries.sizes import Sizes, sizes
from ..queries.summaries import NetworkSummary, summary
from ..storages import engine_of, open_storage
from .formats import plural, size_text, table
from .running import Answer

# Of a classic file, from which on it is said what the other layout would save.
_LARGE = 10_000_000
# A classic file has three numbers of 8 bytes for either side of a connection, twice.
_CLASSIC_BYTES = 96
# The columnar layout has three of 4 bytes at most, once, but where branches or points are many.
_COLUMNAR_BYTES = 24


def info(given: Any) -> Answer:
    """What is in a network."""
    storage = open_storage(given.root)
    engine = engine_of(storage)
    data = engine.ranks.on_main(lambda: _gather(engine, storage, given))
    data = {"root": given.root, **data}
    return Answer(data, _lines(data, given))


def _gather(engine: StorageEngine, storage: Any, given: Any) -> dict[str, Any]:
    with engine.read_scope():
        found = summary(storage)
        taken = sizes(engine)
        data = {
            "engine": engine._format,
            "layout": found.layout,
            "versions": engine.versions,
            "provenance": engine.metadata,
            "configuration": _configuration(storage),
            "chunk_size": found.chunk_size,
            "cell_types": [attrs.asdict(each) for each in found.cells],
            "connectivity_sets": [attrs.asdict(each) for each in found.connections],
            "morphologies": found.morphologies,
            "files": found.files,
            "bytes": {"total": taken.total, "parts": taken.parts, "rest": taken.rest},
            "saving": _saving(found, taken),
        }
        if given.chunks:
            data["chunks"] = [_chunk(*each) for each in engine.get_chunk_stats().items()]
    return data


def _chunk(id_: str, held: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": int(id_),
        "coordinates": unpack([int(id_)])[0].tolist(),
        "cells": held["placed"],
        "incoming": held["connections"]["inc"],
        "outgoing": held["connections"]["out"],
    }


def _configuration(storage: Any) -> str | None:
    """The name of the configuration."""
    for id_, meta in storage.files.all().items():
        if meta.get("active_config"):
            try:
                return str(json.loads(storage.files.load(id_)[0]).get("name"))
            except (ValueError, AttributeError):
                return None
    return None


def _saving(found: NetworkSummary, taken: Sizes) -> int | None:
    """Bytes that the columnar layout would save at least, where that is worth a word."""
    if found.layout != "classic" or taken.total is None or taken.total < _LARGE:
        return None
    connections = sum(each.connections for each in found.connections)
    return connections * (_CLASSIC_BYTES - _COLUMNAR_BYTES) or None


def _lines(data: dict[str, Any], given: Any) -> list[str]:
    size = data["bytes"]
    lines = [
        f"{given.root}: {data['engine']}, {data['layout']} layout, {size_text(size['total'])}",
        *_identity(data),
        "",
        *_cells(data, bool(given.sets)),
        "",
        *_sets(data),
        "",
        f"{plural(data['morphologies'], 'morphology', 'morphologies')},"
        f" {plural(data['files'], 'file')}",
        *_bytes(size),
    ]
    if given.chunks:
        head = ("chunk", "id", "cells", "incoming", "outgoing")
        rows = [
            (" ".join(map(str, each["coordinates"])), *(each[name] for name in head[1:]))
            for each in data["chunks"]
        ]
        lines += ["", *table(head, rows)]
    if data["saving"]:
        lines += [
            "",
            f"The columnar layout would take at least {size_text(data['saving'])} less:"
            f" bsb storage convert {given.root} NEW --layout columnar",
        ]
    return lines


def _identity(data: dict[str, Any]) -> list[str]:
    versions, provenance = data["versions"], data["provenance"]
    lines = []
    if data["configuration"]:
        lines.append(f"configuration: {data['configuration']}")
    if versions.get("version"):
        lines.append(f"last written with bsb-core {versions['bsb']}, engine {versions['version']}")
    if provenance.get("storage_id"):
        lines.append(f"storage {provenance['storage_id']}, state {provenance.get('state_id')}")
    if data["chunk_size"]:
        lines.append(f"chunks of {' x '.join(f'{side:g}' for side in data['chunk_size'])} um")
    return lines


def _cells(data: dict[str, Any], fully: bool) -> list[str]:
    rows = [(each["name"], each["cells"], each["chunks"]) for each in data["cell_types"]]
    head: tuple[str, ...] = ("cell type", "cells", "chunks")
    if fully:
        head = (*head, "labels", "additional data")
        more = [(each["labels"], each["additional"]) for each in data["cell_types"]]
        rows = [
            (*row, *(", ".join(each) or "-" for each in texts))
            for row, texts in zip(rows, more, strict=True)
        ]
    return table(head, rows) if rows else ["no cell types"]


def _sets(data: dict[str, Any]) -> list[str]:
    head = ("connectivity set", "from", "to", "connections", "mean in-degree", "mean out-degree")
    names = ("tag", "pre", "post", "connections", "mean_in_degree", "mean_out_degree")
    rows = [tuple(each[name] for name in names) for each in data["connectivity_sets"]]
    return table(head, rows) if rows else ["no connectivity sets"]


def _bytes(size: dict[str, Any]) -> list[str]:
    if size["parts"] is None:
        return ["bytes by part: not counted, as there are too many arrays"]
    parts = sorted(size["parts"].items(), key=lambda part: -part[1])
    named = [f"{name} {size_text(taken)}" for name, taken in parts if taken]
    if size["rest"] is not None:
        named.append(f"texts, tables and holes {size_text(size['rest'])}")
    return [f"bytes by part: {', '.join(named)}"] if named else []
