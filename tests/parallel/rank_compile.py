"""A whole compile on ranks; run by ``test_mpi.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from bsb import MPI, Configuration, Scaffold, Storage
from mpi4py.MPI import COMM_SELF
from numpy.testing import assert_array_equal

from tests.parallel.engine import ENGINE
from tests.parallel.ranks import RANK, Rows, meet, ordered


def configuration() -> Configuration:
    """Two types in eight chunks each, placed and connected at random but seeded."""
    return Configuration(
        {
            "name": "on ranks",
            "storage": {"engine": ENGINE},
            "network": {"x": 200.0, "y": 200.0, "z": 200.0, "chunk_size": [100.0] * 3},
            "rng": {"seed": 3},
            "partitions": {"layer": {"type": "layer", "thickness": 200.0}},
            "cell_types": {
                name: {"spatial": {"radius": 2.0, "count": 80}} for name in ("first", "second")
            },
            "placement": {
                "both": {
                    "strategy": "bsb.placement.RandomPlacement",
                    "cell_types": ["first", "second"],
                    "partitions": ["layer"],
                }
            },
            "connectivity": {
                "first_to_second": {
                    "strategy": "bsb.connectivity.FixedIndegree",
                    "indegree": 5,
                    "presynaptic": {"cell_types": ["first"]},
                    "postsynaptic": {"cell_types": ["second"]},
                }
            },
        }
    )


def compiled(root: Path, comm: Any = None) -> Scaffold:
    network = Scaffold(configuration(), Storage(ENGINE, str(root), comm), comm=comm)
    network.compile()
    return network


def contents(network: Scaffold) -> dict[str, Rows]:
    """Cells of each type, and connections as pairs of global locations."""
    placed = {
        name: network.get_placement_set(name).load_positions() for name in ("first", "second")
    }
    connections = network.get_connectivity_set("first_to_second").load_connections()
    return {**placed, "connections": np.column_stack(connections.as_globals().all())}


def test_ranks_compile_together_what_one_rank_compiles_alone(shared_path: Path) -> None:
    together = contents(compiled(shared_path / "together"))
    meet()
    alone = contents(compiled(shared_path / f"alone-{RANK}", COMM_SELF))
    assert 5 * 80 == len(alone["connections"])
    for name, expected in alone.items():
        assert_array_equal(ordered(together[name]), ordered(expected), err_msg=name)
    meet()
    assert MPI.get_size() > 1
