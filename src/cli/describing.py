"""The command `info`."""

from __future__ import annotations

import argparse
import json

import attrs
import bsb

from ..core.chunk_id import unpack
from ..core.json_types import Document
from ..engine import StorageEngine
from ..queries.configured import Unfilled, unfilled
from ..queries.sizes import Sizes, sizes
from ..queries.summaries import NetworkSummary, summary
from ..storages import engine_of, was_interrupted
from .formats import plural, quoted, size_text, table
from .running import Answer
from .versions import open_at

# The saving by the columnar layout is reported for classic files from this size on.
_LARGE = 10_000_000
# A classic file stores three 8-byte integers per end of a connection, in two mirrored copies.
_CLASSIC_BYTES = 96
# The columnar layout stores three integers of 4 bytes or fewer per end, once, unless branches or
# points are many.
_COLUMNAR_BYTES = 24


@attrs.frozen
class _Description:
    """The content of an `info` report, read within one session."""

    engine: str
    versions: dict[str, str | None]
    provenance: Document
    configuration: str | None
    found: NetworkSummary
    sizes: Sizes
    chunks: tuple[_Chunk, ...]
    unfilled: Unfilled
    was_interrupted: bool

    @property
    def saving(self) -> int | None:
        """The bytes that the columnar layout would save at least, where they are many."""
        total = self.sizes.total
        if self.found.layout != "classic" or total is None or total < _LARGE:
            return None
        connections = sum(each.connections for each in self.found.connections)
        return connections * (_CLASSIC_BYTES - _COLUMNAR_BYTES) or None


@attrs.frozen
class _Chunk:
    id: int
    coordinates: list[int]
    cells: int
    incoming: int
    outgoing: int


def info(given: argparse.Namespace) -> Answer:
    """Describe a network."""
    # Opening finishes the commit of a killed program.
    interrupted = was_interrupted(given.root)
    storage = open_at(given.root, given.at)
    engine = engine_of(storage)
    described = engine.ranks.on_main(
        lambda: _describe(engine, storage, bool(given.chunks), interrupted)
    )
    data = {"root": given.root, **_data(described)}
    if given.chunks:
        data["chunks"] = [attrs.asdict(each) for each in described.chunks]
    return Answer(data, _lines(described, given))


def _describe(
    engine: StorageEngine, storage: bsb.Storage, chunks: bool, interrupted: bool
) -> _Description:
    with engine.read_scope():
        held = engine.get_chunk_stats() if chunks else {}
        configuration, found = _configuration(storage), summary(storage)
        return _Description(
            engine._format,
            engine.versions,
            engine.metadata,
            _name_of(configuration),
            found,
            sizes(engine),
            tuple(_chunk(int(id_), each) for id_, each in held.items()),
            unfilled(configuration, found),
            interrupted,
        )


def _data(described: _Description) -> dict[str, object]:
    found, taken = described.found, described.sizes
    return {
        "engine": described.engine,
        "layout": found.layout,
        "versions": described.versions,
        "provenance": described.provenance,
        "configuration": described.configuration,
        "chunk_size": found.chunk_size,
        "cell_types": [attrs.asdict(each) for each in found.cells],
        "connectivity_sets": [attrs.asdict(each) for each in found.connections],
        "morphologies": found.morphologies,
        "files": found.files,
        "bytes": {"total": taken.total, "parts": taken.parts, "rest": taken.rest},
        "holes": {"cells": taken.holes[0], "connections": taken.holes[1]},
        "unfilled": attrs.asdict(described.unfilled),
        "unfinished_commit": described.was_interrupted,
        "saving": described.saving,
    }


def _chunk(id_: int, held: Document) -> _Chunk:
    connections = held["connections"]
    return _Chunk(
        id_, unpack([id_])[0].tolist(), held["placed"], connections["inc"], connections["out"]
    )


def _configuration(storage: bsb.Storage) -> object:
    """The configuration, as it is stored."""
    for id_, meta in storage.files.all().items():
        if meta.get("active_config"):
            try:
                return json.loads(storage.files.load(id_)[0])
            except (ValueError, TypeError, RecursionError):
                return None
    return None


def _name_of(configuration: object) -> str | None:
    name = configuration.get("name") if isinstance(configuration, dict) else None
    return None if name is None else str(name)


