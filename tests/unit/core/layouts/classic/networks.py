"""Small networks in the classic layout, and the choices they are made of."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.layouts.classic.network import ClassicNetwork
from tests.unit.memory import new_network

Pair = tuple[int, int]

Block = list[tuple[list[int], list[int]]]


def reopened(network: ClassicNetwork) -> ClassicNetwork:
    """The network as the next session finds it."""
    network.flush()
    return ClassicNetwork(network._root)


CHUNKS = [0, 1, 65535, 2**40]

chunk = st.sampled_from(CHUNKS)

clear = st.none() | st.frozensets(st.sampled_from([*CHUNKS, 99]), max_size=2)


def blocks_of(pairs: list[Pair], number: int, model: dict[Pair, Block]) -> Blocks:
    """Connections between pairs of chunks, added to the model too."""
    rows = []
    for i, pair in enumerate(pairs, number):
        row = ([i, 2 * i, 3 * i], [-i, -1, -1])
        model.setdefault(pair, []).append(row)
        rows.append(row)
    chunks = np.array(pairs, dtype=np.int64)
    locations = np.array(rows, dtype=np.int64)
    return Blocks(chunks[:, 0], chunks[:, 1], locations[:, 0], locations[:, 1])


def connected(*pairs: Pair) -> ClassicNetwork:
    network = new_network()
    network.create_connectivity("a_to_b", "a", "b", created_at="now")
    network.connectivity("a_to_b").append(blocks_of(list(pairs), 0, {}))
    return network
