"""Calls of resources by path, of chunked data of a user's own, and of the decorators."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.compat.walk import arguments as a
from tests.compat.walk.calls import Call, Method, Receiver
from tests.compat.walk.resource_arguments import (
    DATA,
    EVERY,
    OWN,
    PATHS,
    SELECTOR,
    at,
    own,
    resource,
)
from tests.compat.walk.world import World, chunk, grid

METHODS = (
    resource("exists", EVERY),
    resource("keys", EVERY),
    resource("get_dataset", EVERY, selector=SELECTOR),
    resource(
        "get_attribute",
        {"a set": at(PATHS["a set"]), **EVERY},
        name=a.values(held="cell_type", not_held="unknown", None_=None, number=5),
    ),
    resource("remove", EVERY, writes=True),
    resource(
        "append",
        {**OWN, "nothing": at("/mine/new"), "a set": at(PATHS["a set"]), "None": at(None)},
        writes=True,
        new_data=DATA,
        dtype=a.values(float=float, int=int, text="no such").or_left_out(),
    ),
    resource("create", {"nothing": at("/mine/new"), **OWN}, writes=True, data=DATA),
    resource("__len__", EVERY),
    resource("__iter__", EVERY),
)


def extra() -> Iterator[Call]:
    for name, receiver in EVERY.items():
        yield Call("Resource.shape", f"on {name}", _attribute(receiver, "shape"), False)
        yield Call("Resource.attributes", f"on {name}", _attributes(receiver), False)
    yield Call("Resource.__eq__", "of the same path", _equal("/mine", "/mine"), False)
    yield Call("Resource.__eq__", "of another path", _equal("/mine", "/other"), False)
    yield Call("Resource.__eq__", "of a text", lambda w: w.resource("/mine") == "/mine", False)
    for options in ({"maxshape": (None, 3)}, {"compression": "gzip"}, {"dtype": int}):
        yield Call("Resource.create", f"with {next(iter(options))}", _created(options), True)
    yield Call("Resource.create", "then append", _created_and_appended, True)
    for name, use in UNMAPPED.items():
        yield Call(f"Resource.{name.partition(':')[0]}", name.partition(": ")[2], use, True)
    yield Call("Resource.require", "with a handle", _required, True)
    yield Call("Resource.require", "without handle", lambda w: w.resource("/mine").require(), True)
    yield Call("Resource.require", "None", lambda w: w.resource("/mine").require(None), True)
    yield from _chunked()
    yield from _decorated()


def _attribute(receiver: Receiver, name: str) -> Any:
    return lambda w: getattr(receiver(w), name)


def _attributes(receiver: Receiver) -> Any:
    """Names alone: what is kept in them is the layout's."""
    return lambda w: sorted(receiver(w).attributes)


def _equal(left: str, right: str) -> Any:
    return lambda w: w.resource(left) == w.resource(right)


def _created(options: dict[str, Any]) -> Any:
    def run(w: World) -> Any:
        made = w.resource("/mine/new")
        made.create(grid(2), **options)
        return made.get_dataset(), made.shape

    return run


def _created_and_appended(w: World) -> Any:
    made = w.resource("/mine/new")
    made.create(grid(2), maxshape=(None, 3))
    made.append(grid(1))
    return made.get_dataset()


def _mapped(w: World) -> Any:
    """Data with an attribute ``map``, written as a method of a user's own would."""
    from bsb_hdf5.resource import handles_handles

    made = w.resource("/mine/map")
    made.append(np.array([1, 0, 1]), dtype=int)

    @handles_handles("a")
    def note(resource: Any, handle: Any = None) -> None:
        handle["/mine/map"].attrs["map"] = [10.0, 20.0]

    note(made)
    return made


