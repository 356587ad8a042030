"""The state of a storage and the revisions of its sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bsb import Storage

from tests.face.samples import (
    SmallNetwork,
    chunk,
    connections,
    digest,
    on_soma,
    positions,
)
from tests.face.states import (
    SINGLE_WRITES,
    InterruptedScopeError,
    change_everything,
    revision_of,
    state_of,
)

READS: dict[str, Callable[[SmallNetwork], Any]] = {
    "positions": lambda n: n.a.load_positions(),
    "everything": lambda n: [n.a.load_ids(), n.a.load_additional(), n.a.load_morphologies()],
    "connections": lambda n: connections(n.ab),
    "statistics": lambda n: n.storage.get_chunk_stats(),
    "morphologies": lambda n: n.storage.morphologies.load("stub"),
    "files": lambda n: n.storage.files.load("note"),
    "require cells that exist": lambda n: n.storage.require_placement_set(n.a.cell_type),
    "require cells that exist, of the engine": lambda n: n.storage._engine.require_placement_set(
        n.a.cell_type
    ),
    "require connections that exist": lambda n: n.storage._ConnectivitySet.require(
        n.storage._engine, n.a.cell_type, n.b.cell_type, "a_to_b"
    ),
    "create what exists": lambda n: n.storage.create(),
    "open": lambda n: Storage("hdf5", n.storage.root),
    "connect nothing": lambda n: n.ab.connect(n.a, n.b, [], []),
    "label nothing": lambda n: n.b.label(["core"], []),
    "label again": lambda n: n.b.label(["core"], [0, 1]),
    "remove labels that nobody has": lambda n: n.b.remove_labels(["nobody"], [0, 1]),
    "require a chunk that exists": lambda n: n.b.require_chunk(chunk(0)),
    "copy": lambda n: n.storage.copy(n.storage.root + ".copy"),
}


@pytest.mark.parametrize("write", SINGLE_WRITES.values(), ids=SINGLE_WRITES.keys())
def test_the_state_moves_once_with_each_single_call(
    small: SmallNetwork, write: Callable[[SmallNetwork], Any]
) -> None:
    before, identity = state_of(small), small.storage._engine.storage_id
    write(small)
    assert before + 1 == state_of(small)
    assert identity == small.storage._engine.storage_id


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_the_state_does_not_move_when_nothing_changes(
    small: SmallNetwork, read: Callable[[SmallNetwork], Any]
) -> None:
    before = state_of(small), digest(small.path)
    read(small)
    assert before == (state_of(small), digest(small.path))


def test_the_state_moves_once_with_a_scope(small: SmallNetwork) -> None:
    before = state_of(small)
    with small.storage.write_scope(), small.storage.write_scope():
        change_everything(small)
        small.storage._engine._bump_state()
    assert before + 1 == state_of(small)


def test_the_state_moves_with_each_write_of_a_read_scope(small: SmallNetwork) -> None:
    before = state_of(small)
    with small.storage.read_scope():
        small.b.append_data(chunk(0), positions(1))
        small.b.append_data(chunk(0), positions(1))
    assert before + 2 == state_of(small)


def test_the_state_stays_when_a_scope_raises(small: SmallNetwork) -> None:
    before = state_of(small)
    with pytest.raises(InterruptedScopeError), small.storage.write_scope():
        change_everything(small)
        raise InterruptedScopeError
    assert before == state_of(small)


def test_the_revision_of_a_set_moves_once_with_a_scope_that_changes_it(
    small: SmallNetwork,
) -> None:
    sets = (("placement", "a"), ("placement", "b"), ("connectivity", "a_to_b"))
    before = [revision_of(small, *each) for each in sets]
    with small.storage.write_scope():
        for _ in range(3):
            small.b.append_data(chunk(0), positions(1))
            small.ab.connect(small.a, small.b, on_soma(0, 1), on_soma(0, 0))
        small.b.clear([chunk(2)])
    expected = [before[0], before[1] + 1, before[2] + 1]
    assert expected == [revision_of(small, *each) for each in sets]


def test_labels_move_the_revision_of_a_set(small: SmallNetwork) -> None:
    before = revision_of(small, "placement", "b")
    small.b.label(["new"], [3])
    small.b.label(["new"], [3])
    assert before + 1 == revision_of(small, "placement", "b")
