"""Calls of a connectivity set, and of what iterates over its connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.compat.walk import arguments as a
from tests.compat.walk.calls import Call, Method, Receiver
from tests.compat.walk.world import World, cell_type, chunk, on_soma

SETS: dict[str, Receiver] = {
    "a_to_b": lambda w: w.connections("a_to_b"),
    "a_to_a": lambda w: w.connections("a_to_a"),
    "void": lambda w: w.connections("void"),
}
CLASS: dict[str, Receiver] = {"the class": lambda w: w.ConnectivitySet}

PRE_SET = a.made(
    all_cells=lambda w: w.cells("a"),
    one_chunk=lambda w: w.cells("a", [chunk(0)]),
    a_label=lambda w: w.cells("a", None, ["core", "rim"]),
    a_chunk_not_held=lambda w: w.cells("a", [chunk(7)]),
    another_set=lambda w: w.cells("b"),
    without_cells=lambda w: w.cells("silent"),
    morphology_labels=lambda w: w.cells("a", morphology_labels=["dendrites"]),
    text=lambda w: "a",
    None_=lambda w: None,
)
POST_SET = a.made(
    all_cells=lambda w: w.cells("b"),
    one_chunk=lambda w: w.cells("b", [chunk(0)]),
    a_label=lambda w: w.cells("b", None, ["core"]),
    another_set=lambda w: w.cells("a"),
    without_cells=lambda w: w.cells("silent"),
    entities=lambda w: w.cells("entities"),
    text=lambda w: "b",
    None_=lambda w: None,
)
TYPE = a.made(
    a=lambda w: cell_type("a"),
    other=lambda w: cell_type("b"),
    not_held=lambda w: cell_type("unknown"),
    text=lambda w: "a",
    None_=lambda w: None,
)
ONE_OR_MORE = a.Kind(
    {"held bare": lambda w: chunk(0), **a.CHUNKS.variants, "a tuple bare": lambda w: (0, 0, 0)},
    optional=True,
)


def iterating(name: str) -> Method:
    return Method(
        f"ConnectivitySet.{name}",
        SETS,
        {"direction": a.DIRECTION.or_left_out(), "local_": ONE_OR_MORE, "global_": ONE_OR_MORE},
        handled=False,
    )


METHODS = (
    Method("ConnectivitySet.get_chunk_stats", SETS),
    Method("ConnectivitySet.get_local_chunks", SETS, {"direction": a.DIRECTION}),
    Method(
        "ConnectivitySet.get_global_chunks", SETS, {"direction": a.DIRECTION, "local_": a.CHUNK}
    ),
    Method(
        "ConnectivitySet.load_block_connections",
        SETS,
        {"direction": a.DIRECTION, "local_": a.CHUNK, "global_": a.CHUNK},
    ),
    Method(
        "ConnectivitySet.load_local_connections",
        SETS,
        {"direction": a.DIRECTION, "local_": a.CHUNK},
    ),
    iterating("flat_iter_connections"),
    iterating("nested_iter_connections"),
    Method("ConnectivitySet.load_connections", SETS, handled=False),
    Method("ConnectivitySet.__len__", SETS, handled=False),
    Method("ConnectivitySet.__repr__", SETS, handled=False),
    Method("ConnectivitySet.clear", SETS, writes=True),
    Method(
        "ConnectivitySet.connect",
        SETS,
        {
            "pre_set": PRE_SET,
            "post_set": POST_SET,
            "src_locs": a.LOCATIONS,
            "dest_locs": a.LOCATIONS,
        },
        writes=True,
    ),
    Method(
        "ConnectivitySet.chunk_connect",
        SETS,
        {
            "src_chunk": a.CHUNK,
            "dst_chunk": a.CHUNK,
            "src_locs": a.LOCATIONS,
            "dst_locs": a.LOCATIONS,
        },
        writes=True,
    ),
    Method(
        "ConnectivitySet.create",
        CLASS,
        {
            "engine": a.ENGINE,
            "pre_type": TYPE,
            "post_type": TYPE,
            "tag": a.NEW_TAG.or_left_out(),
        },
        writes=True,
        leading=1,
    ),
    Method(
        "ConnectivitySet.require",
        CLASS,
        {
            "engine": a.ENGINE,
            "pre_type": TYPE,
            "post_type": TYPE,
            "tag": a.NEW_TAG.or_left_out(),
        },
        writes=True,
        leading=1,
    ),
    Method("ConnectivitySet.exists", CLASS, {"engine": a.ENGINE, "tag": a.TAG}, leading=1),
    Method("ConnectivitySet.get_tags", CLASS, {"engine": a.ENGINE}, leading=1),
)


def constructed(make: a.Make) -> Any:
    return lambda w: w.ConnectivitySet(w.engine, make(w))


def chained(chain: str) -> Any:
    """What ``load_connections()`` and the methods after it give."""

    def run(w: World) -> Any:
        found = w.between_types("a_to_b").load_connections()
        scope = {"found": found, "chunk": chunk}
        return eval(f"found.{chain}", scope)

    return run


CHAINS = (
    "all()",
    "as_globals().all()",
    "as_scoped().all()",
    "outgoing().all()",
    "incoming().all()",
    "to([chunk(0)]).all()",
    "from_([chunk(0)]).all()",
    "from_([chunk(7)]).all()",
    "from_(chunk(0)).as_globals().all()",
    "__len__()",
    "__iter__()",
    "chunk_iter()",
)


def extra() -> Iterator[Call]:
    for name, make in a.TAG.variants.items():
        yield Call("ConnectivitySet", f"of tag {name}", constructed(make), False)
    for chain in CHAINS:
        yield Call("ConnectivitySet.load_connections", chain, chained(chain), False)
    for name in ("pre_type", "post_type", "pre_type_name", "post_type_name", "tag"):
        yield Call(f"ConnectivitySet.{name}", "of a set", _attribute(name), False)
    yield Call("ConnectivitySet.clear", "then connect again", _cleared_and_connected, True)
    yield Call("ConnectivitySet.require", "of other types", _required_of_other_types, True)
    yield from _iterators()
    yield from _functions()


def _attribute(name: str) -> Any:
    return lambda w: getattr(w.connections("a_to_b"), name)


def _cleared_and_connected(w: World) -> Any:
    w.connections("a_to_b").clear()
    w.connections("a_to_b").connect(w.cells("a"), w.cells("b"), on_soma(1), on_soma(5))
    return len(w.connections("a_to_b"))


def _required_of_other_types(w: World) -> Any:
    return w.ConnectivitySet.require(w.engine, cell_type("b"), cell_type("a"), "a_to_b")


def _iterator(w: World) -> Any:
    from bsb_hdf5.connectivity_set import CSIterator

    return CSIterator


def _iterators() -> Iterator[Call]:
    def made(*arguments: Any) -> Any:
        return lambda w: _iterator(w)(w.connections("a_to_b"), *arguments)

    def inner(name: str, *arguments: Any) -> Any:
        return lambda w: getattr(_iterator(w)(w.connections("a_to_b")), name)(*arguments)

    for direction, make in a.DIRECTION.variants.items():
        value = make(None)  # type: ignore[arg-type]
        yield Call("CSIterator", f"direction {direction}", made(value), False)
        name = "CSIterator.get_local_iter"
        yield Call(name, f"direction {direction}", inner("get_local_iter", value, None), False)
    for kind, make in ONE_OR_MORE.variants.items():
        value = make(None)  # type: ignore[arg-type]
        yield Call("CSIterator", f"local_ {kind}", made("inc", value), False)
        yield Call("CSIterator", f"global_ {kind}", made("inc", chunk(0), value), False)
        name = "CSIterator.get_local_iter"
        yield Call(name, f"local_ {kind}", inner("get_local_iter", "inc", value), False)
        name = "CSIterator.get_global_iter"
        yield Call(name, f"global_ {kind}", inner("get_global_iter", "inc", chunk(0), value), False)
    yield Call("CSIterator", "without arguments", lambda w: _iterator(w)(), False)


def _functions() -> Iterator[Call]:
    def directions(value: Any) -> Any:
        def run(w: World) -> Any:
            from bsb_hdf5.connectivity_set import get_dir_iter

            return get_dir_iter(value)

        return run

    def error(*arguments: Any) -> Any:
        def run(w: World) -> Any:
            from bsb_hdf5.connectivity_set import LocationOutOfBoundsError

            raise LocationOutOfBoundsError(*arguments)

        return run

    for name, make in a.DIRECTION.variants.items():
        value = make(None)  # type: ignore[arg-type]
        yield Call("get_dir_iter", f"direction {name}", directions(value), False)
    yield Call("LocationOutOfBoundsError", "without arguments", error(), False)
    yield Call("LocationOutOfBoundsError", "with a text", error("beyond"), False)


def calls() -> Iterator[Call]:
    for method in METHODS:
        yield from method.calls()
    yield from extra()
