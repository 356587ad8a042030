"""Compile the benchmark network once, with the storage engine of this interpreter.

``python compile_once.py WORKDIR`` builds the network in Python (point neurons, no
morphologies), compiles it into an HDF5 file in ``WORKDIR`` and writes what it cost and what the
file holds to ``WORKDIR/measured.json``. It imports nothing but the installed packages, so the
same script measures any engine that calls itself ``hdf5``.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import inspect
import json
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from bsb import Configuration, Scaffold, Storage, options
from bsb.storage import discover_engines, get_storage_interfaces

ENGINE = "hdf5"
CHUNK_EDGE = 100.0
COLUMNS_AT_FULL_SCALE = 6
LAYERS_OF_CHUNKS = 3
CELLS_A_CHUNK = 75
# Two layers of 200 um that overlap by 100 um: 6 x 6 x 2 chunks for each cell type, in a volume
# of 6 x 6 x 3 chunks.
LAYER_BOTTOM = {"lower_cell": 0.0, "upper_cell": CHUNK_EDGE}
LAYER_THICKNESS = 2 * CHUNK_EDGE
INDEGREE = {"lower_to_upper": 20, "upper_to_lower": 5}


def columns_at(scale: float) -> int:
    """Chunks along x, and along y, of the network at ``scale`` (1 = 600 x 600 um)."""
    return max(1, round(COLUMNS_AT_FULL_SCALE * scale))


def configuration(scale: float) -> Configuration:
    """The network of the benchmark, seeded so that every engine stores the same one."""
    columns = columns_at(scale)
    edge = columns * CHUNK_EDGE
    cells = columns * columns * 2 * CELLS_A_CHUNK
    return Configuration(
        {
            "name": "real compile",
            "storage": {"engine": ENGINE},
            "network": {
                "x": edge,
                "y": edge,
                "z": LAYERS_OF_CHUNKS * CHUNK_EDGE,
                "chunk_size": [CHUNK_EDGE] * 3,
            },
            "rng": {"seed": 20},
            "regions": {"block": {"type": "group", "children": [*LAYER_BOTTOM]}},
            "partitions": {
                name: {
                    "type": "rhomboid",
                    "origin": [0.0, 0.0, bottom],
                    "dimensions": [edge, edge, LAYER_THICKNESS],
                }
                for name, bottom in LAYER_BOTTOM.items()
            },
            "cell_types": {
                name: {"spatial": {"radius": 2.0, "count": cells}} for name in LAYER_BOTTOM
            },
            "placement": {
                name: {
                    "strategy": "bsb.placement.RandomPlacement",
                    "cell_types": [name],
                    "partitions": [name],
                }
                for name in LAYER_BOTTOM
            },
            "connectivity": {
                tag: {
                    "strategy": "bsb.connectivity.FixedIndegree",
                    "indegree": indegree,
                    "presynaptic": {"cell_types": [f"{tag.split('_to_')[0]}_cell"]},
                    "postsynaptic": {"cell_types": [f"{tag.split('_to_')[1]}_cell"]},
                }
                for tag, indegree in INDEGREE.items()
            },
        }
    )


class StorageClock:
    """Adds up the time spent inside the methods of the engine's classes, outermost call only."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._calls = threading.local()

    def timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            if getattr(self._calls, "inside", False):
                return method(*args, **kwargs)
            self._calls.inside = True
            start = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                # BSB runs one job at a time when serial, so that this addition has no rival.
                self.seconds += time.perf_counter() - start
                self._calls.inside = False

        return call

    def watch(self, engine_module: ModuleType) -> None:
        for owner in interface_classes(engine_module):
            for name, member in storage_methods(owner):
                wrapper = type(member) if isinstance(member, staticmethod | classmethod) else None
                timed = self.timed(member.__func__ if wrapper else member)
                setattr(owner, name, wrapper(timed) if wrapper else timed)