UNMAPPED: dict[str, Any] = {
    "unmap: without map": lambda w: own(w).unmap(),
    "unmap: of a map": lambda w: _mapped(w).unmap(),
    "unmap: of given data": lambda w: _mapped(w).unmap(data=[1]),
    "unmap: with a mapping": lambda w: _mapped(w).unmap(mapping=lambda m, x: m[x] + 1),
    "unmap: of part": lambda w: _mapped(w).unmap(selector=slice(0, 1)),
    "unmap_one: of a map": lambda w: _mapped(w).unmap_one(1),
    "unmap_one: with a mapping": lambda w: _mapped(w).unmap_one(0, lambda m, x: -m[x]),
    "unmap_one: without map": lambda w: own(w).unmap_one(1),
}


def _required(w: World) -> Any:
    with w.engine.write_scope() as handle:
        w.resource("/mine").require(handle)
    return w.resource("/mine").exists()


def loader(w: World, path: str = "/own") -> Any:
    """A resource of a user's own that holds a property and a collection by chunk."""
    from bsb_hdf5.chunks import ChunkedCollection, ChunkedProperty, ChunkLoader
    from bsb_hdf5.resource import Resource

    class Mine(
        Resource,
        ChunkLoader,
        properties=(lambda own: ChunkedProperty(own, "size", shape=(0, 2), dtype=float),),
        collections=(lambda own: ChunkedCollection(own, "extras", shape=None, dtype=float),),
    ):
        def __init__(self) -> None:
            Resource.__init__(self, w.engine, path)
            ChunkLoader.__init__(self)

    return Mine()


def prop(w: World, name: str = "size", **options: Any) -> Any:
    from bsb_hdf5.chunks import ChunkedProperty

    return ChunkedProperty(loader(w), name, **{"shape": (0, 2), "dtype": float, **options})


def collection(w: World, name: str = "extras", **options: Any) -> Any:
    from bsb_hdf5.chunks import ChunkedCollection

    return ChunkedCollection(loader(w), name, **{"shape": None, "dtype": float, **options})


def held_prop(w: World) -> Any:
    held = prop(w)
    held.append(chunk(0), np.ones((2, 2)))
    held.append(chunk(1), np.zeros((1, 2)))
    return held


def held_collection(w: World) -> Any:
    held = collection(w)
    held.append(chunk(0), "first", np.ones(2))
    held.append(chunk(1), "first", np.zeros(1))
    held.append(chunk(1), "second", np.zeros((1, 2)))
    return held


def of_cells(name: str) -> Receiver:
    return lambda w: getattr(w.cells("a"), name)


PROPERTIES: dict[str, Receiver] = {
    "an own one": held_prop,
    "an own one without data": prop,
    "positions": of_cells("_position_chunks"),
    "labels": of_cells("_labels_chunks"),
}

COLLECTIONS: dict[str, Receiver] = {
    "an own one": held_collection,
    "an own one without data": collection,
    "additional data": of_cells("_additional_chunks"),
}

PAIRS = a.values(
    two=np.full((2, 2), 0.5),
    list=[[1, 2]],
    none=np.empty((0, 2)),
    of_another_width=np.ones((2, 3)),
    text="text",
    None_=None,
)

PROPERTY_KEY = a.values(own="size", other="other", None_=None).or_left_out()


def loaded(held: Any, result: Any) -> Any:
    """What a change of a property left: all of it that can be loaded."""
    return result, held.load()


def all_loaded(held: Any, result: Any) -> Any:
    return result, sorted(held.keys()), held.load_all()


