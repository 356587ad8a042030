"""Calls of the engine, its scopes, and the part of a configuration that names a storage."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from bsb import Storage

from tests.compat.walk import arguments as a
from tests.compat.walk.calls import Call, Method, Receiver
from tests.compat.walk.world import World, cell_type, chunk, grid

ITSELF: dict[str, Receiver] = {"the engine": lambda w: w.engine}
CLASS: dict[str, Receiver] = {"the class": lambda w: type(w.engine)}
RECOGNIZED = a.made(
    own=lambda w: w.root,
    path=lambda w: Path(w.root),
    not_there=lambda w: "nothing.hdf5",
    folder=lambda w: ".",
    text_file=lambda w: _text_file(),
    None_=lambda w: None,
    number=lambda w: 5.5,
    empty=lambda w: "",
    bytes=lambda w: w.root.encode(),
    list=lambda w: [w.root],
    with_nul=lambda w: "a\0b",
)
COMM = a.made(
    own=lambda w: w.engine.comm._comm,
    service=lambda w: w.engine.comm,
    None_=lambda w: None,
).or_left_out()


def _text_file() -> str:
    path = Path("text.txt")
    path.write_text("no network")
    return str(path)


def engine(name: str, /, *, writes: bool = False, **parameters: a.Kind) -> Method:
    return Method(f"HDF5Engine.{name}", ITSELF, parameters, writes, handled=False)


METHODS = (
    engine("exists"),
    engine("create", writes=True),
    engine("copy", writes=True, new_root=a.ROOT),
    engine("move", writes=True, new_root=a.ROOT),
    engine("remove", writes=True),
    engine("clear_placement", writes=True),
    engine("clear_connectivity", writes=True),
    engine("get_chunk_stats"),
    engine("require_placement_set", writes=True, ct=a.NEW_CELL_TYPE),
    Method("HDF5Engine.recognizes", CLASS, {"root": RECOGNIZED, "comm": COMM}, handled=False),
    Method("HDF5Engine.peek_exists", CLASS, {"root": RECOGNIZED}, handled=False),
)


def reading(name: str, read: Any) -> Call:
    return Call(f"HDF5Engine.{name}", "of a network", read, False)


def extra() -> Iterator[Call]:
    yield reading("versions", lambda w: sorted(w.engine.versions))
    yield reading("metadata", lambda w: sorted(w.engine.metadata))
    yield reading("storage_id", lambda w: type(w.engine.storage_id).__name__)
    yield reading("state_id", lambda w: type(w.engine.state_id).__name__)
    yield reading("format", lambda w: w.engine.format)
    yield reading("root", lambda w: w.engine.root)
    yield reading("root_slug", lambda w: w.engine.root_slug)
    yield reading("comm", lambda w: type(w.engine.comm).__name__)
    yield reading("set_comm", lambda w: w.engine.set_comm(w.engine.comm))
    yield Call("HDF5Engine.__eq__", "of the same root", _equal, False)
    yield Call("HDF5Engine.__eq__", "of a text", lambda w: w.engine == "a", False)
    yield from _of_a_removed_network()
    yield from _made()
    yield from _scopes()
    yield from _read_only()
    yield from _nodes()


def _equal(w: World) -> Any:
    return w.engine == w.again().engine, w.storage == w.again().storage


def _of_a_removed_network() -> Iterator[Call]:
    def removed(use: Any) -> Any:
        def run(w: World) -> Any:
            ps = w.cells("a")
            w.engine.remove()
            return use(w, ps)

        return run

    uses: dict[str, Any] = {
        "exists": lambda w, ps: w.engine.exists(),
        "metadata": lambda w, ps: w.engine.metadata,
        "versions": lambda w, ps: w.engine.versions,
        "storage_id": lambda w, ps: w.engine.storage_id,
        "state_id": lambda w, ps: w.engine.state_id,
        "get_chunk_stats": lambda w, ps: w.engine.get_chunk_stats(),
        "remove": lambda w, ps: w.engine.remove(),
        "copy": lambda w, ps: w.engine.copy("elsewhere-" + w.root),
        "move": lambda w, ps: w.engine.move("elsewhere-" + w.root),
        "clear_placement": lambda w, ps: w.engine.clear_placement(),
        "clear_connectivity": lambda w, ps: w.engine.clear_connectivity(),
        "create": lambda w, ps: (w.engine.create(), w.engine.exists(), w.morphologies.all()),
        "require_placement_set": lambda w, ps: w.engine.require_placement_set(cell_type("a")),
    }
    for name, use in uses.items():
        yield Call(f"HDF5Engine.{name}", "of a removed network", removed(use), True)
    for name in ("load_positions", "load_ids", "get_all_chunks", "__len__"):
        yield Call(f"PlacementSet.{name}", "of a removed network", removed(_use(name)), True)
    yield Call("FileStore.all", "of a removed network", removed(lambda w, ps: w.files.all()), True)
    yield Call(
        "MorphologyRepository.all",
        "of a removed network",
        removed(lambda w, ps: w.morphologies.all()),
        True,
    )


def _use(name: str) -> Any:
    return lambda w, ps: getattr(ps, name)()


def _made() -> Iterator[Call]:
    def stored(root: Any, **options: Any) -> Any:
        def run(w: World) -> Any:
            storage = Storage(w.engine_name, root(w), **options)
            return storage.exists(), storage.preexisted, storage.files.all()

        return run

    yield Call("HDF5Engine", "at a new root", stored(lambda w: "new-" + w.root), True)
    yield Call("HDF5Engine", "at its own root", stored(lambda w: w.root), False)
    yield Call(
        "HDF5Engine",
        "at a root that must be there",
        stored(lambda w: "new-" + w.root, missing_ok=False),
        True,
    )
    yield Call("HDF5Engine", "over a text file", stored(lambda w: _text_file()), True)
    yield Call("HDF5Engine", "over an empty file", stored(_empty_file), True)
    yield Call("HDF5Engine", "at None", stored(lambda w: None), True)
    yield Call("HDF5Engine", "at a number", stored(lambda w: 5.5), True)
    yield Call("HDF5Engine", "at an empty root", stored(lambda w: ""), True)
    yield Call("HDF5Engine", "in a missing folder", stored(lambda w: f"no-folder/{w.root}"), True)
    yield Call("HDF5Engine", "at a path object", stored(lambda w: Path("new-" + w.root)), True)
    yield Call("HDF5Engine.copy", "then read the copy", _copied, True)
    yield Call("HDF5Engine.copy", "over a file", _copied_over, True)
    yield Call("HDF5Engine.move", "then read on", _moved, True)
    yield Call("HDF5Engine.move", "over a file", _moved_over, True)


def _empty_file(w: World) -> str:
    path = f"empty-{w.root}"
    Path(path).write_bytes(b"")
    return path


def _copied(w: World) -> Any:
    target = "elsewhere-" + w.root
    w.engine.copy(target)
    return World(w.engine_name, target).cells("a").load_positions(), w.engine.root


def _copied_over(w: World) -> Any:
    w.engine.copy(_text_file())
    return Path("text.txt").read_bytes()[:10]


def _moved(w: World) -> Any:
    w.engine.move("elsewhere-" + w.root)
    return w.engine.root, w.cells("a").load_positions(), os.path.exists(w.root)


def _moved_over(w: World) -> Any:
    w.engine.move(_text_file())
    return w.engine.root, len(w.cells("a"))


def _scopes() -> Iterator[Call]:
    def scoped(*scopes: str, write: bool = False, fail: bool = False) -> Any:
        def run(w: World) -> Any:
            ps, opened = w.cells("b"), []
            for scope in scopes:
                opened.append(getattr(w.engine, scope)())
                opened[-1].__enter__()
            if write:
                ps.append_data(chunk(0), positions=grid(2))
            if fail:
                error = RuntimeError("on purpose")
                for scope in reversed(opened):
                    scope.__exit__(type(error), error, None)
                return len(w.cells("b"))
            found = len(ps)
            for scope in reversed(opened):
                scope.__exit__(None, None, None)
            return found, len(ps)

        return run

    for name, call in {
        "read_scope: reading": scoped("read_scope"),
        "read_scope: within another": scoped("read_scope", "read_scope"),
        "read_scope: writing": scoped("read_scope", write=True),
        "write_scope: unused": scoped("write_scope"),
        "write_scope: writing": scoped("write_scope", write=True),
        "write_scope: a reading one within": scoped("write_scope", "read_scope", write=True),
        "read_scope: a writing one within": scoped("read_scope", "write_scope", write=True),
    }.items():
        scope, _, variant = name.partition(": ")
        yield Call(f"HDF5Engine.{scope}", variant, call, True)
    yield Call("HDF5Engine.write_scope", "that fails", _failing_scope, True)
    yield Call("HDF5Engine.write_scope", "what it yields", _yielded("write_scope"), True)
    yield Call("HDF5Engine.read_scope", "what it yields", _yielded("read_scope"), False)
    yield Call("HDF5Engine.write_scope", "an error caught within", _caught, True)


def _failing_scope(w: World) -> Any:
    try:
        with w.engine.write_scope():
            w.cells("b").append_data(chunk(0), positions=grid(2))
            raise RuntimeError("on purpose")
    except RuntimeError:
        return len(w.cells("b"))


def _yielded(scope: str) -> Any:
    def run(w: World) -> Any:
        with getattr(w.engine, scope)() as handle:
            return handle

    return run


def _caught(w: World) -> Any:
    with w.engine.write_scope():
        ps = w.cells("b")
        ps.append_data(chunk(0), positions=grid(2))
        with suppress(Exception):
            ps.append_data(chunk(0), positions="text")
        ps.append_data(chunk(0), positions=grid(1))
    return len(w.cells("b"))


def _read_only() -> Iterator[Call]:
    def read_only(use: Any) -> Any:
        def run(w: World) -> Any:
            with w.engine.read_only():
                return use(w)

        return run

    uses: dict[str, Any] = {
        "reading": lambda w: w.cells("a").load_ids(),
        "placing": lambda w: w.cells("b").append_data(chunk(0), positions=grid(1)),
        "a write scope": lambda w: w.engine.write_scope().__enter__() and None,
        "saving": lambda w: w.morphologies.remove("stub"),
        "storing": lambda w: w.files.store("text"),
        "clearing": lambda w: w.engine.clear_placement(),
        "requiring what is there": lambda w: w.storage.require_placement_set(cell_type("a")),
        "requiring what is not": lambda w: w.storage.require_placement_set(cell_type("new")),
    }
    for name, use in uses.items():
        yield Call("HDF5Engine.read_only", name, read_only(use), True)
    yield Call("HDF5Engine.readwrite", "then write", _readwrite, True)


def _readwrite(w: World) -> Any:
    w.engine.read_only()
    w.engine.readwrite()
    return w.cells("b").append_data(chunk(0), positions=grid(1))


def _nodes() -> Iterator[Call]:
    def node(use: Any) -> Any:
        def run(w: World) -> Any:
            from bsb_hdf5 import StorageNode

            return use(StorageNode)

        return run

    uses: dict[str, Any] = {
        "with a root": lambda cls: _node(cls(engine="hdf5", root="network.hdf5")),
        "without root": lambda cls: type(cls(engine="hdf5").root).__name__,
        "without engine": lambda cls: _node(cls(root="network.hdf5")),
        "with a number as root": lambda cls: _node(cls(engine="hdf5", root=5)),
        "with an unknown attribute": lambda cls: _node(cls(engine="hdf5", surprise=1)),
    }
    for name, use in uses.items():
        yield Call("StorageNode", name, node(use), False)
    yield Call(
        "StorageNode.get_node_name",
        "of a node",
        node(lambda cls: cls(engine="hdf5", root="network.hdf5").get_node_name()),
        False,
    )


def _node(made: Any) -> Any:
    return dict(made.__tree__())


def calls() -> Iterator[Call]:
    for method in METHODS:
        yield from method.calls()
    yield from extra()
