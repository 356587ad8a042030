"""Calls of ranks that are logged: what is seen of them, and when; what ranks leave that die."""

from __future__ import annotations

import errno
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Branch, DatasetNotFoundError, Morphology, MorphologySet, Storage
from numpy.testing import assert_array_equal

import bsb_hdf5
from bsb_hdf5 import platform
from bsb_hdf5.adapters.hdf5 import call_log
from bsb_hdf5.adapters.hdf5.call_log import Hdf5CallLog, Hdf5HeldLog
from bsb_hdf5.adapters.hdf5.session import Hdf5WriteSession
from bsb_hdf5.engines.hdf5 import HiddenRowsWarning
from bsb_hdf5.errors import CorruptNetworkError, HandleError, LocationError, StoreIOError
from tests.parallel.ranks import cell_type, signed
from tests.parallel.staged import (
    KILLED,
    add,
    begin,
    chunk,
    contents,
    die,
    in_child,
    log_of,
    sets,
    shared,
    size_of_log,
)

TURNS = 3

pytestmark = pytest.mark.usefixtures("columnar")


@pytest.fixture
def ranks(root: Path) -> list[Storage]:
    return [shared(root) for _ in range(2)]


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, Any]:
    """What a single process stores that makes the calls of :func:`add_all`."""
    root = tmp_path / "serial.hdf5"
    begin(root)
    storage = Storage("hdf5", str(root))
    add_all([storage, storage])
    return contents(storage)


def add_all(ranks: list[Storage]) -> None:
    for turn in range(TURNS):
        for rank, storage in enumerate(ranks):
            add(storage, rank, turn)


def test_what_ranks_add_is_what_one_process_adds(
    root: Path, ranks: list[Storage], expected: dict[str, Any]
) -> None:
    before = root.read_bytes()
    add(ranks[0], 0, 0)
    begun = root.read_bytes()
    add(ranks[1], 1, 0)
    for turn in range(1, TURNS):
        for rank, storage in enumerate(ranks):
            add(storage, rank, turn)
    assert before != begun == root.read_bytes()
    assert expected == contents(Storage("hdf5", str(root)))
    assert not bsb_hdf5.verify(str(root)).findings


def test_each_rank_sees_a_call_that_has_returned(ranks: list[Storage]) -> None:
    for turn in range(4):
        add(ranks[turn % 2], 1, turn)
        for storage in ranks:
            placed, linked = sets(storage)
            assert 5 * (turn + 2) == len(placed)
            assert_array_equal(signed(1, turn, 5), placed.load_positions()[-5:])
            assert 2 + 4 * (turn + 1) == len(linked)


def test_who_reads_other_sets_leaves_the_calls_where_they_are(
    root: Path, ranks: list[Storage]
) -> None:
    linked = sets(ranks[0])[1]
    linked.chunk_connect(chunk(0), chunk(0), [0], [0])
    before = root.read_bytes(), size_of_log(root)
    assert 5 == len(sets(ranks[1])[0].load_positions())
    assert ranks[1].get_placement_set(cell_type("other")).get_chunk_stats() == {}
    assert before == (root.read_bytes(), size_of_log(root))
    assert 3 == len(sets(ranks[1])[1])
    assert before[1] > size_of_log(root)


READS: dict[str, Callable[[Storage], object]] = {
    "state": lambda storage: storage._engine.state_id,
    "totals": lambda storage: storage.get_chunk_stats(),
    "path": lambda storage: sets(storage)[0].keys(),
}


@pytest.mark.parametrize("read", READS)
def test_who_reads_what_all_calls_change_has_them_carried_out(
    root: Path, ranks: list[Storage], read: str
) -> None:
    add(ranks[0], 0, 0)
    before = size_of_log(root)
    READS[read](ranks[1])
    assert before > size_of_log(root)


def test_connect_finds_cells_that_are_only_logged(root: Path, ranks: list[Storage]) -> None:
    add(ranks[0], 3, 0)
    placed, linked = sets(ranks[1])
    before = len(linked)
    linked.connect(placed, placed, [9], [0])
    after_fold = size_of_log(root)
    with pytest.raises(LocationError, match="cell 10 does not exist"):
        linked.connect(placed, placed, [10], [0])
    # Nothing happened since that would change where cells are: this is logged, too.
    linked.connect(placed, placed, [8, 0], [0, 5])
    assert after_fold < size_of_log(root)
    add(ranks[0], 3, 1)
    assert before + 7 == len(linked)
    near, far = linked.load_connections().as_globals().all()
    assert {(8, 0), (9, 0), (0, 5)} <= set(
        zip(near[:, 0].tolist(), far[:, 0].tolist(), strict=True)
    )


