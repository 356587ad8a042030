"""Connections that are restricted, iterated over and loaded, against a plain list of them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Chunk, Storage

from bsb_hdf5.errors import InputError
from bsb_hdf5.testing.network_samples import CHUNK_SIZE, cell_type

A, B, C = (Chunk(each, CHUNK_SIZE) for each in ((0, 0, 0), (1, 0, 0), (0, 2, 0)))
NEVER = Chunk((7, 7, 7), CHUNK_SIZE)
# Cells of each chunk, on either side.
PRE = {A.id: 3, B.id: 2, C.id: 1}
POST = {A.id: 1, B.id: 4, C.id: 2}
# Chunk, rank and point on both sides, in the order in which they are connected.
LINKS: list[Any] = [
    (B, 1, 0, A, 0, 2),
    (A, 2, 1, B, 3, 0),
    (A, 0, 0, A, 0, 1),
    (A, 2, 0, C, 1, 1),
    (A, 1, 2, B, 0, 0),
    (C, 0, 0, C, 0, 0),
    (B, 0, 1, A, 0, 0),
]
CHOICES: list[Any] = [None, A, [B, A], [C], [NEVER], [NEVER, A]]


@pytest.fixture
def connections(tmp_path: Path) -> Any:
    storage = Storage("memory", str(tmp_path / "network"))
    for name, counts in (("pre", PRE), ("post", POST)):
        for chunk in (A, B, C):
            cells = storage.require_placement_set(cell_type(name))
            cells.append_data(chunk, np.zeros((counts[chunk.id], 3)))
    made = storage._ConnectivitySet.require(
        storage._engine, cell_type("pre"), cell_type("post"), "t"
    )
    for source, pre, pre_point, target, post, post_point in LINKS:
        made.chunk_connect(source, target, [[pre, 0, pre_point]], [[post, 0, post_point]])
    return made


def ids_of(chosen: Any) -> set[int] | None:
    if chosen is None:
        return None
    return {each.id for each in (chosen if isinstance(chosen, list) else [chosen])}


def number(chunk: Chunk, rank: int, counts: dict[int, int], chosen: set[int] | None) -> int:
    """The number of a cell among those of the chosen chunks."""
    return rank + sum(
        count
        for id_, count in counts.items()
        if id_ < chunk.id and (chosen is None or id_ in chosen)
    )


def expected(direction: str, sources: Any, targets: Any, *, scoped: bool) -> list[Any]:
    """Chunks and locations on both sides, in order."""
    chosen = ids_of(sources), ids_of(targets)
    kept = [
        link
        for link in LINKS
        if (chosen[0] is None or link[0].id in chosen[0])
        and (chosen[1] is None or link[3].id in chosen[1])
    ]
    near, far = (0, 3) if direction == "out" else (3, 0)
    kept.sort(key=lambda link: (link[near].id, link[far].id))
    within = chosen if scoped else (None, None)
    return [
        (
            source.id,
            [number(source, pre, PRE, within[0]), 0, pre_point],
            target.id,
            [number(target, post, POST, within[1]), 0, post_point],
        )
        for source, pre, pre_point, target, post, post_point in kept
    ]


def restricted(connections: Any, sources: Any, targets: Any) -> Any:
    """In whichever order it is asked for."""
    return connections.load_connections().from_(sources).to(targets)


def test_whatever_is_asked_for_is_what_a_list_has(connections: Any) -> None:
    for sources, targets, scoped, direction in itertools.product(
        CHOICES, CHOICES, (True, False), ("out", "inc")
    ):
        found = restricted(connections, sources, targets)
        found = found.as_scoped() if scoped else found.as_globals()
        found = found.outgoing() if direction == "out" else found.incoming()
        rows = expected(direction, sources, targets, scoped=scoped)
        title = f"{sources} {targets} {scoped} {direction}"
        assert len(rows) == len(found), title
        assert [(row[1], row[3]) for row in rows] == [
            (pre.tolist(), post.tolist()) for pre, post in found
        ], title
        pre, post = found.all()
        assert [row[1] for row in rows] == pre.tolist(), title
        assert [row[3] for row in rows] == post.tolist(), title
        blocks = [
            (source.id, one, target.id, other)
            for source, ones, target, others in found.chunk_iter()
            for one, other in zip(ones.tolist(), others.tolist(), strict=True)
        ]
        assert rows == blocks, title


def test_each_pair_of_chunks_that_are_named_comes_be_there_connections_or_not(
    connections: Any,
) -> None:
    for direction, locals_, globals_ in itertools.product(
        ("out", "inc"), [[A], [NEVER], [A, B, NEVER]], [[C], [NEVER], [A, C, NEVER]]
    ):
        found = list(connections.flat_iter_connections(direction, locals_, globals_))
        pairs = [(near.id, far.id) for _, near, far, _ in found]
        assert sorted((near.id, far.id) for near in locals_ for far in globals_) == pairs
        blocks = (
            connections.load_connections().outgoing().from_(locals_).to(globals_)
            if direction == "out"
            else connections.load_connections().incoming().to(locals_).from_(globals_)
        ).chunk_iter()
        ends = [(pre.id, post.id)[:: 1 if direction == "out" else -1] for pre, _, post, _ in blocks]
        assert pairs == ends
    # Of local chunks alone, those that are connected.
    for _, _, _, (near, far) in connections.flat_iter_connections("out", [A, B, NEVER]):
        assert len(near) == len(far) > 0


def test_a_nested_iteration_over_one_pair_of_chunks_has_its_block(connections: Any) -> None:
    for direction, near, far in itertools.product(("out", "inc"), (A, B, NEVER), (A, B, C)):
        (block,) = connections.nested_iter_connections(direction, near, far)
        (flat,) = connections.flat_iter_connections(direction, near, far)
        assert [each.tolist() for each in flat[3]] == [each.tolist() for each in block]


def test_verbs_change_copies_and_come_in_any_order(connections: Any) -> None:
    whole = connections.load_connections()
    before = [tuple(each.tolist() for each in pair) for pair in whole]
    for verbs in itertools.permutations(("from_", "to", "incoming", "as_globals")):
        found = whole
        for verb in verbs:
            found = getattr(found, verb)(*([[A, B]] if verb in ("from_", "to") else ()))
        rows = expected("inc", [A, B], [A, B], scoped=False)
        assert [(row[1], row[3]) for row in rows] == [
            (pre.tolist(), post.tolist()) for pre, post in found
        ], verbs
    assert before == [tuple(each.tolist() for each in pair) for pair in whole]
    assert len(LINKS) == len(whole) == len(whole.from_([B]).from_(None))
    assert [(row[1], row[3]) for row in expected("out", None, None, scoped=True)] == [
        tuple(each) for each in before
    ]


@pytest.mark.parametrize("verb", ["from_", "to"])
def test_what_are_no_chunks_is_refused(verb: str, connections: Any) -> None:
    for wrong in ("text", [None], [1.5], 2.5):
        with pytest.raises(InputError):
            getattr(connections.load_connections(), verb)(wrong)
