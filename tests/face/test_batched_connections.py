"""Connections that are read in more than one batch come once each, and in the same order."""

from __future__ import annotations

from typing import Any

import pytest
from bsb import Storage

from bsb_hdf5 import ConnectivitySet, connection_blocks
from tests.face.samples import cell_type, chunk, on_soma, positions

Block = tuple[str, int, int, list[list[int]], list[list[int]]]
CHUNKS = [chunk(x) for x in (0, 1, 2, 5)]
# Blocks of one to seven connections, some of one pair of chunks apart; chunk 5 gets few.
SIZES = [(0, 0, 3), (0, 1, 1), (0, 3, 4), (1, 0, 7), (1, 1, 2), (2, 2, 1), (0, 1, 2), (3, 2, 5)]


@pytest.fixture
def loops(storage: Storage) -> ConnectivitySet:
    cells = storage.require_placement_set(cell_type("a"))
    for each in CHUNKS:
        cells.append_data(each, positions(20))
    cs: ConnectivitySet = storage.require_connectivity_set(cells.cell_type, cells.cell_type, "l")
    for step, (pre, post, count) in enumerate(SIZES):
        first = on_soma(*range(step, step + count))
        cs.chunk_connect(CHUNKS[pre], CHUNKS[post], first, first[::-1])
    return cs


def expected(direction: str) -> list[Block]:
    """The blocks as one who reads all at once finds them, from what was stored."""
    rows: dict[tuple[int, int], list[tuple[list[int], list[int]]]] = {}
    for step, (pre, post, count) in enumerate(SIZES):
        first = on_soma(*range(step, step + count)).tolist()
        near, far = (pre, post) if direction == "out" else (post, pre)
        pairs = list(zip(first, first[::-1], strict=True))
        if direction == "inc":
            pairs = [(post, pre) for pre, post in pairs]
        rows.setdefault((CHUNKS[near].id, CHUNKS[far].id), []).extend(pairs)
    return [
        (direction, near, far, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
        for (near, far), pairs in sorted(rows.items())
    ]


def plain(found: Any) -> list[Block]:
    """What was read, without the pairs of chunks that nothing connects."""
    return [
        (direction, int(near.id), int(far.id), local.tolist(), remote.tolist())
        for direction, near, far, (local, remote) in found
        if len(local)
    ]


@pytest.fixture(params=[1, 2, 3, 5, 8, 9, 100])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many connections are read at once; blocks of up to seven lie at each seam."""
    monkeypatch.setattr(connection_blocks, "_ROWS_AT_ONCE", request.param)
    return int(request.param)


@pytest.mark.parametrize("direction", ["inc", "out"])
def test_all_blocks_are_read_once_in_order(
    loops: ConnectivitySet, direction: str, at_once: int
) -> None:
    assert expected(direction) == plain(loops.flat_iter_connections(direction))


@pytest.mark.parametrize("direction", ["inc", "out"])
def test_blocks_of_a_local_chunk_are_read_once_in_order(
    loops: ConnectivitySet, direction: str, at_once: int
) -> None:
    for local in CHUNKS:
        wanted = [block for block in expected(direction) if block[1] == local.id]
        assert wanted == plain(loops.flat_iter_connections(direction, local))
        assert wanted == plain(loops.flat_iter_connections(direction, [local]))


@pytest.mark.parametrize("direction", ["inc", "out"])
def test_blocks_of_a_global_chunk_are_read_without_a_local_one(
    loops: ConnectivitySet, direction: str, at_once: int
) -> None:
    for far in CHUNKS:
        wanted = [block for block in expected(direction) if block[2] == far.id]
        assert wanted == plain(loops.flat_iter_connections(direction, global_=far))
        assert wanted == plain(loops.flat_iter_connections(direction, global_=[far]))
    two = [CHUNKS[2], CHUNKS[0]]
    wanted = [block for block in expected(direction) if block[2] in (two[0].id, two[1].id)]
    assert wanted == plain(loops.flat_iter_connections(direction, global_=two))


def test_both_directions_follow_each_other(loops: ConnectivitySet, at_once: int) -> None:
    found = plain(loops.flat_iter_connections())
    assert sorted([*expected("inc"), *expected("out")]) == sorted(found)


def test_chunks_may_come_from_an_iterator(loops: ConnectivitySet) -> None:
    two = [CHUNKS[2], CHUNKS[0]]
    directions: Any = loops.nested_iter_connections(None, iter(two), iter(CHUNKS))
    nested = [
        (direction, local, far, block)
        for direction, locals_ in directions
        for local, blocks in locals_
        for far, block in blocks
    ]
    flat = plain(loops.flat_iter_connections(None, iter(two), iter(CHUNKS)))
    assert flat == plain(nested)
    assert flat == plain(loops.flat_iter_connections(None, two, CHUNKS))
