"""The tasks of reading connections in batches."""

from __future__ import annotations

import numpy as np
import pytest

from bsb_hdf5.core.batches import ReadTask, plan_reads
from bsb_hdf5.core.connectivity import Perspective
from bsb_hdf5.core.statistics import ChunkCounts

BLOCKS = {1: {4: 2, 5: 3}, 2: {4: 1}, 3: {4: 5, 6: 4, 7: 4, 9: 1}, 8: {1: 1}}


def counts(held: dict[int, int]) -> ChunkCounts:
    return ChunkCounts(
        np.array([*held], dtype=np.int64), np.array([*held.values()], dtype=np.int64)
    )


def tasks(most: int, globals_: list[int] | None = None) -> list[tuple[list[int], list[int] | None]]:
    sizes = counts({local: sum(blocks.values()) for local, blocks in BLOCKS.items()})
    chosen = None if globals_ is None else np.array(globals_, dtype=np.int64)
    planned = plan_reads("out", sizes, lambda local: counts(BLOCKS[local]), most, chosen)
    return [
        (each.locals_.tolist(), None if each.globals_ is None else each.globals_.tolist())
        for each in planned
    ]


def test_local_chunks_are_read_together_as_far_as_they_fit() -> None:
    assert [([1, 2, 3, 8], None)] == tasks(100)
    assert [([1, 2], None), ([3], None), ([8], None)] == tasks(14)


def test_a_local_chunk_that_does_not_fit_is_read_block_by_block() -> None:
    expected = [([1, 2], None), ([3], [4]), ([3], [6, 7]), ([3], [9]), ([8], None)]
    assert expected == tasks(8)


def test_a_block_that_does_not_fit_is_read_alone() -> None:
    expected = [
        *(([1], [4]), ([1], [5]), ([2], None)),
        *(([3], [each]) for each in (4, 6, 7, 9)),
        ([8], None),
    ]
    assert expected == tasks(2)


def test_only_the_global_chunks_that_are_asked_for_are_read() -> None:
    assert [([1, 2, 3, 8], [4, 9])] == tasks(100, [4, 9])
    assert [([1, 2], [4, 9]), ([3], [4, 9]), ([8], [4, 9])] == tasks(14, [4, 9])
    assert [([3], [4]), ([3], [9])] == [each for each in tasks(5, [4, 9]) if each[0] == [3]]


def test_a_task_has_no_more_pairs_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bsb_hdf5.core.batches._MOST_PAIRS", 6)
    assert [([1, 2], [4, 5, 9]), ([3, 8], [4, 5, 9])] == tasks(100, [4, 5, 9])
    assert [([each], [*range(7)]) for each in BLOCKS] == tasks(100, [*range(7)])
    assert [([1, 2, 3, 8], [])] == tasks(100, [])


def piece(*blocks: tuple[int, int, int]) -> Perspective:
    """Of local chunk, global chunk, and connections of each block; their rows are numbered."""
    near, far, sizes = np.array(blocks, dtype=np.int64).reshape(-1, 3).T
    rows = np.arange(3 * sizes.sum()).reshape(-1, 3)
    return Perspective("out", near, far, np.append(0, sizes.cumsum()), rows, -rows)


def listed(part: Perspective) -> list[tuple[int, int, list[int]]]:
    return [
        (near, far, part.local_locations[first:last, 0].tolist())
        for near, far, first, last in zip(
            part.local_chunks.tolist(),
            part.global_chunks.tolist(),
            part.starts[:-1].tolist(),
            part.starts[1:].tolist(),
            strict=True,
        )
    ]


def test_pairs_of_chunks_that_nothing_connects_come_as_empty_blocks() -> None:
    task = ReadTask("out", np.array([1, 3]), np.array([2, 4, 6]))
    parts = task.with_all_pairs(iter([piece((1, 4, 2)), piece((1, 6, 1), (3, 2, 1))]))
    found = [block for part in parts for block in listed(part)]
    expected = [(1, 2, []), (1, 4, [0, 3]), (1, 6, [0]), (3, 2, [3]), (3, 4, []), (3, 6, [])]
    assert expected == found


@pytest.mark.parametrize("parts", [[], [piece()]])
def test_all_pairs_are_empty_where_nothing_was_read(parts: list[Perspective]) -> None:
    task = ReadTask("out", np.array([1, 3]), np.array([2]))
    found = [block for part in task.with_all_pairs(iter(parts)) for block in listed(part)]
    assert [(1, 2, []), (3, 2, [])] == found


@pytest.mark.parametrize("most", range(1, 20))
def test_every_block_is_read_once_and_no_task_is_larger_than_it_has_to_be(most: int) -> None:
    seen = []
    for locals_, globals_ in tasks(most):
        blocks = [(each, far) for each in locals_ for far in globals_ or BLOCKS[each]]
        seen += blocks
        assert sum(BLOCKS[near][far] for near, far in blocks) <= most or len(blocks) == 1
    assert [(near, far) for near, blocks in BLOCKS.items() for far in blocks] == seen
