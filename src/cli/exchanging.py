"""The commands that compare and merge networks, and exchange them with other programs."""

from __future__ import annotations

import argparse
from pathlib import Path

import attrs
import bsb

from ..core.json_types import Document
from ..exchange.diff import diff as diff_networks
from ..exchange.merge import merge as merge_networks
from ..exchange.sonata.exporting import export_sonata
from ..exchange.sonata.importing import import_sonata
from ..exchange.tables import export_csv, export_parquet
from ..queries.summaries import summary
from ..storages import engine_of
from .formats import plural, size_text
from .maintaining import engine_to_make, size_of
from .running import FINDING, Answer
from .versions import open_at

_EXPORTS = {"csv": export_csv, "parquet": export_parquet, "sonata": export_sonata}


def diff(given: argparse.Namespace) -> Answer:
    """List the differences between two networks."""
    first, second = _compared(given)
    found = diff_networks(first, second, ignore_order=bool(given.ignore_order), most=given.number)
    data = {
        "first": given.first,
        "second": given.second,
        "differences": [attrs.asdict(each) for each in found],
    }
    return Answer(data, [str(each) for each in found], FINDING if found else 0)


def _compared(given: argparse.Namespace) -> tuple[bsb.Storage, bsb.Storage]:
    asked: list[str | None] = given.versions or [None, None]
    return open_at(given.first, asked[0]), open_at(given.second, asked[1])


def merge(given: argparse.Namespace) -> Answer:
    """Merge networks into one."""
    storage = merge_networks(
        given.sources,
        given.output,
        engine=engine_to_make(given, given.output),
        layout=given.layout,
        rename=bool(given.rename),
        trust=given.trust,
        drop_unknown=bool(given.drop_unknown),
        keep_damaged=bool(given.keep_damaged),
    )
    data, text = _made(storage)
    many = plural(len(given.sources), "network")
    line = f"merged {many} into '{given.output}': {text}"
    return Answer({"sources": given.sources, "target": given.output, **data}, [line])


def export(given: argparse.Namespace) -> Answer:
    """Write a network for other programs."""
    _EXPORTS[given.to](open_at(given.root, given.at), given.folder, overwrite=bool(given.overwrite))
    folder = Path(given.folder)
    files = [each for each in folder.rglob("*") if each.is_file()]
    size = sum(each.stat().st_size for each in files)
    text = (
        f"exported '{given.root}' to '{given.folder}': {plural(len(files), 'file')},"
        f" {size_text(size)}"
    )
    names = sorted(each.relative_to(folder).as_posix() for each in files)
    data = {"root": given.root, "folder": given.folder, "files": names, "bytes": size}
    return Answer(data, [text])


def import_(given: argparse.Namespace) -> Answer:
    """Make a network of a circuit."""
    storage = import_sonata(
        given.folder,
        given.root,
        engine=engine_to_make(given, given.root),
        layout=given.layout,
        chunk_size=given.chunk_size,
    )
    data, text = _made(storage)
    line = f"imported '{given.folder}' into '{given.root}': {text}"
    return Answer({"folder": given.folder, "root": given.root, **data}, [line])


def _made(storage: bsb.Storage) -> tuple[Document, str]:
    """The content of a new network, as data and as text."""
    engine, found = engine_of(storage), summary(storage)
    cells = sum(each.cells for each in found.cells)
    connections = sum(each.connections for each in found.connections)
    size = size_of(engine)
    data = {
        "engine": engine._format,
        "layout": found.layout,
        "cells": cells,
        "connections": connections,
        "bytes": size,
    }
    text = f"{plural(cells, 'cell')}, {plural(connections, 'connection')}, {size_text(size)}"
    return data, text