def _chunk_table(chunks: tuple[_Chunk, ...]) -> list[str]:
    head = ("chunk", "id", "cells", "incoming", "outgoing")
    rows = [
        (" ".join(map(str, each.coordinates)), each.id, each.cells, each.incoming, each.outgoing)
        for each in chunks
    ]
    return table(head, rows)


def _lines(described: _Description, given: argparse.Namespace) -> list[str]:
    found, saving = described.found, described.saving
    lines = [
        f"{given.root}: {described.engine}, {found.layout} layout,"
        f" {size_text(described.sizes.total)}",
        *_identity(described),
        "",
        *_cells(found, bool(given.sets)),
        "",
        *_sets(found),
        "",
        f"{plural(found.morphologies, 'morphology', 'morphologies')},"
        f" {plural(found.files, 'file')}",
        *_bytes(described.sizes),
        *_holes(described.sizes, given.root),
        *_unfilled(described.unfilled),
        *_unfinished(given.root, described.was_interrupted),
    ]
    if given.chunks:
        lines += ["", *_chunk_table(described.chunks)]
    if saving:
        lines += [
            "",
            f"The columnar layout would take at least {size_text(saving)} less:"
            f" bsb storage convert {quoted(given.root)} NEW --layout columnar",
        ]
    return lines


def _identity(described: _Description) -> list[str]:
    versions, provenance = described.versions, described.provenance
    lines = []
    if described.configuration:
        lines.append(f"configuration: {described.configuration}")
    if versions.get("version"):
        lines.append(f"last written with bsb-core {versions['bsb']}, engine {versions['version']}")
    if provenance.get("storage_id"):
        lines.append(f"storage {provenance['storage_id']}, state {provenance.get('state_id')}")
    if described.found.chunk_size:
        lines.append(
            f"chunks of {' x '.join(f'{side:g}' for side in described.found.chunk_size)} um"
        )
    return lines


def _cells(found: NetworkSummary, fully: bool) -> list[str]:
    rows: list[tuple[object, ...]] = [(each.name, each.cells, each.chunks) for each in found.cells]
    head: tuple[str, ...] = ("cell type", "cells", "chunks")
    if fully:
        head = (*head, "labels", "additional data")
        more = [(each.labels, each.additional) for each in found.cells]
        rows = [
            (*row, *(", ".join(each) or "-" for each in texts))
            for row, texts in zip(rows, more, strict=True)
        ]
    return table(head, rows) if rows else ["no cell types"]


def _sets(found: NetworkSummary) -> list[str]:
    head = ("connectivity set", "from", "to", "connections", "mean in-degree", "mean out-degree")
    rows = [attrs.astuple(each) for each in found.connections]
    return table(head, rows) if rows else ["no connectivity sets"]


def _holes(size: Sizes, root: str) -> list[str]:
    cells, connections = size.holes
    if not cells and not connections:
        return []
    return [
        f"holes: rows of {plural(cells, 'cell')} and {plural(connections, 'connection')} that were"
        f" cleared or replaced; bsb storage repack {quoted(root)} removes them"
    ]


def _unfilled(found: Unfilled) -> list[str]:
    parts = [
        f"{what} {', '.join(map(repr, names))}"
        for what, names in (("cells of", found.cell_types), ("connections of", found.connectivity))
        if names
    ]
    if not parts:
        return []
    return [
        f"unfilled: the network has no {' and no '.join(parts)}, which its configuration asks for;"
        " a compile that was cut short, or left them out, ends like this"
    ]


def _unfinished(root: str, before: bool) -> list[str]:
    if not before:
        return []
    found = "a program was killed as it stored changes"
    if was_interrupted(root):
        return [f"unfinished commit: {found}; they are shown, and the next writer completes them"]
    return [f"unfinished commit: {found}, which were complete, and are now stored"]


def _bytes(size: Sizes) -> list[str]:
    if size.parts is None:
        return ["bytes by part: not counted, as there are too many arrays"]
    parts = sorted(size.parts.items(), key=lambda part: -part[1])
    named = [f"{name} {size_text(taken)}" for name, taken in parts if taken]
    if size.rest is not None:
        named.append(f"texts, tables and holes {size_text(size.rest)}")
    return [f"bytes by part: {', '.join(named)}"] if named else []
