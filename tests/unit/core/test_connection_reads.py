"""Which connections are read, how many they are, and how their cells are numbered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bsb_hdf5.core.connection_reads import CellNumbers, ConnectionSelection, numbered
from bsb_hdf5.core.statistics import ChunkCounts
from tests.unit.core.test_mirrored import ROWS, Stored

PRE, POST = ChunkCounts.of({0: 3, 4: 10, 5: 1}), ChunkCounts.of({3: 4, 6: 20, 7: 3})


class Cells:
    """A placement set of which only the counts are asked for."""

    def __init__(self, counts: ChunkCounts) -> None:
        self._counts = counts

    def counts(self) -> ChunkCounts:
        return self._counts


def ids(chunks: list[int] | None) -> Any:
    return None if chunks is None else np.array(chunks, dtype=np.int64)


def selection(direction: str, pre: list[int] | None, post: list[int] | None) -> ConnectionSelection:
    near, far = (pre, post) if direction == "out" else (post, pre)
    return ConnectionSelection(direction, ids(near), ids(far))


def numbers(chosen: ConnectionSelection, *, within: bool) -> CellNumbers:
    pre, post = Cells(PRE), Cells(POST)
    return chosen.numbers(pre, post, within=within)  # type: ignore[arg-type]


CHOICES: list[tuple[list[int] | None, list[int] | None]] = [
    (None, None),
    ([0], None),
    (None, [3]),
    ([0, 5], [3]),
    ([5], [3, 7]),
    ([4], None),
    (None, [6]),
    ([], None),
    (None, []),
]


@pytest.mark.parametrize(("pre", "post"), CHOICES)
@pytest.mark.parametrize("direction", ["inc", "out"])
@pytest.mark.parametrize("within", [True, False])
def test_locations_are_those_of_a_loop(
    direction: str, pre: list[int] | None, post: list[int] | None, within: bool
) -> None:
    stored: Any = Stored(ROWS, ROWS)
    chosen = selection(direction, pre, post)
    kept = [
        row for row in ROWS if (pre is None or row[0] in pre) and (post is None or row[1] in post)
    ]
    order = (0, 1) if direction == "out" else (1, 0)
    kept.sort(key=lambda row: (row[order[0]], row[order[1]]))
    expected: tuple[list[Any], list[Any]] = [], []
    for source, target, near, far in kept:
        for found, chunk, location, counts, among in (
            (expected[0], source, near, PRE, pre),
            (expected[1], target, far, POST, post),
        ):
            before = sum(
                count
                for each, count in zip(counts.ids.tolist(), counts.counts.tolist(), strict=True)
                if each < chunk and (not within or among is None or each in among)
            )
            found.append([location[0] + before, *location[1:]])
    near_ends, far_ends = chosen.load(stored, lambda: numbers(chosen, within=within))
    assert expected == (near_ends.tolist(), far_ends.tolist())
    for mirrored in (True, False):
        stored.mirrored = mirrored
        assert len(kept) == chosen.count(stored)


def test_nothing_is_looked_up_for_no_connections() -> None:
    stored: Any = Stored(ROWS, ROWS)

    def fail() -> CellNumbers:
        raise AssertionError

    chosen = selection("out", [4], None)
    assert [(0, 3), (0, 3)] == [each.shape for each in chosen.load(stored, fail)]
    assert [] == list(numbered([], fail))
    asked: list[bool] = []

    def once() -> CellNumbers:
        asked.append(True)
        return numbers(chosen, within=False)

    parts = list(numbered(stored.read_locals("out", ids([0, 5])), once))
    assert (3, 1) == (len(parts), len(asked))


def test_a_file_may_hold_more_connections_than_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    stored: Any = Stored(ROWS, ROWS)
    whole = selection("out", None, None)
    expected = whole.load(stored, lambda: numbers(whole, within=False))
    sizes = stored.local_sizes("out")
    for counts in ([1, 1], [0, 0], [4, 3]):
        monkeypatch.setattr(
            stored, "local_sizes", lambda _, held=counts: ChunkCounts(sizes.ids, np.array(held))
        )
        found = whole.load(stored, lambda: numbers(whole, within=False))
        for before, after in zip(expected, found, strict=True):
            assert before.tolist() == after.tolist()
