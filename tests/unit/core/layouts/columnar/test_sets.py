"""What all sets of the columnar layout do."""

from __future__ import annotations

from bsb_hdf5.adapters.memory.arrays import (
    MemoryGroupWriter,
)
from tests.unit.core.layouts.columnar.networks import add, group_of, new_network, reopened


def test_a_flush_without_changes_writes_nothing() -> None:
    network = new_network()
    add(network, 0)
    network = reopened(network)
    root = network._root
    assert isinstance(root, MemoryGroupWriter)
    before = len(root._undo_log.steps)
    assert 2 == network.placement("cell").counts().total
    assert 1 == network.connectivity("loop").count
    network.flush()
    assert before == len(root._undo_log.steps)


def test_revisions_move_once_a_session_that_changed_the_set() -> None:
    network = new_network()
    add(network, 0)
    add(network, 1)
    network = reopened(network)
    assert 2 == network.connectivity("loop").count
    network.flush()
    revisions = [
        group_of(network, part).attributes.get("revision")
        for part in ("placement_sets", "connectivity_sets")
    ]
    assert [1, 1] == revisions
