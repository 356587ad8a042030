"""What the specification and BSB say of the engine and its node in a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from bsb import ScaffoldWarning

from bsb_hdf5 import HDF5SlowLockingWarning, StorageNode
from tests.compat.walk.world import World, cell_type, chunk, grid
from tests.spec.holds import holds

ENGINE = "bsb_hdf5.HDF5Engine"


@holds(ENGINE, f"{ENGINE}.root", f"{ENGINE}.comm", f"{ENGINE}.format", f"{ENGINE}.root_slug")
def test_an_engine_knows_its_root_its_ranks_and_its_format(world: World) -> None:
    again = type(world.engine)(world.root, world.engine.comm)
    assert again == world.engine
    assert (world.root, world.engine_name) == (world.engine.root, world.engine.format)
    assert 0 == world.engine.comm.get_rank()
    assert Path(world.root).name in str(world.engine.root_slug)


@holds(f"{ENGINE}.exists", f"{ENGINE}.create", f"{ENGINE}.remove")
def test_a_network_is_removed_and_made_again(world: World) -> None:
    assert world.engine.exists()
    world.engine.remove()
    assert not world.engine.exists()
    world.engine.create()
    assert world.engine.exists()
    assert not world.PlacementSet.exists(world.engine, cell_type("a"))


@holds(f"{ENGINE}.copy", f"{ENGINE}.move")
def test_a_network_is_copied_and_moved(world: World) -> None:
    world.engine.copy("copy-" + world.root)
    copy = World(world.engine_name, "copy-" + world.root)
    assert 5 == len(copy.cells("a"))
    copy.engine.move("moved-" + world.root)
    assert "moved-" + world.root == copy.engine.root
    assert 5 == len(copy.cells("a"))
    copy.engine.remove()


@holds(f"{ENGINE}.recognizes", f"{ENGINE}.peek_exists")
def test_a_root_is_recognized_and_one_that_is_no_network_is_not(world: World) -> None:
    recognizes = type(world.engine).recognizes
    assert recognizes(world.root, world.engine.comm._comm)
    assert not recognizes("nothing", world.engine.comm._comm)
    assert type(world.engine).peek_exists(world.root)
    assert not type(world.engine).peek_exists("nothing")


@holds(f"{ENGINE}.clear_placement", f"{ENGINE}.clear_connectivity")
def test_placement_and_connectivity_are_cleared(world: World) -> None:
    world.engine.clear_connectivity()
    assert [] == world.ConnectivitySet.get_tags(world.engine)
    world.engine.clear_placement()
    assert not world.PlacementSet.exists(world.engine, cell_type("a"))
    assert world.morphologies.has("stub")


@holds(f"{ENGINE}.get_chunk_stats")
def test_statistics_count_cells_and_connections_of_each_chunk(world: World) -> None:
    stats = {int(id_): each for id_, each in world.engine.get_chunk_stats().items()}
    assert {0: 13, 1: 2, 2: 3} == {id_: each["placed"] for id_, each in stats.items()}
    assert {"inc": 4, "out": 4} == stats[0]["connections"]


@holds(f"{ENGINE}.require_placement_set")
def test_the_engine_makes_placement_sets(world: World) -> None:
    assert 0 == len(world.engine.require_placement_set(cell_type("new")))
    assert 5 == len(world.engine.require_placement_set(cell_type("a")))


@holds(f"{ENGINE}.versions")
def test_versions_name_those_that_wrote_last(world: World) -> None:
    assert {"bsb", "engine", "version"} <= set(world.engine.versions)


@holds(f"{ENGINE}.metadata", f"{ENGINE}.storage_id", f"{ENGINE}.state_id")
def test_a_state_changes_with_each_write_and_the_identity_does_not(world: World) -> None:
    engine = world.engine
    before = engine.storage_id, engine.state_id
    assert before == (engine.metadata["storage_id"], engine.metadata["state_id"])
    world.cells("b").append_data(chunk(0), positions=grid(1))
    assert before[0] == engine.storage_id
    assert before[1] < engine.state_id


@holds(f"{ENGINE}.read_only", f"{ENGINE}.readwrite")
def test_a_read_only_engine_refuses_writes_until_it_is_writable_again(world: World) -> None:
    with world.engine.read_only():
        with pytest.raises(OSError):
            world.cells("b").append_data(chunk(0), positions=grid(1))
        world.engine.readwrite()
        world.cells("b").append_data(chunk(0), positions=grid(1))
    assert 8 == len(world.cells("b"))


@holds("bsb_hdf5.HDF5SlowLockingWarning")
def test_the_warning_of_slow_locks_is_one_of_bsb() -> None:
    assert issubclass(HDF5SlowLockingWarning, ScaffoldWarning)


@holds("bsb_hdf5.StorageNode", "bsb_hdf5.StorageNode.root", "bsb_hdf5.StorageNode.get_node_name")
def test_a_node_has_the_path_of_the_file_or_makes_one_up() -> None:
    assert "network.hdf5" == StorageNode(engine="hdf5", root="network.hdf5").root
    assert str(StorageNode(engine="hdf5").root).endswith(".hdf5")
    assert isinstance(StorageNode(engine="hdf5").get_node_name(), str)
