"""The columnar layout: what is stored, what is read again, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import numpy as np
import pytest
from numpy.typing import NDArray

from bsb_hdf5.adapters.memory.arrays import (
    MemoryArray,
    MemoryArrayWriter,
    MemoryAttributes,
    MemoryGroupWriter,
)
from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.core.cell_labels import change_labels, load_label_codes
from bsb_hdf5.core.column_specs import LABELS, POSITION, ROTATION, ColumnSpec, additional_column
from bsb_hdf5.core.columns import load_column
from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.files import StoredContent
from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.layouts.columnar import arrays
from bsb_hdf5.core.layouts.columnar.arrays import LongArray
from bsb_hdf5.core.layouts.columnar.network import FORMAT, ColumnarNetwork
from bsb_hdf5.core.layouts.columnar.placement import ColumnarPlacement
from bsb_hdf5.core.layouts.detection import create_network, open_network
from bsb_hdf5.core.morphology import MorphologyTable
from bsb_hdf5.core.placement_rows import PlacementRows
from bsb_hdf5.core.selection import Selection
from bsb_hdf5.core.statistics import ChunkCounts
from bsb_hdf5.errors import (
    CorruptNetworkError,
    InputError,
    InvalidNameError,
    LengthError,
    MorphologyNotFoundError,
    NotANetworkError,
    ReadOnlyError,
    SetExistsError,
    SetNotFoundError,
)
from bsb_hdf5.transactions.versioned_cache import VersionedCache
from tests.unit.memory import new_root, new_store


def new_network() -> ColumnarNetwork:
    """An empty network, with a set of each kind."""
    network = ColumnarNetwork.create(new_root())
    network.create_placement("cell", created_at="now")
    network.create_connectivity("loop", "cell", "cell", created_at="now")
    return network


def reopened(network: ColumnarNetwork) -> ColumnarNetwork:
    """The network as a program finds it that never saw it."""
    network.flush()
    return ColumnarNetwork(network._root)


def group_of(network: ColumnarNetwork, part: str = "placement_sets") -> MemoryGroupWriter:
    """The group of the one set of a kind."""
    sets = network._root.group(part)
    group = sets.group(sets.names()[0])
    assert isinstance(group, MemoryGroupWriter)
    return group


def cells(count: int, start: float = 0.0, **more: Any) -> PlacementRows:
    values = start + np.arange(float(count))
    positions = np.repeat(values, 3).reshape(-1, 3)
    morphologies = more.pop("morphologies", None)
    return PlacementRows.of_cells(positions, morphologies, more.pop("rotations", None), more)


def links(pre: int, post: int, ranks: list[int], point: tuple[int, int] = (-1, -1)) -> Blocks:
    """Connections between equal ranks in two chunks, all at one point."""
    locations = np.array([[rank, *point] for rank in ranks], dtype=np.int64).reshape(-1, 3)
    return Blocks.between(pre, post, locations, locations)


def block(network: ColumnarNetwork, pre: int, post: int) -> list[list[int]]:
    near, far, _ = network.connectivity("loop").read_blocks("out", pre, np.array([post]))
    assert near.tolist() == far.tolist()
    return [list(row) for row in near.tolist()]


# Connections


def test_a_connection_is_stored_once_in_small_integers() -> None:
    network = new_network()
    network.connectivity("loop").append(links(0, 1, [0, 1, 2]))
    network.flush()
    group = group_of(network, "connectivity_sets")
    assert ("blocks", "cells") == group.names()
    assert (3, 2) == group.array("cells").shape
    assert np.uint16 == group.array("cells").dtype
    assert [[0, 1, 0, 3, -1]] == group.array("blocks").read().tolist()


def test_only_blocks_with_branches_have_points() -> None:
    network = new_network()
    soma, detailed = links(0, 1, [0, 1]), links(0, 2, [5, 6], (3, 4))
    network.connectivity("loop").append(joined(detailed, soma, links(0, 3, [7])))
    network.flush()
    group = group_of(network, "connectivity_sets")
    assert [[3, 4, 3, 4]] * 2 == group.array("points").read().tolist()
    table = [[0, 1, 0, 2, -1], [0, 2, 2, 2, 0], [0, 3, 4, 1, -1]]
    assert table == group.array("blocks").read().tolist()
    assert [[0, -1, -1], [1, -1, -1]] == block(reopened(network), 0, 1)
    assert [[5, 3, 4], [6, 3, 4]] == block(reopened(network), 0, 2)


@pytest.mark.parametrize("swapped", [False, True])
def test_points_on_one_side_only_are_kept(swapped: bool) -> None:
    network = new_network()
    sides = [np.array([[5, 3, 4], [6, -1, -1]]), np.array([[1, -1, -1], [2, -1, -1]])]
    pre, post = sides[::-1] if swapped else sides
    network.connectivity("loop").append(Blocks.between(0, 1, pre, post))
    network = reopened(network)
    near, far, _ = network.connectivity("loop").read_blocks("out", 0, np.array([1]))
    assert (pre.tolist(), post.tolist()) == (near.tolist(), far.tolist())


def joined(*parts: Blocks) -> Blocks:
    def column(name: str) -> NDArray[np.int64]:
        return np.concatenate([getattr(part, name) for part in parts])

    return Blocks(column("pre_chunks"), column("post_chunks"), column("pre"), column("post"))


@pytest.mark.parametrize(
    ("rank", "point", "cells_dtype", "points_dtype"),
    [
        (65_535, 32_767, np.uint16, np.int16),
        (65_536, 32_768, np.uint32, np.int32),
        (2**32 - 1, 2**31 - 1, np.uint32, np.int32),
        (2**32, 2**31, np.int64, np.int64),
    ],
)
@pytest.mark.parametrize("new_session", [False, True])
@pytest.mark.parametrize("at_once", [arrays._MOST_AT_ONCE, 8])
def test_integers_widen_when_they_must_and_only_then(
    rank: int,
    point: int,
    cells_dtype: Any,
    points_dtype: Any,
    new_session: bool,
    at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arrays, "_MOST_AT_ONCE", at_once)
    network = new_network()
    network.connectivity("loop").append(links(0, 1, [1, 2, 3], (0, 0)))
    if new_session:
        network = reopened(network)
    network.connectivity("loop").append(links(0, 1, [rank], (0, point)))
    network.connectivity("loop").append(links(0, 1, [4], (0, 5)))
    network = reopened(network)
    group = group_of(network, "connectivity_sets")
    assert ("blocks", "cells", "points") == group.names()
    assert cells_dtype == group.array("cells").dtype
    assert points_dtype == group.array("points").dtype
    expected = [[1, 0, 0], [2, 0, 0], [3, 0, 0], [rank, 0, point], [4, 0, 5]]
    assert expected == block(network, 0, 1)


def test_a_block_is_read_in_the_order_of_appending() -> None:
    network = new_network()
    for ranks in ([5, 4], [9], [1]):
        network.connectivity("loop").append(joined(links(0, 1, ranks), links(0, 0, ranks)))
        network = reopened(network)
    assert [5, 4, 9, 1] == [row[0] for row in block(network, 0, 1)]
    assert 8 == network.connectivity("loop").count


def test_many_chunks_are_read_at_once_as_they_are_one_by_one() -> None:
    network = new_network()
    for pre, post in [(0, 1), (2, 1), (0, 5), (0, 1), (7, 0)]:
        network.connectivity("loop").append(links(pre, post, [pre, post], (pre, post)))
    data = reopened(network).connectivity("loop")
    for direction in ("inc", "out"):
        asked = np.array([0, 1, 3, 7])
        sizes = data.local_sizes(direction)
        seen = []
        for part in data.read_locals(direction, asked):
            for local, blocks, rows in part.by_local_chunk():
                found = data.block_sizes(direction, local)
                assert found.ids.tolist() == part.global_chunks[blocks].tolist()
                near, far, _ = data.read_blocks(direction, local, found.ids)
                assert near.tolist() == part.local_locations[rows].tolist()
                assert far.tolist() == part.global_locations[rows].tolist()
                assert rows.stop - rows.start == sizes.among(np.array([local])).total
                seen.append(local)
        assert np.intersect1d(asked, data.local_chunks(direction)).tolist() == seen
    assert [] == list(data.read_locals("inc", np.array([99])))


def test_cleared_connections_leave_a_hole_that_nothing_reads() -> None:
    network = new_network()
    for chunk in range(4):
        network.connectivity("loop").append(links(chunk, 9, [chunk]))
    network = reopened(network)
    network.connectivity("loop").clear(np.array([1]))
    network = reopened(network)
    network.connectivity("loop").append(links(5, 9, [55]))
    network = reopened(network)
    assert 5 == group_of(network, "connectivity_sets").array("cells").shape[0]
    near, _, lengths = network.connectivity("loop").read_blocks("inc", 9, np.arange(6))
    assert [0, 2, 3, 55] == near[:, 0].tolist()
    assert [1, 0, 1, 1, 0, 1] == lengths.tolist()


def test_rows_at_the_end_of_a_set_that_were_cleared_are_used_again() -> None:
    network = new_network()
    for chunk in range(3):
        network.connectivity("loop").append(links(chunk, 9, [chunk, chunk]))
        network.placement("cell").append(chunk, cells(2, chunk))
    network.connectivity("loop").clear(np.array([2]))
    network.placement("cell").clear(np.array([2]))
    network.connectivity("loop").append(links(4, 9, [44]))
    network.placement("cell").append(4, cells(1, 44.0))
    network = reopened(network)
    assert 5 == group_of(network, "connectivity_sets").array("cells").shape[0]
    assert 5 == group_of(network).array("position").shape[0]
    assert [[44, -1, -1]] == block(network, 4, 9)
    assert [44.0] == network.placement("cell").read_column(POSITION, np.array([4]))[0][:, 0]


def test_a_set_that_was_cleared_holds_no_rows() -> None:
    network = new_network()
    network.connectivity("loop").append(links(0, 1, [9, 9], (2, 0)))
    network.placement("cell").append(0, cells(2, k=np.zeros((2, 4))))
    network = reopened(network)
    network.connectivity("loop").clear(None)
    network.placement("cell").clear(None)
    network = reopened(network)
    group = group_of(network, "connectivity_sets")
    assert [0, 0, 0] == [group.array(name).shape[0] for name in group.names()]
    assert 0 == group_of(network).array("position").shape[0]
    network.placement("cell").append(1, cells(1, k=[5.0]))
    network.connectivity("loop").append(links(0, 1, [1], (1, 1)))
    network = reopened(network)
    assert [[1, 1, 1]] == block(network, 0, 1)
    key = additional_column("k")
    assert [5.0] == network.placement("cell").read_column(key, np.array([1]))[0].tolist()


def test_connections_from_and_to_a_chunk_are_cleared() -> None:
    network = new_network()
    for pre, post in [(0, 1), (1, 2), (2, 0), (0, 0)]:
        network.connectivity("loop").append(links(pre, post, [pre]))
    network.connectivity("loop").clear(np.array([1]))
    data = reopened(network).connectivity("loop")
    assert [0, 2] == data.local_chunks("out").tolist()
    assert [0] == data.local_chunks("inc").tolist()
    assert {0: (2, 1), 2: (0, 1)} == data.chunk_totals()


# Cells


def test_many_segments_of_a_chunk_stay_in_order() -> None:
    network = new_network()
    for i in range(200):
        network.placement("cell").append(i % 2, cells(1, i))
        network.connectivity("loop").append(links(i % 2, 0, [i]))
    network = reopened(network)
    rows, _ = network.placement("cell").read_column(POSITION, np.array([1, 0]))
    assert [*range(1, 200, 2), *range(0, 200, 2)] == rows[:, 0].tolist()
    assert list(range(1, 200, 2)) == [row[0] for row in block(network, 1, 0)]


def test_a_column_that_is_overwritten_by_fewer_rows_loses_the_others() -> None:
    network = new_network()
    key = additional_column("k")
    network.placement("cell").append(0, cells(3, k=[1.0, 2.0, 3.0]))
    network.placement("cell").append(1, cells(1, k=[4.0]))
    network.placement("cell").overwrite_column(key, 0, np.array([9.0]))
    network = reopened(network)
    rows, lengths = network.placement("cell").read_column(key, np.array([0, 1]))
    assert ([9.0, 4.0], [1, 1]) == (rows.tolist(), lengths.tolist())
    assert [3, 1] == network.placement("cell").counts().counts.tolist()


def test_a_chunk_is_its_segments_in_the_order_of_the_table() -> None:
    network = new_network()
    data = network.placement("cell")
    data.append(5, cells(2, 0.0))
    data.append(3, cells(1, 10.0))
    data.append(5, cells(1, 20.0, rotations=np.ones((1, 3))))
    network = reopened(network)
    table = group_of(network).array("segments").read()
    assert [[5, 0, 2, 1], [3, 2, 1, 1], [5, 3, 1, 3]] == table.tolist()
    rows, lengths = network.placement("cell").read_column(POSITION, np.array([3, 5]))
    assert ([10.0, 0.0, 1.0, 20.0], [1, 3]) == (rows[:, 0].tolist(), lengths.tolist())
    rows, lengths = network.placement("cell").read_column(ROTATION, np.array([3, 5]))
    assert ([0.0, 0.0, 1.0], [0, 3]) == (rows[:, 0].tolist(), lengths.tolist())


def test_a_column_that_begins_within_a_segment_splits_it() -> None:
    network = new_network()
    network.placement("cell").append(0, cells(4))
    network.placement("cell").append(1, cells(2))
    key = additional_column("k")
    network.placement("cell").append_column(key, 0, np.array([1.0, 2.0]))
    network = reopened(network)
    table = group_of(network).array("segments").read()
    assert [[0, 0, 2, 3], [0, 2, 2, 1], [1, 4, 2, 1]] == table.tolist()
    rows, lengths = network.placement("cell").read_column(key, np.array([0, 1]))
    assert ([1.0, 2.0], [2, 0]) == (rows.tolist(), lengths.tolist())
    assert [4, 2] == network.placement("cell").counts().counts.tolist()


def test_names_of_morphologies_are_stored_once_a_set() -> None:
    network = new_network()
    data = network.placement("cell")
    for chunk in range(3):
        data.append(chunk, cells(2, morphologies=(["m", "n", "m"], [chunk % 2, 2])))
    network = reopened(network)
    data = network.placement("cell")
    found = data.read_morphologies(np.array([1, 0, 2]))
    names = [found.names[index] for index in found.indices.tolist()]
    assert ["n", "m", "m", "m", "m", "m"] == names
    assert ("m",) == data.read_morphologies(np.array([0])).names
    assert np.int32 == group_of(network).array("morphology").dtype


def test_cells_with_and_without_morphology_do_not_mix_in_a_chunk() -> None:
    network = new_network()
    network.placement("cell").append(0, cells(2, morphologies=(["m"], [0, 0])))
    network.placement("cell").append(1, cells(2))
    network = reopened(network)
    data = network.placement("cell")
    with pytest.raises(LengthError, match=r"chunk 0 of 'cell' has 2 morphologies for 2 cells"):
        data.append(0, cells(1))
    with pytest.raises(LengthError, match="0 morphologies for 2 cells"):
        data.append(1, cells(1, morphologies=(["m"], [0])))
    data.append(0, cells(1, morphologies=(["m"], [0])))
    data.append(2, cells(1))
    with pytest.raises(LengthError, match="chunk 2"):
        data.append(2, cells(1, morphologies=(["m"], [0])))
    assert [3, 2, 1] == reopened(network).placement("cell").counts().counts.tolist()


def test_what_a_chunk_has_of_morphologies_is_known_as_it_changes() -> None:
    network = new_network()
    data = network.placement("cell")
    data.append(0, cells(1))
    data.append(1, cells(1, morphologies=(["m"], [0])))
    for _ in range(2):
        data.append(2, cells(1, morphologies=(["m"], [0])))
        data.append(0, cells(1))
    with pytest.raises(LengthError, match="2 morphologies for 2 cells"):
        data.append(2, cells(1))
    data.clear(np.array([2]))
    data.append(2, cells(1))
    assert [3, 1, 1] == reopened(network).placement("cell").counts().counts.tolist()


def test_labels_of_rows_that_follow_each_other_are_one_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = new_network()
    for chunk in (3, 1, 2, 0):
        network.placement("cell").append(chunk, cells(2))
    network = reopened(network)
    data = network.placement("cell")
    change_labels(data, Selection().resolve(data), np.arange(7), ["x"])
    data = reopened(network).placement("cell")
    write, written = MemoryArrayWriter.write, []

    def note_write(self: Any, start: int, rows: Any) -> None:
        written.append((start, len(rows)))
        write(self, start, rows)

    monkeypatch.setattr(MemoryArrayWriter, "write", note_write)
    change_labels(data, Selection().resolve(data), np.arange(8), ["y"])
    assert [(0, 8)] == written


def label(placed: ColumnarPlacement, cell: int, name: str) -> None:
    change_labels(placed, Selection().resolve(placed), np.array([cell]), [name])


@pytest.mark.parametrize("before", [[], [0], [0, 1]])
@pytest.mark.parametrize("after", [[], [1], [2], [1, 2]])
def test_labels_among_cells_that_are_added_are_all_stored(
    before: list[int], after: list[int]
) -> None:
    network = new_network()
    for chunk in (0, 1):
        network.placement("cell").append(chunk, cells(2))
    network = reopened(network)
    placed = network.placement("cell")
    for chunk in before:
        label(placed, 2 * chunk, "before")
    placed.append(2, cells(2))
    for chunk in after:
        label(placed, 2 * chunk + 1, "after")
    placed = reopened(network).placement("cell")
    assert [2, 2, 2] == placed.counts().counts.tolist()
    codes = load_label_codes(placed, placed.counts())
    labelled = {name: placed.label_sets().mask(codes, [name]) for name in ("before", "after")}
    assert [2 * chunk for chunk in before] == labelled["before"].nonzero()[0].tolist()
    assert [2 * chunk + 1 for chunk in after] == labelled["after"].nonzero()[0].tolist()


def eight_chunks() -> ColumnarNetwork:
    """A network with a cell in each of eight chunks."""
    network = new_network()
    for chunk in range(8):
        network.placement("cell").append(chunk, cells(1))
    return reopened(network)


@pytest.mark.parametrize("in_place", [False, True])
def test_labels_of_several_chunks_in_one_session_are_all_stored(
    monkeypatch: pytest.MonkeyPatch, in_place: bool
) -> None:
    monkeypatch.setattr(MemoryGroupWriter, "overwrites_in_place", in_place)
    network = eight_chunks()
    for chunk in (5, 2, 3):
        label(network.placement("cell"), chunk, "x")
    placed = reopened(network).placement("cell")
    rows, lengths = placed.read_column(LABELS, placed.chunks())
    if in_place:
        assert ([0, 0, 1, 1, 0, 1, 0, 0], [1] * 8) == (rows.tolist(), lengths.tolist())
    else:
        assert ([1, 1, 1], [0, 0, 1, 1, 0, 1, 0, 0]) == (rows.tolist(), lengths.tolist())


Written = list[tuple[int, list[Any]]]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    """What is overwritten from now on: the first row, and the rows."""
    write, noted = MemoryArrayWriter.write, Written()

    def note_write(self: Any, start: int, rows: Any) -> None:
        noted.append((start, rows.tolist()))
        write(self, start, rows)

    monkeypatch.setattr(MemoryArrayWriter, "write", note_write)
    return noted


def test_the_first_label_alone_changes_the_table(written: Written) -> None:
    network = eight_chunks()
    label(network.placement("cell"), 5, "x")
    network.flush()
    assert [(5, [1]), (0, [[chunk, chunk, 1, 3] for chunk in range(8)])] == written
    written.clear()
    tally = group_of(network).attributes.get("tally").tolist()
    for chunk in (7, 0):
        label(network.placement("cell"), chunk, "x")
        network.flush()
    assert [(7, [1]), (0, [1])] == written
    assert tally == group_of(network).attributes.get("tally").tolist()
    assert 4 == group_of(network).attributes.get("revision")


@pytest.mark.parametrize("wrong", [None, 2, 3, 4])
def test_a_label_puts_a_tally_right_that_is_not_that_of_its_table(wrong: int | None) -> None:
    network = eight_chunks()
    label(network.placement("cell"), 5, "x")
    network = reopened(network)
    attributes = group_of(network).attributes
    told = attributes.get("tally")
    if wrong is None:
        attributes.delete("tally")
    else:
        attributes.set("tally", told + (np.arange(len(told)) == wrong))
    label(network.placement("cell"), 3, "x")
    network.flush()
    assert told[1:].tolist() == attributes.get("tally").tolist()[1:]


def test_a_label_adds_rows_and_rewrites_an_entry_where_rows_are_costly_to_overwrite(
    monkeypatch: pytest.MonkeyPatch, written: Written
) -> None:
    monkeypatch.setattr(MemoryGroupWriter, "overwrites_in_place", False)
    network = eight_chunks()
    label(network.placement("cell"), 5, "x")
    network.flush()
    assert [(5, [[5, 5, 1, 3]])] == written


def test_entities_that_nobody_labels_take_no_rows_of_codes() -> None:
    network = eight_chunks()
    network.placement("cell").append(8, PlacementRows.of_entities(1_000_000, None))
    label(network.placement("cell"), 5, "x")
    network.flush()
    assert (8,) == group_of(network).array("labels").shape
    label(network.placement("cell"), 8, "x")
    placed = reopened(network).placement("cell")
    codes = load_label_codes(placed, placed.counts())
    assert [5, 8] == codes.nonzero()[0].tolist()


def test_cells_whose_rows_held_labels_of_others_have_none() -> None:
    network = new_network()
    for chunk in range(3):
        network.placement("cell").append(chunk, cells(2))
    for cell in range(6):
        label(network.placement("cell"), cell, "x")
    network = reopened(network)
    network.placement("cell").clear(np.array([1, 2]))
    for chunk in (2, 4):
        network.placement("cell").append(chunk, cells(2))
    network.placement("cell").overwrite_column(LABELS, 2, np.zeros(0, dtype=np.int64))
    label(network.placement("cell"), 4, "y")
    placed = reopened(network).placement("cell")
    rows, lengths = placed.read_column(LABELS, placed.chunks())
    assert ([1, 1, 0, 0, 2, 0], [2, 2, 2]) == (rows.tolist(), lengths.tolist())


def test_labels_that_are_written_leave_other_cells_without() -> None:
    network = eight_chunks()
    counts = ChunkCounts.of({2: 1, 5: 1})
    network.placement("cell").write_labels(counts, np.array([3, 4]), LabelSets())
    placed = reopened(network).placement("cell")
    rows, lengths = placed.read_column(LABELS, placed.chunks())
    assert ([3, 4], [0, 0, 1, 0, 0, 1, 0, 0]) == (rows.tolist(), lengths.tolist())


@pytest.mark.parametrize("most", [2, 100])
def test_rows_are_made_zeros_within_an_array_and_past_its_end(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(arrays, "_MOST_BLANK", most)
    group = new_root()
    long = LongArray(group, "values", (np.dtype(np.int32),))
    long.put(0, np.arange(1, 11))
    starts, stops = np.array([8, 1, 14, 4]), np.array([12, 4, 14, 5])
    long.blank(starts, stops)
    assert [1, 0, 0, 0, 0, 6, 7, 8, 0, 0, 0, 0] == group.array("values").read()[:12].tolist()
    assert long.length == len(group.array("values").read()) == 12
    empty = LongArray(group, "others", (np.dtype(np.int32),))
    empty.blank(starts[:0], stops[:0])
    assert empty.width is None
    empty.blank(np.array([1]), np.array([3]))
    assert [0, 0, 0] == group.array("others").read().tolist()


def test_label_codes_beyond_their_integers_widen_the_column() -> None:
    network = new_network()
    network.placement("cell").append(0, cells(2))
    network.placement("cell").overwrite_column(LABELS, 0, np.array([1, 2]))
    network = reopened(network)
    network.placement("cell").overwrite_column(LABELS, 0, np.array([1, 2**40]))
    rows, _ = reopened(network).placement("cell").read_column(LABELS, np.array([0]))
    assert [1, 2**40] == rows.tolist()


@pytest.mark.parametrize("kind", [np.bool_, np.int8, np.uint64])
def test_label_codes_widen_a_column_of_another_program(kind: type[Any]) -> None:
    network = new_network()
    network.placement("cell").append(0, cells(3))
    label(network.placement("cell"), 1, "x")
    network = reopened(network)
    group = group_of(network)
    group.delete("labels")
    group.create_array("labels", np.array([0, 1, 0], dtype=kind))
    network.placement("cell").overwrite_column(LABELS, 0, np.array([0, 1, 300]))
    rows, _ = reopened(network).placement("cell").read_column(LABELS, np.array([0]))
    assert [0, 1, 300] == rows.tolist()


def test_labels_are_written_over_those_of_before() -> None:
    network = new_network()
    data = network.placement("cell")
    for chunk in (7, 3, 7, 5):
        data.append(chunk, cells(2))
    selected = Selection().resolve(data)
    change_labels(data, selected, np.array([0, 3, 7]), ["x"])
    change_labels(data, selected, np.array([3, 4]), ["y"])
    data = reopened(network).placement("cell")
    codes, _ = data.read_column(LABELS, data.chunks())
    mask = [data.label_sets().mask(codes, [label]).nonzero()[0].tolist() for label in "xy"]
    assert [[0, 3, 7], [3, 4]] == mask


def test_labels_of_all_cells_of_a_chunk_leave_other_columns_and_chunks_alone() -> None:
    network = new_network()
    placed = network.placement("cell")
    for chunk, count in ((1, 2), (0, 3), (1, 1), (2, 0)):
        placed.append(chunk, cells(count, 10.0 * chunk))
    before = load_column(placed, POSITION, Selection().resolve(placed)).tolist()
    for chunk, codes in ((1, [1, 2, 3]), (0, [4, 5, 6])):
        counts = ChunkCounts(np.array([chunk]), np.array([len(codes)]))
        placed.write_labels(counts, np.array(codes), LabelSets())
        assert codes == placed.read_column(LABELS, np.array([chunk]))[0].tolist()
    for seen in (placed, reopened(network).placement("cell")):
        rows, lengths = seen.read_column(LABELS, seen.chunks())
        assert ([4, 5, 6, 1, 2, 3], [3, 3, 0]) == (rows.tolist(), lengths.tolist())
        assert before == load_column(seen, POSITION, Selection().resolve(seen)).tolist()
        assert [[0, 3], [1, 3], [2, 0]] == np.stack(attrs.astuple(seen.counts())).T.tolist()


def test_connections_come_in_pieces_of_whole_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bsb_hdf5.core.layouts.columnar.blocks._UNPACKED", 4)
    network = new_network()
    sizes = [(0, 1, 3), (1, 1, 9), (0, 0, 1), (0, 1, 2), (1, 0, 1), (2, 2, 1)]
    for pre, post, size in sizes:
        point = (size, 5) if size in (3, 1) else (-1, -1)
        network.connectivity("loop").append(links(pre, post, list(range(size)), point))
    data = reopened(network).connectivity("loop")
    parts = list(data.read_locals("out", np.array([0, 1, 2])))
    assert [1, 5, 1, 9, 1] == [count for part in parts for count in np.diff(part.starts).tolist()]
    assert [[1], [5], [1], [9], [1]] == [np.diff(part.starts).tolist() for part in parts]
    for part in parts:
        near, far, _ = data.read_blocks("out", int(part.local_chunks[0]), part.global_chunks)
        assert near.tolist() == part.local_locations.tolist()
        assert far.tolist() == part.global_locations.tolist()


def test_more_labels_than_cells_are_refused() -> None:
    network = new_network()
    network.placement("cell").append(0, cells(2))
    counts = network.placement("cell").counts()
    network.placement("cell").clear(None)
    with pytest.raises(LengthError, match="'cell'"):
        network.placement("cell").write_labels(counts, np.zeros(2, dtype=np.int64), LabelSets())


def test_data_of_another_width_are_refused_as_long_as_there_are_others() -> None:
    network = new_network()
    data = network.placement("cell")
    data.append(0, cells(2, k=np.zeros((2, 4))))
    with pytest.raises(LengthError, match="additional/k"):
        data.append(1, cells(1, k=[1.0]))
    with pytest.raises(LengthError, match="additional/k"):
        data.overwrite_column(additional_column("k"), 0, np.zeros(1))
    assert 2 == data.counts().total
    data.append(1, cells(1))
    data.clear(np.array([0]))
    data.append(2, cells(1, k=[1.0]))
    rows, lengths = (
        reopened(network).placement("cell").read_column(additional_column("k"), np.array([1, 2]))
    )
    assert ([1.0], [0, 1]) == (rows.tolist(), lengths.tolist())


def test_more_columns_than_bits_are_refused() -> None:
    data = new_network().placement("cell")
    keys: dict[str, Any] = {f"k{i}": [1.0] for i in range(62)}
    data.append(0, cells(1, **keys))
    with pytest.raises(InputError, match=r"64 columns.*63 at most"):
        data.append(0, cells(1, one_more=[1.0]))
    assert 62 == len(data.additional_keys())
    assert 1 == data.counts().total


def test_requiring_more_columns_than_bits_changes_nothing() -> None:
    network = new_network()
    before = network.changes
    with pytest.raises(InputError, match=r"64 columns.*63 at most"):
        network.placement("cell").require_keys([f"k{i}" for i in range(64)])
    assert before == network.changes
    network.flush()
    assert () == reopened(network).placement("cell").additional_keys()


@pytest.mark.parametrize("name", ["segments", "additional"])
def test_a_column_has_no_name_of_the_layout(name: str) -> None:
    data = new_network().placement("cell")
    column = ColumnSpec(name, (), np.dtype(np.float64), 0.0)
    with pytest.raises(InvalidNameError, match=name):
        data.append_column(column, 0, np.zeros(1))
    key: dict[str, Any] = {name: [1.0]}
    data.append(0, cells(1, **key))
    assert (name,) == data.additional_keys()


# What sessions remember, read and write


class Program:
    """A program that uses a store: what it remembers, and what it reads and writes."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.cache = VersionedCache()

    @contextmanager
    def writing(self) -> Iterator[Any]:
        session = self.store.open_write()
        before = session.version
        network = open_network(session.root, "here", self.cache.at(before))
        try:
            yield network
        except ZeroDivisionError:
            session.rollback()
            self.cache.clear()
            raise
        network.flush()
        session.commit()
        self.cache.advance(before, session.version)

    def reading(self) -> Any:
        session = self.store.open_read()
        return open_network(session.root, "here", self.cache.at(session.version))


