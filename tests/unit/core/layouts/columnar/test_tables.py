"""Tables of sets: what sessions keep of them, read and write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bsb_hdf5.adapters.memory.store import MemoryStore
from bsb_hdf5.core.cell_labels import change_labels
from bsb_hdf5.core.column_specs import LABELS, POSITION, additional_column
from bsb_hdf5.core.layouts.columnar.network import ColumnarNetwork
from bsb_hdf5.core.layouts.columnar.tables import entries_of
from bsb_hdf5.core.selection import Selection
from bsb_hdf5.errors import (
    CorruptNetworkError,
    LengthError,
    ReadOnlyError,
)
from bsb_hdf5.transactions.versioned_cache import VersionedCache
from tests.unit.core.layouts.columnar.networks import (
    add,
    block,
    cells,
    group_of,
    label,
    links,
    new_network,
    reopened,
)
from tests.unit.core.layouts.columnar.programs import Program
from tests.unit.memory import new_root


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
def test_a_table_that_was_rewritten_is_read_again(store: MemoryStore, what: str) -> None:
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


def test_copies_that_went_apart_are_distinguished(store: MemoryStore) -> None:
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


def test_logs_that_went_apart_are_distinguished(store: MemoryStore) -> None:
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
def test_missing_rows_of_a_remembered_table_are_corrupt(missing: bool) -> None:
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
    with pytest.raises(CorruptNetworkError, match=r"refers to 'k', which|'k' has 1 rows"):
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


@pytest.mark.parametrize(
    ("first", "end", "found"),
    [(0, 1, [0]), (1, 3, [1]), (2, 4, [1, 2]), (3, 4, [2]), (4, 9, []), (0, 9, [0, 1, 2])],
)
def test_rows_belong_to_the_entries_that_include_them(
    first: int, end: int, found: list[int]
) -> None:
    # Number, first row, number of rows; one without rows includes none.
    entries = np.array([[0, 0, 1], [1, 1, 2], [2, 3, 1], [3, 1, 0]])
    assert found == entries_of(entries, (1, 2), first, end)[:, 0].tolist()
