"""A network in the classic layout: its parts, versions and totals."""

from __future__ import annotations

import numpy as np
import pytest

from bsb_hdf5.core.files import StoredContent
from bsb_hdf5.core.layouts.detection import open_network
from bsb_hdf5.core.placement_rows import PlacementRows
from bsb_hdf5.errors import (
    InvalidNameError,
    NotANetworkError,
    SetExistsError,
    SetNotFoundError,
)
from tests.unit.core.layouts.classic.networks import connected, reopened
from tests.unit.memory import changes_of, new_network, new_root


def test_a_root_without_the_parts_of_a_network_is_none() -> None:
    root = new_root()
    root.require_group("foreign")
    with pytest.raises(NotANetworkError, match=r"'here'.*connectivity.*foreign"):
        open_network(root, "here")
    root.require_group("connectivity")
    assert () == open_network(root, "here").placement_names()


def test_sets_are_made_and_removed_by_name() -> None:
    network = new_network()
    network.create_placement("b", created_at="now")
    network.create_placement("a", created_at="now")
    network.create_connectivity("t", "a", "b", created_at="now")
    assert ("a", "b") == network.placement_names()
    assert ("t",) == network.connectivity_tags()
    with pytest.raises(SetExistsError, match="'a'"):
        network.create_placement("a", created_at="now")
    with pytest.raises(SetExistsError, match="'t'"):
        network.create_connectivity("t", "a", "b", created_at="now")
    network.remove_placement("a")
    network.remove_connectivity("t")
    assert ("b",) == network.placement_names()
    with pytest.raises(SetNotFoundError, match=r"'a' does not exist.*'b'"):
        network.placement("a")
    with pytest.raises(SetNotFoundError, match="none"):
        network.connectivity("t")


@pytest.mark.parametrize("name", ["", "//", ".", "a/../b"])
def test_names_of_sets_and_files_are_checked(name: str) -> None:
    network = new_network()
    with pytest.raises(InvalidNameError):
        network.create_placement(name, created_at="now")
    with pytest.raises(InvalidNameError):
        network.create_connectivity(name, "a", "b", created_at="now")
    with pytest.raises(InvalidNameError):
        network.files.store(name, StoredContent.of("x", None, None, 5))


def test_removing_a_set_takes_its_cells_out_of_the_totals() -> None:
    network = connected((0, 5), (0, 5))
    for name in ("a", "b"):
        network.create_placement(name, created_at="now")
        network.placement(name).append(0, PlacementRows.of_entities(3, None))
    network.remove_placement("a")
    network.remove_connectivity("a_to_b")
    totals = reopened(network).totals.as_document()
    assert {"placed": 3, "connections": {"inc": 0, "out": 0}} == totals["0"]


def test_clearing_removes_every_set_and_forgets_the_totals() -> None:
    network = connected((0, 5))
    network.create_placement("cell", created_at="now")
    network.set_chunk_size(np.full(3, 100.0))
    network.placement("cell").append(0, PlacementRows.of_entities(3, None))
    network.clear_placement()
    network.clear_connectivity()
    network = reopened(network)
    assert ((), ()) == (network.placement_names(), network.connectivity_tags())
    assert np.isnan(network.chunk_size).all()
    for total in network.totals.as_document().values():
        assert {"placed": 0, "connections": {"inc": 0, "out": 0}} == total
    network.clear_placement()


def test_sets_made_after_clearing_are_empty_in_the_same_session() -> None:
    network = connected((0, 5))
    network.create_placement("a", created_at="now")
    network.placement("a").append(0, PlacementRows.of_entities(3, None))
    assert (1, 3) == (network.connectivity("a_to_b").count, network.placement("a").counts().total)
    network.clear_placement()
    network.clear_connectivity()
    network.create_placement("a", created_at="now")
    network.create_connectivity("a_to_b", "a", "b", created_at="now")
    assert (0, 0) == (network.connectivity("a_to_b").count, network.placement("a").counts().total)


def test_a_flush_without_changes_writes_nothing() -> None:
    network = reopened(connected((0, 5)))
    before = changes_of(network)
    assert 1 == network.connectivity("a_to_b").count
    network.flush()
    assert before == changes_of(network)


def test_versions_and_provenance_come_back() -> None:
    network = new_network()
    assert (None, None) == network.versions
    assert {} == network.provenance
    network.set_versions("8.0.2", "8.1.0")
    network.set_provenance({"storage_id": "x", "state_id": 3})
    network = reopened(network)
    assert ("8.0.2", "8.1.0") == network.versions
    assert {"storage_id": "x", "state_id": 3} == network.provenance


@pytest.mark.parametrize("direction", ["inc", "out"])
def test_a_set_is_known_by_its_directions_alone(direction: str) -> None:
    network = new_network()
    sets = network._root.group("connectivity")
    sets.require_group("x").require_group(direction)
    sets.require_group("leads").require_group("on")
    assert ("x",) == network.connectivity_tags()


def test_sets_at_long_paths_are_known_and_what_lies_on_the_way_is_not() -> None:
    network = new_network()
    network.create_placement("a/b/c", created_at="now")
    network._root.group("connectivity").require_group("x").require_group("y").require_group("inc")
    network.flush()
    assert [] == list(network.unknown())
    network._root.group("placement").group("a").create_array("other", np.zeros(2))
    assert ["'/placement/a/other'"] == list(map(str, network.unknown()))


def test_additional_data_at_long_paths_are_known() -> None:
    network = new_network()
    network.create_placement("a", created_at="now")
    rows = PlacementRows.of_cells(np.ones((2, 3)), None, None, {"x/y/z": [1.0, 2.0], "w": [0, 1]})
    network.placement("a").append(0, rows)
    network.flush()
    assert [] == list(network.unknown())
    network._root.group("placement").group("a").group("0").group("additional").group(
        "x"
    ).require_group("other")
    assert ["'/placement/a/0/additional/x/other'"] == list(map(str, network.unknown()))