@pytest.fixture
def store() -> MemoryStore:
    place = new_store()
    session = place.create()
    network = create_network(session.root, "columnar")
    network.create_placement("cell", created_at="now")
    network.create_connectivity("loop", "cell", "cell", created_at="now")
    network.flush()
    session.commit()
    return place


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is read of arrays (rows) and attributes (names)."""
    seen: list[Any] = []
    read, read_ranges, get = MemoryArray.read, MemoryArray.read_ranges, MemoryAttributes.get

    def note_read(self: Any, *bounds: Any) -> Any:
        rows = read(self, *bounds)
        seen.append(len(rows))
        return rows

    def note_ranges(self: Any, *bounds: Any) -> Any:
        rows = read_ranges(self, *bounds)
        seen.append(len(rows))
        return rows

    def note_get(self: Any, name: str) -> Any:
        seen.append(name)
        return get(self, name)

    monkeypatch.setattr(MemoryArray, "read", note_read)
    monkeypatch.setattr(MemoryArray, "read_ranges", note_ranges)
    monkeypatch.setattr(MemoryAttributes, "get", note_get)
    return seen


def add(network: Any, chunk: int) -> None:
    network.placement("cell").append(chunk, cells(2, chunk))
    network.connectivity("loop").append(links(chunk, 0, [chunk]))


def test_an_append_reads_no_rows_whoever_makes_it(store: MemoryStore, reads: list[Any]) -> None:
    with Program(store).writing() as network:
        for chunk in range(50):
            add(network, chunk)
    reads.clear()
    newcomer = Program(store)
    with newcomer.writing() as network:
        add(network, 7)
        assert 51 == network.connectivity("loop").count
    assert [] == [read for read in reads if isinstance(read, int)]
    assert 12 >= len(reads)


def test_who_wrote_last_reads_nothing_to_count(store: MemoryStore, reads: list[Any]) -> None:
    program = Program(store)
    for chunk in range(5):
        with program.writing() as network:
            add(network, chunk)
        network = program.reading()
        reads.clear()
        assert 2 * (chunk + 1) == network.placement("cell").counts().total
        assert chunk + 1 == network.connectivity("loop").count
        assert 1 == network.connectivity("loop").block_sizes("out", chunk).total
        assert chunk + 1 == network.connectivity("loop").block_sizes("inc", 0).total
        assert [] == reads


def test_a_reader_reads_only_the_new_end_of_a_table(store: MemoryStore, reads: list[Any]) -> None:
    writer, reader = Program(store), Program(store)
    with writer.writing() as network:
        for chunk in range(50):
            add(network, chunk)
    assert 100 == reader.reading().placement("cell").counts().total
    with writer.writing() as network:
        add(network, 99)
    reads.clear()
    assert 102 == reader.reading().placement("cell").counts().total
    assert [1] == [read for read in reads if isinstance(read, int)]


@pytest.mark.parametrize("what", ["clear", "label", "remove"])
def test_a_table_that_was_rewritten_is_read_anew(store: MemoryStore, what: str) -> None:
    writer, reader = Program(store), Program(store)
    with writer.writing() as network:
        for chunk in range(4):
            add(network, chunk)
    data = reader.reading()
    before = data.placement("cell").counts().total, data.connectivity("loop").count
    assert (8, 4) == before
    with writer.writing() as network:
        data = network.placement("cell")
        if what == "clear":
            data.clear(np.array([1]))
            network.connectivity("loop").clear(np.array([1]))
        elif what == "label":
            change_labels(data, Selection().resolve(data), np.array([3]), ["x"])
        else:
            network.remove_placement("cell")
            network.remove_connectivity("loop")
            network.create_placement("cell", created_at="now")
            network.create_connectivity("loop", "cell", "cell", created_at="now")
        for chunk in range(10, 15):
            add(network, chunk)
    assert answers(Program(store).reading()) == answers(reader.reading())


def answers(network: Any) -> Any:
    data, connected = network.placement("cell"), network.connectivity("loop")
    chunks = data.chunks()
    return (
        chunks.tolist(),
        [[part.tolist() for part in data.read_column(c, chunks)] for c in (POSITION, LABELS)],
        data.label_sets().table,
        connected.count,
        [part.tolist() for part in connected.read_blocks("inc", 0, np.arange(20))],
    )


def test_copies_that_went_apart_are_told_apart(store: MemoryStore) -> None:
    with Program(store).writing() as network:
        add(network, 0)
    other = MemoryStore(f"{store.location}/copy")
    store.copy(other.location)
    reader = Program(store)
    with Program(store).writing() as network:
        add(network, 1)
    assert [0, 1] == reader.reading().placement("cell").chunks().tolist()
    with Program(other).writing() as network:
        add(network, 2)
        add(network, 3)
    # As if the copy were put in the place of the network that the reader knows.
    reader.store = other
    assert answers(Program(other).reading()) == answers(reader.reading())


def test_logs_that_went_apart_are_told_apart(store: MemoryStore) -> None:
    other = MemoryStore(f"{store.location}/copy")
    store.copy(other.location)
    reader = Program(store)
    with Program(store).writing() as network:
        network.morphologies.update_meta({"a": {}})
    assert ["a"] == list(reader.reading().morphologies.meta())
    with Program(other).writing() as network:
        network.morphologies.update_meta({"b": {}})
        network.morphologies.update_meta({"c": {}})
    reader.store = other
    assert ["b", "c"] == list(reader.reading().morphologies.meta())


def test_what_one_session_changes_others_do_not_see(store: MemoryStore) -> None:
    program = Program(store)
    with program.writing() as network:
        network.morphologies.update_meta({"m": {}})
    before = program.reading()
    assert ["m"] == list(before.morphologies.meta())
    with program.writing() as network:
        network.morphologies.update_meta({"n": {}})
    assert ["m"] == list(before.morphologies.meta())
    assert ["m", "n"] == list(program.reading().morphologies.meta())


def test_the_chunk_size_is_remembered_until_the_cells_are_cleared(store: MemoryStore) -> None:
    program = Program(store)
    with program.writing() as network:
        network.set_chunk_size(np.full(3, 50.0))
        network.chunk_size[:] = 7
        assert [50.0] * 3 == network.chunk_size.tolist()
    assert [50.0] * 3 == program.reading().chunk_size.tolist()
    with program.writing() as network:
        network.clear_placement()
        assert np.isnan(network.chunk_size).all()
    assert np.isnan(program.reading().chunk_size).all()


def test_what_is_rolled_back_is_not_remembered(store: MemoryStore) -> None:
    program = Program(store)
    with program.writing() as network:
        add(network, 0)
    with pytest.raises(ZeroDivisionError), program.writing() as network:
        add(network, 1)
        network.placement("cell").clear(np.array([0]))
        network.morphologies.update_meta({"m": {}})
        network.flush()
        raise ZeroDivisionError
    with program.writing() as network:
        add(network, 5)
    assert answers(Program(store).reading()) == answers(program.reading())
    assert [0, 5] == program.reading().placement("cell").chunks().tolist()
    assert {} == program.reading().morphologies.meta()


@pytest.mark.parametrize("missing", [False, True])
def test_rows_that_a_remembered_table_tells_of_in_vain_are_corrupt(missing: bool) -> None:
    root, memory = new_root(), VersionedCache().at(1)
    network = ColumnarNetwork.create(root)
    network.create_placement("cell", created_at="now")
    network.placement("cell").append(0, cells(3, k=[1.0, 2.0, 3.0]))
    label(network.placement("cell"), 1, "x")
    network.flush()
    assert 3 == ColumnarNetwork(root, memory).placement("cell").counts().total
    group = group_of(network)
    # As another program may leave them.
    for where, name in ((group, "labels"), (group.group("additional"), "k")):
        where.array(name).resize(1)
        if missing:
            where.delete(name)
    placed = ColumnarNetwork(root, memory).placement("cell")
    with pytest.raises(CorruptNetworkError, match="labels"):
        label(placed, 2, "y")
    with pytest.raises(CorruptNetworkError, match=r"no 'k'|'k' has 1 rows"):
        placed.read_column(additional_column("k"), np.array([0]))


def test_rows_that_no_entry_speaks_of_are_ignored_and_overwritten() -> None:
    network = new_network()
    network.placement("cell").append(0, cells(2, k=[1.0, 2.0]))
    network.connectivity("loop").append(links(0, 1, [1], (2, 2)))
    network = reopened(network)
    # As an append leaves them that ends before the table.
    group_of(network).array("position").append(np.full((3, 3), 99.0))
    group_of(network, "connectivity_sets").array("cells").append(np.full((2, 2), 99))
    group_of(network, "connectivity_sets").array("points").append(np.full((2, 4), 99))
    assert 2 == ColumnarNetwork(network._root).placement("cell").counts().total
    network.placement("cell").append(1, cells(1, 7.0))
    network.connectivity("loop").append(links(0, 1, [5], (6, 6)))
    network = reopened(network)
    rows, _ = network.placement("cell").read_column(POSITION, np.array([0, 1]))
    assert [0.0, 1.0, 7.0] == rows[:, 0].tolist()
    assert [[1, 2, 2], [5, 6, 6]] == block(network, 0, 1)
    assert 3 == group_of(network).array("position").shape[0]


@pytest.mark.parametrize("damage", ["missing", "of fewer entries", "of another shape"])
def test_sums_that_do_not_fit_the_table_are_counted_again(damage: str) -> None:
    network = new_network()
    network.placement("cell").append(0, cells(2, morphologies=(["m"], [0, 0])))
    network.connectivity("loop").append(links(0, 1, [1, 2]))
    network.flush()
    for part in ("placement_sets", "connectivity_sets"):
        attributes = group_of(network, part).attributes
        tally = attributes.get("tally")
        if damage == "missing":
            attributes.delete("tally")
        else:
            wrong = tally[:4] if "shape" in damage else np.array([tally[0], 0, 0, 0, 0, 0])
            attributes.set("tally", wrong)
    network = ColumnarNetwork(network._root)
    assert 2 == network.connectivity("loop").count
    with pytest.raises(LengthError):
        network.placement("cell").append(0, cells(1))
    network.placement("cell").append(1, cells(1))
    network.connectivity("loop").append(links(0, 1, [3]))
    network = reopened(network)
    assert [2, 1] == network.placement("cell").counts().counts.tolist()
    assert [1, 2, 3] == [row[0] for row in block(network, 0, 1)]


def test_a_table_that_was_changed_behind_its_sums_is_believed() -> None:
    network = new_network()
    network.connectivity("loop").append(links(0, 1, [1, 2]))
    network.flush()
    group_of(network, "connectivity_sets").array("blocks").write(0, np.array([[0, 1, 1, 1, -1]]))
    network = ColumnarNetwork(network._root)
    assert [[2, -1, -1]] == block(network, 0, 1)
    assert 1 == network.connectivity("loop").count
    network.connectivity("loop").append(links(0, 1, [3]))
    assert 2 == reopened(network).connectivity("loop").count


def test_a_session_that_reads_only_can_change_nothing(store: MemoryStore) -> None:
    network = Program(store).reading()
    with pytest.raises(ReadOnlyError):
        network.placement("cell").append(0, cells(1))
    with pytest.raises(ReadOnlyError):
        network.connectivity("loop").append(links(0, 0, [1]))
    with pytest.raises(ReadOnlyError):
        network.morphologies.update_meta({"m": {}})
    assert 0 == network.placement("cell").counts().total


def test_a_flush_without_changes_writes_nothing() -> None:
    network = new_network()
    add(network, 0)
    network = reopened(network)
    root = network._root
    assert isinstance(root, MemoryGroupWriter)
    before = len(root._journal.undo)
    assert 2 == network.placement("cell").counts().total
    assert 1 == network.connectivity("loop").count
    network.flush()
    assert before == len(root._journal.undo)


def test_rows_are_stored_before_they_take_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_MOST_WAITING", 100)
    network = new_network()
    for chunk in range(10):
        network.placement("cell").append(chunk, cells(3, chunk))
    assert 24 <= group_of(network).array("position").shape[0]
    rows, _ = reopened(network).placement("cell").read_column(POSITION, np.arange(10))
    assert 30 == len(rows)


def test_revisions_move_once_a_session_that_changed_the_set() -> None:
    network = new_network()
    add(network, 0)
    add(network, 1)
    network = reopened(network)
    assert 2 == network.connectivity("loop").count
    network.flush()
    revisions = [
        group_of(network, part).attributes.get("revision")
        for part in ("placement_sets", "connectivity_sets")
    ]
    assert [1, 1] == revisions


# What contradicts itself


def damaged(part: str, array: str, rows: Any) -> ColumnarNetwork:
    """A network in which an array of a set is another."""
    network = new_network()
    network.placement("cell").append(0, cells(4, k=np.arange(4.0)))
    network.connectivity("loop").append(links(0, 1, [0, 1, 2], (1, 1)))
    network.flush()
    group = group_of(network, part)
    if array in group:
        group.delete(array)
    if rows is not None:
        group.create_array(array, np.asarray(rows))
    return ColumnarNetwork(network._root)


@pytest.mark.parametrize(
    "entry",
    [
        [0, 0, 5, 3],
        [0, 2, 3, 1],
        [0, 4, 1, 2],
        [0, -1, 2, 1],
        [0, 0, -1, 1],
        [0, 2**62, 2**62, 1],
        [0, 2**63 - 1, 2**63 - 1, 0],
        [0, 0, 1, 4],
        [0, 0, 1, -1],
    ],
)
def test_segments_of_rows_or_columns_that_are_not_there_are_corrupt(entry: list[int]) -> None:
    network = damaged("placement_sets", "segments", [entry])
    with pytest.raises(CorruptNetworkError, match="'cell'"):
        network.placement("cell").counts()


@pytest.mark.parametrize(
    "entry",
    [
        [0, 1, 0, 4, -1],
        [0, 1, 3, 1, -1],
        [0, 1, -1, 1, -1],
        [0, 1, 0, 0, -1],
        [0, 1, 0, -5, -1],
        [0, 1, 2**63 - 1, 2**63 - 1, -1],
        [0, 1, 0, 3, 1],
        [0, 1, 0, 1, -2],
        [0, 1, 0, 1, 2**63 - 1],
    ],
)
def test_blocks_of_rows_that_are_not_there_are_corrupt(entry: list[int]) -> None:
    network = damaged("connectivity_sets", "blocks", [entry])
    with pytest.raises(CorruptNetworkError, match="'loop'"):
        network.connectivity("loop").local_chunks("inc")


@pytest.mark.parametrize("rows", [None, np.zeros(4), np.zeros((2, 3)), np.zeros((1, 4))])
def test_a_table_that_is_none_is_corrupt(rows: Any) -> None:
    network = damaged("placement_sets", "segments", rows)
    with pytest.raises(CorruptNetworkError, match="segments"):
        network.placement("cell").counts()


@pytest.mark.parametrize("rows", [None, np.zeros((4, 2)), np.zeros((3, 3))])
def test_a_column_that_is_too_short_or_of_another_width_is_corrupt(rows: Any) -> None:
    network = damaged("placement_sets", "position", rows)
    with pytest.raises(CorruptNetworkError, match="'cell'"):
        network.placement("cell").read_column(POSITION, np.array([0]))


@pytest.mark.parametrize("name", ["cells", "points"])
@pytest.mark.parametrize("rows", [None, np.zeros((2, 2)), np.zeros((9, 3)), np.zeros(9)])
def test_connections_that_are_missing_or_of_another_width_are_corrupt(name: str, rows: Any) -> None:
    network = damaged("connectivity_sets", name, rows)
    with pytest.raises(CorruptNetworkError, match="'loop'"):
        block(network, 0, 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"columns": 5}',
        '{"columns": ["position", "position"]}',
        '{"labels": []}',
        '{"columns": ' + str([f"c{i}" for i in range(64)]).replace("'", '"') + "}",
    ],
)
def test_names_that_are_not_what_they_should_be_are_corrupt(text: str) -> None:
    network = new_network()
    network.flush()
    group_of(network).attributes.set("names", text)
    with pytest.raises(CorruptNetworkError):
        ColumnarNetwork(network._root).placement("cell").counts()


def test_a_morphology_code_without_name_is_corrupt() -> None:
    network = new_network()
    network.placement("cell").append(0, cells(1, morphologies=(["m"], [0])))
    network.flush()
    group_of(network).array("morphology").write(0, np.array([7]))
    with pytest.raises(CorruptNetworkError, match=r"1 morphologies.*7"):
        ColumnarNetwork(network._root).placement("cell").read_morphologies(np.array([0]))


# Morphologies


def table(points: int, properties: int = 0) -> MorphologyTable:
    data = np.arange(points * (5.0 + properties)).reshape(points, 5 + properties)
    data[:, 4] = 1
    names = tuple(f"p{i}" for i in range(properties))
    graph = np.array([[points, -1]], dtype=np.int64)
    return MorphologyTable(data, graph, LabelSets.from_lists({1: ["axon"]}), names)


def test_morphologies_share_long_arrays() -> None:
    network = new_network()
    network.morphologies.save("m", table(3))
    network.morphologies.save("n", table(2, 2))
    network = reopened(network)
    group = network._root.group("morphology_tables")
    assert (5, 4) == group.array("points").shape
    assert [1] * 5 == group.array("labels").read().tolist()
    assert (4,) == group.array("properties").shape
    assert [[3, -1], [2, -1]] == group.array("branches").read().tolist()
    loaded = network.morphologies.load("n")
    assert table(2, 2).data.tolist() == loaded.data.tolist()
    assert ("p0", "p1") == loaded.properties
    assert frozenset(["axon"]) == loaded.labels.table[1]


def test_a_morphology_of_the_same_name_takes_the_place_of_the_old_one() -> None:
    network = new_network()
    network.morphologies.save("m", table(3))
    network = reopened(network)
    network.morphologies.save("m", table(1, 1))
    network = reopened(network)
    assert (1, 6) == network.morphologies.load("m").data.shape
    network.morphologies.remove("m")
    network = reopened(network)
    assert "m" not in network.morphologies
    with pytest.raises(MorphologyNotFoundError, match="'m'"):
        network.morphologies.load("m")
    with pytest.raises(MorphologyNotFoundError, match="'m'"):
        network.morphologies.remove("m")


def test_metadata_are_copies() -> None:
    network = new_network()
    given: dict[str, Any] = {
        "m": {"list": [1, 2], "array": np.arange(3.0), "__ndarray__": ["__ndarray__"]}
    }
    network.morphologies.update_meta(given)
    given["m"]["list"].append(3)
    network = reopened(network)
    network.morphologies.meta()["m"]["list"].clear()
    network.morphologies.meta_of("m")["array"][:] = 9
    found = network.morphologies.meta_of("m")
    assert [1, 2] == found["list"]
    assert [0.0, 1.0, 2.0] == found["array"].tolist()
    with pytest.raises(InputError, match="JSON"):
        network.morphologies.update_meta({"m": object()})
    network.morphologies.forget_meta("m")
    network.morphologies.forget_meta("m")
    with pytest.raises(MorphologyNotFoundError):
        reopened(network).morphologies.meta_of("m")


def test_a_reader_reads_only_the_new_end_of_the_log(store: MemoryStore, reads: list[Any]) -> None:
    writer, reader = Program(store), Program(store)
    with writer.writing() as network:
        for name in "abcdef":
            network.morphologies.update_meta({name: {"name": name}})
    assert 6 == len(reader.reading().morphologies.meta())
    with writer.writing() as network:
        network.morphologies.forget_meta("a")
    reads.clear()
    assert 5 == len(reader.reading().morphologies.meta())
    assert [len('{"forget_meta": "a"}\n')] == [read for read in reads if isinstance(read, int)]


def test_a_line_of_the_log_without_an_end_is_none() -> None:
    network = new_network()
    network.morphologies.update_meta({"m": {}})
    network.flush()
    log = network._root.group("morphology_tables").array("log")
    log.append(np.frombuffer(b'{"forget_', dtype=np.uint8))
    network = ColumnarNetwork(network._root)
    assert {"m": {}} == network.morphologies.meta()
    network.morphologies.update_meta({"n": {}})
    assert {"m": {}, "n": {}} == reopened(network).morphologies.meta()


@pytest.mark.parametrize(
    "line",
    [
        "no JSON",
        "[]",
        "{}",
        '{"save": "m"}',
        '{"save": "m", "points": [0, 9], "branches": [0, 1], "values": [0, 0]}',
        '{"save": "m", "points": [3, 0], "branches": [0, 1], "values": [0, 0]}',
        '{"save": "m", "points": [0, 3], "branches": [0, 1], "values": [], "properties": ["p"]}',
        '{"save": "m", "points": [0, 3], "branches": [0, 1], "values": [0, 0],'
        ' "properties": ["p"]}',
        '{"save": "m", "points": [0, 2], "branches": [0, 1], "values": [0, 0]}',
    ],
)
def test_a_log_that_contradicts_itself_is_corrupt(line: str) -> None:
    network = new_network()
    network.morphologies.save("m", table(3))
    network.flush()
    log = network._root.group("morphology_tables").array("log")
    log.append(np.frombuffer(f"{line}\n".encode(), dtype=np.uint8))
    with pytest.raises(CorruptNetworkError):
        ColumnarNetwork(network._root).morphologies.load("m")


def test_label_codes_of_points_are_whole_numbers() -> None:
    given = table(2)
    given.data[1, 4] = 0.5
    with pytest.raises(InputError, match="'m'"):
        new_network().morphologies.save("m", given)


# The network


def test_the_root_says_its_layout_and_is_opened_as_such() -> None:
    root = new_root()
    created = create_network(root, "columnar")
    created.create_placement("cell", created_at="now")
    created.flush()
    assert FORMAT == root.attributes.get("format")
    opened = open_network(root, "here")
    assert isinstance(opened, ColumnarNetwork)
    assert ("cell",) == opened.placement_names()
    assert not isinstance(create_network(new_root()), ColumnarNetwork)


def test_a_layout_that_there_is_not_is_refused() -> None:
    root = new_root()
    with pytest.raises(InputError, match=r"'sparse'.*'classic' and 'columnar'"):
        create_network(root, "sparse")
    assert () == root.names()
    root.attributes.set("format", "other")
    with pytest.raises(NotANetworkError, match=r"'here'.*'other'.*bsb-hdf5-columnar"):
        open_network(root, "here")


@pytest.mark.parametrize("version", ["2.0", "0.9", "", "10.0", None])
def test_another_major_version_of_the_layout_is_refused(version: str | None) -> None:
    root = new_root()
    create_network(root, "columnar")
    if version is None:
        root.attributes.delete("format_version")
    else:
        root.attributes.set("format_version", version)
    with pytest.raises(NotANetworkError, match=r"'here'.*1\.x"):
        open_network(root, "here", VersionedCache().at(1))


def test_a_later_minor_version_is_read() -> None:
    root = new_root()
    create_network(root, "columnar")
    root.attributes.set("format_version", "1.7")
    assert () == open_network(root, "here").placement_names()


def test_what_older_programs_look_for_is_no_group() -> None:
    root = new_root()
    create_network(root, "columnar")
    for name in ("placement", "connectivity", "morphologies", "morphology_meta", "files"):
        assert b"needs bsb-hdf5 8.1" in root.document(name).read()
    assert "needs bsb-hdf5 8.1" in root.attributes.get("chunks")


def test_sets_are_made_and_removed_by_name() -> None:
    network = new_network()
    with pytest.raises(SetExistsError, match="'cell'"):
        network.create_placement("cell", created_at="now")
    with pytest.raises(SetExistsError, match="'loop'"):
        network.create_connectivity("loop", "a", "b", created_at="now")
    add(network, 0)
    network.remove_placement("cell")
    network.remove_connectivity("loop")
    for find in (network.placement, network.remove_placement):
        with pytest.raises(SetNotFoundError, match="there is: none"):
            find("cell")
    for search in (network.connectivity, network.remove_connectivity):
        with pytest.raises(SetNotFoundError, match="'loop'"):
            search("loop")
    assert {} == reopened(network).totals.as_document()


def test_versions_provenance_size_and_files_come_back() -> None:
    network = new_network()
    assert np.isnan(network.chunk_size).all()
    network.set_versions("8.0.2", "8.1.0")
    network.set_provenance({"storage_id": "x"})
    network.set_chunk_size(np.full(3, 50.0))
    network.files.store("id", StoredContent.of("text", None, None, 5))
    network.chunk_size[:] = 7
    network = reopened(network)
    assert ("8.0.2", "8.1.0") == network.versions
    assert {"storage_id": "x", "state_id": 0} == network.provenance
    assert [50.0] * 3 == network.chunk_size.tolist()
    assert "text" == network.files.load("id").content()
    network.clear_placement()
    assert np.isnan(network.chunk_size).all()


def test_a_chunk_size_that_is_none_is_corrupt() -> None:
    network = new_network()
    network._root.attributes.set("chunk_size", np.zeros(2))
    with pytest.raises(CorruptNetworkError, match="chunk size"):
        _ = network.chunk_size


def test_totals_are_those_of_the_sets() -> None:
    network = new_network()
    add(network, 5)
    add(network, 0)
    totals = reopened(network).totals.as_document()
    assert {
        "0": {"placed": 2, "connections": {"inc": 2, "out": 1}},
        "5": {"placed": 2, "connections": {"inc": 0, "out": 1}},
    } == totals
