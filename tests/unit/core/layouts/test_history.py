"""What sets say of their own history, in both layouts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.layouts.detection import create_network, open_network
from bsb_hdf5.core.layouts.history import (
    SetHistory,
    advance_revision,
    read_history,
    write_history,
)
from bsb_hdf5.core.placement_rows import PlacementRows
from bsb_hdf5.errors import CorruptNetworkError
from tests.unit.memory import new_root


def test_a_history_is_two_attributes() -> None:
    attributes = new_root().attributes
    assert SetHistory(None, None) == read_history(attributes)
    write_history(attributes, SetHistory(3, "now"))
    assert (3, "now") == (attributes.get("revision"), attributes.get("created_at"))
    assert SetHistory(3, "now") == read_history(attributes)
    write_history(attributes, SetHistory(None, "then"))
    assert ("created_at",) == attributes.names()
    write_history(attributes, SetHistory(0, None))
    assert ("revision",) == attributes.names()
    assert SetHistory(0, None) == read_history(attributes)
    attributes.set("revision", "many")
    with pytest.raises(CorruptNetworkError, match="revision"):
        read_history(attributes)


def test_sessions_are_counted() -> None:
    attributes = new_root().attributes
    assert [1, 2, 5] == [advance_revision(attributes, count) for count in (1, 1, 3)]
    assert 5 == attributes.get("revision")
    assert 2 == advance_revision(new_root().attributes, 2)
    attributes.set("revision", 0)
    assert 1 == advance_revision(attributes)


@pytest.mark.parametrize("damaged", ["many", np.arange(2), np.nan, ["a"]], ids=str)
@pytest.mark.parametrize("layout", ["classic", "columnar"])
def test_sessions_are_not_counted_on_where_their_number_is_damaged(
    layout: str, damaged: Any
) -> None:
    root = new_root()
    network = create_network(root, layout)
    network.create_placement("a", created_at="now")
    network.create_connectivity("c", "a", "b", created_at="now")
    network.flush()
    for part, name in (("placement", "a"), ("connectivity", "c")):
        _, group, set_ = network.place(part, name).split("/")
        root.group(group).group(set_).attributes.set("revision", damaged)
    rows = np.array([[0, -1, -1]])
    changed = open_network(root, "here")
    with pytest.raises(CorruptNetworkError, match="revision"):
        changed.placement("a").append(5, cells(2))
        changed.flush()
    changed = open_network(root, "here")
    with pytest.raises(CorruptNetworkError, match="revision"):
        changed.connectivity("c").append(Blocks.between(5, 6, rows, rows))
        changed.flush()


def cells(count: int) -> PlacementRows:
    return PlacementRows.of_cells(np.ones((count, 3)), None, None, None)


@pytest.mark.parametrize("layout", ["classic", "columnar"])
def test_a_set_begins_with_revision_0_and_counts_sessions_that_change_it(layout: str) -> None:
    root, nothing = new_root(), np.zeros((0, 3), dtype=np.int64)
    network = create_network(root, layout)
    network.create_placement("a", created_at="at first")
    network.create_connectivity("c", "a", "b", created_at="later")
    network.flush()
    found: Any = []
    for step in range(4):
        network = open_network(root, "here")
        placed, connected = network.placement("a"), network.connectivity("c")
        if step == 1:
            placed.append(5, cells(2))
            placed.append(6, cells(1))
        elif step == 2:
            connected.append(Blocks.between(5, 6, nothing, nothing))
            rows = np.array([[0, -1, -1]])
            connected.append(Blocks.between(5, 6, rows, rows))
        network.flush()
        network = open_network(root, "here")
        found.append([network.placement("a").history(), network.connectivity("c").history()])
    revisions = [(0, 0), (1, 0), (1, 1), (1, 1)]
    assert [[SetHistory(a, "at first"), SetHistory(c, "later")] for a, c in revisions] == found
    network.placement("a").set_history(SetHistory(7, "once"))
    network.flush()
    assert SetHistory(7, "once") == open_network(root, "here").placement("a").history()


@pytest.mark.parametrize("layout", ["classic", "columnar"])
def test_totals_follow_what_is_placed_and_connected(layout: str) -> None:
    root, rows = new_root(), np.array([[0, -1, -1]] * 3)
    network = create_network(root, layout)
    for name in ("a", "b"):
        network.create_placement(name, created_at="now")
        network.placement(name).append(5, cells(2))
    network.create_connectivity("c", "a", "b", created_at="now")
    network.connectivity("c").append(Blocks.between(5, 6, rows, rows))
    network.flush()
    for opened in (network, open_network(root, "here")):
        assert {
            "5": {"placed": 4, "connections": {"inc": 0, "out": 3}},
            "6": {"placed": 0, "connections": {"inc": 3, "out": 0}},
        } == opened.totals.of_held()
    network = open_network(root, "here")
    network.placement("b").clear(np.array([5]))
    network.flush()
    assert 2 == open_network(root, "here").totals.of_held()["5"]["placed"]
    network = open_network(root, "here")
    network.remove_connectivity("c")
    network.flush()
    network = open_network(root, "here")
    assert {"5": {"placed": 2, "connections": {"inc": 0, "out": 0}}} == network.totals.of_held()
    network.clear_placement()
    network.flush()
    network = open_network(root, "here")
    assert ({}, (), ()) == (
        network.totals.of_held(),
        network.placement_names(),
        network.connectivity_tags(),
    )
