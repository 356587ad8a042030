"""What counts the changes of a storage and its sets, and something that changes everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
from bsb import Configuration

from tests.face.layouts import place
from tests.face.samples import (
    SmallNetwork,
    cell_type,
    chunk,
    morphology,
    on_soma,
    positions,
)


class InterruptedScopeError(Exception):
    """Raised in the middle of a scope."""


def state_of(network: SmallNetwork) -> int:
    return int(network.storage._engine.state_id)


def revision_of(network: SmallNetwork, part: str, name: str) -> int:
    with h5py.File(network.path, "r") as file:
        return int(file[place(network.layout, part, name)].attrs["revision"])


def change_everything(network: SmallNetwork) -> None:
    """At least one change of every kind."""
    storage = network.storage
    late = storage.require_placement_set(cell_type("late"))
    late.append_data(chunk(3), positions(3), additional={"depth": [1.0, 2.0, 3.0]})
    network.b.append_data(chunk(0), positions(2))
    network.b.label(["fresh"], [5, 6])
    network.b.remove_labels(["core"], [0])
    network.ab.connect(network.a, network.b, on_soma(1, 2), on_soma(1, 8))
    network.ab.clear([chunk(1)])
    network.a.clear([chunk(1)])
    storage.morphologies.save("other", morphology(200))
    storage.morphologies.save("brief", morphology())
    storage.morphologies.remove("brief")
    storage.files.store(b"bytes" * 5000, "blob")
    storage.files.remove("note")
    storage.clear_connectivity()


def _remove_a_morphology(network: SmallNetwork) -> None:
    """With the cells that have it, as none may be left without."""
    with network.storage.write_scope():
        network.a.remove()
        network.storage.morphologies.remove("stub")


SINGLE_WRITES: dict[str, Callable[[SmallNetwork], Any]] = {
    "append": lambda n: n.b.append_data(chunk(0), positions(1)),
    "append entities": lambda n: n.b.append_entities(chunk(0), 3),
    "append additional": lambda n: n.b.append_additional("depth", chunk(0), np.ones(4)),
    "label": lambda n: n.b.label(["new"], [0]),
    "remove labels": lambda n: n.b.remove_labels(["core"], [0]),
    "clear cells": lambda n: n.b.clear(),
    "require chunk": lambda n: n.b.require_chunk(chunk(6)),
    "overwrite a column": lambda n: n.b._position_chunks.overwrite(chunk(0), positions(4, 5.0)),
    "connect": lambda n: n.ab.connect(n.a, n.b, on_soma(0), on_soma(0)),
    "chunk connect": lambda n: n.ab.chunk_connect(chunk(0), chunk(0), on_soma(0), on_soma(0)),
    "clear connections": lambda n: n.ab.clear(),
    "remove cells": lambda n: n.b.remove(),
    "remove connections": lambda n: n.ab.remove(),
    "require cells": lambda n: n.storage.require_placement_set(cell_type("new")),
    "require connections": lambda n: n.storage.require_connectivity_set(
        n.b.cell_type, n.a.cell_type, "back"
    ),
    "save": lambda n: n.storage.morphologies.save("new", morphology()),
    "remove a morphology": _remove_a_morphology,
    "update meta": lambda n: n.storage.morphologies.update_all_meta({"stub": {"x": 1}}),
    "set meta": lambda n: n.storage.morphologies.set_all_meta({"stub": {"x": 1}}),
    "store": lambda n: n.storage.files.store("text", "new"),
    "remove a file": lambda n: n.storage.files.remove("note"),
    "store a configuration": lambda n: n.storage.store_active_config(Configuration.default()),
    "clear placement": lambda n: n.storage.clear_placement(),
    "clear connectivity": lambda n: n.storage.clear_connectivity(),
    "bump": lambda n: n.storage._engine._bump_state(),
}
