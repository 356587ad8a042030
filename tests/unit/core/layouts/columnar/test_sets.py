"""What all sets of the columnar layout do."""

from __future__ import annotations

from bsb_hdf5.adapters.memory.arrays import (
    MemoryGroupWriter,
)
from bsb_hdf5.core.layouts.history import SetHistory
from bsb_hdf5.core.placement_rows import PlacementRows
from tests.unit.core.layouts.columnar.networks import add, cells, group_of, new_network, reopened


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


def test_a_history_that_is_set_counts_what_waited_to_be_stored() -> None:
    network = new_network()
    add(network, 0)
    history = SetHistory(7, "then")
    network.placement("cell").set_history(history)
    network.connectivity("loop").set_history(history)
    network = reopened(network)
    assert history == network.placement("cell").history() == network.connectivity("loop").history()
    assert 2 == network.placement("cell").counts().total


def test_no_cells_are_of_the_form_of_a_set_without_cells() -> None:
    network = new_network()
    entities = PlacementRows.of_entities(2, None)
    for rows in (entities, cells(2)):
        assert not network.placement("cell").has_form_of(rows)
    network.placement("cell").append(0, entities)
    assert network.placement("cell").has_form_of(entities)
    assert not network.placement("cell").has_form_of(cells(2))
