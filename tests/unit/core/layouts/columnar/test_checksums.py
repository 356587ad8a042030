"""Checksums of rows: of all that are stored, and of nothing else."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings

from bsb_hdf5.adapters.memory.arrays import MemoryGroupWriter
from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.layouts.columnar import blocks, checksums, segments
from bsb_hdf5.core.layouts.columnar.arrays import LongArray
from bsb_hdf5.core.layouts.columnar.checksums import CHECKSUMS, CheckedRows, check_of, checked_rows
from bsb_hdf5.core.layouts.columnar.network import ColumnarNetwork
from bsb_hdf5.core.morphology import MorphologyTable
from bsb_hdf5.errors import CorruptNetworkError
from tests.unit.core.layouts.columnar.networks import (
    cells,
    group_of,
    label,
    links,
    new_network,
    reopened,
)
from tests.unit.core.layouts.histories import Side, Step, steps

Ranges = list[tuple[int, int]]


@pytest.fixture(autouse=True)
def unchecked() -> Any:
    """Arrays in memory that do not notice when they change, as those of HDF5."""
    with patch.object(MemoryGroupWriter, "unchecked_rows", True, create=True):
        yield


def named_rows(network: ColumnarNetwork) -> dict[tuple[str, str], Ranges]:
    """The rows that the tables name, by set and column."""
    found: dict[tuple[str, str], Ranges] = {}
    for name in network.placement_names():
        cells = network.placement(name)
        table = cells._segments.table
        for title, bit in cells._names.columns.items():
            filled = table[(table[:, segments.MASK] >> bit & 1 == 1)]
            found[name, title] = ranges(filled[:, [segments.FIRST, segments.COUNT]])
    for tag in network.connectivity_tags():
        table = network.connectivity(tag)._table.index.table
        found[tag, "cells"] = ranges(table[:, [blocks.FIRST, blocks.COUNT]])
        detailed = table[table[:, blocks.POINTS] >= 0]
        found[tag, "points"] = ranges(detailed[:, [blocks.POINTS, blocks.COUNT]])
    return found


def ranges(firsts_and_counts: Any) -> Ranges:
    return sorted((first, first + count) for first, count in firsts_and_counts.tolist() if count)


def checked(network: ColumnarNetwork) -> dict[tuple[str, str], list[CheckedRows]]:
    found = {}
    sets: list[Any] = [network.placement(name) for name in network.placement_names()]
    sets += [network.connectivity(tag) for tag in network.connectivity_tags()]
    for each in sets:
        revision = each.history().revision or 0
        by_number = checked_rows(each._place.group, revision)
        for title, number in each._column_numbers().items():
            found[each._place.name, title] = by_number.get(number, [])
        assert [] == list(each.damaged_rows(5))
    return found


def check_that_all_is_checked(network: ColumnarNetwork) -> None:
    known = checked(network)
    for key, named in named_rows(network).items():
        spans = [(each.first, each.end) for each in known[key]]
        assert spans == sorted(spans)
        assert all(end <= first for (_, end), (first, _) in pairwise(spans))
        covered = {row for first, end in spans for row in range(first, end)}
        assert covered >= {row for first, end in named for row in range(first, end)}, key


@given(steps)
@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("recent", [0, checksums._MOST])
@pytest.mark.parametrize("together", [1, checksums._LEAST_TOGETHER])
def test_every_row_has_its_checksum_whatever_happened(
    together: int, recent: int, history: list[Step]
) -> None:
    with (
        patch.object(checksums, "_LEAST_TOGETHER", together),
        patch.object(checksums, "_MOST", recent),
        patch.object(checksums, "_SIZE", checksums._HEAD + recent * checksums.WIDTH),
    ):
        side = Side.of("columnar")
        for number, step in enumerate(history):
            side.run(step, number)
            session = side.store.open_read()
            root: Any = session.root
            check_that_all_is_checked(ColumnarNetwork(root))
            session.close()


def test_backends_that_check_what_they_read_keep_no_checksums() -> None:
    with patch.object(MemoryGroupWriter, "unchecked_rows", False, create=True):
        network = new_network()
        network.placement("cell").append(0, cells(3))
        network = reopened(network)
        assert CHECKSUMS not in group_of(network)
        assert [] == list(network.placement("cell").damaged_rows(5))


@pytest.mark.parametrize("kept", [True, False])
def test_the_tally_of_a_new_set_has_the_room_that_it_needs(kept: bool) -> None:
    with patch.object(MemoryGroupWriter, "unchecked_rows", kept, create=True):
        network = new_network()
        before = group_of(network).attributes.get("tally")
        network.placement("cell").append(0, cells(3))
        after = group_of(reopened(network)).attributes.get("tally")
    assert len(before) == len(after)
    assert kept is (checksums.RecentRecords.of(before) is not None)


def placed() -> ColumnarNetwork:
    network = new_network()
    for chunk in range(3):
        network.placement("cell").append(chunk, cells(4, chunk))
    label(network.placement("cell"), 5, "x")
    network.connectivity("loop").append(links(0, 1, [1, 2, 3], (0, 0)))
    return reopened(network)


@pytest.mark.parametrize("row", range(12))
def test_a_row_that_changed_by_itself_is_found(row: int) -> None:
    network = placed()
    array = group_of(network).array("position")
    rows = array.read()
    rows.view(np.uint64)[row, 1] ^= 1 << 17
    array.write(0, rows)
    first = row // 4 * 4
    assert [("position", first, first + 4)] == list(network.placement("cell").damaged_rows(5))


def flip(network: ColumnarNetwork, row: int) -> None:
    """A bit of the cells of a connection changes by itself."""
    array = group_of(network, "connectivity_sets").array("cells")
    rows = array.read()
    rows[row, 1] ^= 1
    array.write(0, rows)


@pytest.mark.parametrize("when", ["never", "before", "after"])
def test_rows_that_were_stored_with_others_stay_checked_when_these_are_dropped(when: str) -> None:
    network = new_network()
    locations = np.array([(cell, -1, -1) for cell in range(5)], dtype=np.int64)
    chunks = np.array([0, 0, 0, 0, 1], dtype=np.int64)
    blocks_of_two = Blocks(np.zeros_like(chunks), chunks, locations, locations)
    network.connectivity("loop").append(blocks_of_two)
    network = reopened(network)
    network.connectivity("loop").clear(np.array([1]))
    network = reopened(network)
    if when == "before":
        flip(network, 2)
    # In the place of the last row.
    network.connectivity("loop").append(links(0, 0, [3]))
    network = reopened(network)
    if when == "after":
        flip(network, 2)
    expected = [] if when == "never" else [("cells", 0, 4)]
    assert expected == list(network.connectivity("loop").damaged_rows(5))


def test_rows_of_a_writer_that_keeps_no_checksums_are_not_known() -> None:
    network = placed()
    with patch.object(MemoryGroupWriter, "unchecked_rows", False, create=True):
        network.placement("cell").append(0, cells(2, 7.0))
        network = reopened(network)
    group = group_of(network)
    assert {} == checked_rows(group, 2)
    network.placement("cell").append(5, cells(2, 7.0))
    network = reopened(network)
    known = checked_rows(group_of(network), 3)
    assert [(14, 16)] == [(each.first, each.end) for each in known[0]]
    assert [] == list(network.placement("cell").damaged_rows(5))


@pytest.mark.parametrize(
    ("kind", "wider", "most"),
    [
        (np.uint16, np.uint32, 65535),
        (np.uint16, np.int64, 4),
        (np.uint16, np.int64, 65535),
        (np.uint32, np.int64, 2**32 - 1),
        (np.int16, np.int32, -1),
        (np.int16, np.int64, -32768),
    ],
)
def test_a_value_that_was_widened_is_checked_as_it_was_written(
    kind: type[Any], wider: type[Any], most: int
) -> None:
    narrow = np.array([[1, 2], [3, most]], dtype=kind)
    known = CheckedRows(0, 2, check_of(narrow))
    assert known.holds(narrow)
    wide = narrow.astype(wider)
    assert known.holds(wide)
    wide[0, 1] += 1 << 16
    assert not known.holds(wide)


def test_cells_are_undamaged_after_others_of_greater_numbers() -> None:
    network = new_network()
    for rank in (40_000, 3_000_000_000, 2**40):
        network.connectivity("loop").append(links(0, 1, [rank]))
        network = reopened(network)
    assert [] == list(network.connectivity("loop").damaged_rows(5))


def test_rows_that_are_zeros_are_known_in_part() -> None:
    zeros = CheckedRows(0, 10, -1)
    assert zeros.holds(np.zeros(3))
    assert not zeros.holds(np.array([0.0, 1.0]))
    assert [CheckedRows(2, 5, -1)] == zeros.part(2, 5)
    assert [] == zeros.part(5, 5)
    assert [] == CheckedRows(0, 10, 7).part(2, 5)


@pytest.mark.parametrize(
    "rows",
    [np.zeros((2, 3), dtype=np.int64), np.zeros((2, 4)), np.array([[0, -5, 3, 1], [-1, 0, 0, 0]])],
)
def test_checksums_that_make_no_sense_are_damage(rows: Any) -> None:
    network = placed()
    group = group_of(network)
    group.create_array(CHECKSUMS, rows)
    with pytest.raises(CorruptNetworkError, match="checksums"):
        checked_rows(group, 1)


def test_records_count_from_the_last_session_of_a_writer_without_any() -> None:
    stamp = checksums._STAMP
    for breaks, known in product(range(4), range(5)):
        sessions = [(3 * each, 3 * each + 1) for each in range(breaks)]
        sessions += [(3 * breaks + each, 3 * breaks + each + 1) for each in range(known + 1)]
        rows = [
            row
            for number, (before, after) in enumerate(sessions)
            for row in ((0, number, 1, 7), (1, number, 2, 8), (stamp, before, after, 0))
        ]
        group = group_of(placed())
        group.create_array(CHECKSUMS, np.array(rows))
        last = sessions[-1][1]
        assert rows[3 * breaks :] == list(map(tuple, checksums._appended(group, last).tolist()))
        assert [] == checksums._appended(group, last + 1).tolist()
        group.array(CHECKSUMS).append(np.array([(0, 99, 1, 7)]))
        assert [] == checksums._appended(group, last).tolist()


def test_rows_are_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    network = placed()
    lengths: list[int] = []
    read = LongArray.read_ranges

    def counted(array: LongArray, starts: Any, stops: Any) -> Any:
        lengths.append(int((stops - starts).sum()))
        return read(array, starts, stops)

    monkeypatch.setattr(LongArray, "read_ranges", counted)
    assert [] == list(network.placement("cell").damaged_rows(8))
    assert [8, 4, 8, 4] == lengths


@pytest.mark.parametrize("name", ["points", "labels", "branches", "properties"])
def test_a_row_of_a_morphology_that_changed_by_itself_is_found(name: str) -> None:
    network = new_network()
    for each in ("m", "n"):
        data = np.array([[1.0, 2.0, 3.0, 0.5, 0.0, 9.0], [4.0, 5.0, 6.0, 0.25, 1.0, 8.0]])
        sets = LabelSets({0: frozenset(), 1: frozenset("x")})
        graph = np.array([[1, -1], [2, 0]])
        network.morphologies.save(each, MorphologyTable(data, graph, sets, ("p",)))
    network = reopened(network)
    assert () == network.morphologies.damaged("m") == network.morphologies.damaged("n")
    array = network._root.group("morphology_tables").array(name)
    rows = array.read()
    rows.reshape(len(rows), -1)[3, 0] += 1
    array.write(0, rows)
    network = reopened(network)
    assert () == network.morphologies.damaged("m")
    assert (name,) == network.morphologies.damaged("n")
