"""Set up a simulation of a stored network, with the storage engine of this interpreter.

``python simulate_once.py WORKDIR`` compiles a network of 3,200 point neurons into ``WORKDIR``,
opens it again, prepares its Arbor simulation within ``read_only()``, as BSB does before it runs
one, and writes the processor time to ``WORKDIR/measured.json``. ``--calls`` makes the calls of
the storage that bsb-arbor makes in ``prepare`` instead, and nothing else: what the engine alone
takes, where Arbor is installed or not. Both give the same digest with every engine that stores
the same network. The script imports nothing but the installed packages.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from bsb import Chunk, Configuration, Scaffold, Storage, options

CELLS = {"lower": 1600, "upper": 1600}
INDEGREE = {"lower_to_upper": 20, "upper_to_lower": 5}
EDGE = 400.0
CHUNK_EDGE = 100.0
# How often Arbor asks for the number of cells while it is set up: a few times, twice a cell.
ASKED_IN_ALL, ASKED_A_CELL = 7, 2


def configuration(engine: str, *, arbor: bool) -> Configuration:
    """Two types of 1,600 cells in 16 chunks each, with 40,000 connections between them."""
    tree: dict[str, Any] = {
        "name": "simulated",
        "storage": {"engine": engine},
        "network": {"x": EDGE, "y": EDGE, "z": 2 * CHUNK_EDGE, "chunk_size": [CHUNK_EDGE] * 3},
        "rng": {"seed": 20},
        "regions": {"block": {"type": "group", "children": [*CELLS]}},
        "partitions": {
            name: {
                "type": "rhomboid",
                "origin": [0.0, 0.0, bottom],
                "dimensions": [EDGE, EDGE, CHUNK_EDGE],
            }
            for name, bottom in zip(CELLS, (0.0, CHUNK_EDGE), strict=True)
        },
        "cell_types": {
            name: {"spatial": {"radius": 2.0, "count": count}} for name, count in CELLS.items()
        },
        "placement": {
            name: {
                "strategy": "bsb.placement.RandomPlacement",
                "cell_types": [name],
                "partitions": [name],
            }
            for name in CELLS
        },
        "connectivity": {
            tag: {
                "strategy": "bsb.connectivity.FixedIndegree",
                "indegree": indegree,
                "presynaptic": {"cell_types": [tag.split("_to_")[0]]},
                "postsynaptic": {"cell_types": [tag.split("_to_")[1]]},
            }
            for tag, indegree in INDEGREE.items()
        },
    }
    return Configuration({**tree, "simulations": {"run": simulation()}} if arbor else tree)


def simulation() -> dict[str, Any]:
    targets = {"strategy": "cell_model", "cell_models": ["lower"]}
    return {
        "simulator": "arbor",
        "duration": 1,
        "cell_models": {name: {"model_strategy": "lif", "constants": {}} for name in CELLS},
        "connection_models": {tag: {"weight": 1.0, "delay": 1.0} for tag in INDEGREE},
        "devices": {
            "noise": {
                "device": "poisson_generator",
                "rate": 10,
                "weight": 1.0,
                "delay": 1.0,
                "targetting": targets,
            },
            "spikes": {"device": "spike_recorder", "targetting": targets},
        },
    }


def prepare(network: Scaffold) -> str:
    """What ``Scaffold.run_simulation`` does before it runs: bsb-arbor's own code."""
    from bsb.simulation import get_simulation_adapter

    model = network.get_simulation("run")
    adapter = get_simulation_adapter("arbor")
    with network.storage.read_only():
        data = adapter.prepare(model)
    digest = hashlib.sha256()
    for gid, received in sorted(data.connections_on.items()):
        rows = [[gid, each.from_gid, *each.loc_from, *each.loc_on] for each in received]
        digest.update(np.asarray(rows, dtype=np.int64).tobytes())
    return digest.hexdigest()


def call(network: Scaffold) -> str:
    """The calls of the storage that ``prepare`` makes."""
    digest = hashlib.sha256()
    types = list(network.cell_types.values())
    with network.storage.read_only():
        chunks = [Chunk.from_id(int(key), None) for key in network.storage.get_chunk_stats()]
        ordered = sorted(types, key=lambda each: len(each.get_placement_set()))
        offsets, first = {}, 0
        for each in ordered:
            offsets[each.name] = first
            first += len(each.get_placement_set())
        # One population for a type, and another for each device that has it as its target.
        for each in (*ordered, types[0], types[0]):
            each.get_placement_set(chunks).get_chunk_stats()
        for tag in INDEGREE:
            found = network.get_connectivity_set(tag)
            connections = found.load_connections()
            incoming = connections.to(chunks).as_globals()
            len(incoming)
            rows = [
                (near[0] + offsets[found.post_type.name], far[0] + offsets[found.pre_type.name])
                for far, near in incoming
            ]
            digest.update(np.asarray(rows, dtype=np.int64).tobytes())
            rows = [near[0] for near, _ in connections.from_(chunks).as_globals()]
            digest.update(np.asarray(rows, dtype=np.int64).tobytes())
        for _ in range(ASKED_IN_ALL + ASKED_A_CELL * first):
            assert first == sum(len(each.get_placement_set()) for each in types)
    return digest.hexdigest()


def timed(action: Callable[[Scaffold], str], root: Path, engine: str) -> tuple[float, str]:
    network = Storage(engine, str(root)).load()
    start = time.process_time()
    digest = action(network)
    return time.process_time() - start, digest


def measure(workdir: Path, engine: str, repeats: int, *, calls: bool) -> dict[str, Any]:
    options.verbosity = 0
    arbor = not calls
    root = workdir / ("network.zarr" if engine == "zarr" else "network.hdf5")
    network = Scaffold(configuration(engine, arbor=arbor), Storage(engine, str(root)))
    network.compile()
    taken = [timed(call if calls else prepare, root, engine) for _ in range(repeats)]
    digests = {digest for _, digest in taken}
    assert len(digests) == 1, digests
    return {"seconds": median(seconds for seconds, _ in taken), "digest": digests.pop()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workdir", type=Path, help="an empty directory for the network")
    parser.add_argument("--engine", default="hdf5")
    parser.add_argument(
        "--repeats", type=int, default=1, help="set-ups, of which the median counts"
    )
    parser.add_argument("--calls", action="store_true", help="only the calls of the storage")
    arguments = parser.parse_args()
    if not arguments.calls and importlib.util.find_spec("bsb_arbor") is None:
        parser.error("bsb-arbor is not installed here: install it, or pass --calls")
    measured = measure(
        arguments.workdir, arguments.engine, arguments.repeats, calls=arguments.calls
    )
    (arguments.workdir / "measured.json").write_text(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
