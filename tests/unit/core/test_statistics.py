"""Counts per chunk and totals of a network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.core.statistics import ChunkCounts, ChunkTotals, NetworkTotals

counts_by_chunk = st.dictionaries(st.integers(0, 2**48 - 1), st.integers(0, 50), max_size=8)


@given(counts_by_chunk)
def test_counts_are_in_the_order_of_chunks(by_chunk: dict[int, int]) -> None:
    counts = ChunkCounts.of(by_chunk)
    assert sorted(by_chunk) == counts.ids.tolist()
    assert [by_chunk[chunk] for chunk in sorted(by_chunk)] == counts.counts.tolist()
    assert sum(by_chunk.values()) == counts.total
    before = 0
    for chunk, offset in zip(sorted(by_chunk), counts.offsets.tolist(), strict=True):
        assert before == offset
        before += by_chunk[chunk]


@given(counts_by_chunk, st.lists(st.integers(0, 2**48 - 1), max_size=4), st.randoms())
def test_a_selection_keeps_the_chunks_that_exist(
    by_chunk: dict[int, int], others: list[int], random: np.random.Generator
) -> None:
    asked = [chunk for chunk in by_chunk if random.random() < 0.5] + others
    selected = ChunkCounts.of(by_chunk).select(np.array(asked, dtype=np.int64))
    assert sorted(set(asked) & set(by_chunk)) == selected.ids.tolist()
    assert [by_chunk[chunk] for chunk in selected.ids.tolist()] == selected.counts.tolist()


@given(counts_by_chunk, st.lists(st.integers(0, 2**48 - 1), max_size=4))
def test_counts_among_chunks_are_0_for_those_that_are_not_there(
    by_chunk: dict[int, int], others: list[int]
) -> None:
    asked = np.array(sorted({*list(by_chunk)[::2], *others}), dtype=np.int64)
    counts = ChunkCounts.of(by_chunk)
    found = counts.among(asked)
    assert [by_chunk.get(chunk, 0) for chunk in asked.tolist()] == found.counts.tolist()
    assert counts.counts.tolist() == counts.among(counts.ids).counts.tolist()


def test_what_is_derived_from_counts_can_not_be_changed() -> None:
    counts = ChunkCounts.of({5: 2, 1: 3})
    assert ([0, 3], [3, 5]) == (counts.offsets.tolist(), counts.ends.tolist())
    for derived in (counts.offsets, counts.ends):
        with pytest.raises(ValueError, match="read-only"):
            derived[0] = 7


def test_no_selection_keeps_all_and_an_empty_one_none() -> None:
    counts = ChunkCounts.of({5: 2, 1: 3})
    assert [1, 5] == counts.select(None).ids.tolist()
    assert 0 == counts.select(np.array([], dtype=np.int64)).total


DOCUMENT = {
    "0": {"placed": 5, "connections": {"inc": 1, "out": 2}},
    "65536": {"placed": 0, "connections": {"inc": 0, "out": 7}},
}


def test_totals_survive_being_written() -> None:
    totals = NetworkTotals.from_document(DOCUMENT)
    assert DOCUMENT == totals.as_document()
    assert not totals.changed


def test_what_a_document_leaves_out_is_zero() -> None:
    totals = NetworkTotals.from_document({"3": {}, "4": {"placed": 1}})
    nothing = {"inc": 0, "out": 0}
    assert {
        "3": {"placed": 0, "connections": nothing},
        "4": {"placed": 1, "connections": nothing},
    } == totals.as_document()


def test_totals_add_up_and_never_fall_below_zero() -> None:
    totals = NetworkTotals()
    totals.add(3, placed=5, incoming=1)
    totals.add(3, placed=-2, outgoing=4)
    totals.add(4, placed=-1)
    assert totals.changed
    assert {
        "3": {"placed": 3, "connections": {"inc": 1, "out": 4}},
        "4": {"placed": 0, "connections": {"inc": 0, "out": 0}},
    } == totals.as_document()


def test_forgetting_placement_keeps_chunks_with_connections() -> None:
    totals = NetworkTotals({1: ChunkTotals(5, 0, 0), 2: ChunkTotals(5, 1, 0)})
    totals.forget_placement()
    assert {"2": {"placed": 0, "connections": {"inc": 1, "out": 0}}} == totals.as_document()
    assert totals.changed


def test_forgetting_connectivity_keeps_every_chunk() -> None:
    totals = NetworkTotals.from_document(DOCUMENT)
    totals.forget_connectivity()
    nothing = {"inc": 0, "out": 0}
    assert {
        "0": {"placed": 5, "connections": nothing},
        "65536": {"placed": 0, "connections": nothing},
    } == totals.as_document()
    assert totals.changed


def test_counts_of_several_sets_are_summed_by_chunk() -> None:
    united = ChunkCounts.united([ChunkCounts.of({3: 1, 5: 2}), ChunkCounts.of({1: 4, 5: 7})])
    assert ([1, 3, 5], [4, 1, 9]) == (united.ids.tolist(), united.counts.tolist())
    assert [] == ChunkCounts.united([]).ids.tolist()
