"""The command that counts cells and connections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from ..connectivity_set import ConnectivitySet
from ..queries.cells import counts
from ..queries.connections import synapses_per_pair
from ..queries.degrees import Mean, convergence, divergence
from ..queries.groups import GroupKey, group_text
from ..queries.matrices import Matrix, matrix
from ..queries.networks import connectivity_sets
from ..queries.pictures import plot as plot_network
from ..storages import engine_of, open_storage
from .formats import size_text, table
from .running import Answer


def stats(given: Any) -> Answer:
    """Tables of cells, connections and the groups that they run between."""
    storage = open_storage(given.root)
    engine = engine_of(storage)
    data = engine.ranks.on_main(lambda: _gather(storage, given))
    return Answer({"root": given.root, "by": given.by, **data}, _lines(data, given.by))


def plot(given: Any) -> Answer:
    """Pictures in a file."""
    plot_network(given.root, given.output)
    size = Path(given.output).stat().st_size
    text = f"drew '{given.root}' to '{given.output}': {size_text(size)}"
    return Answer({"root": given.root, "output": given.output, "bytes": size}, [text])


def _gather(storage: Any, given: Any) -> dict[str, Any]:
    with storage.read_scope():
        sets = [ConnectivitySet(storage._engine, given.set)] if given.set else None
        sets = connectivity_sets(storage) if sets is None else sets
        return {
            "cells": [
                _group(key) | {"cells": n} for key, n in counts(storage, by=given.by).items()
            ],
            "connections": [_connections(each) for each in sets],
            "matrix": _entries(matrix(sets, by=given.by)),
        }


def _connections(each: ConnectivitySet) -> dict[str, Any]:
    return {
        "tag": each.tag,
        "pre": each.pre_type_name,
        "post": each.post_type_name,
        "connections": len(each),
        "convergence": _mean(convergence(each)),
        "divergence": _mean(divergence(each)),
        "synapses_per_pair": _mean(synapses_per_pair(each)),
    }


def _mean(mean: Mean) -> dict[str, Any]:
    return attrs.asdict(mean)


def _group(key: GroupKey) -> dict[str, Any]:
    name, part = (key, None) if isinstance(key, str) else key
    return {"group": group_text(key), "type": name, "part": part}


def _entries(found: Matrix) -> list[dict[str, Any]]:
    """The entries that are not 0, and what they are of all pairs of cells."""
    return [
        {"pre": group_text(pre), "post": group_text(post), "connections": int(found.values[i, j])}
        for i, pre in enumerate(found.pre)
        for j, post in enumerate(found.post)
        if found.values[i, j]
    ]


def _lines(data: dict[str, Any], by: str) -> list[str]:
    cells = [(each["group"], each["cells"]) for each in data["cells"]]
    head = ("connectivity set", "connections", "convergence", "divergence", "synapses per pair")
    names = ("convergence", "divergence", "synapses_per_pair")
    sets = [
        (each["tag"], each["connections"], *(_text(each[name]) for name in names))
        for each in data["connections"]
    ]
    between = [(each["pre"], each["post"], each["connections"]) for each in data["matrix"]]
    return [
        *table((f"cells by {by}", "cells"), cells),
        "",
        *table(head, sets),
        "",
        "mean ± sd: of convergence and divergence over all cells, of synapses over connected pairs",
        "",
        *table(("from", "to", "connections"), between),
    ]


def _text(mean: dict[str, Any]) -> str:
    return f"{mean['mean']:.4g} ± {mean['sd']:.4g}" if mean["n"] else "-"
