"""Arguments are checked and sorted before a session that writes excludes the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5 import connection_ends
from bsb_hdf5.connectivity_set import LocationOutOfBoundsError
from bsb_hdf5.core.connectivity import ConnectionPlan
from tests.compat.walk.world import World, chunk, grid

MANY = 12_000


def locations(cells: int, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    found = np.full((MANY, 3), -1)
    found[:, 0] = np.random.default_rng(seed).integers(0, cells, MANY)
    return found


def pairs(world: World, tag: str) -> Counter[tuple[int, ...]]:
    """Chunk and rank of both cells of each connection."""
    found: Counter[tuple[int, ...]] = Counter()
    for _, local, far, (near, other) in world.connections(tag).flat_iter_connections("out"):
        ends = zip(near[:, 0].tolist(), other[:, 0].tolist(), strict=True)
        found.update((local.id, pre, far.id, post) for pre, post in ends)
    return found


def while_it_plans(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> list[int]:
    """Do something in another thread before the first plan is made; counts the plans."""
    plans: list[int] = []
    make = ConnectionPlan.make

    def planned(*args: Any, **options: Any) -> ConnectionPlan:
        plans.append(len(plans))
        if len(plans) == 1:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(action).result()
        return make(*args, **options)

    monkeypatch.setattr(ConnectionPlan, "make", planned)
    return plans


def expected(world: World, src: Any, dest: Any) -> Counter[tuple[int, ...]]:
    cells = {}
    for name in ("a", "b"):
        stats = world.cells(name).get_chunk_stats()
        counts = {int(each): int(count) for each, count in stats.items()}
        cells[name] = [(each, rank) for each in sorted(counts) for rank in range(counts[each])]
    ends = zip(src[:, 0].tolist(), dest[:, 0].tolist(), strict=True)
    return Counter((*cells["a"][pre], *cells["b"][post]) for pre, post in ends)


def test_others_write_while_connections_are_sorted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = world.cells("a"), world.cells("b")
    src, dest = locations(len(a), 1), locations(len(b), 2)
    before, want = pairs(world, "a_to_b"), expected(world, src, dest)
    connect = world.connections("a_to_b").connect
    # Would wait for ever if the lock were held.
    plans = while_it_plans(monkeypatch, lambda: world.files.store("text", {}))
    connect(a, b, src, dest)
    assert before + want == pairs(world, "a_to_b")
    assert 1 == len(plans)


def test_connections_are_sorted_again_if_cells_were_placed_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = world.cells("a"), world.cells("b")
    src, dest = locations(len(a), 1), locations(len(b), 2)
    before = pairs(world, "a_to_b")
    # Moves the numbers of all cells in later chunks.
    plans = while_it_plans(monkeypatch, lambda: b.append_data(chunk(0), grid(3)))
    world.connections("a_to_b").connect(a, b, src, dest)
    assert before + expected(world, src, dest) == pairs(world, "a_to_b")
    assert 2 == len(plans)


def test_cells_that_were_removed_meanwhile_are_not_connected(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = world.cells("a"), world.cells("b")
    src, dest = locations(len(a), 1), locations(len(b), 2)
    before = pairs(world, "a_to_b")
    while_it_plans(monkeypatch, a.clear)
    with pytest.raises(LocationOutOfBoundsError, match="does not exist in 'a'"):
        world.connections("a_to_b").connect(a, b, src, dest)
    assert before == pairs(world, "a_to_b")


def test_few_connections_are_sorted_in_the_session_that_stores_them(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = world.cells("a"), world.cells("b")
    src, dest = locations(len(a), 1), locations(len(b), 2)
    monkeypatch.setattr(connection_ends, "_PLANNED_APART", MANY + 1)
    sides = []
    monkeypatch.setattr(
        type(world.connections("a_to_b")), "_sides", lambda *_: sides.append(1), raising=True
    )
    want = pairs(world, "a_to_b") + expected(world, src, dest)
    world.connections("a_to_b").connect(a, b, src, dest)
    assert want == pairs(world, "a_to_b")
    assert not sides


def test_within_a_scope_cells_of_the_scope_are_connected(world: World) -> None:
    a, b = world.cells("a"), world.cells("b")
    before = pairs(world, "a_to_b")
    storage: Storage = world.storage
    with storage.write_scope():
        b.append_data(chunk(0), grid(1))
        src, dest = locations(len(a), 1), locations(len(b), 2)
        world.connections("a_to_b").connect(a, b, src, dest)
    assert before + expected(world, src, dest) == pairs(world, "a_to_b")
