"""A network copied from layout to layout is the same network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from bsb_hdf5.core.column_specs import LABELS, POSITION, ROTATION, additional_column
from bsb_hdf5.core.connectivity import Blocks
from bsb_hdf5.core.files import StoredContent
from bsb_hdf5.core.labels import LabelSets
from bsb_hdf5.core.layouts.detection import create_network, open_network
from bsb_hdf5.core.layouts.history import SetHistory
from bsb_hdf5.core.layouts.protocols import NetworkReader, NetworkWriter
from bsb_hdf5.core.mirrored import check_mirrored, perspectives
from bsb_hdf5.core.morphology import MorphologyTable
from bsb_hdf5.core.placement_rows import MorphologyRows, PlacementRows
from bsb_hdf5.core.statistics import ChunkCounts
from bsb_hdf5.errors import CorruptNetworkError, DtypeError, InputError
from bsb_hdf5.exchange.transfer import Portion, transfer
from bsb_hdf5.ports.arrays import GroupWriter
from bsb_hdf5.testing.contents import contents_of
from tests.unit.core.layouts.histories import CHUNKS, Side, Step, everything, steps
from tests.unit.memory import new_root

SMALL = Portion(cells=3, connections=2)
OTHER = {"classic": "columnar", "columnar": "classic"}

layouts = pytest.mark.parametrize("layout", ["classic", "columnar"])
both = pytest.mark.parametrize(("layout", "other"), list(OTHER.items()))


def copied(source: NetworkReader, layout: str, **options: Any) -> NetworkWriter:
    """A copy, as it is found by who opens it."""
    root = new_root()
    network = create_network(root, layout)
    transfer(source, network, portion=SMALL, **options)
    network.flush()
    return open_network(root, "here")


def root_of(network: NetworkWriter) -> GroupWriter:
    root: Any = network.__dict__["_root"]
    assert isinstance(root, GroupWriter)
    return root


def opened(layout: str) -> NetworkWriter:
    return create_network(new_root(), layout)


def positions(count: int, first: float = 0.0) -> Any:
    return first + np.arange(3.0 * count).reshape(count, 3)


def locations(cells: list[int], point: int = -1) -> Any:
    return np.array([(cell, point, point) for cell in cells], dtype=np.int64).reshape(-1, 3)


def histories_of(network: NetworkReader) -> dict[str, SetHistory]:
    return {
        **{name: network.placement(name).history() for name in network.placement_names()},
        **{tag: network.connectivity(tag).history() for tag in network.connectivity_tags()},
    }


def same(network: NetworkReader) -> Any:
    return everything(network), histories_of(network)


@given(steps)
@settings(max_examples=100, deadline=None)
def test_whatever_happened_to_a_network_its_copies_are_equal(history: list[Step]) -> None:
    for layout, other in OTHER.items():
        side = Side.of(layout)
        for number, step in enumerate(history):
            side.run(step, number)
        source = open_network(side.store.open_read().root, "here")
        there = copied(source, other)
        back = copied(there, layout)
        packed = copied(source, layout)
        for each in (there, back, packed):
            assert same(source) == same(each)


@both
def test_the_root_of_a_copy_says_what_that_of_the_source_does(layout: str, other: str) -> None:
    source = opened(layout)
    bundle = {"storage_id": "an id", "state_id": 17, "host": {"name": "here"}}
    source.set_provenance(bundle)
    source.set_versions("1.2", "3.4")
    source.set_chunk_size(np.array([1.0, 2.5, 3.0]))
    source.flush()
    copy = copied(source, other)
    assert bundle == copy.provenance
    assert ("1.2", "3.4") == copy.versions
    assert [1.0, 2.5, 3.0] == copy.chunk_size.tolist()


@both
def test_what_the_source_does_not_say_its_copy_does_not_either(layout: str, other: str) -> None:
    copy = copied(opened(layout), other)
    assert {} == copy.provenance
    assert (None, None) == copy.versions
    assert np.isnan(copy.chunk_size).all()


@both
@pytest.mark.parametrize("history", [SetHistory(12, "a while ago"), SetHistory(None, None)])
def test_sets_keep_their_revision_and_time(layout: str, other: str, history: SetHistory) -> None:
    source = opened(layout)
    source.create_placement("a", created_at="now")
    source.create_connectivity("a_to_a", "a", "a", created_at="now")
    source.placement("a").append(0, PlacementRows.of_cells(positions(2), None, None, None))
    source.flush()
    source.placement("a").set_history(history)
    source.connectivity("a_to_a").set_history(history)
    copy = copied(source, other)
    assert {"a": history, "a_to_a": history} == histories_of(copy)
    copy.placement("a").append(0, PlacementRows.of_entities(1, None))
    copy.flush()
    assert (history.revision or 0) + 1 == copy.placement("a").history().revision


@both
def test_files_keep_content_encoding_and_meta(layout: str, other: str) -> None:
    source = opened(layout)
    contents = {
        "text": StoredContent.of("é", {"kind": ["a", 1]}, "latin-1", 123),
        "bytes": StoredContent.of(b"\0\1\0", None, None, 4),
        "nothing": StoredContent.of(b"", None, None, 5),
        "untimed": StoredContent(b"old", None, {"content_sha256": "unknown"}),
    }
    for id_, content in contents.items():
        source.files.store(id_, content)
    copy = copied(source, other)
    assert contents == {id_: copy.files.load(id_) for id_ in copy.files.ids()}


@both
def test_morphologies_and_metadata_go_their_own_ways(layout: str, other: str) -> None:
    source = opened(layout)
    table = MorphologyTable(
        np.array([[0, 1, 2, 3, 1, 9.5], [4, 5, 6, 7, 0, np.nan]]),
        np.array([[1, -1], [2, 0]]),
        LabelSets.from_lists({0: [], 1: ["soma"]}),
        ("depth",),
    )
    source.morphologies.save("nameless", table)
    source.morphologies.replace_meta({"gone": {"at": np.array([1.5, 2])}})
    source.flush()
    copy = copied(source, other)
    assert ("nameless",) == copy.morphologies.names()
    np.testing.assert_array_equal(table.data, copy.morphologies.load("nameless").data)
    assert ["gone"] == list(copy.morphologies.meta())
    assert [1.5, 2] == copy.morphologies.meta_of("gone")["at"].tolist()


@both
def test_label_sets_and_keys_without_cells_are_kept(layout: str, other: str) -> None:
    source = opened(layout)
    source.create_placement("a", created_at="now")
    data = source.placement("a")
    data.append(5, PlacementRows.of_cells(positions(2), None, None, {"k": [1.0, 2.0]}))
    sets = LabelSets.from_lists({0: [], 3: ["x", "y"]})
    codes = np.array([3, 0])
    data.write_labels(ChunkCounts.of({5: 2}), codes, sets)
    data.clear(None)
    source.flush()
    copy = copied(source, other).placement("a")
    assert ("k",) == copy.additional_keys()
    assert sets.table == copy.label_sets().table
    assert [] == copy.counts().ids.tolist()


@both
def test_columns_that_end_early_end_there_in_the_copy(layout: str, other: str) -> None:
    source = opened(layout)
    source.create_placement("a", created_at="now")
    data = source.placement("a")
    for chunk in CHUNKS:
        data.append(chunk, PlacementRows.of_cells(positions(2), None, positions(2), {"k": [1, 2]}))
        data.append(chunk, PlacementRows.of_cells(positions(3), None, None, None))
        data.append(chunk, PlacementRows.of_entities(1, None))
        sets = LabelSets.from_lists({0: [], 1: ["x"]})
        data.write_labels(ChunkCounts.of({chunk: 4}), np.array([0, 1, 0, 1]), sets)
    source.flush()
    found = copied(source, other).placement("a")
    expected = {POSITION: 5, ROTATION: 2, additional_column("k"): 2, LABELS: 4}
    for column, length in expected.items():
        rows, lengths = found.read_column(column, found.chunks())
        assert [length] * len(CHUNKS) == lengths.tolist()
        np.testing.assert_array_equal(data.read_column(column, data.chunks())[0], rows)
    assert [6] * len(CHUNKS) == found.counts().counts.tolist()


def classic_with(layout: str = "classic") -> NetworkWriter:
    source = opened(layout)
    source.create_placement("a", created_at="now")
    source.placement("a").append(
        7,
        PlacementRows(
            2, positions(2), None, MorphologyRows(("m", "n"), np.array([1, 0], dtype=np.int64))
        ),
    )
    source.flush()
    return source


@layouts
def test_cells_without_morphology_may_follow_those_with_one(layout: str) -> None:
    source = classic_with()
    # bsb-hdf5 8.0.2 does so.
    source.placement("a").append(7, PlacementRows(1, positions(1)), gaps=True)
    source.flush()
    copy = copied(source, layout).placement("a")
    found = copy.read_morphologies(copy.chunks())
    assert ["n", "m"] == [found.names[code] for code in found.indices.tolist()]
    assert [2] == found.lengths.tolist()
    assert [3] == copy.counts().counts.tolist()


@layouts
def test_whole_numbers_of_early_versions_become_floats(layout: str) -> None:
    source = classic_with()
    source.placement("a").require_keys(["k"])
    source.flush()
    chunk = root_of(source).group("placement").group("a").group("7")
    chunk.group("additional").create_array("k", np.array([3, 2**53], dtype=np.int64))
    copy = copied(source, layout).placement("a")
    rows, _ = copy.read_column(additional_column("k"), copy.chunks())
    assert ("float64", [3.0, 2.0**53]) == (str(rows.dtype), rows.tolist())
    chunk.group("additional").array("k").write(0, np.array([2**53 + 1]))
    with pytest.raises(DtypeError, match=r"additional/k.*int64.*float64"):
        copied(source, layout)


def test_more_rows_than_cells_are_refused() -> None:
    source = classic_with()
    array = root_of(source).group("placement").group("a").group("7").array("position")
    array.append(positions(1))
    with pytest.raises(CorruptNetworkError, match=r"chunk 7 has 3 rows of 'position' for 2 cells"):
        copied(source, "columnar")


# --- connections --------------------------------------------------------------------------


def offered(layout: str) -> NetworkWriter:
    """Cells of two chunks, to which more morphologies were offered than they have."""
    network = opened(layout)
    for name in "mnop":
        network.morphologies.save(
            name, MorphologyTable(np.zeros((1, 5)), np.array([[1, -1]]), LabelSets(), ())
        )
    network.create_placement("cell", created_at="now")
    for chunk, (names, codes) in enumerate([("mno", [2, 1]), ("pnm", [2])]):
        given = list(names), codes
        rows = PlacementRows.of_cells(positions(len(codes)), given, None, None)
        network.placement("cell").append(chunk, rows)
    network.flush()
    return network


def test_a_classic_copy_lists_what_the_chunks_of_a_classic_file_list() -> None:
    source = offered("classic")
    copy = copied(source, "classic")
    for chunk, names in enumerate(("mno", "pnm")):
        assert names == "".join(copy.placement("cell").morphology_names(chunk))
    assert same(source) == same(copy)


@both
def test_morphologies_that_no_cell_has_are_not_among_those_of_a_copy(
    layout: str, other: str
) -> None:
    source = offered(layout)
    copy = copied(source, other)
    assert same(source) == same(copy)
    assert [] == list(copy.placement("cell").damage(10))
    found = copy.placement("cell").read_morphologies(np.arange(2))
    assert "mno" == "".join(sorted(found.names))


def connected(layout: str = "classic") -> NetworkWriter:
    """Rows in an order of their own, between two times three chunks, added in turns."""
    source = opened(layout)
    source.create_placement("a", created_at="now")
    source.create_connectivity("a_to_a", "a", "a", created_at="now")
    for turn in range(3):
        for pre in (9, 4):
            for post in (8, 4, 6):
                cells = [turn + 5, 2, turn]
                block = Blocks.between(pre, post, locations(cells), locations(cells[::-1], turn))
                source.connectivity("a_to_a").append(block)
    source.flush()
    return source


@layouts
@pytest.mark.parametrize("most", [1, 10, 20, 1000])
def test_connections_are_read_in_pieces_of_whole_blocks(layout: str, most: int) -> None:
    found = connected(layout).connectivity("a_to_a")
    for direction in ("inc", "out"):
        pieces = list(perspectives(found, direction, most))
        assert all(most >= piece.starts[-1] or 1 == len(piece.local_chunks) for piece in pieces)
        near = [chunk for piece in pieces for chunk in piece.local_chunks.tolist()]
        far = [chunk for piece in pieces for chunk in piece.global_chunks.tolist()]
        assert sorted(set(zip(near, far, strict=True))) == list(zip(near, far, strict=True))
        assert 6 == len(near)
        assert 54 == sum(int(piece.starts[-1]) for piece in pieces)


def test_a_columnar_copy_is_sorted_and_has_an_entry_for_each_chunk_and_pair() -> None:
    source = connected("columnar")
    data = source.placement("a")
    for chunk in (9, 4, 9):
        data.append(chunk, PlacementRows.of_cells(positions(2), None, None, None))
    source.flush()
    tables = root_of(copied(source, "columnar"))
    blocks = tables.group("connectivity_sets").group("a_to_a").array("blocks").read()
    pairs = [(4, 4), (4, 6), (4, 8), (9, 4), (9, 6), (9, 8)]
    assert pairs == [tuple(pair) for pair in blocks[:, :2].tolist()]
    assert [0, 9, 18, 27, 36, 45] == blocks[:, 2].tolist()
    segments = tables.group("placement_sets").group("a").array("segments").read()
    assert [[4, 0, 2, 1], [9, 2, 4, 1]] == segments.tolist()


def test_holes_are_not_copied() -> None:
    source = connected("columnar")
    source.connectivity("a_to_a").clear(np.array([9]))
    source.flush()
    group = root_of(source).group("connectivity_sets").group("a_to_a")
    assert 54 == group.array("cells").shape[0]
    copy = root_of(copied(source, "columnar")).group("connectivity_sets").group("a_to_a")
    assert 27 == copy.array("cells").shape[0]


def copy_of(source: NetworkWriter, direction: str, local: int) -> GroupWriter:
    sets = root_of(source).group("connectivity")
    return sets.group("a_to_a").group(direction).group(str(local))


def test_copies_that_hold_other_counts_are_distinguished() -> None:
    source = connected()
    group = copy_of(source, "inc", 6)
    for name in ("local_locs", "global_locs"):
        group.array(name).resize(17)
    source = open_network(root_of(source), "here")
    with pytest.raises(CorruptNetworkError, match=r"a_to_a.*53 incoming.*54 outgoing") as caught:
        copied(source, "columnar")
    assert "a_to_a" == caught.value.fields["tag"]
    assert (53, 54) == caught.value.fields["counts"]
    # The last block in the order of the rows.
    ((pre, post, incoming, outgoing),) = caught.value.fields["where"]
    assert (6, 8, 9) == (post, incoming, outgoing)
    assert pre in (4, 9)
    for trust, count in (("inc", 53), ("out", 54)):
        copy = copied(source, "classic", trust=trust).connectivity("a_to_a")
        assert count == copy.count
        check_mirrored(copy, 10)


@pytest.mark.parametrize("side", ["local_locs", "global_locs"])
def test_connections_on_cells_below_0_are_not_copied(side: str) -> None:
    source = connected()
    array = copy_of(source, "out", 9).array(side)
    rows = array.read()
    rows[1, 0] = -2
    array.write(0, rows)
    with pytest.raises(CorruptNetworkError, match="of 'a_to_a' is on cell -2"):
        copied(source, "columnar", trust="out")


@pytest.mark.parametrize("changed", ["global_locs", "order"])
def test_copies_of_equal_counts_are_distinguished(changed: str) -> None:
    source = connected()
    group = copy_of(source, "out", 9)
    for name in ["global_locs"] if changed == "global_locs" else ["local_locs", "global_locs"]:
        rows = group.array(name).read()
        rows[[0, 1]] = rows[[1, 0]]
        group.array(name).write(0, rows)
    with pytest.raises(CorruptNetworkError, match="that are not the same") as caught:
        copied(source, "columnar")
    ((pre, _, incoming, outgoing),) = caught.value.fields["where"]
    assert (9, 9, 9) == (pre, incoming, outgoing)


@pytest.mark.parametrize(("broken", "whole"), [("inc", "out"), ("out", "inc")])
def test_a_copy_that_can_not_be_read_is_named_and_the_other_one_trusted(
    broken: str, whole: str
) -> None:
    expected = everything(connected())
    source = connected()
    copy_of(source, broken, 4).array("local_locs").resize(5)
    with pytest.raises(CorruptNetworkError, match=rf"'{broken}' copy.*a_to_a"):
        copied(source, "columnar")
    assert expected == everything(copied(source, "columnar", trust=whole))


def test_a_copy_that_does_not_exist_can_not_be_trusted() -> None:
    before = opened("columnar")
    with pytest.raises(InputError, match="both"):
        transfer(connected(), before, trust="both")
    assert contents_of(root_of(opened("columnar"))) == contents_of(root_of(before))


def test_halves_are_not_compared_where_there_is_one_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    found = connected("columnar").connectivity("a_to_a")
    monkeypatch.setattr(type(found), "local_sizes", None)
    check_mirrored(found, 10)