def test_a_plan_is_made_again_if_cells_were_removed_since(
    ranks: list[Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    add(ranks[0], 3, 0)
    placed, linked = sets(ranks[1])
    linked.connect(placed, placed, [9], [0])
    before = len(linked)
    plan = type(linked)._sides

    def remove_after(*args: Any, **kwargs: Any) -> Any:
        found = plan(*args, **kwargs)
        sets(ranks[0])[0].clear([chunk(3)])
        return found

    monkeypatch.setattr(type(linked), "_sides", remove_after)
    with pytest.raises(LocationError, match="cell 9 does not exist"):
        linked.connect(placed, placed, [9], [0])
    assert before == len(linked)


def test_the_first_cells_of_another_form_are_not_logged(root: Path, ranks: list[Storage]) -> None:
    other = ranks[0].get_placement_set(cell_type("other"))
    other.append_data(chunk(0), signed(0, 0, 2), additional={"x": [1.0, 2.0]})
    assert not log_of(root).exists()
    other.append_data(chunk(1), signed(0, 0, 2), additional={"x": [3.0, 4.0]})
    assert log_of(root).exists()
    again = ranks[1].get_placement_set(cell_type("other"))
    with pytest.raises(ValueError, match="of shape"):
        again.append_data(chunk(1), signed(0, 0, 1), additional={"x": [[3.0, 4.0]]})
    assert [1.0, 2.0, 3.0, 4.0] == again.load_additional("x").tolist()


def test_cells_with_morphologies_are_logged(root: Path, ranks: list[Storage]) -> None:
    morphology = Morphology([Branch([[0, 0, 0], [1, 0, 0]], [1, 1])])
    for name in ("a", "b"):
        ranks[0].morphologies.save(name, morphology)
    other = ranks[0].get_placement_set(cell_type("other"))
    for turn in range(3):
        loaders = [ranks[turn % 2].morphologies.preload(name) for name in "ab"]
        given = MorphologySet(loaders, [turn % 2, 1])
        other.append_data(chunk(turn), signed(0, turn, 2), given, np.full((2, 3), float(turn)))
    assert log_of(root).exists()
    found = ranks[1].get_placement_set(cell_type("other"))
    morphologies = found.load_morphologies()
    names = [morphologies.names[i] for i in morphologies.get_indices()]
    assert ["a", "b", "b", "b", "a", "b"] == names
    turned = [rotation.as_euler("xyz", degrees=True)[0] for rotation in found.load_rotations()]
    np.testing.assert_allclose(turned, [0, 0, 1, 1, 2, 2], atol=1e-9)


def test_a_set_that_another_rank_removed_is_missed_at_once(ranks: list[Storage]) -> None:
    add(ranks[0], 0, 0)
    placed, linked = sets(ranks[0])
    sets(ranks[1])[1].remove()
    with pytest.raises(DatasetNotFoundError):
        linked.chunk_connect(chunk(0), chunk(0), [0], [0])
    placed.append_data(chunk(0), signed(0, 9, 5))
    assert 15 == len(placed)


def test_a_read_scope_sees_what_was_logged_before_and_nothing_after(ranks: list[Storage]) -> None:
    add(ranks[0], 1, 0)
    placed = sets(ranks[1])[0]
    with ranks[1].read_scope():
        assert 10 == len(placed)
        # Another thread is in no scope.
        in_thread(lambda: add(ranks[0], 1, 1))
        assert 10 == len(placed)
    assert 15 == len(placed)


def test_a_write_scope_is_stored_with_what_was_logged_before(
    root: Path, ranks: list[Storage], expected: dict[str, Any]
) -> None:
    add_all(ranks)
    logged = size_of_log(root)
    with pytest.raises(KeyError), ranks[1].write_scope():
        sets(ranks[1])[0].label(["mine"], [0])
        raise KeyError
    assert logged == size_of_log(root)
    with ranks[1].write_scope():
        placed = sets(ranks[1])[0]
        assert len(expected["cells"]) == len(placed)
        placed.label(["mine"], [0])
    assert expected["state"] + 1 == ranks[0]._engine.state_id
    assert [0] == sets(ranks[0])[0].get_labelled(["mine"]).tolist()


def test_copies_moves_and_repacks_hold_all_and_leave_nothing_beside(
    root: Path, ranks: list[Storage], expected: dict[str, Any], tmp_path: Path
) -> None:
    add_all(ranks)
    ranks[0].copy(str(tmp_path / "copy.hdf5"))
    assert expected == contents(Storage("hdf5", str(tmp_path / "copy.hdf5")))
    bsb_hdf5.convert(ranks[0], tmp_path / "classic.hdf5", layout="classic")
    assert len(expected["cells"]) == len(sets(Storage("hdf5", str(tmp_path / "classic.hdf5")))[0])
    add(ranks[0], 0, 9)
    bsb_hdf5.repack(ranks[0])
    add(ranks[1], 0, 10)
    ranks[0].move(str(tmp_path / "moved.hdf5"))
    assert len(expected["cells"]) + 10 == len(sets(ranks[0])[0])
    assert [] == sorted(tmp_path.glob("*.staged"))
    assert not bsb_hdf5.verify(str(tmp_path / "moved.hdf5")).findings


def test_a_network_that_is_removed_takes_its_log_along(root: Path, ranks: list[Storage]) -> None:
    add(ranks[0], 0, 0)
    ranks[1].remove()
    assert [] == list(root.parent.glob("network*"))
    begin(root)
    assert 5 == len(sets(Storage("hdf5", str(root)))[0])


def test_a_process_that_ends_leaves_one_file(
    root: Path, ranks: list[Storage], expected: dict[str, Any]
) -> None:
    add_all(ranks)
    ranks[0]._engine.sessions.end_staging()
    assert not log_of(root).exists()
    assert expected == contents(Storage("hdf5", str(root)))
    # The other rank goes on.
    add(ranks[1], 1, 7)
    assert log_of(root).exists()
    assert len(expected["cells"]) + 5 == len(sets(Storage("hdf5", str(root)))[0])


def test_threads_of_a_rank_log_each_call_once(root: Path, ranks: list[Storage]) -> None:
    def add_some(rank: int) -> None:
        for turn in range(10):
            add(ranks[rank % 2], rank, turn)

    threads = [threading.Thread(target=add_some, args=(rank,)) for rank in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    placed, linked = sets(ranks[0])
    assert (5 + 200, 2 + 160) == (len(placed), len(linked))
    assert not bsb_hdf5.verify(str(root)).findings


# Where a process is killed, and how many of the calls made before count then: all that returned,
# and the last one where it was complete.
DEATHS: dict[str, tuple[type, str, bool]] = {
    "as the mark is stored": (Hdf5WriteSession, "commit", False),
    "before the log is begun": (Hdf5HeldLog, "close", False),
    "before the log starts again": (Hdf5HeldLog, "restart", True),
    "before the log is removed": (Hdf5HeldLog, "remove", True),
}


@pytest.mark.parametrize("death", DEATHS)
def test_wherever_a_rank_is_killed_each_call_that_returned_counts_once(
    root: Path,
    ranks: list[Storage],
    expected: dict[str, Any],
    death: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_all(ranks)
    owner, name, _ = DEATHS[death]

    def fold() -> None:
        monkeypatch.setattr(owner, name, die)
        if name == "remove":
            ranks[0]._engine.sessions.settle()
        len(sets(ranks[0])[0])

    assert KILLED == in_child(fold)
    assert expected == contents(ranks[1])
    add(ranks[1], 1, 50)
    assert len(expected["cells"]) + 5 == len(sets(ranks[0])[0])
    add(ranks[0], 1, 51)
    assert log_of(root).exists()
    serial = Storage("hdf5", str(root))
    assert len(expected["cells"]) + 10 == len(sets(serial)[0])
    assert not bsb_hdf5.verify(serial).findings


@pytest.mark.parametrize("written", range(3))
def test_a_call_that_is_killed_is_there_whole_or_not_at_all(
    root: Path, ranks: list[Storage], written: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(ranks[0], 0, 0)
    write, calls = platform.write_some, iter(range(9))

    def write_some(descriptor: int, data: Any, start: int) -> int:
        if next(calls) == written:
            write(descriptor, data[: len(data) // 2], start)
            die()
        return write(descriptor, data, start)

    monkeypatch.setattr(platform, "write_some", write_some)

    def add_two() -> None:
        for turn in (1, 2):
            add(ranks[0], 0, turn)

    code = in_child(add_two)
    monkeypatch.undo()
    monkeypatch.setenv("BSB_HDF5_LAYOUT", "columnar")
    assert KILLED == code
    add(ranks[1], 1, 0)
    placed = sets(ranks[1])[0]
    turns = placed.load_positions()[5:, 1].reshape(-1, 5)
    assert (2 if written < 2 else 3) == len(turns)
    assert_array_equal(np.ptp(turns, axis=1), 0)


def test_calls_of_a_killed_program_are_there_for_the_next_one(
    root: Path, ranks: list[Storage], expected: dict[str, Any]
) -> None:
    assert 1 == in_child(lambda: add_all(ranks))
    assert log_of(root).exists()
    storage = Storage("hdf5", str(root))
    assert expected == contents(storage)
    add(storage, 0, 9)
    assert not log_of(root).exists()


def test_a_full_disk_is_reported_to_the_rank_whose_call_it_stops(
    root: Path, ranks: list[Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    add(ranks[0], 0, 0)
    before = log_of(root).read_bytes()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(platform, "write_some", full)
        with pytest.raises(StoreIOError, match="No space left"):
            add(ranks[0], 0, 1)
    assert before == log_of(root).read_bytes()
    add(ranks[1], 1, 0)
    assert 15 == len(sets(ranks[0])[0])


def test_a_log_that_is_full_is_carried_out_by_the_next_call(
    root: Path, ranks: list[Storage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_log, "_MOST_BYTES", 3000)
    for turn in range(20):
        add(ranks[turn % 2], 0, turn)
        assert not log_of(root).exists() or size_of_log(root) < 3500
    assert 105 == len(sets(ranks[0])[0])


def test_a_file_parted_from_its_log_says_so(
    root: Path, ranks: list[Storage], tmp_path: Path
) -> None:
    add(ranks[0], 0, 0)
    parted = tmp_path / "parted.hdf5"
    shutil.copy(root, parted)
    storage = Storage("hdf5", str(parted))
    with pytest.warns(HiddenRowsWarning, match=r"parted\.hdf5\.staged"):
        placed = sets(storage)[0]
        assert 5 == len(placed)
    with pytest.raises(CorruptNetworkError, match=r"parted\.hdf5\.staged"):
        placed.append_data(chunk(0), signed(0, 0, 5))
    with pytest.warns(HiddenRowsWarning):
        (finding,) = bsb_hdf5.verify(storage).findings
    assert ("network", "staged calls", True) == (finding.part, finding.where, finding.repairable)
    assert "parted.hdf5.staged" in str(finding)
    assert (finding,) == bsb_hdf5.repair(storage).repaired
    add(storage, 0, 1)
    assert 10 == len(sets(storage)[0])
    assert not bsb_hdf5.verify(storage).findings


def test_a_file_beside_the_log_of_another_says_so(
    root: Path, ranks: list[Storage], tmp_path: Path
) -> None:
    add(ranks[0], 0, 0)
    other = tmp_path / "other.hdf5"
    begin(other)
    add(shared(other), 0, 0)
    shutil.copy(log_of(root), log_of(other))
    with pytest.warns(HiddenRowsWarning, match="another network"):
        assert 5 == len(sets(Storage("hdf5", str(other)))[0])


def test_a_file_and_its_log_are_a_network_elsewhere(
    root: Path, ranks: list[Storage], expected: dict[str, Any], tmp_path: Path
) -> None:
    add_all(ranks)
    copy = tmp_path / "copy.hdf5"
    shutil.copy(root, copy)
    shutil.copy(log_of(root), log_of(copy))
    assert expected == contents(Storage("hdf5", str(copy)))


def test_a_user_who_may_not_write_is_warned_of_rows_not_seen(
    root: Path, ranks: list[Storage]
) -> None:
    add(ranks[0], 0, 0)
    storage = Storage("hdf5", str(root))
    with storage.read_only(), pytest.warns(HiddenRowsWarning, match="'cell', 'linked'"):
        assert 5 == len(sets(storage)[0])
    assert 10 == len(sets(storage)[0])


def test_an_open_file_of_a_caller_is_not_written_past_the_log(
    root: Path, ranks: list[Storage]
) -> None:
    import h5py

    add(ranks[0], 0, 0)
    placed = sets(Storage("hdf5", str(root)))[0]
    with h5py.File(root, "r+") as file, pytest.raises(HandleError, match="write_scope"):
        placed.append_data(chunk(0), signed(0, 0, 1), handle=file)


def test_serial_storages_log_nothing(root: Path) -> None:
    storage = Storage("hdf5", str(root))
    for turn in range(3):
        add(storage, 0, turn)
    assert not log_of(root).exists()


def test_a_rank_that_waits_for_the_log_gives_up_in_time(ranks: list[Storage]) -> None:
    add(ranks[0], 0, 0)
    log: Hdf5CallLog = ranks[1]._engine.sessions.store.calls
    placed = sets(ranks[1])[0]
    placed.append_data(chunk(0), signed(0, 1, 5))
    log.limit = 0.1
    with ranks[0].write_scope(), pytest.raises(TimeoutError, match="'append_data' did nothing"):
        in_thread(lambda: placed.append_data(chunk(0), signed(0, 1, 5)))
    add(ranks[1], 0, 1)


def in_thread(act: Callable[[], object]) -> None:
    """Do something in another thread, and raise what it raises."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # raised again below
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
