"""What the methods of resources are given, and on which paths."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.compat.walk import arguments as a
from tests.compat.walk.calls import Method, Receiver
from tests.compat.walk.world import World, grid

PATHS = {
    "a set": "/placement/a",
    "a chunk": "/placement/a/0",
    "positions": "/placement/a/0/position",
    "connections": "/connectivity/a_to_b",
    "a stored file": "/files/note",
    "metadata": "/morphology_meta",
    "a morphology": "/morphologies/stub",
    "the files": "/files",
    "the root": "/",
    "nothing": "/unknown",
    "nothing deep": "/unknown/deep/path",
    "no path": "",
    "None": None,
    "a number": 5,
}


def at(path: Any) -> Receiver:
    return lambda w: w.resource(path)


def own(w: World) -> Any:
    """Data of a user's own."""
    return w.resource("/mine/data")


OWN: dict[str, Receiver] = {"own data": own}

EVERY: dict[str, Receiver] = OWN | {name: at(path) for name, path in PATHS.items()}

DATA = a.values(
    rows=grid(2),
    list=[[1, 2, 3]],
    none=np.empty((0, 3)),
    of_another_width=grid(2, columns=2),
    texts=["a", "b"],
    text="text",
    number=5,
    None_=None,
    complex=np.ones((1, 3), dtype=complex),
    records=np.zeros(2, dtype=[("a", int), ("b", float)]),
    whole_numbers=np.array([[1, 2, 3]]),
    booleans=np.array([True, False]),
)

SELECTOR = a.values(
    all=(), row=1, slice=slice(1, 3), beyond=99, text="text", mask=[True, False, True, False]
).or_left_out()


def resource(
    name: str,
    receivers: dict[str, Receiver],
    /,
    *,
    writes: bool = False,
    **parameters: a.Kind,
) -> Method:
    return Method(f"Resource.{name}", receivers, parameters, writes, handled=False)