def interface_classes(engine_module: ModuleType) -> Iterator[type]:
    """The classes of an engine module that implement one of BSB's storage interfaces."""
    interfaces = tuple(get_storage_interfaces().values())
    for member in vars(engine_module).values():
        if inspect.isclass(member) and issubclass(member, interfaces) and member not in interfaces:
            yield member


def storage_methods(owner: type) -> Iterator[tuple[str, Any]]:
    """What a class lets BSB call; scopes are left out: they enclose work that is not storage."""
    for name in dir(owner):
        if (name.startswith("_") and name != "__len__") or name.endswith("_scope"):
            continue
        member = inspect.getattr_static(owner, name)
        if isinstance(member, staticmethod | classmethod) or inspect.isfunction(member):
            yield name, member


def time_phase(network: Scaffold, phase: str, seconds: dict[str, float]) -> None:
    """Record how long the network's ``run_<phase>`` takes when ``compile`` calls it."""
    run = getattr(network, f"run_{phase}")

    def run_timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return run(*args, **kwargs)
        finally:
            seconds[phase] = time.perf_counter() - start

    setattr(network, f"run_{phase}", run_timed)


def timed_compile(network: Scaffold) -> dict[str, float]:
    clock = StorageClock()
    clock.watch(discover_engines()[ENGINE])
    seconds: dict[str, float] = {}
    for phase in ("placement", "connectivity"):
        time_phase(network, phase, seconds)
    start = time.perf_counter()
    network.compile()
    seconds["compile"] = time.perf_counter() - start
    return {**seconds, "storage": clock.seconds}


def connection_rows(connections: Any) -> np.ndarray[Any, Any]:
    """All connections of a set, one row each: post chunk, post location, pre chunk, pre location.

    The rows are sorted: two engines may list the same network in different orders.
    """
    rows = [np.empty((0, 8), dtype=np.int64)]
    for chunk in connections.get_local_chunks("inc"):
        post, pre_chunks, pre = connections.load_local_connections("inc", chunk)
        post_chunks = np.full(len(post), int(chunk.id), dtype=np.int64)
        pre_chunks = np.asarray(pre_chunks).astype(np.int64)
        rows.append(np.column_stack([post_chunks, post, pre_chunks, pre]).astype(np.int64))
    whole = np.concatenate(rows)
    return whole[np.lexsort(whole.T)]


def contents(network: Scaffold) -> dict[str, dict[str, Any]]:
    """What was stored, for comparison between engines."""
    placed = {name: network.get_placement_set(name) for name in LAYER_BOTTOM}
    connected = {tag: connection_rows(network.get_connectivity_set(tag)) for tag in INDEGREE}
    return {
        "cells": {name: len(cells) for name, cells in placed.items()},
        "chunks": {name: len(cells.get_all_chunks()) for name, cells in placed.items()},
        "connections": {tag: len(rows) for tag, rows in connected.items()},
        "blocks": {tag: len(np.unique(rows[:, [0, 4]], axis=0)) for tag, rows in connected.items()},
        "digest": {
            tag: hashlib.sha256(rows.tobytes()).hexdigest() for tag, rows in connected.items()
        },
    }


def measure(workdir: Path, scale: float) -> dict[str, Any]:
    options.verbosity = 0
    root = workdir / "network.hdf5"
    network = Scaffold(configuration(scale), Storage(ENGINE, str(root)))
    seconds = timed_compile(network)
    # Linux counts in KiB, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "engine": f"bsb-hdf5 {version('bsb-hdf5')}",
        "scale": scale,
        "seconds": seconds,
        "peak_rss_bytes": peak if sys.platform == "darwin" else peak * 1024,
        "file_bytes": root.stat().st_size,
        "network": contents(network),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workdir", type=Path, help="an empty directory for the network file")
    parser.add_argument("--scale", type=float, default=1.0, help="1 is 600 x 600 x 300 um")
    arguments = parser.parse_args()
    measured = measure(arguments.workdir, arguments.scale)
    (arguments.workdir / "measured.json").write_text(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
