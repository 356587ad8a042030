"""The commands `stats` and `plot`."""

from __future__ import annotations

import argparse
from pathlib import Path

import attrs
import bsb

from ..connectivity_set import ConnectivitySet
from ..queries.cells import counts
from ..queries.connections import synapses_per_pair
from ..queries.degrees import Mean, convergence, divergence
from ..queries.groups import GroupKey, group_text
from ..queries.matrices import Matrix, matrix
from ..queries.networks import connectivity_sets
from ..queries.pictures import plot as plot_network
from ..storages import engine_of
from .formats import size_text, table
from .running import Answer
from .versions import open_at


@attrs.frozen
class _ConnectionCounts:
    tag: str
    pre: str
    post: str
    connections: int
    convergence: Mean
    divergence: Mean
    synapses_per_pair: Mean

    @classmethod
    def of(cls, found: ConnectivitySet) -> _ConnectionCounts:
        return cls(
            found.tag,
            found.pre_type_name,
            found.post_type_name,
            len(found),
            convergence(found),
            divergence(found),
            synapses_per_pair(found),
        )


@attrs.frozen
class _Counts:
    """The content of a `stats` report, read within one session."""

    cells: dict[GroupKey, int]
    connections: list[_ConnectionCounts]
    matrix: list[_Entry]


@attrs.frozen
class _Entry:
    pre: str
    post: str
    connections: int


def stats(given: argparse.Namespace) -> Answer:
    """Count cells, connections and the connections between groups of cells."""
    storage = open_at(given.root, given.at)
    engine = engine_of(storage)
    found = engine.ranks.on_main(lambda: _count(storage, given))
    data = {
        "root": given.root,
        "by": given.by,
        "cells": [_group(key) | {"cells": n} for key, n in found.cells.items()],
        "connections": [attrs.asdict(each) for each in found.connections],
        "matrix": [attrs.asdict(each) for each in found.matrix],
    }
    return Answer(data, _lines(found, given.by))


def plot(given: argparse.Namespace) -> Answer:
    """Draw a network into a file."""
    plot_network(open_at(given.root, given.at), given.output)
    size = Path(given.output).stat().st_size
    text = f"drew '{given.root}' to '{given.output}': {size_text(size)}"
    return Answer({"root": given.root, "output": given.output, "bytes": size}, [text])


def _count(storage: bsb.Storage, given: argparse.Namespace) -> _Counts:
    with storage.read_scope():
        sets = [ConnectivitySet(storage._engine, given.set)] if given.set else None
        sets = connectivity_sets(storage) if sets is None else sets
        return _Counts(
            counts(storage, by=given.by),
            [_ConnectionCounts.of(each) for each in sets],
            _entries(matrix(sets, by=given.by)),
        )


def _group(key: GroupKey) -> dict[str, object]:
    name, part = (key, None) if isinstance(key, str) else key
    return {"group": group_text(key), "type": name, "part": part}


def _entries(found: Matrix) -> list[_Entry]:
    """The entries that are not 0."""
    return [
        _Entry(group_text(found.pre[i]), group_text(found.post[j]), int(found.values[i, j]))
        for i, j in zip(*found.values.nonzero(), strict=True)
    ]


def _lines(found: _Counts, by: str) -> list[str]:
    cells = [(group_text(key), n) for key, n in found.cells.items()]
    head = ("connectivity set", "connections", "convergence", "divergence", "synapses per pair")
    sets = [
        (
            each.tag,
            each.connections,
            _text(each.convergence),
            _text(each.divergence),
            _text(each.synapses_per_pair),
        )
        for each in found.connections
    ]
    return [
        *table((f"cells by {by}", "cells"), cells),
        "",
        *table(head, sets),
        "",
        "mean ± sd: of convergence and divergence over all cells, of synapses over connected pairs",
        "",
        *table(("from", "to", "connections"), [attrs.astuple(each) for each in found.matrix]),
    ]


def _text(mean: Mean) -> str:
    return f"{mean.mean:.4g} ± {mean.sd:.4g}" if mean.n else "-"
