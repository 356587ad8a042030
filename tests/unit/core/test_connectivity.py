"""Connections: locations as given by callers, and their way into blocks against plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bsb_hdf5.core.cell_ids import SelectedCells
from bsb_hdf5.core.connectivity import (
    Blocks,
    Side,
    as_locations,
    check_direction,
    check_pairs,
    demultiplex,
)
from bsb_hdf5.core.statistics import ChunkCounts
from bsb_hdf5.errors import InputError, LengthError, LocationError, ShapeError


def test_cells_alone_are_locations_without_branch_and_point() -> None:
    assert [[5, -1, -1], [0, -1, -1]] == as_locations([5, 0], "locations").tolist()


@pytest.mark.parametrize("nothing", [[], np.zeros((0, 3)), np.zeros((0, 2)), [[]]])
def test_no_locations_have_three_columns(nothing: Any) -> None:
    assert (0, 3) == as_locations(nothing, "locations").shape


@pytest.mark.parametrize("wrong", [[[1, 2]], [[1, 2, 3, 4]], [[], []], np.zeros((1, 3, 1)), 5])
def test_locations_of_another_shape_are_refused(wrong: Any) -> None:
    with pytest.raises(ShapeError, match="source locations"):
        as_locations(wrong, "source locations")


@pytest.mark.parametrize(
    "wrong", [[-1, -1, -1], [-1, 0, 0], [0, -1, 0], [0, 0, -1], [0, -2, -2], [0, -2, 0], [0, 0, -5]]
)
def test_locations_below_zero_are_refused(wrong: list[int]) -> None:
    with pytest.raises(LocationError) as caught:
        as_locations([[0, 0, 0], wrong, [1, -1, -1]], "source locations")
    assert [wrong] == caught.value.fields["asked"]
    assert "1 of 3" in str(caught.value)
    with pytest.raises(LocationError, match="20 of 20") as caught:
        as_locations([wrong] * 20, "source locations")
    assert [wrong] * 10 == caught.value.fields["asked"]


@pytest.mark.parametrize("wrong", [[[0, 0.5, 0]], [[np.nan, 0, 0]], [["a", "b", "c"]], [np.inf]])
def test_locations_are_whole_numbers(wrong: Any) -> None:
    with pytest.raises(InputError):
        as_locations(wrong, "source locations")


@pytest.mark.parametrize("direction", ["in", "", None, "INC", 5])
def test_other_directions_are_refused(direction: Any) -> None:
    assert ["inc", "out"] == [check_direction("inc"), check_direction("out")]
    with pytest.raises(InputError, match="direction"):
        check_direction(direction)


def test_locations_pair_up() -> None:
    check_pairs(np.zeros((2, 3), dtype=np.int64), np.zeros((2, 3), dtype=np.int64))
    with pytest.raises(LengthError, match="2 presynaptic and 1 post"):
        check_pairs(np.zeros((2, 3), dtype=np.int64), np.zeros((1, 3), dtype=np.int64))


# Demultiplexing

PRE, POST = [0, 3, 65536], [3, 7]


def side(role: str, counts: dict[int, int], mask: list[bool] | None) -> Side:
    cells = SelectedCells(
        ChunkCounts.of(counts), None if mask is None else np.array(mask, dtype=bool)
    )
    return Side("granule", role, cells)


def places(counts: dict[int, int], mask: list[bool] | None) -> list[tuple[int, int]]:
    """Chunk and rank of the selected cells, in order."""
    everything = [(chunk, rank) for chunk in sorted(counts) for rank in range(counts[chunk])]
    return [p for p, kept in zip(everything, mask or [True] * len(everything), strict=True) if kept]


@st.composite
def sides(draw: st.DrawFn, chunks: list[int]) -> tuple[dict[int, int], list[bool] | None]:
    counts = draw(st.dictionaries(st.sampled_from(chunks), st.integers(0, 3), min_size=1))
    size = sum(counts.values())
    mask = draw(st.none() | st.lists(st.booleans(), min_size=size, max_size=size))
    return counts, mask


@st.composite
def connections(draw: st.DrawFn) -> tuple[Any, Any, list[tuple[list[int], list[int]]]]:
    pre, post = draw(sides(PRE)), draw(sides(POST))
    sources, targets = len(places(*pre)), len(places(*post))
    if not sources or not targets:
        return pre, post, []
    point = st.sampled_from([[-1, -1], [0, 0], [2, 5]])
    one = st.tuples(
        st.builds(lambda cell, at: [cell, *at], st.integers(0, sources - 1), point),
        st.builds(lambda cell, at: [cell, *at], st.integers(0, targets - 1), point),
    )
    return pre, post, draw(st.lists(one, max_size=20))


def as_rows(rows: list[list[int]]) -> Any:
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


@given(connections())
@settings(max_examples=80)
def test_blocks_are_those_of_a_loop_over_the_pairs_of_chunks(
    drawn: tuple[Any, Any, list[tuple[list[int], list[int]]]],
) -> None:
    pre, post, pairs = drawn
    sources, targets = places(*pre), places(*post)
    src, dest = as_rows([source for source, _ in pairs]), as_rows([target for _, target in pairs])
    given_src, given_dest = src.copy(), dest.copy()
    blocks = demultiplex(side("source", *pre), side("destination", *post), src, dest)
    assert given_src.tolist() == src.tolist()
    assert given_dest.tolist() == dest.tolist()
    for direction in ("inc", "out"):
        expected: dict[tuple[int, int], list[Any]] = {}
        for source, target in pairs:
            (pre_chunk, pre_rank), (post_chunk, post_rank) = sources[source[0]], targets[target[0]]
            ends = [post_chunk, pre_chunk], [[post_rank, *target[1:]], [pre_rank, *source[1:]]]
            if direction == "out":
                ends = ends[0][::-1], ends[1][::-1]
            expected.setdefault((ends[0][0], ends[0][1]), []).append(ends[1])
        assert sorted(expected) == list(blocks_of(blocks.seen(direction)))
        assert expected == blocks_of(blocks.seen(direction))


def blocks_of(view: Any) -> dict[tuple[int, int], list[Any]]:
    found = {}
    for local, blocks, rows in view.by_local_chunk():
        for i in range(blocks.start, blocks.stop):
            part = slice(int(view.starts[i]), int(view.starts[i + 1]))
            assert rows.start <= part.start <= part.stop <= rows.stop
            pairs = zip(
                view.local_locations[part].tolist(),
                view.global_locations[part].tolist(),
                strict=True,
            )
            found[local, int(view.global_chunks[i])] = [list(pair) for pair in pairs]
    return found


@pytest.mark.parametrize("highest", [0, 3, 300, 2**20, 2**40, 2**62])
@pytest.mark.parametrize("one", [False, True])
def test_by_cell_is_the_stable_order_by_postsynaptic_then_presynaptic_cell(
    highest: int, one: bool
) -> None:
    random = np.random.default_rng(highest % 97)
    for count in (0, 1, 2, 1000):
        cells = random.integers(0, highest, (2, count), endpoint=True)
        pre, post = (
            np.stack([side, np.arange(count), random.permutation(count)]).T for side in cells
        )
        chunks = np.full((2, count), 3) if one else random.integers(0, 3, (2, count))
        given = Blocks(chunks[0], chunks[1], pre.copy(), post.copy(), one)
        found = given.by_cell()
        order = sorted(range(count), key=lambda row: (post[row, 0], pre[row, 0]))
        assert pre[order].tolist() == found.pre.tolist()
        assert post[order].tolist() == found.post.tolist()
        assert chunks[0][order].tolist() == found.pre_chunks.tolist()
        assert chunks[1][order].tolist() == found.post_chunks.tolist()
        assert one == found.one
        assert pre.tolist() == given.pre.tolist()
        assert post.tolist() == given.post.tolist()
        again = found.by_cell()
        assert found.pre.tolist() == again.pre.tolist()


def test_connections_of_a_block_keep_their_order() -> None:
    random = np.random.default_rng(3)
    count = 2000
    pre = np.stack([np.arange(count)] * 3, axis=1)
    chunks = random.integers(0, 3, count)
    blocks = Blocks(chunks, np.zeros(count, dtype=np.int64), pre, pre)
    view = blocks.seen("out")
    for i in range(3):
        rows = view.local_locations[view.starts[i] : view.starts[i + 1], 0]
        assert np.flatnonzero(chunks == i).tolist() == rows.tolist()


@pytest.mark.parametrize(("role", "column"), [("source", 0), ("destination", 1)])
@pytest.mark.parametrize("chunks", [{0: 3}, {0: 1, 3: 2}])
def test_locations_on_no_cell_are_refused_on_either_side(
    role: str, column: int, chunks: dict[int, int]
) -> None:
    both = [as_rows([[0, -1, -1]] * 2), as_rows([[0, -1, -1]] * 2)]
    both[column][1, 0] = 3
    with pytest.raises(
        LocationError, match=rf"{role} cell 3 does not exist in 'granule' \(3 cells\)"
    ):
        demultiplex(side("source", chunks, None), side("destination", chunks, None), *both)


def test_locations_that_do_not_pair_up_are_sorted_into_no_chunks() -> None:
    pre = side("source", {0: 2}, None)
    with pytest.raises(LengthError, match="2 presynaptic and 1 postsynaptic"):
        demultiplex(pre, pre, as_rows([[0, -1, -1]] * 2), as_rows([[0, -1, -1]]))


def test_locations_are_counted_among_the_selected_cells() -> None:
    pre = side("source", {0: 2, 3: 2}, [False, True, False, True])
    blocks = demultiplex(pre, pre, as_rows([[1, -1, -1]]), as_rows([[0, -1, -1]]))
    assert ([3], [0]) == (blocks.pre_chunks.tolist(), blocks.post_chunks.tolist())
    assert ([[1, -1, -1]], [[1, -1, -1]]) == (blocks.pre.tolist(), blocks.post.tolist())
    with pytest.raises(LocationError, match="2 cells"):
        demultiplex(pre, pre, as_rows([[2, -1, -1]]), as_rows([[0, -1, -1]]))


def test_no_connections_are_no_blocks() -> None:
    nothing = as_rows([])
    blocks = demultiplex(side("source", {}, None), side("destination", {}, None), nothing, nothing)
    assert 0 == len(blocks)
    assert [] == list(blocks.seen("inc").by_local_chunk())
