"""The tasks of reading connections in batches."""

from __future__ import annotations

import numpy as np
import pytest

from bsb_hdf5.core.batches import plan_reads
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
    expected = [([each], [4, 9]) for each in (1, 2, 3, 8)]
    assert expected == tasks(100, [4, 9])
    assert [([1], [4, 9]), ([2], [4, 9]), ([3], [4, 9]), ([8], [4, 9])] == tasks(14, [4, 9])
    assert [([3], [4]), ([3], [9])] == [each for each in tasks(5, [4, 9]) if each[0] == [3]]


@pytest.mark.parametrize("most", range(1, 20))
def test_every_block_is_read_once_and_no_task_is_larger_than_it_has_to_be(most: int) -> None:
    seen = []
    for locals_, globals_ in tasks(most):
        blocks = [(each, far) for each in locals_ for far in globals_ or BLOCKS[each]]
        seen += blocks
        assert sum(BLOCKS[near][far] for near, far in blocks) <= most or len(blocks) == 1
    assert [(near, far) for near, blocks in BLOCKS.items() for far in blocks] == seen
