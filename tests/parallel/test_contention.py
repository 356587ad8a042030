"""Processes without ranks that write to one network at once: they log small calls, too."""

from __future__ import annotations

import multiprocessing
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from bsb import Storage

import bsb_hdf5
from bsb_hdf5.errors import StoreError
from bsb_hdf5.transactions import contention
from bsb_hdf5.transactions.sessions import Sessions
from tests.parallel.ranks import signed
from tests.parallel.staged import add, begin, chunk, contents, log_of, sets, shared, size_of_log

# Enough for each to notice that the other writes, too.
TURNS = 8

pytestmark = pytest.mark.usefixtures("columnar")


def in_turns(writers: list[Storage], turns: int = TURNS) -> None:
    for turn in range(turns):
        for number, storage in enumerate(writers):
            add(storage, number, turn)


def opened(root: Path) -> Storage:
    return Storage("hdf5", str(root))


def test_one_writer_stores_each_call_at_once(root: Path) -> None:
    in_turns([opened(root)])
    assert not log_of(root).exists()


def test_writers_that_meet_log_their_calls(root: Path, tmp_path: Path) -> None:
    writers = [opened(root), opened(root)]
    in_turns(writers)
    before = root.read_bytes(), size_of_log(root)
    add(writers[0], 0, TURNS)
    assert before[0] == root.read_bytes()
    assert before[1] < size_of_log(root)


def test_they_store_what_one_writer_does(root: Path, tmp_path: Path) -> None:
    in_turns([opened(root), opened(root)])
    alone = tmp_path / "alone.hdf5"
    begin(alone)
    one = opened(alone)
    in_turns([one, one])
    assert contents(one) == contents(opened(root))
    assert not bsb_hdf5.verify(str(root)).findings


def test_who_is_left_alone_ceases_to_log(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writers = [opened(root), opened(root)]
    in_turns(writers)
    placed = sets(writers[0])[0]
    monkeypatch.setattr(contention, "_SECONDS", 0.0)
    for turn in range(2 * TURNS):
        placed.append_data(chunk(0), signed(0, turn, 5))
        # Carries out what is logged.
        placed.load_positions()
    assert not log_of(root).exists()


@pytest.mark.parametrize("variable", ["BSB_HDF5_STAGING", "HDF5_USE_FILE_LOCKING"])
def test_it_can_be_turned_off(root: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "FALSE")
    in_turns([opened(root), opened(root)])
    assert not log_of(root).exists()


def test_durable_and_classic_networks_have_no_log(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BSB_HDF5_DURABILITY", "power")
    in_turns([opened(root), opened(root)])
    assert not log_of(root).exists()
    monkeypatch.delenv("BSB_HDF5_DURABILITY")
    monkeypatch.setenv("BSB_HDF5_LAYOUT", "classic")
    classic = tmp_path / "classic.hdf5"
    begin(classic)
    in_turns([opened(classic), opened(classic)])
    assert not log_of(classic).exists()


@pytest.mark.parametrize(("logged", "repacked"), [(3, True), (1000, False)])
def test_a_network_is_repacked_while_others_log_calls(
    root: Path, monkeypatch: pytest.MonkeyPatch, logged: int, repacked: bool
) -> None:
    writer, storage = shared(root), opened(root)
    settle, turns = Sessions.settle, iter(range(logged))

    def settle_and_log(sessions: Sessions) -> None:
        settle(sessions)
        if sessions is storage._engine.sessions:
            for turn in turns:
                add(writer, 0, turn)
                break

    monkeypatch.setattr(Sessions, "settle", settle_and_log)
    with nullcontext() if repacked else pytest.raises(StoreError, match="all the time"):
        bsb_hdf5.repack(storage)
    monkeypatch.undo()
    calls = logged if repacked else logged - len(list(turns))
    assert 5 * (1 + calls) == len(sets(opened(root))[0])
    assert not bsb_hdf5.verify(str(root)).findings


def _work(root: Path, number: int, turns: int) -> None:
    in_turns_of(opened(root), number, turns)


def in_turns_of(storage: Storage, number: int, turns: int) -> None:
    placed, linked = sets(storage)
    for turn in range(turns):
        placed.append_data(chunk(number), signed(number, turn, 5))
        linked.chunk_connect(chunk(number), chunk(0), np.arange(4), np.arange(4)[::-1])


def test_workers_of_a_pool_leave_nothing_in_the_log(root: Path) -> None:
    context = multiprocessing.get_context("fork")
    # One is left alone in the end: it waits for nobody.
    turns = 60, 90
    workers = [context.Process(target=_work, args=(root, *each)) for each in enumerate(turns)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert not log_of(root).exists()
    assert 5 * (1 + sum(turns)) == len(sets(opened(root))[0])
    assert 2 + 4 * sum(turns) == len(sets(opened(root))[1])
    assert not bsb_hdf5.verify(str(root)).findings
