"""Segments of a placement set, against a list of cells."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from bsb_hdf5.core.layouts.columnar.segments import MOST_COLUMNS, Cover, Segments
from bsb_hdf5.core.statistics import ChunkCounts

BITS = 2
CHUNKS = 4
# Chunk, rows and columns of each segment; the rows of all follow each other.
segments = st.lists(
    st.tuples(st.integers(0, CHUNKS - 1), st.integers(0, 2), st.integers(0, 2**BITS - 1)),
    max_size=8,
)
Given = list[tuple[int, int, int]]


def table_of(given_segments: Given) -> Segments:
    counts = [count for _, count, _ in given_segments]
    firsts = np.cumsum([0, *counts])[:-1].tolist()
    rows = [
        (chunk, first, count, mask)
        for (chunk, count, mask), first in zip(given_segments, firsts, strict=True)
    ]
    return Segments(np.array(rows, dtype=np.int64).reshape(-1, 4))


def expected_rows(table: Segments, bit: int, chunk: int) -> list[tuple[int, bool]]:
    """Row of each cell of a chunk, and whether it has a value, up to the last segment that has."""
    found: list[tuple[int, bool]] = []
    reach = 0
    for held, first, count, mask in table.table.tolist():
        if held == chunk:
            present = bool(mask >> bit & 1)
            found += [(first + i, present) for i in range(count)]
            reach = len(found) if present else reach
    return found[:reach]


def rows_of(cover: Cover) -> list[tuple[int, bool]]:
    present = [True] * len(cover.counts) if cover.present is None else cover.present.tolist()
    pieces = zip(cover.starts.tolist(), cover.counts.tolist(), present, strict=True)
    return [(start + i, there) for start, count, there in pieces for i in range(count)]


def check(table: Segments, bit: int, chunks: list[int], cover: Cover) -> None:
    expected = [expected_rows(table, bit, chunk) for chunk in chunks]
    assert [len(rows) for rows in expected] == cover.lengths.tolist()
    assert [row for rows in expected for row in rows] == rows_of(cover)
    assert 0 not in cover.counts.tolist()
    assert cover.present is None or not cover.present.all()


@given(segments, st.sets(st.integers(0, CHUNKS)))
def test_a_cover_reaches_up_to_the_last_segment_that_has_the_column(
    given_segments: Given, some: set[int]
) -> None:
    table = table_of(given_segments)
    for bit in range(BITS):
        ids = table.counts.ids
        check(table, bit, ids.tolist(), table.cover(bit, ids))
        check(table, bit, sorted(some), table.cover(bit, np.array(sorted(some), dtype=np.int64)))
        for chunk in range(CHUNKS + 1):
            check(table, bit, [chunk], table.cover(bit, np.array([chunk])))


@given(segments, st.integers(0, BITS - 1), st.sets(st.integers(0, 7)))
def test_a_column_is_marked_in_the_segments_that_are_named(
    given_segments: Given, bit: int, named: set[int]
) -> None:
    table = table_of(given_segments)
    before = table.table.tolist()
    for other in range(BITS):
        # What is remembered of one state is not taken for the other.
        table.cover(other, table.counts.ids)
    entries = np.array(sorted(at for at in named if at < len(before)), dtype=np.int64)
    marked = table.marked(bit, entries)
    expected = Segments(table.table.copy())
    expected.table[table.order[entries], 3] |= 1 << bit
    assert expected.table.tolist() == marked.table.tolist()
    assert before == table.table.tolist()
    assert (marked is table) == (marked.table.tolist() == before)
    for each, state in ((table, before), (marked, marked.table.tolist())):
        assert state == each.table.tolist()
        for other in range(BITS):
            ids = each.counts.ids
            check(each, other, ids.tolist(), each.cover(other, ids))


def test_the_last_column_is_marked_like_the_first() -> None:
    table = table_of([(0, 1, 0), (1, 1, 0)])
    for bit in (0, MOST_COLUMNS - 1):
        marked = table.marked(bit, np.array([1]))
        assert [0, 1 << bit] == marked.mask.tolist()
        assert marked is marked.marked(bit, np.array([1]))


@given(
    segments,
    st.dictionaries(st.integers(0, CHUNKS), st.integers(0, 4)),
    st.booleans(),
)
@example([(0, 2, 0)], {0: 1}, False)
@example([(0, 3, 0), (0, 5, 0)], {0: 3, 1: 5}, False)
def test_segments_are_found_if_all_cells_of_their_chunks_are_meant(
    given_segments: Given, asked: dict[int, int], as_they_are: bool
) -> None:
    table = table_of(given_segments)
    held = dict.fromkeys(range(CHUNKS + 1), 0)
    for chunk, count, _ in given_segments:
        held[chunk] += count
    if as_they_are:
        asked = {chunk: held[chunk] for chunk in asked}
    found = table.of_all(ChunkCounts.of(asked))
    if any(held[chunk] != count for chunk, count in asked.items()):
        assert found is None
        return
    assert found is not None
    expected = [
        [chunk, first]
        for wanted in sorted(asked)
        for chunk, first, count, _ in table.table.tolist()
        if chunk == wanted and count
    ]
    assert expected == table.table[table.order[found], :2].tolist()