CHUNKED = (
    Method(
        "ChunkedProperty.load",
        PROPERTIES,
        {"raw": a.FLAG.or_left_out(), "key": PROPERTY_KEY},
        writes=True,
    ),
    Method(
        "ChunkedProperty.append",
        PROPERTIES,
        {"chunk": a.CHUNK, "data": PAIRS, "key": PROPERTY_KEY},
        writes=True,
        after=loaded,
    ),
    Method(
        "ChunkedProperty.overwrite",
        PROPERTIES,
        {"chunk": a.CHUNK, "data": PAIRS, "key": PROPERTY_KEY},
        writes=True,
        after=loaded,
    ),
    Method(
        "ChunkedProperty.clear",
        PROPERTIES,
        {"chunk": a.CHUNK, "key": PROPERTY_KEY},
        writes=True,
        after=loaded,
    ),
    Method("ChunkedCollection.keys", COLLECTIONS, writes=True),
    Method(
        "ChunkedCollection.load",
        COLLECTIONS,
        {"key": a.values(held="first", not_held="unknown", None_=None, number=5)},
        writes=True,
    ),
    Method("ChunkedCollection.load_all", COLLECTIONS, writes=True),
    Method(
        "ChunkedCollection.append",
        COLLECTIONS,
        {"chunk": a.CHUNK, "key": a.KEY, "data": a.ROWS},
        writes=True,
        after=all_loaded,
    ),
    Method(
        "ChunkedCollection.overwrite",
        COLLECTIONS,
        {"chunk": a.CHUNK, "data": a.ROWS, "key": a.KEY},
        writes=True,
        after=all_loaded,
    ),
    Method(
        "ChunkedCollection.clear",
        COLLECTIONS,
        {"chunk": a.CHUNK},
        writes=True,
        after=all_loaded,
    ),
)


def _chunked() -> Iterator[Call]:
    yield Call("ChunkLoader", "at a path of one's own", _own_loader("/own"), True)
    yield Call("ChunkLoader", "named like a set", _own_loader("/own/a"), True)
    yield Call("ChunkedProperty", "with insert and extract", _converted, True)
    yield Call("ChunkedProperty", "of whole numbers", _whole_numbers, True)
    yield Call("ChunkedProperty", "in a collection", _collected, True)
    yield Call("ChunkedProperty.load", "padded", _padded, True)
    yield Call("ChunkedProperty.get_chunk_reader", "raw", _reader(raw=True), True)
    yield Call("ChunkedProperty.get_chunk_reader", "extracted", _reader(raw=False), True)
    yield Call("ChunkedProperty.load", "in a chunk of the filter", _filtered, True)
    yield Call("ChunkedCollection", "of a name and shape", _shaped, True)


def _own_loader(path: str) -> Any:
    def run(w: World) -> Any:
        mine = loader(w, path)
        mine.require_chunk(chunk(0))
        mine._size_chunks.append(chunk(0), np.ones((2, 2)))
        mine._extras_chunks.append(chunk(0), "key", np.ones(3))
        return (
            mine.get_all_chunks(),
            mine.get_loaded_chunks(),
            mine._size_chunks.load(),
            mine._extras_chunks.load_all(),
            len(w.cells("a")),
        )

    return run


def _converted(w: World) -> Any:
    held = prop(
        w, "doubled", insert=lambda data: np.asarray(data) * 2, extract=lambda data, ds: data / 2
    )
    held.append(chunk(0), np.ones((2, 2)))
    return held.load(), held.load(raw=True)


def _whole_numbers(w: World) -> Any:
    held = prop(w, "counts", shape=(0,), dtype=int)
    held.append(chunk(0), np.array([1, 2]))
    held.append(chunk(0), [3])
    return held.load()


def _collected(w: World) -> Any:
    held = prop(w, "size", collection="extras")
    held.append(chunk(0), np.ones((1, 2)))
    return held.load()


def _padded(w: World) -> Any:
    return w.cells("a")._labels_chunks.load(pad_by="position")


def _reader(*, raw: bool) -> Any:
    def run(w: World) -> Any:
        held = w.cells("a")._labels_chunks
        with w.engine.read_scope() as handle:
            read = held.get_chunk_reader(handle, raw, pad_by="position")
            return read(chunk(0)), read(chunk(1))

    return run


def _filtered(w: World) -> Any:
    held = held_prop(w)
    held.loader.set_chunk_filter([chunk(1)])
    return held.load()


