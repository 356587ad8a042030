"""Names with ``/`` are paths, as bsb-hdf5 8.0.2 and HDF5 take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bsb_hdf5.core.cell_ids import SelectedCells
from bsb_hdf5.core.columns import load_additional
from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.files import StoredContent
from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.layouts.classic.columns import COLUMNS
from bsb_hdf5.core.layouts.classic.network import ClassicNetwork
from bsb_hdf5.core.layouts.classic.paths import names_of
from bsb_hdf5.core.layouts.classic.placement import PLACEMENT
from bsb_hdf5.core.morphology import MorphologyTable
from bsb_hdf5.core.placement_rows import PlacementRows
from bsb_hdf5.errors import (
    CorruptNetworkError,
    FileNotStoredError,
    InvalidNameError,
    LengthError,
    MorphologyNotFoundError,
    SetExistsError,
    SetNotFoundError,
)
from bsb_hdf5.maintenance.checks.network import verify_network
from tests.unit.memory import new_network


def root_of(network: ClassicNetwork) -> Any:
    return network.__dict__["_root"]


def reopened(network: ClassicNetwork) -> ClassicNetwork:
    network.flush()
    return ClassicNetwork(root_of(network))


def table() -> MorphologyTable:
    graph = np.array([[2, -1]])
    return MorphologyTable(np.zeros((2, 5)), graph, LabelSets(), ())


def cells(count: int, **additional: Any) -> PlacementRows:
    return PlacementRows(count, np.zeros((count, 3)), None, None, additional)


def text(content: str) -> StoredContent:
    return StoredContent.of(content, None, None, 0)


def test_sets_lie_at_the_path_that_their_name_is() -> None:
    network = new_network()
    network.create_placement("cortex/layer 2/granule", created_at="now")
    network.create_placement("cortex/mossy", created_at="now")
    network.create_placement("plain", created_at="now")
    network.create_connectivity("cortex/mossy to granule", "a", "b", created_at="now")
    network = reopened(network)
    names = ("cortex/layer 2/granule", "cortex/mossy", "plain")
    assert names == network.placement_names()
    assert ("cortex/mossy to granule",) == network.connectivity_tags()
    root = root_of(network)
    assert ("granule",) == root.group("placement").group("cortex").group("layer 2").names()
    assert "/placement/cortex/mossy" == network.place("placement", "cortex/mossy")


def test_a_set_whose_name_is_a_number_is_not_a_chunk() -> None:
    network = new_network()
    network.create_placement("area/5", created_at="now")
    network.placement("area/5").append(7, cells(2))
    network = reopened(network)
    assert ("area/5",) == network.placement_names()
    assert [7] == network.placement("area/5").chunks().tolist()


def test_an_empty_group_is_a_set_that_8_0_2_has_only_required() -> None:
    network = new_network()
    root_of(network).group("placement").require_group("lib").require_group("granule")
    assert ("lib/granule",) == network.placement_names()
    assert 0 == network.placement("lib/granule").counts().total


def test_removing_a_set_leaves_no_empty_groups_behind() -> None:
    network = new_network()
    for name in ("x/y/z", "x/w"):
        network.create_placement(name, created_at="now")
    network.remove_placement("x/y/z")
    assert ("w",) == root_of(network).group("placement").group("x").names()
    network.remove_placement("x/w")
    assert () == root_of(network).group("placement").names()


@pytest.mark.parametrize("name", ["a/b", "a/b/c", "x"])
def test_a_cell_type_is_not_stored_within_another(name: str) -> None:
    """bsb-hdf5 8.0.2 takes all that lies in the group of a set for chunks."""
    network = new_network()
    network.create_placement("a", created_at="now")
    network.create_placement("x/y", created_at="now")
    with pytest.raises(InvalidNameError, match="this path conflicts with"):
        network.create_placement(name, created_at="now")
    assert ("a", "x/y") == network.placement_names()
    with pytest.raises(SetNotFoundError, match="'a', 'x/y'"):
        network.placement(name)
    with pytest.raises(SetExistsError):
        network.create_placement("x/y", created_at="now")


def test_connections_can_have_a_tag_within_that_of_others() -> None:
    """bsb-hdf5 8.0.2 writes and reads such."""
    network = new_network()
    for tag in ("a", "a/b", "c/d", "c"):
        network.create_connectivity(tag, "x", "y", created_at="now")
        ids, locations = np.array([1]), np.zeros((1, 3), dtype=np.int64)
        network.connectivity(tag).append(Blocks(ids, ids, locations, locations))
    network = reopened(network)
    assert ("a", "a/b", "c", "c/d") == network.connectivity_tags()
    with pytest.raises(InvalidNameError, match="this path conflicts with"):
        network.create_connectivity("a/inc", "x", "y", created_at="now")
    network.remove_connectivity("a")
    assert ("a/b", "c", "c/d") == network.connectivity_tags()
    assert 1 == network.connectivity("a/b").count
    network.remove_connectivity("a/b")
    assert ("c",) == root_of(network).group("connectivity").names()


@pytest.mark.parametrize("inner", ["a/inc", "a/out/deep"])
@pytest.mark.parametrize("inner_first", [False, True])
def test_a_tag_is_not_stored_where_another_has_its_connections(
    inner: str, inner_first: bool
) -> None:
    first, second = (inner, "a") if inner_first else ("a", inner)
    network = new_network()
    network.create_connectivity(first, "x", "y", created_at="now")
    with pytest.raises(InvalidNameError, match="this path conflicts with"):
        network.create_connectivity(second, "x", "y", created_at="now")
    assert (first,) == reopened(network).connectivity_tags()


@pytest.mark.parametrize("inner_first", [False, True])
def test_a_morphology_is_not_stored_where_another_has_its_points(inner_first: bool) -> None:
    first, second = ("m/data", "m") if inner_first else ("m", "m/data")
    network = new_network()
    network.morphologies.save(first, table())
    with pytest.raises(InvalidNameError, match="this path conflicts with"):
        network.morphologies.save(second, table())
    assert (first,) == reopened(network).morphologies.names()


def test_morphologies_lie_at_paths() -> None:
    network = new_network()
    for name in ("lib/m", "lib", "lib/deep/m"):
        network.morphologies.save(name, table())
        network.morphologies.update_meta({name: {"name": name}})
    network = reopened(network)
    assert ("lib", "lib/deep/m", "lib/m") == network.morphologies.names()
    network.morphologies.save("lib", table())
    network.morphologies.remove("lib")
    assert ("lib/deep/m", "lib/m") == network.morphologies.names()
    assert 2 == len(network.morphologies.load("lib/m").data)
    with pytest.raises(MorphologyNotFoundError):
        network.morphologies.load("lib")
    with pytest.raises(InvalidNameError, match="this path conflicts with"):
        network.morphologies.save("lib/m/data", table())


def test_files_lie_at_paths_and_keep_their_id() -> None:
    network = new_network()
    url = "http://host//file.csv"
    network.files.store(url, text("a"))
    network.files.store("folder/note", text("b"))
    network = reopened(network)
    assert ("folder/note", url) == network.files.ids()
    # As bsb-hdf5 8.0.2 finds it.
    assert all(each in network.files for each in (url, "http:/host/file.csv", "/folder/note"))
    assert b"a" == network.files.load(url).data
    assert "folder" not in network.files
    with pytest.raises(InvalidNameError, match="this path conflicts with"):
        network.files.store("folder", text("c"))
    with pytest.raises(InvalidNameError, match="this path conflicts with"):
        network.files.store("folder/note/more", text("c"))
    network.files.remove(url)
    network.files.remove("folder/note")
    assert () == root_of(network).group("files").names()
    with pytest.raises(FileNotStoredError):
        network.files.remove(url)


def test_additional_data_lies_at_paths() -> None:
    network = new_network()
    network.create_placement("a", created_at="now")
    placed = network.placement("a")
    placed.append(3, cells(2, **{"csv/x": np.arange(2.0), "csv/y": np.ones((2, 4))}))
    placed.append(3, cells(1, **{"csv/x": np.array([5.0])}))
    network = reopened(network)
    placed = network.placement("a")
    assert ("csv/x", "csv/y") == placed.additional_keys()
    group = root_of(network).group("placement").group("a").group("3").group("additional")
    assert [0.0, 1.0, 5.0] == group.group("csv").array("x").read().tolist()
    assert ("csv/x", "csv/y") == names_of(group, COLUMNS)
    assert () == verify_network(root_of(network), "here").findings[1:]
    for keys in (["csv"], ["csv/x/z"], ["csv/x", "csv//x"], ["csv//x", "csv//x/z"]):
        with pytest.raises(InvalidNameError, match="this path conflicts with"):
            placed.append(3, cells(1, **{key: np.zeros(1) for key in keys}))
    assert 3 == placed.counts().total


def test_keys_of_one_path_have_the_same_data() -> None:
    network = new_network()
    network.create_placement("a", created_at="now")
    placed = network.placement("a")
    for number, key in enumerate(["csv/x", "csv//x", "/csv/x"]):
        placed.append(3, cells(1, **{key: np.array([float(number)])}))
    assert ("csv/x",) == placed.additional_keys()
    everything = SelectedCells(placed.counts(), None)
    for key in ("csv/x", "csv/./x", "csv/x/"):
        assert [0.0, 1.0, 2.0] == load_additional(placed, key, everything).tolist()
    with pytest.raises(LengthError, match="rows of 'additional/csv//x' are of shape"):
        placed.append(4, cells(1, **{"csv//x": np.zeros((1, 2))}))


def test_a_path_that_is_listed_as_two_keys_is_one_key() -> None:
    network = new_network()
    network.create_placement("a", created_at="now")
    placed = network.placement("a")
    placed.append(3, cells(2, **{"csv/x": np.arange(2.0)}))
    attributes = root_of(network).group("placement").group("a").attributes
    attributes.set("additional_keys", ["csv//x", "csv/x", "csv/./x"])
    placed.append(3, cells(1, **{"csv/x": np.array([2.0]), "y": np.zeros(1)}))
    assert ("csv/x", "y") == placed.additional_keys()
    assert ["csv/./x", "csv//x", "csv/x", "y"] == attributes.get("additional_keys")
    placed.require_keys(["csv//x", "y"])
    assert 4 == len(attributes.get("additional_keys"))


def test_groups_without_end_are_not_walked_for_ever() -> None:
    network = new_network()
    sets = root_of(network).group("placement")
    loop = sets.require_group("loop")
    loop._members.nodes["loop"] = loop._members
    with pytest.raises(CorruptNetworkError, match="nested ones"):
        names_of(sets, PLACEMENT)


def test_sets_are_found_in_up_to_65_groups_within_each_other() -> None:
    network = new_network()
    network.create_placement("/".join("a" * 66), created_at="now")
    assert ("/".join("a" * 66),) == reopened(network).placement_names()
    network = new_network()
    network.create_placement("/".join("a" * 67), created_at="now")
    with pytest.raises(CorruptNetworkError, match="nested ones"):
        reopened(network).placement_names()
