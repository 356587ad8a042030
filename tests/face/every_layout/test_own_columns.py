"""Columns of a user's own have any name that leads to a place of their own."""

from __future__ import annotations

from typing import Any

import pytest

from bsb_hdf5 import convert, repack
from bsb_hdf5.chunks import ChunkedCollection, ChunkedProperty, ChunkLoader
from bsb_hdf5.errors import InvalidNameError, UnknownContentError
from bsb_hdf5.resource import Resource
from tests.compat.walk.world import World, cell_type, chunk

NAMES = ["mine", "mine/x", "http://a//b", "/lead", "trail/", "c/./d", "é" * 200, "%", "a b"]
MISLEADING = [".", "..", "", "a/../b", "/", "//", "a\0b", "\ud800"]
ROWS = [1.0, 2.0, 3.0]


class Own(Resource, ChunkLoader):
    def __init__(self, engine: Any, path: str) -> None:
        Resource.__init__(self, engine, path)
        ChunkLoader.__init__(self)


def columns_of(storage: Any, name: str, collection: str = "more") -> dict[str, Any]:
    """A column of that name everywhere: how to add rows to it, and what loads them."""
    loaders = {
        "a resource": Own(storage._engine, "/columns"),
        "a set": storage.get_placement_set(cell_type("a")),
    }
    found: dict[str, Any] = {}
    for where, loader in loaders.items():
        one = ChunkedProperty(loader, name, (0,), float)
        many = ChunkedCollection(loader, collection, None, float)
        found[f"a property of {where}"] = (one.append, one.load)
        found[f"a collection of {where}"] = (
            lambda where, rows, many=many: many.append(where, name, rows),
            lambda many=many: many.load(name),
        )
    return found


def fill(storage: Any, name: str, **options: str) -> None:
    for append, _ in columns_of(storage, name, **options).values():
        append(chunk(0), ROWS[:2])
        append(chunk(7), ROWS[2:])


def loaded(storage: Any, name: str, **options: str) -> dict[str, list[float]]:
    columns = columns_of(storage, name, **options)
    return {where: load().tolist() for where, (_, load) in columns.items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_column_of_any_name_is_kept(world: World, name: str) -> None:
    fill(world.storage, name)
    expected = dict.fromkeys(columns_of(world.storage, name), ROWS)
    assert expected == loaded(world.storage, name)
    assert [name] == ChunkedCollection(world.cells("a"), "more", None, float).keys()
    repack(world.storage)
    assert expected == loaded(world.again().storage, name)
    copy = convert(world.storage, f"{world.root}.copy")
    assert expected == loaded(copy, name)
    try:
        copy = convert(world.storage, f"{world.root}.zarr", engine="zarr")
    except UnknownContentError as refused:
        # The columnar layout has no groups of chunks, which such columns of a set lie in.
        assert "no such place" in str(refused)
        with world.storage.read_scope() as session:
            assert "classic" == session.network.layout
    else:
        assert expected == loaded(copy, name)


@pytest.mark.parametrize("collection", ["deep/down", "http://a//b"])
def test_a_collection_may_have_a_path_for_a_name(world: World, collection: str) -> None:
    fill(world.storage, "x", collection=collection)
    expected = dict.fromkeys(columns_of(world.storage, "x"), ROWS)
    assert expected == loaded(world.storage, "x", collection=collection)
    found = ChunkedCollection(Own(world.engine, "/columns"), collection, None, float)
    found.clear(chunk(0))
    assert [3.0] == found.load("x").tolist()


@pytest.mark.parametrize("name", MISLEADING)
def test_a_name_that_leads_elsewhere_is_refused(world: World, name: str) -> None:
    for append, _ in columns_of(world.storage, name).values():
        with pytest.raises(InvalidNameError):
            append(chunk(0), ROWS)
    many = ChunkedCollection(Own(world.engine, "/columns"), name, None, float)
    with pytest.raises(InvalidNameError):
        many.append(chunk(0), "x", ROWS)
    assert not world.resource("/columns").exists()


def test_a_key_whose_path_leads_through_another_is_refused(world: World) -> None:
    many = ChunkedCollection(Own(world.engine, "/columns"), "more", None, float)
    many.append(chunk(0), "a/b", ROWS)
    for other in ("a", "a/b/c"):
        with pytest.raises(InvalidNameError, match="this path conflicts with"):
            many.append(chunk(0), other, ROWS)
    assert ["a/b"] == many.keys()
    assert ROWS == many.load("a/b").tolist()


def test_keys_of_one_path_have_the_same_rows(world: World) -> None:
    many = ChunkedCollection(Own(world.engine, "/columns"), "more", None, float)
    for key in ("a/b", "a//b", "/a/b"):
        many.append(chunk(0), key, ROWS)
    assert ["a/b"] == many.keys()
    assert 3 * ROWS == many.load("a//b").tolist() == many.load_all()["a/b"].tolist()
    many.overwrite(chunk(0), ROWS, "a/b/")
    assert ROWS == many.load("a/b").tolist()
