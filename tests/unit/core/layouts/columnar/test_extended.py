"""An index that entries were added to is that of all entries, sorted at once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bsb_hdf5.core.layouts.columnar import blocks, segments
from bsb_hdf5.core.layouts.columnar.blocks import BlockOrders
from bsb_hdf5.core.layouts.columnar.segments import Segments
from bsb_hdf5.core.layouts.columnar.tables import inserted

CHUNKS = 5
NUMBERS = st.integers(0, CHUNKS - 1)
CUTS = st.lists(st.integers(0, 30), max_size=4)
Entries = NDArray[np.int64]


def parts_of(table: Entries, cuts: list[int]) -> list[Entries]:
    """A table in pieces, of which the first may be empty."""
    edges = sorted({0, len(table), *(cut for cut in cuts if cut < len(table))})
    return [table[:0], *(table[first:last] for first, last in pairwise(edges))]


@pytest.fixture(params=[0, 2, 64], autouse=True, scope="module")
def few(request: pytest.FixtureRequest) -> None:
    """How many entries are put in order among others."""
    patch = pytest.MonkeyPatch()
    for module in (blocks, segments):
        patch.setattr(module, "FEW_ENTRIES", request.param)
    request.addfinalizer(patch.undo)


def seen(table: Segments) -> list[list[int]]:
    ids = table.counts.ids
    covers = [table.cover(bit, ids) for bit in range(2)]
    return [
        table.table.ravel().tolist(),
        table.order.tolist(),
        *(each.tolist() for each in (table.first, table.count, table.mask, table.ranks)),
        *(each.tolist() for each in (ids, table.counts.counts, table.of(ids)[0])),
        *(each.starts.tolist() + each.lengths.tolist() for each in covers),
    ]


@given(st.lists(st.tuples(NUMBERS, st.integers(0, 2), st.integers(0, 3)), max_size=20), CUTS)
def test_segments_that_are_added_are_found_as_if_all_were_sorted(
    rows: list[tuple[int, int, int]], cuts: list[int]
) -> None:
    counts = np.array([count for _, count, _ in rows], dtype=np.int64)
    columns = np.array([(chunk, 0, count, mask) for chunk, count, mask in rows], dtype=np.int64)
    table = columns.reshape(-1, 4)
    table[:, 1] = counts.cumsum() - counts
    first, *rest = parts_of(table, cuts)
    found = Segments(first)
    for each in rest:
        before, found = found, found.extended(each)
        state = seen(before)
        # What is marked in one of them stands in those that come of it.
        if len(found.table):
            marked = found.marked(1, np.array([0]))
            assert seen(Segments(marked.table)) == seen(marked)
            more = np.array([[0, 0, 1, 2]])
            both = np.concatenate((marked.table, more))
            assert seen(Segments(both)) == seen(marked.extended(more))
        assert state == seen(before)
    assert seen(Segments(table)) == seen(found)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=30), CUTS, st.booleans())
def test_blocks_that_are_added_are_found_as_if_all_were_sorted(
    pairs: list[tuple[int, int]], cuts: list[int], made: bool
) -> None:
    rows = [(pre, post, number, 1, -1) for number, (pre, post) in enumerate(pairs)]
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    first, *rest = parts_of(table, cuts)
    found, whole = BlockOrders(first), BlockOrders(table)
    for each in rest:
        if made:
            found.of("inc")
        found = found.extended(each)
    assert table.tolist() == found.table.tolist()
    for direction in ("inc", "out"):
        ours, expected = found.of(direction), whole.of(direction)
        for name in ("near", "far", "first", "count", "points", "locals"):
            assert getattr(expected, name).tolist() == getattr(ours, name).tolist()
        assert expected.local_sizes.counts.tolist() == ours.local_sizes.counts.tolist()
        for local in range(CHUNKS):
            assert expected.range_of(local) == ours.range_of(local)


def test_columns_are_inserted_where_they_belong() -> None:
    columns = np.array([[1, 3, 5], [10, 30, 50]])
    added = np.array([[0, 2, 2, 9], [0, 20, 21, 90]])
    expected = [[0, 1, 2, 2, 3, 5, 9], [0, 10, 20, 21, 30, 50, 90]]
    assert expected == inserted(columns, [0, 1, 1, 3], added).tolist()
    assert columns.tolist() == inserted(columns, [], added[:, :0]).tolist()