def _shaped(w: World) -> Any:
    held = collection(w, "pairs", shape=(0, 2), dtype=int)
    held.append(chunk(0), "key", np.ones((2, 2)))
    return held.load("key"), held.keys()


def _decorated() -> Iterator[Call]:
    for kind in ("r", "a"):
        yield Call("handles_handles", f"a method that may {kind}", _method(kind), True)
        yield Call("handles_static_handles", f"a method that may {kind}", _static(kind), True)
        yield Call("handles_class_handles", f"a method that may {kind}", _class(kind), True)
    yield Call("handles_handles", "a function without handle", _without_handle, False)
    yield Call("handles_handles", "of an unknown kind", _method("x"), True)
    yield Call("handles_handles", "a method that writes", _writing, True)
    yield Call("handles_handles", "a surplus argument", _surplus, True)
    for name, use in READ_WITH_A_HANDLE.items():
        yield Call("handles_handles", f"a reader that asks {name}", _reading(use), False)


def _method(kind: str) -> Any:
    def run(w: World) -> Any:
        from bsb_hdf5.resource import handles_handles

        @handles_handles(kind)
        def names(resource: Any, handle: Any = None) -> Any:
            return sorted(handle.keys()), "placement" in handle

        return names(w.resource("/mine"))

    return run


def _static(kind: str) -> Any:
    def run(w: World) -> Any:
        from bsb_hdf5.resource import handles_static_handles

        @handles_static_handles(kind)
        def names(engine: Any, handle: Any = None) -> Any:
            return sorted(handle.keys())

        return names(w.engine)

    return run


def _class(kind: str) -> Any:
    def run(w: World) -> Any:
        from bsb_hdf5.resource import handles_class_handles

        @handles_class_handles(kind)
        def names(cls: Any, engine: Any, handle: Any = None) -> Any:
            return sorted(handle.keys())

        return names(object, w.engine)

    return run


def _without_handle(w: World) -> Any:
    from bsb_hdf5.resource import handles_handles

    handles_handles("r")(lambda resource: None)


def _writing(w: World) -> Any:
    from bsb_hdf5.resource import handles_handles

    @handles_handles("a")
    def write(resource: Any, handle: Any = None) -> Any:
        group = handle.require_group("/mine")
        group.create_dataset("table", data=grid(2))
        group.attrs["note"] = "text"
        return sorted(group.keys()), "table" in group

    return write(w.resource("/mine")), w.resource("/mine/table").get_dataset()


def _surplus(w: World) -> Any:
    from bsb_hdf5.resource import handles_handles

    @handles_handles("r")
    def read(resource: Any, handle: Any = None) -> Any:
        return 1

    surplus: Any = read
    return surplus(w.resource("/mine"), None, 5)


def _reading(use: Any) -> Any:
    def run(w: World) -> Any:
        from bsb_hdf5.resource import handles_handles

        @handles_handles("r")
        def read(resource: Any, handle: Any = None) -> Any:
            return use(handle)

        return read(own(w))

    return run


READ_WITH_A_HANDLE: dict[str, Any] = {
    "for rows": lambda handle: handle["/mine/data"][()],
    "for some rows": lambda handle: handle["/mine/data"][1:3],
    "for the shape": lambda handle: handle["/mine/data"].shape,
    "for the length": lambda handle: len(handle["/mine/data"]),
    "for names": lambda handle: list(handle["/mine"]),
    "for items": lambda handle: sorted(name for name, _ in handle["/mine"].items()),
    "for an attribute": lambda handle: handle["/placement/a"].attrs["cell_type"],
    "for what is not there": lambda handle: handle["/unknown"],
    "whether there is": lambda handle: ("/mine/data" in handle, "/unknown" in handle),
    "for get": lambda handle: handle.get("unknown"),
}


def calls() -> Iterator[Call]:
    for method in METHODS:
        yield from method.calls()
    yield from extra()
    for method in CHUNKED:
        yield from method.calls()
