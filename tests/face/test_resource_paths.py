"""Parts of the network by their paths, which its layout says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5.core.layouts.protocols import NetworkReader
from bsb_hdf5.errors import InputError, NodeNotFoundError
from bsb_hdf5.handles import HANDLED
from bsb_hdf5.maintenance.integrity import verify
from bsb_hdf5.resource import Resource
from tests.face.layouts import about_classic, column_place, place
from tests.face.samples import SmallNetwork, cell_type, chunk, digest

PARTS = ("placement", "connectivity", "morphologies", "files")
about_columnar = pytest.mark.parametrize("layout", ["columnar"], indirect=True)
"""For tests about what only the columnar layout has."""


def at(small: SmallNetwork, path: str) -> Resource:
    return Resource(small.storage._engine, path)


def objects_of(small: SmallNetwork) -> list[Any]:
    return [small.a, small.ab, small.storage.morphologies, small.storage.files]


def network_of(small: SmallNetwork) -> NetworkReader:
    with small.storage.read_scope() as session:
        network: NetworkReader = session.network
        return network


def test_objects_are_where_they_say(small: SmallNetwork) -> None:
    with h5py.File(small.path) as file:
        assert all(each._path in file for each in objects_of(small))
    assert all(at(small, each._path).exists() for each in objects_of(small))


@pytest.mark.parametrize("name", ["a", "ab"])
def test_a_set_has_the_attributes_that_are_at_its_path(small: SmallNetwork, name: str) -> None:
    part = getattr(small, name)
    with h5py.File(small.path) as file:
        expected = {*file[part._path].attrs}
    found = at(small, part._path)
    assert expected == {*found.attributes} == {*part.attributes}
    assert found.get_attribute("created_at") == part.get_attribute("created_at")
    assert found.keys() == part.keys()
    with pytest.raises(AttributeError, match="nothing"):
        part.get_attribute("nothing")


def test_a_file_has_attributes_and_content_at_its_path(small: SmallNetwork) -> None:
    note = at(small, f"{small.storage.files._path}/note")
    assert (True, None) == (note.exists(), note.keys())
    assert note.attributes
    assert b"a text" == bytes(note.get_dataset())
    with pytest.raises(NodeNotFoundError, match="nothing"):
        at(small, f"{small.storage.files._path}/nothing").keys()


def test_groups_are_no_arrays(small: SmallNetwork) -> None:
    for path in ("/", small.a._path):
        with pytest.raises(NodeNotFoundError):
            at(small, path).get_dataset()
        assert at(small, path).keys()


def test_a_path_in_a_scope_or_with_a_file_is_that_of_its_layout(small: SmallNetwork) -> None:
    path = small.a._path
    with small.storage.write_scope() as session:
        assert path == small.a._path
        assert small.a.keys(handle=session) == small.a.keys()
    with h5py.File(small.path) as file:
        assert at(small, path).exists(handle=file)


def test_objects_equal_what_is_at_their_path(small: SmallNetwork) -> None:
    for each in objects_of(small):
        twin = at(small, each._path)
        assert (twin, hash(twin)) == (each, hash(each))
        assert each == twin
    assert small.a != small.b
    assert small.ab != at(small, small.a._path)
    assert small.a == small.storage.get_placement_set(small.a.cell_type)


@pytest.mark.parametrize("name", ["c/d", "c//d", "%c", "100%", "x" * 300, "小" * 100, "é"])
def test_a_set_of_any_name_equals_what_is_at_its_path(small: SmallNetwork, name: str) -> None:
    storage = small.storage
    cells = storage.require_placement_set(cell_type(name))
    ties = storage.require_connectivity_set(cells.cell_type, cells.cell_type, name)
    for each in (cells, ties):
        twin = at(small, each._path)
        assert (twin, hash(twin)) == (each, hash(each))
        assert 1 == len({twin, each})
    assert hash(at(small, "/mine/x")) != hash(at(small, "/mine/y"))


def test_the_path_of_a_set_needs_no_chunk(small: SmallNetwork) -> None:
    assert small.a._path == small.a.get_chunk_path()


@about_classic
def test_chunks_are_groups_with_paths(small: SmallNetwork) -> None:
    """Only the classic layout has a group a chunk."""
    column = small.a.get_chunk_path(chunk(0), key="position")
    assert f"/placement/a/{chunk(0).id}" == small.a.get_chunk_path(chunk(0))
    assert at(small, column).shape == at(small, column).get_dataset().shape
    extra = small.a.get_chunk_path(chunk(0), "additional", "weight")
    assert at(small, extra).exists()


@about_columnar
def test_a_chunk_has_no_path_where_chunks_are_no_groups(small: SmallNetwork) -> None:
    with pytest.raises(NodeNotFoundError, match="no groups of chunks: in the columnar layout"):
        small.a.get_chunk_path(chunk(0))


def needed(layout: str) -> list[str]:
    """Paths that a network can't do without."""
    reserved = ["placement", "connectivity", "files", "morphologies", "morphology_meta"]
    return ["/", *(f"/{name}" for name in reserved if layout == "columnar" or "_" not in name)]


def test_what_the_layout_needs_is_not_removed_or_replaced(small: SmallNetwork) -> None:
    network = network_of(small)
    paths = {*needed(small.layout), *(network.place(part) for part in PARTS)}
    before = digest(small.path)
    for path in sorted(paths):
        resource = at(small, path)
        for change in (
            resource.remove,
            lambda r=resource: r.create([1]),
            lambda r=resource: r.append([1]),
        ):
            with pytest.raises(InputError, match=f"belongs to the {small.layout} layout"):
                change()
    assert before == digest(small.path)
    assert () == verify(small.storage).findings


@about_columnar
def test_arrays_that_only_make_sense_together_are_not_changed_by_path(small: SmallNetwork) -> None:
    column = at(small, column_place("columnar", "a", chunk(0), "position"))
    before = digest(small.path)
    for change in (
        column.remove,
        lambda: column.append(np.ones((1, 3))),
        lambda: at(small, small.a._path + "/new").create([1]),
        lambda: at(small, "/placement_sets/new").require(HANDLED),
        lambda: at(small, small.a._path).remove(),
    ):
        with pytest.raises(InputError, match="belongs to the columnar layout"):
            change()
    assert before == digest(small.path)
    assert 3 == column.shape[1]


def test_what_is_there_is_required_without_a_change(small: SmallNetwork) -> None:
    before = digest(small.path)
    with small.storage.write_scope() as session:
        for each in objects_of(small):
            found = at(small, each._path).require(session)
            assert [*found.names()] == each.keys(handle=session)
    assert before == digest(small.path)


def test_what_the_network_does_not_know_is_changed_by_path(small: SmallNetwork) -> None:
    extra = at(small, "/extra/rows")
    extra.create([1, 2])
    extra.append([3])
    assert [1, 2, 3] == extra.get_dataset().tolist()
    at(small, place(small.layout, "files", "note")).remove()
    at(small, "/extra").remove()
    assert (False, False) == (extra.exists(), small.storage.files.has("note"))


@pytest.mark.parametrize("engine", ["memory", "zarr"])
def test_the_paths_of_other_engines_are_columnar(engine: str, tmp_path: Path) -> None:
    sample = SmallNetwork.build(Storage(engine, str(tmp_path / "network")))
    found = Resource(sample.storage._engine, "/placement_sets/a")
    assert found == sample.a
    assert found.attributes["created_at"]
    with pytest.raises(NodeNotFoundError, match="no groups of chunks"):
        sample.a.get_chunk_path(chunk(0))
    with pytest.raises(InputError, match="belongs to the columnar layout"):
        found.remove()
