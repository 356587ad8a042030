"""A network in the columnar layout: its parts, versions and totals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.core.files import StoredContent
from bsb_hdf5.core.layouts.columnar.network import FORMAT, ColumnarNetwork
from bsb_hdf5.core.layouts.detection import create_network, open_network
from bsb_hdf5.errors import (
    CorruptNetworkError,
    InputError,
    NotANetworkError,
    SetExistsError,
    SetNotFoundError,
)
from bsb_hdf5.ports.call_log import Mark
from bsb_hdf5.testing.contents import make, writing
from bsb_hdf5.transactions.versioned_cache import VersionedCache
from tests.unit.core.layouts.columnar.networks import add, new_network, reopened
from tests.unit.memory import new_root


def test_the_root_says_its_layout_and_is_opened_as_such() -> None:
    root = new_root()
    created = create_network(root, "columnar")
    created.create_placement("cell", created_at="now")
    created.flush()
    assert FORMAT == root.attributes.get("format")
    opened = open_network(root, "here")
    assert isinstance(opened, ColumnarNetwork)
    assert ("cell",) == opened.placement_names()
    assert not isinstance(create_network(new_root()), ColumnarNetwork)


def test_a_layout_that_there_is_not_is_refused() -> None:
    root = new_root()
    with pytest.raises(InputError, match=r"'classic' or 'columnar', not 'sparse'"):
        create_network(root, "sparse")
    assert () == root.names()
    root.attributes.set("format", "other")
    with pytest.raises(NotANetworkError, match=r"'here'.*'other'.*bsb-hdf5-columnar"):
        open_network(root, "here")


@pytest.mark.parametrize("version", ["2.0", "0.9", "", "10.0", None])
def test_another_major_version_of_the_layout_is_refused(version: str | None) -> None:
    root = new_root()
    create_network(root, "columnar")
    if version is None:
        root.attributes.delete("format_version")
    else:
        root.attributes.set("format_version", version)
    with pytest.raises(NotANetworkError, match=r"'here'.*1\.x"):
        open_network(root, "here", VersionedCache().at(1))


def test_a_later_minor_version_is_read() -> None:
    root = new_root()
    create_network(root, "columnar")
    root.attributes.set("format_version", "1.7")
    assert () == open_network(root, "here").placement_names()


def test_only_programs_that_know_of_logs_read_a_network_beside_one() -> None:
    network = new_network()
    root = network._root
    for mark, version in ((Mark(7, 1), "2.1"), (Mark(8, 2), "2.1"), (None, "1.1")):
        network.set_mark(mark)
        assert version == root.attributes.get("format_version")
        assert mark == ColumnarNetwork(root).mark
    plain = ColumnarNetwork.create(new_root())._root.attributes.names()
    assert sorted(plain) == sorted(root.attributes.names())


LOOKED_FOR = ("placement", "connectivity", "morphologies", "morphology_meta", "files")


def test_what_older_programs_look_for_in_hdf5_is_no_group(tmp_path: Path) -> None:
    with writing(make(Hdf5Store(str(tmp_path / "network.hdf5")))) as root:
        create_network(root, "columnar")
        for name in LOOKED_FOR:
            assert b"needs bsb-hdf5 8.1" in root.document(name).read()
        assert "needs bsb-hdf5 8.1" in root.attributes.get("chunks")


def test_where_older_programs_do_not_look_there_is_nothing_for_them() -> None:
    root = new_root()
    create_network(root, "columnar")
    assert not {*LOOKED_FOR} & {*root.names()}


def test_sets_are_made_and_removed_by_name() -> None:
    network = new_network()
    with pytest.raises(SetExistsError, match="'cell'"):
        network.create_placement("cell", created_at="now")
    with pytest.raises(SetExistsError, match="'loop'"):
        network.create_connectivity("loop", "a", "b", created_at="now")
    add(network, 0)
    network.remove_placement("cell")
    network.remove_connectivity("loop")
    for find in (network.placement, network.remove_placement):
        with pytest.raises(SetNotFoundError, match="there is: none"):
            find("cell")
    for search in (network.connectivity, network.remove_connectivity):
        with pytest.raises(SetNotFoundError, match="'loop'"):
            search("loop")
    assert {} == reopened(network).totals.as_document()


def test_versions_provenance_size_and_files_come_back() -> None:
    network = new_network()
    assert np.isnan(network.chunk_size).all()
    network.set_versions("8.0.2", "8.1.0")
    network.set_provenance({"storage_id": "x"})
    network.set_chunk_size(np.full(3, 50.0))
    network.files.store("id", StoredContent.of("text", None, None, 5))
    network.chunk_size[:] = 7
    network = reopened(network)
    assert ("8.0.2", "8.1.0") == network.versions
    assert {"storage_id": "x", "state_id": 0} == network.provenance
    assert [50.0] * 3 == network.chunk_size.tolist()
    assert "text" == network.files.load("id").content()
    network.clear_placement()
    assert np.isnan(network.chunk_size).all()


def test_a_chunk_size_that_is_none_is_corrupt() -> None:
    network = new_network()
    network._root.attributes.set("chunk_size", np.zeros(2))
    with pytest.raises(CorruptNetworkError, match="chunk size"):
        _ = network.chunk_size


def test_totals_are_those_of_the_sets() -> None:
    network = new_network()
    add(network, 5)
    add(network, 0)
    totals = reopened(network).totals.as_document()
    assert {
        "0": {"placed": 2, "connections": {"inc": 2, "out": 1}},
        "5": {"placed": 2, "connections": {"inc": 0, "out": 1}},
    } == totals
