"""A call that raises within a write scope changes nothing, and leaves the scope usable."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from typing import Any

import numpy as np
import pytest
from bsb import Chunk, RotationSet

from bsb_hdf5.errors import InputError, LengthError, StorageError
from tests.compat.walk.calls import Call
from tests.compat.walk.holdings import holdings
from tests.compat.walk.run import all_calls
from tests.compat.walk.world import (
    CHUNK_SIZE,
    World,
    Worlds,
    cell_type,
    chunk,
    grid,
    on_soma,
)

# Parts of a network whose methods take arguments; each call of the walk that may write.
PARTS = ("PlacementSet", "ConnectivitySet", "MorphologyRepository", "FileStore", "ChunkLoader")
# Of several writes, where one that is refused follows others that are not.
SEVERAL = ("twice", "what is kept", "over another")


def writing_calls() -> Iterator[Call]:
    for call in all_calls():
        several = any(word in call.variant for word in SEVERAL)
        if call.writes and call.member.partition(".")[0] in PARTS and not several:
            yield call


@cache
def calls_of(member: str) -> list[Call]:
    return [call for call in writing_calls() if call.member == member]


def members() -> list[str]:
    return sorted({call.member for call in writing_calls()})


def add_marker(world: World) -> None:
    world.cells("b").append_data(chunk(0), grid(1))


class Rows:
    """Rows of every column, label codes and connections, which wait to be stored."""

    def __init__(self, world: World) -> None:
        self._a, self._b = world.cells("a"), world.cells("b")
        self._a_to_b, self._a_to_a = world.connections("a_to_b"), world.connections("a_to_a")
        self._morphologies = world.morphology_set(["stub"], [0])

    def add(self, number: int) -> None:
        self._a.append_data(
            chunk(0),
            grid(1, start=number),
            morphologies=self._morphologies,
            rotations=RotationSet(grid(1)),
            additional={"weight": [float(number)]},
        )
        self._a.label(["core"], [3])
        self._b.append_data(chunk(2), grid(1, start=number))
        self._a_to_b.chunk_connect(chunk(1), chunk(2), on_soma(number % 2), on_soma(number % 3))
        point = np.array([[0, 0, 1]])
        self._a_to_a.chunk_connect(chunk(0), chunk(0), point, point)


class UndoneError(Exception):
    """Ends a scope without storing it."""


class InMemory:
    """
    What the calls of a member do to the network in memory, once for all engines.

    Trying all calls, and reading the whole network, takes most of the time of a test, and least
    in memory. Where another engine took what memory refuses, its network would not be the same.
    """

    def __init__(self, template: World) -> None:
        self._template = template
        self._refused: dict[str, list[Call]] = {}
        self._stored: dict[tuple[str, ...], dict[str, Any]] = {}

    def _new(self) -> World:
        return Worlds("memory", prefix=f"{uuid.uuid4().hex}-", built=self._template).template

    def refused(self, member: str) -> list[Call]:
        """The calls of a member that raise, with the network as it was built."""
        if member not in self._refused:
            world = self._new()
            found = [call for call in calls_of(member) if _is_refused(world, call)]
            self._refused[member] = found
            world.engine.remove()
        return self._refused[member]

    @cached_property
    def marked(self) -> dict[str, Any]:
        """The network with a marker that waits to be stored."""
        world = self._new()
        with world.storage.write_scope():
            add_marker(world)
            found = holdings(world)
        world.engine.remove()
        return found

    def stored(self, calls: list[Call], accepted: list[Call]) -> dict[str, Any]:
        """The network with the rows that were added before each call, and what was accepted."""
        key = (str(len(calls)), *(f"{calls.index(call)} {call.id}" for call in accepted))
        if key not in self._stored:
            world = self._new()
            with world.storage.write_scope():
                rows = Rows(world)
                for number, call in enumerate(calls):
                    rows.add(number)
                    if call in accepted:
                        call.run(world)
            self._stored[key] = holdings(world.again())
            world.engine.remove()
        return self._stored[key]


@pytest.fixture(scope="module")
def in_memory(built: Callable[[str], World]) -> InMemory:
    return InMemory(built("memory"))


@pytest.mark.parametrize("member", members())
def test_what_the_walk_gets_refused_is_refused_harmlessly_in_a_scope(
    world: World, member: str, in_memory: InMemory
) -> None:
    refused = in_memory.refused(member)
    with world.storage.write_scope():
        add_marker(world)
        for call in refused:
            with contextlib.suppress(Exception):
                call.run(world)
        # Once for all: what one of them had changed, no other that is refused would undo.
        assert in_memory.marked == holdings(world), [call.id for call in refused]
        add_marker(world)
    assert 9 == len(world.cells("b"))


@pytest.mark.parametrize("member", members())
def test_what_is_refused_while_rows_wait_to_be_stored_leaves_them_to_be_stored(
    world: World, member: str, in_memory: InMemory
) -> None:
    calls = in_memory.refused(member)
    # More cells make some of them valid.
    accepted = []
    with world.storage.write_scope():
        rows = Rows(world)
        for number, call in enumerate(calls):
            rows.add(number)
            with contextlib.suppress(Exception):
                call.run(world)
                accepted.append(call)
    assert len(accepted) < len(calls) or not calls
    assert in_memory.stored(calls, accepted) == holdings(world.again())


def _is_refused(world: World, call: Call) -> bool:
    """Whether the call raises, tried in a scope that is undone."""
    with contextlib.suppress(UndoneError), world.storage.write_scope():
        try:
            call.run(world)
        except Exception:
            refused = True
        else:
            refused = False
        raise UndoneError
    return refused


def _sized(x: int) -> Chunk:
    return Chunk((x, 0, 0), CHUNK_SIZE)


def _wide(rows: int) -> Any:
    return np.ones((rows, 2))


def _append_to_cleared(world: World) -> None:
    world.cells("a").append_data(
        chunk(0), grid(2), morphologies=world.morphology_set(["stub"], [0])
    )


REFUSED: dict[str, tuple[type[StorageError], Callable[[World], Any]]] = {
    "too few morphologies for a cleared set": (LengthError, _append_to_cleared),
    "a column of another width": (
        LengthError,
        lambda w: w.cells("a").append_data(
            chunk(1),
            grid(1),
            morphologies=w.morphology_set(["stub"], [0]),
            additional={"extra": [1.0], "weight": _wide(1)},
        ),
    ),
    "rows of another width in a new chunk": (
        LengthError,
        lambda w: w.cells("a")._additional_chunks.append(chunk(8), "weight", _wide(1)),
    ),
    "rows of another width over those of a chunk": (
        LengthError,
        lambda w: w.cells("a")._additional_chunks.overwrite(chunk(1), _wide(2), "weight"),
    ),
    "texts as rows of a property of a new chunk": (
        InputError,
        lambda w: w.cells("a")._position_chunks.append(chunk(8), ["a"]),
    ),
    "positions of a new chunk in the plane": (
        InputError,
        lambda w: w.cells("a")._position_chunks.append(chunk(8), _wide(1)),
    ),
    "positions in the plane over those of a new chunk": (
        InputError,
        lambda w: w.cells("a")._position_chunks.overwrite(chunk(8), _wide(1)),
    ),
    "metadata that JSON lacks with a new morphology": (
        InputError,
        lambda w: w.morphologies.save("new", _described({"a": {1}})),
    ),
    "a configuration that JSON lacks": (InputError, lambda w: w.files.store_active_config({1})),
}


def _described(meta: dict[str, Any]) -> Any:
    from tests.compat.walk.world import stub

    morphology = stub()
    morphology.meta.update(meta)
    return morphology


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_in_a_scope_changes_nothing(world: World, what: str) -> None:
    error, call = REFUSED[what]
    with world.storage.write_scope():
        if "cleared" in what:
            world.cells("a").clear([chunk(0)])
        expected = holdings(world)
        with pytest.raises(error):
            call(world)
        assert expected == holdings(world)
        add_marker(world)
    assert 8 == len(world.cells("b"))


@pytest.mark.parametrize("what", ["position", "additional"])
def test_the_size_of_chunks_is_not_noted_by_what_is_refused(world: World, what: str) -> None:
    world.engine.remove()
    world.engine.create()
    cells = world.storage.require_placement_set(cell_type("c"))
    cells.append_data((0, 0, 0), grid(1), additional={"weight": [1.0]})
    with world.storage.write_scope():
        with pytest.raises(InputError):
            if what == "position":
                cells.append_data(Chunk((0, 0, 0), (7.0, 7.0, 7.0)), grid(1), count=5)
            else:
                cells.append_data(
                    Chunk((0, 0, 0), (7.0, 7.0, 7.0)), grid(1), additional={"weight": _wide(1)}
                )
        cells.append_data(_sized(1), grid(1), additional={"weight": [1.0]})
    assert [CHUNK_SIZE] * 2 == [tuple(each._size) for each in cells.get_all_chunks()]


def test_a_width_that_was_refused_with_its_cells_decides_nothing(world: World) -> None:
    cells = world.cells("a")
    cells.clear()
    with pytest.raises(LengthError):
        cells.append_data(chunk(0), grid(2), additional={"weight": _wide(2)}, rotations=grid(1))
    cells.append_data(chunk(0), grid(1), additional={"weight": [2.0]})
    assert [2.0] == cells.load_additional("weight").tolist()


def test_the_configuration_stays_when_another_can_not_be_stored(world: World) -> None:
    from tests.compat.walk.world import configuration

    world.files.store_active_config(configuration(world))
    worse = configuration(world)
    worse.network.x = 300.0
    worse._meta["a"] = {1}
    with world.storage.write_scope():
        with pytest.raises(InputError):
            world.files.store_active_config(worse)
        add_marker(world)
    assert ["a"] == sorted(world.files.load_active_config().cell_types)
