"""What the specification says of resources, chunked data and the decorators of handles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bsb import Chunk

from bsb_hdf5.chunks import ChunkedCollection, ChunkedProperty, ChunkLoader
from bsb_hdf5.resource import (
    Resource,
    handles_class_handles,
    handles_handles,
    handles_static_handles,
)
from tests.compat.walk.world import CHUNK_SIZE, World, chunk, grid
from tests.spec.holds import holds

RESOURCE = "bsb_hdf5.resource.Resource"
LOADER = "bsb_hdf5.chunks.ChunkLoader"
PROPERTY = "bsb_hdf5.chunks.ChunkedProperty"
COLLECTION = "bsb_hdf5.chunks.ChunkedCollection"


def data(world: World) -> Resource:
    return Resource(world.engine, "/mine/data")


@holds(RESOURCE, f"{RESOURCE}.exists", f"{RESOURCE}.shape", f"{RESOURCE}.get_dataset")
def test_a_resource_reads_what_lies_at_its_path(world: World) -> None:
    assert data(world).exists()
    assert not Resource(world.engine, "/unknown").exists()
    assert (4, 3) == data(world).shape
    assert grid(4).tolist() == data(world).get_dataset().tolist()
    assert grid(4)[1:3].tolist() == data(world).get_dataset(slice(1, 3)).tolist()


@holds(f"{RESOURCE}.create", f"{RESOURCE}.remove")
def test_a_dataset_is_created_and_removed(world: World) -> None:
    made = Resource(world.engine, "/mine/made")
    made.create(grid(2))
    assert grid(2).tolist() == made.get_dataset().tolist()
    made.remove()
    assert not made.exists()


@holds(f"{RESOURCE}.append")
def test_rows_are_appended_to_a_dataset_that_is_made_if_need_be(world: World) -> None:
    data(world).append(grid(2))
    assert (6, 3) == data(world).shape
    made = Resource(world.engine, "/mine/made")
    made.append([1, 2], dtype=int)
    made.append([3], dtype=int)
    assert [1, 2, 3] == made.get_dataset().tolist()


@holds(f"{RESOURCE}.keys", f"{RESOURCE}.require")
def test_a_group_is_required_and_lists_its_members(world: World) -> None:
    assert ["data"] == Resource(world.engine, "/mine").keys()
    with world.engine.write_scope() as handle:
        Resource(world.engine, "/mine/group").require(handle)
    assert Resource(world.engine, "/mine/group").exists()
    assert ["data", "group"] == sorted(Resource(world.engine, "/mine").keys() or [])


@holds(f"{RESOURCE}.attributes", f"{RESOURCE}.get_attribute")
def test_attributes_are_read_and_a_missing_one_is_an_attribute_error(world: World) -> None:
    path = world.cells("a").get_chunk_path()
    found = Resource(world.engine, path)
    for name, value in found.attributes.items():
        assert str(value) == str(found.get_attribute(name))
    with pytest.raises(AttributeError):
        data(world).get_attribute("unknown")


@holds(f"{RESOURCE}.unmap", f"{RESOURCE}.unmap_one")
def test_data_is_mapped_by_the_attribute_map(world: World, monkeypatch: Any) -> None:
    made = Resource(world.engine, "/mine/mapped")
    made.append([1, 0, 1], dtype=int)
    monkeypatch.setattr(
        Resource, "attributes", property(lambda resource: {"map": np.array([10.0, 20.0])})
    )
    assert [20.0, 10.0, 20.0] == made.unmap().tolist()
    assert [10.0] == made.unmap(data=[0]).tolist()
    assert [21.0, 11.0, 21.0] == made.unmap(mapping=lambda m, x: m[x] + 1).tolist()
    assert [20.0] == made.unmap_one(1).tolist()
    assert [-20.0] == made.unmap_one(1, lambda m, x: -m[x]).tolist()


# --- decorators ---------------------------------------------------------------------------


@holds("bsb_hdf5.resource.handles_handles")
def test_a_method_of_a_resource_is_given_a_handle(world: World) -> None:
    @handles_handles("r")
    def method(resource: Resource, value: int, handle: Any = None) -> tuple[int, bool]:
        return value, handle is not None

    assert (5, True) == method(data(world), 5)
    with world.engine.read_scope() as handle:
        assert (5, True) == method(data(world), value=5, handle=handle)


@holds("bsb_hdf5.resource.handles_static_handles", "bsb_hdf5.resource.handles_class_handles")
def test_static_and_class_methods_are_given_a_handle_of_their_engine(world: World) -> None:
    @handles_static_handles("r")
    def static(engine: Any, handle: Any = None) -> bool:
        return handle is not None

    @handles_class_handles("r")
    def of_class(cls: type, engine: Any, handle: Any = None) -> bool:
        return handle is not None

    assert static(world.engine)
    assert of_class(object, world.engine)


# --- chunks -------------------------------------------------------------------------------


@holds(LOADER, f"{LOADER}.get_all_chunks", f"{LOADER}.get_loaded_chunks")
def test_a_loader_loads_all_its_chunks_unless_it_is_filtered(world: World) -> None:
    cells = world.cells("a")
    assert isinstance(cells, ChunkLoader)
    assert [chunk(0), chunk(1)] == cells.get_all_chunks() == cells.get_loaded_chunks()
    assert {CHUNK_SIZE} == {tuple(each.dimensions) for each in cells.get_all_chunks()}


@holds(
    *(f"{LOADER}.{n}" for n in ("set_chunk_filter", "clear_chunk_filter", "include_chunk")),
    *(f"{LOADER}.{n}" for n in ("exclude_chunk", "chunk_context")),
)
def test_the_chunks_that_are_loaded_are_chosen(world: World) -> None:
    cells = world.cells("a")
    cells.set_chunk_filter([chunk(1)])
    assert [chunk(1)] == cells.get_loaded_chunks()
    cells.include_chunk(chunk(0))
    assert [chunk(0), chunk(1)] == cells.get_loaded_chunks()
    cells.exclude_chunk(chunk(1))
    assert [chunk(0)] == cells.get_loaded_chunks()
    with cells.chunk_context([chunk(1)]):
        assert [chunk(1)] == cells.get_loaded_chunks()
    assert [chunk(0)] == cells.get_loaded_chunks()
    cells.clear_chunk_filter()
    assert 2 == len(cells.get_loaded_chunks())


@holds(f"{LOADER}.require_chunk")
def test_a_chunk_is_made_if_it_is_not_there(world: World) -> None:
    cells = world.cells("a")
    for _ in range(2):
        cells.require_chunk(chunk(5))
    assert chunk(5) in cells.get_all_chunks()
    assert 5 == len(cells)


@holds(f"{LOADER}.get_chunk_path")
def test_the_path_of_a_set_is_that_of_its_group(world: World) -> None:
    assert Resource(world.engine, world.cells("a").get_chunk_path()).exists()


def positions(world: World) -> ChunkedProperty:
    return ChunkedProperty(world.cells("b"), "position", shape=(0, 3), dtype=float)


@holds(PROPERTY, f"{PROPERTY}.load", f"{PROPERTY}.get_chunk_reader")
def test_a_property_is_loaded_from_all_loaded_chunks_or_one(world: World) -> None:
    assert [*grid(4).tolist(), *grid(3).tolist()] == positions(world).load().tolist()
    with world.engine.read_scope() as handle:
        read = positions(world).get_chunk_reader(handle, raw=True)
        assert grid(3).tolist() == np.asarray(read(chunk(2))).tolist()


@holds(f"{PROPERTY}.append", f"{PROPERTY}.overwrite", f"{PROPERTY}.clear")
def test_a_property_of_a_chunk_is_appended_overwritten_and_cleared(world: World) -> None:
    weights = world.cells("a")._rotation_chunks
    weights.overwrite(chunk(1), grid(2))
    assert grid(2).tolist() == in_chunk(weights, chunk(1)).tolist()
    weights.clear(chunk(1))
    assert 0 == len(in_chunk(weights, chunk(1)))
    weights.append(chunk(1), grid(2, start=7))
    assert grid(2, start=7).tolist() == in_chunk(weights, chunk(1)).tolist()


def in_chunk(held: ChunkedProperty, where: Chunk) -> Any:
    with held.loader.chunk_context([where]):
        return np.asarray(held.load(raw=True))


@holds(COLLECTION, f"{COLLECTION}.keys", f"{COLLECTION}.load", f"{COLLECTION}.load_all")
def test_a_collection_holds_arrays_by_name(world: World) -> None:
    held = ChunkedCollection(world.cells("a"), "additional", shape=None, dtype=float)
    assert ["weight"] == held.keys()
    assert [0.0, 1.0, 2.0, 0.0, 1.0] == held.load("weight").tolist()
    assert {"weight"} == set(held.load_all())


@holds(f"{COLLECTION}.append", f"{COLLECTION}.overwrite", f"{COLLECTION}.clear")
def test_an_array_of_a_collection_is_appended_overwritten_and_cleared(world: World) -> None:
    held = world.cells("a")._additional_chunks
    held.append(chunk(1), "new", np.array([1.0, 2.0]))
    assert ["new", "weight"] == sorted(held.keys())
    held.overwrite(chunk(1), np.array([3.0, 4.0]), "new")
    assert [3.0, 4.0] == held.load("new").tolist()
    held.clear(chunk(1))
    assert [0.0, 1.0, 2.0] == held.load("weight").tolist()
