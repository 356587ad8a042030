"""
Make each call of the walk in the engine of this interpreter, and note how it ends.

    python -m tests.compat.walk.run ENGINE OUT.json

``ENGINE`` is ``hdf5``, ``zarr`` or ``memory``. It is run in an empty folder with the repository
among the paths of modules, so that the interpreter decides which bsb-hdf5 it is.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.compat.walk import (
    connectivity_calls,
    engine_calls,
    placement_calls,
    repository_calls,
    resource_calls,
)
from tests.compat.walk.calls import Call
from tests.compat.walk.holdings import holdings, part_of
from tests.compat.walk.records import known_bases, most_specific, record, record_error
from tests.compat.walk.traces import Traces, content_of_file, differing, traces
from tests.compat.walk.world import World, Worlds

Json = Any

GONE = "gone"
AS_BUILT = "the network: as built"
AFTER_READING = "the network: after all reading"


def all_calls() -> Iterator[Call]:
    yield from placement_calls.calls()
    yield from connectivity_calls.calls()
    yield from repository_calls.calls()
    yield from engine_calls.calls()
    yield from resource_calls.calls()


def outcome(call: Call, world: World) -> dict[str, Json]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = {"returned": record(call.run(world))}
        except (Exception, SystemExit) as error:
            found = record_error(error)
    issued = {name for each in caught for name in most_specific(known_bases(each.category))}
    return found | ({"warned": sorted(issued)} if issued else {})


@dataclass(frozen=True)
class Before:
    """The network as it is built, to say what a call changed."""

    holdings: dict[str, Json]
    traces: Traces | None
    content: bytes | None

    @classmethod
    def of(cls, world: World) -> Before:
        return cls(holdings(world), traces(world.root), content_of_file(world.root))

    def changed(self, world: World) -> dict[str, Json]:
        """What the network holds afterwards that it did not hold before, or that it is gone."""
        if self.content is not None and self.content == content_of_file(world.root):
            return {}
        try:
            parts = differing(self.traces, traces(world.root))
            after = {} if parts == set() else self._holdings(world, parts)
        except Exception as error:
            return {"network": record_error(error)["raised"]}
        if "network" in after or parts == set():
            return after
        read = {key for key in self.holdings if parts is None or part_of(key) in parts}
        keys = sorted(read | after.keys())
        return {
            key: after.get(key, GONE)
            for key in keys
            if self.holdings.get(key) != after.get(key, GONE)
        }

    def _holdings(self, world: World, parts: set[str] | None) -> dict[str, Json]:
        return holdings(world.again() if world.engine.exists() else world, parts)


def outcomes(engine: str) -> dict[str, Json]:
    worlds = Worlds(engine)
    shared = worlds.new()
    before = Before.of(shared)
    found: dict[str, Json] = {AS_BUILT: {"returned": before.holdings}}
    for call in all_calls():
        world = worlds.new() if call.writes else shared
        found[call.id] = outcome(call, world)
        if call.writes:
            found[call.id]["changed"] = before.changed(world)
            worlds.drop(world)
    found[AFTER_READING] = {"returned": before.changed(shared)}
    return found


def check_that_ids_are_unique() -> None:
    twice = [name for name, count in Counter(call.id for call in all_calls()).items() if count > 1]
    if twice:
        raise SystemExit(f"more than one call is called {', '.join(twice)}")


def write_outcomes(engine: str, path: str) -> None:
    """Walk in the current folder."""
    check_that_ids_are_unique()
    Path(path).write_text(json.dumps(outcomes(engine)), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {Path(__file__).name} ENGINE OUT.json")
    if find_spec("mpi4py") is None:
        # bsb asks for it at each call, and searching all folders takes most of the time.
        sys.modules["mpi4py"] = None  # type: ignore[assignment]
    write_outcomes(*sys.argv[1:])
