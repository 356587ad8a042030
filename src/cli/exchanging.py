"""The commands that compare and merge networks."""

from __future__ import annotations

import argparse
from pathlib import Path

import attrs

from ..exchange.diff import diff as diff_networks
from ..exchange.merge import merge as merge_networks
from ..exchange.tables import export_csv
from ..queries.summaries import summary
from ..storages import engine_of
from .formats import plural, size_text
from .maintaining import size_of
from .running import FINDING, Answer


def diff(given: argparse.Namespace) -> Answer:
    """List the differences between two networks."""
    found = diff_networks(
        given.first, given.second, ignore_order=bool(given.ignore_order), most=given.number
    )
    data = {
        "first": given.first,
        "second": given.second,
        "differences": [attrs.asdict(each) for each in found],
    }
    return Answer(data, [str(each) for each in found], FINDING if found else 0)


def merge(given: argparse.Namespace) -> Answer:
    """Merge networks into one."""
    storage = merge_networks(
        given.sources,
        given.output,
        engine=given.engine,
        layout=given.layout,
        rename=bool(given.rename),
        trust=given.trust,
        drop_unknown=bool(given.drop_unknown),
    )
    engine, found = engine_of(storage), summary(storage)
    cells = sum(each.cells for each in found.cells)
    connections = sum(each.connections for each in found.connections)
    size = size_of(engine)
    data = {
        "sources": given.sources,
        "target": given.output,
        "engine": engine._format,
        "layout": found.layout,
        "cells": cells,
        "connections": connections,
        "bytes": size,
    }
    text = (
        f"merged {plural(len(given.sources), 'network')} into '{given.output}':"
        f" {plural(cells, 'cell')}, {plural(connections, 'connection')}, {size_text(size)}"
    )
    return Answer(data, [text])


def export(given: argparse.Namespace) -> Answer:
    """Write a network as tables."""
    export_csv(given.root, given.folder, overwrite=bool(given.overwrite))
    files = [each for each in Path(given.folder).iterdir() if each.is_file()]
    size = sum(each.stat().st_size for each in files)
    text = (
        f"exported '{given.root}' to '{given.folder}': {plural(len(files), 'file')},"
        f" {size_text(size)}"
    )
    names = sorted(each.name for each in files)
    data = {"root": given.root, "folder": given.folder, "files": names, "bytes": size}
    return Answer(data, [text])
