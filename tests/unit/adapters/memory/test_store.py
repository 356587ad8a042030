"""Networks in memory: whatever a session changed is undone, and names stand for one network."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.memory.arrays import ArrayNode
from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.errors import SessionClosedError, StoreExistsError, StoreNotFoundError
from bsb_hdf5.testing.contents import make, reading, snapshot, writing


@pytest.fixture
def store() -> Any:
    """A store with something of each kind in it."""
    store = make(MemoryStore(uuid.uuid4().hex))
    with writing(store) as root:
        for name in ("a", "b"):
            group = root.require_group(name)
            group.create_array("x", np.arange(12.0).reshape(4, 3)).attributes.set("n", 1)
            group.write_document("d", b"text").attributes.set("t", "text")
            group.attributes.set("k", [name])
    return store


def _write(array: Any, rows: Any, chance: random.Random) -> None:
    if array.shape[0] >= len(rows):
        array.write(chance.randrange(array.shape[0] - len(rows) + 1), rows)


OF_ARRAYS: list[Callable[[Any, Any, random.Random], object]] = [
    lambda array, rows, _: array.append(rows),
    lambda array, _, chance: array.resize(chance.randrange(array.shape[0] + 5)),
    _write,
    lambda array, _, chance: array.attributes.set("n", chance.random()),
    lambda array, *_: array.attributes.delete("n"),
]


def change_array(group: Any, chance: random.Random) -> None:
    if "x" in group:
        rows = np.full((chance.randrange(4), 3), chance.random())
        chance.choice(OF_ARRAYS)(group.array("x"), rows, chance)
    else:
        group.create_array("x", np.zeros((2, 3)))


def change_document(group: Any, chance: random.Random) -> None:
    if "d" in group and chance.random() < 0.5:
        group.document("d").attributes.set("t", chance.random())
    else:
        group.write_document("d", str(chance.random()))


def delete_member(group: Any, chance: random.Random) -> None:
    member = chance.choice("xd")
    if member in group:
        group.delete(member)


OF_GROUPS = [*[change_array] * 4, change_document, delete_member]


def change(root: Any, chance: random.Random) -> None:
    """One of all changes that there are."""
    name, key = chance.choice("ab"), chance.choice("kl")
    group, kind = root.require_group(name), chance.random()
    if kind < 0.1:
        root.delete(name)
    elif kind < 0.2:
        root.attributes.set(key, chance.random())
    elif kind < 0.25:
        root.attributes.delete(key)
    else:
        chance.choice(OF_GROUPS)(group, chance)


@pytest.mark.parametrize("seed", range(30))
def test_whatever_changed_is_undone(store: Any, seed: int) -> None:
    chance, before = random.Random(seed), snapshot(store)
    for _ in range(5):
        session = store.open_write()
        version = session.version
        for _ in range(chance.randrange(25)):
            change(session.root, chance)
        session.rollback()
        assert before == snapshot(store)
        assert version == session.version
        assert 0 == session.changes
        with writing(store) as root:
            for _ in range(chance.randrange(4)):
                change(root, chance)
        before = snapshot(store)


def test_an_array_has_room_to_grow() -> None:
    node = ArrayNode(np.arange(3), 3)
    node.grow(4)
    assert (16, 4) == (len(node.buffer), node.length)
    node.grow(16)
    assert 16 == len(node.buffer)
    node.grow(17)
    assert 32 == len(node.buffer)
    node.grow(100)
    assert (100, 100) == (len(node.buffer), len(node.view))
    assert [0, 1, 2] == node.view[:3].tolist()
    node.cut(2)
    assert [0, 1] == node.view.tolist()


def test_a_version_changes_with_the_network(store: Any) -> None:
    def version() -> int:
        session = store.open_read()
        return int(session.version)

    before = version()
    store.open_write().commit()
    assert before == version()
    with writing(store) as root:
        root.attributes.set("n", 1)
    assert before != version()
    rewritten, after = store.rewrite(), version()
    assert ["a", "b"] == list(rewritten.before.names())
    rewritten.root.require_group("c")
    assert ["a", "b"] == list(snapshot(store)["members"])
    rewritten.commit()
    assert ["c"] == list(snapshot(store)["members"])
    assert after != version()


def test_an_abandoned_session_changes_nothing_more(store: Any) -> None:
    before = snapshot(store)
    session = store.open_write()
    session.root.group("a").delete("x")
    session.abandon()
    assert before == snapshot(store)
    changes: list[Callable[[Any], object]] = [
        lambda root: root.require_group("c"),
        lambda root: root.group("a").array("x").append(np.zeros((1, 3))),
        lambda root: root.delete("b"),
    ]
    for each in changes:
        with pytest.raises(SessionClosedError, match="belongs to the process that began it"):
            each(session.root)
    with pytest.raises(SessionClosedError):
        session.commit()
    session.rollback()


def test_a_name_stands_for_one_network(store: Any) -> None:
    other = f"{store.location} other"
    assert f"memory:{store.location}" == store.identity
    store.copy(other)
    before = snapshot(store)
    with writing(MemoryStore(other)) as root:
        root.group("a").array("x").write(0, -np.ones((1, 3)))
    assert before == snapshot(store) != snapshot(MemoryStore(other))
    for verb in (store.copy, store.move):
        with pytest.raises(StoreExistsError, match="other' exists") as caught:
            verb(other)
        assert other == caught.value.fields["location"]
    first, second = MemoryStore(f"{other} 2").create(), MemoryStore(f"{other} 2").create()
    first.commit()
    with pytest.raises(StoreExistsError):
        second.commit()
    store.move(f"{other} 3")
    assert not store.exists() and not store.recognizes()
    assert before == snapshot(MemoryStore(f"{other} 3"))
    for verb in (store.open_read, store.open_write, store.remove, store.rewrite, store.size):
        with pytest.raises(StoreNotFoundError, match="in memory") as missing:
            verb()
        assert store.location == missing.value.fields["location"]
    for number in ("", " 2", " 3"):
        MemoryStore(f"{other}{number}").remove()
        assert not MemoryStore(f"{other}{number}").exists()


def test_the_size_is_that_of_rows_and_documents() -> None:
    store = MemoryStore(uuid.uuid4().hex)
    make(store)
    with writing(store) as root:
        root.create_array("x", np.zeros((4, 3)))
        root.require_group("g").write_document("d", b"seven b")
    assert 4 * 3 * 8 + 7 == store.size()
    with reading(store) as root:
        assert (4, 3) == root.array("x").shape
