"""Scopes are transactions: whole or not at all, for one thread or many, with any handle."""

from __future__ import annotations

import contextvars
import fcntl
import inspect
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bsb import Configuration, Scaffold, Storage
from bsb.services.pool import FunctionJob

from bsb_hdf5 import (
    ConnectivitySet,
    FileStore,
    HDF5Engine,
    MorphologyRepository,
    PlacementSet,
)
from bsb_hdf5 import errors as e
from bsb_hdf5.chunks import ChunkedCollection, ChunkedProperty, ChunkLoader
from bsb_hdf5.resource import Resource
from tests.face.layouts import column_place, new_storage, place
from tests.face.samples import (
    SmallNetwork,
    cell_type,
    chunk,
    connections,
    digest,
    locked_elsewhere,
    morphology,
    on_soma,
    open_engine_quickly,
    positions,
    untouched,
)


class InterruptedScopeError(Exception):
    """Raised in the middle of a scope."""


def state_of(network: SmallNetwork) -> int:
    return int(network.storage._engine.state_id)


def revision_of(network: SmallNetwork, part: str, name: str) -> int:
    with h5py.File(network.path, "r") as file:
        return int(file[place(network.layout, part, name)].attrs["revision"])


def revisions_of_b_and_a_to_b(network: SmallNetwork) -> tuple[int, int]:
    return revision_of(network, "placement", "b"), revision_of(network, "connectivity", "a_to_b")


def change_everything(network: SmallNetwork) -> None:
    """At least one change of every kind."""
    storage = network.storage
    late = storage.require_placement_set(cell_type("late"))
    late.append_data(chunk(3), positions(3), additional={"depth": [1.0, 2.0, 3.0]})
    network.b.append_data(chunk(0), positions(2))
    network.b.label(["fresh"], [5, 6])
    network.b.remove_labels(["core"], [0])
    network.ab.connect(network.a, network.b, on_soma(1, 2), on_soma(1, 8))
    network.ab.clear([chunk(1)])
    network.a.clear([chunk(1)])
    storage.morphologies.save("other", morphology(200))
    storage.morphologies.remove("stub")
    storage.files.store(b"bytes" * 5000, "blob")
    storage.files.remove("note")
    storage.clear_connectivity()


# --- exceptions ---------------------------------------------------------------------------


def test_a_scope_that_raises_stores_nothing(small: SmallNetwork) -> None:
    with untouched(small.path), pytest.raises(InterruptedScopeError), small.storage.write_scope():
        change_everything(small)
        raise InterruptedScopeError
    assert [5, 7, 3] == [len(each) for each in (small.a, small.b, small.ab)]


def test_an_outer_scope_that_raises_stores_nothing_of_the_inner_ones(small: SmallNetwork) -> None:
    with untouched(small.path), pytest.raises(InterruptedScopeError), small.storage.write_scope():
        with small.storage.write_scope():
            change_everything(small)
        with small.storage.read_scope(), small.storage.write_scope():
            small.b.append_data(chunk(7), positions(1))
        raise InterruptedScopeError


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError])
def test_a_scope_that_is_interrupted_stores_nothing(
    small: SmallNetwork, error: type[BaseException]
) -> None:
    with untouched(small.path), pytest.raises(error), small.storage.write_scope():
        change_everything(small)
        raise error
    small.b.append_data(chunk(0), positions(1))
    assert 8 == len(small.b)


def test_a_scope_over_an_inner_one_that_raised_stores_nothing(small: SmallNetwork) -> None:
    with (
        untouched(small.path),
        pytest.raises(e.SessionAbortedError, match="InterruptedScopeError"),
        small.storage.write_scope(),
    ):
        small.b.append_data(chunk(0), positions(1))
        with pytest.raises(InterruptedScopeError), small.storage.write_scope():
            small.b.append_data(chunk(0), positions(1))
            raise InterruptedScopeError


def test_an_inner_scope_that_raised_before_it_changed_anything_spoils_nothing(
    small: SmallNetwork,
) -> None:
    with small.storage.write_scope():
        small.b.append_data(chunk(0), positions(1))
        with pytest.raises(InterruptedScopeError), small.storage.write_scope():
            raise InterruptedScopeError
    assert 8 == len(small.b)


def test_a_read_scope_that_raises_keeps_the_writes_within_it(small: SmallNetwork) -> None:
    with pytest.raises(InterruptedScopeError), small.storage.read_scope():
        small.b.append_data(chunk(0), positions(1))
        raise InterruptedScopeError
    assert 8 == len(small.b)


def test_a_scope_in_which_nothing_happens_changes_nothing(small: SmallNetwork) -> None:
    with untouched(small.path):
        with small.storage.write_scope():
            pass
        with small.storage.write_scope(), small.storage.read_scope():
            assert 5 == len(small.a)


# --- nesting ------------------------------------------------------------------------------


def test_a_write_scope_reads_what_it_wrote_and_stores_it_at_its_end(small: SmallNetwork) -> None:
    before = digest(small.path)
    with small.storage.write_scope(), small.storage.write_scope(), small.storage.read_scope():
        small.b.append_data(chunk(0), positions(2))
        small.ab.connect(small.a, small.b, on_soma(0), on_soma(8))
        assert 9 == len(small.b)
        assert 4 == len(small.ab)
    assert before != digest(small.path)
    assert 9 == len(small.b)
    again = open_engine_quickly(Storage("hdf5", small.storage.root))
    assert 9 == len(again.get_placement_set(small.b.cell_type))


def test_a_write_within_a_read_scope_is_stored_at_once_and_seen_by_the_reads_that_follow(
    small: SmallNetwork,
) -> None:
    with small.storage.read_scope():
        assert 7 == len(small.b)
        small.b.append_data(chunk(0), positions(1))
        assert 8 == len(small.b)
        with small.storage.read_scope(), small.storage.write_scope():
            small.b.append_data(chunk(0), positions(1))
            assert 9 == len(small.b)
        assert 9 == len(small.b)
        with pytest.raises(InterruptedScopeError), small.storage.write_scope():
            small.b.append_data(chunk(0), positions(1))
            raise InterruptedScopeError
        assert 9 == len(small.b)
        with ThreadPoolExecutor(1) as pool:
            assert 9 == pool.submit(len, small.b).result()


def test_iteration_goes_on_when_its_read_scope_writes(small: SmallNetwork) -> None:
    expected = connections(small.ab)
    seen: list[tuple[int, ...]] = []
    with small.storage.read_scope():
        for _, local, far, (near, remote) in small.ab.flat_iter_connections("out"):
            small.b.append_data(chunk(5), positions(1))
            seen.extend(
                (int(local.id), int(far.id), *a, *b)
                for a, b in zip(near.tolist(), remote.tolist(), strict=True)
            )
    assert expected == seen


def test_a_read_scope_sees_one_state(small: SmallNetwork) -> None:
    """What another thread stores meanwhile waits until the scope is over."""
    started = threading.Event()

    def append() -> None:
        started.set()
        small.b.append_data(chunk(0), positions(1))

    with ThreadPoolExecutor(1) as pool:
        with small.storage.read_scope():
            before = len(small.b)
            future = pool.submit(append)
            assert started.wait(5)
            with pytest.raises(TimeoutError):
                future.result(timeout=0.2)
            assert before == len(small.b)
        future.result(timeout=5)
    assert before + 1 == len(small.b)


def test_scopes_of_two_storages_are_independent(small: SmallNetwork, tmp_path: Path) -> None:
    other = SmallNetwork.build(new_storage(tmp_path / "other", small.layout))
    with pytest.raises(InterruptedScopeError), small.storage.write_scope():
        small.b.append_data(chunk(0), positions(1))
        with other.storage.write_scope():
            other.b.append_data(chunk(0), positions(2))
        raise InterruptedScopeError
    assert [7, 9] == [len(small.b), len(other.b)]


def test_two_storages_of_one_file_share_a_scope(small: SmallNetwork) -> None:
    twin = Storage("hdf5", small.storage.root)
    with pytest.raises(InterruptedScopeError), small.storage.write_scope():
        twin.get_placement_set(small.b.cell_type).append_data(chunk(0), positions(1))
        assert 8 == len(small.b)
        raise InterruptedScopeError
    assert 7 == len(small.b)


@pytest.mark.parametrize("method", ["move", "remove"])
@pytest.mark.parametrize("write", [False, True], ids=["read scope", "write scope"])
def test_a_storage_is_not_moved_or_removed_within_a_scope_on_it(
    small: SmallNetwork, method: str, write: bool
) -> None:
    arguments = [str(small.path) + "2"] if method == "move" else []
    scope = small.storage.write_scope() if write else small.storage.read_scope()
    with untouched(small.path), scope, pytest.raises(e.SessionAbortedError):
        getattr(small.storage, method)(*arguments)
    assert str(small.path) == small.storage.root


# --- state and revisions ------------------------------------------------------------------

SINGLE_WRITES: dict[str, Callable[[SmallNetwork], Any]] = {
    "append": lambda n: n.b.append_data(chunk(0), positions(1)),
    "append entities": lambda n: n.b.append_entities(chunk(0), 3),
    "append additional": lambda n: n.b.append_additional("depth", chunk(0), np.ones(4)),
    "label": lambda n: n.b.label(["new"], [0]),
    "remove labels": lambda n: n.b.remove_labels(["core"], [0]),
    "clear cells": lambda n: n.b.clear(),
    "require chunk": lambda n: n.b.require_chunk(chunk(6)),
    "overwrite a column": lambda n: n.b._position_chunks.overwrite(chunk(0), positions(4, 5.0)),
    "connect": lambda n: n.ab.connect(n.a, n.b, on_soma(0), on_soma(0)),
    "chunk connect": lambda n: n.ab.chunk_connect(chunk(0), chunk(0), on_soma(0), on_soma(0)),
    "clear connections": lambda n: n.ab.clear(),
    "remove cells": lambda n: n.b.remove(),
    "remove connections": lambda n: n.ab.remove(),
    "require cells": lambda n: n.storage.require_placement_set(cell_type("new")),
    "require connections": lambda n: n.storage.require_connectivity_set(
        n.b.cell_type, n.a.cell_type, "back"
    ),
    "save": lambda n: n.storage.morphologies.save("new", morphology()),
    "remove a morphology": lambda n: n.storage.morphologies.remove("stub"),
    "update meta": lambda n: n.storage.morphologies.update_all_meta({"stub": {"x": 1}}),
    "set meta": lambda n: n.storage.morphologies.set_all_meta({"stub": {"x": 1}}),
    "store": lambda n: n.storage.files.store("text", "new"),
    "remove a file": lambda n: n.storage.files.remove("note"),
    "store a configuration": lambda n: n.storage.store_active_config(Configuration.default()),
    "clear placement": lambda n: n.storage.clear_placement(),
    "clear connectivity": lambda n: n.storage.clear_connectivity(),
    "bump": lambda n: n.storage._engine._bump_state(),
}
READS: dict[str, Callable[[SmallNetwork], Any]] = {
    "positions": lambda n: n.a.load_positions(),
    "everything": lambda n: [n.a.load_ids(), n.a.load_additional(), n.a.load_morphologies()],
    "connections": lambda n: connections(n.ab),
    "statistics": lambda n: n.storage.get_chunk_stats(),
    "morphologies": lambda n: n.storage.morphologies.load("stub"),
    "files": lambda n: n.storage.files.load("note"),
    "require cells that exist": lambda n: n.storage.require_placement_set(n.a.cell_type),
    "require cells that exist, of the engine": lambda n: n.storage._engine.require_placement_set(
        n.a.cell_type
    ),
    "require connections that exist": lambda n: n.storage._ConnectivitySet.require(
        n.storage._engine, n.a.cell_type, n.b.cell_type, "a_to_b"
    ),
    "create what exists": lambda n: n.storage.create(),
    "open": lambda n: Storage("hdf5", n.storage.root),
    "connect nothing": lambda n: n.ab.connect(n.a, n.b, [], []),
    "label nothing": lambda n: n.b.label(["core"], []),
    "label again": lambda n: n.b.label(["core"], [0, 1]),
    "remove labels that nobody has": lambda n: n.b.remove_labels(["nobody"], [0, 1]),
    "require a chunk that exists": lambda n: n.b.require_chunk(chunk(0)),
    "copy": lambda n: n.storage.copy(n.storage.root + ".copy"),
}


@pytest.mark.parametrize("write", SINGLE_WRITES.values(), ids=SINGLE_WRITES.keys())
def test_the_state_moves_once_with_each_single_call(
    small: SmallNetwork, write: Callable[[SmallNetwork], Any]
) -> None:
    before, identity = state_of(small), small.storage._engine.storage_id
    write(small)
    assert before + 1 == state_of(small)
    assert identity == small.storage._engine.storage_id


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_the_state_does_not_move_when_nothing_changes(
    small: SmallNetwork, read: Callable[[SmallNetwork], Any]
) -> None:
    before = state_of(small), digest(small.path)
    read(small)
    assert before == (state_of(small), digest(small.path))


def test_the_state_moves_once_with_a_scope(small: SmallNetwork) -> None:
    before = state_of(small)
    with small.storage.write_scope(), small.storage.write_scope():
        change_everything(small)
        small.storage._engine._bump_state()
    assert before + 1 == state_of(small)


def test_the_state_moves_with_each_write_of_a_read_scope(small: SmallNetwork) -> None:
    before = state_of(small)
    with small.storage.read_scope():
        small.b.append_data(chunk(0), positions(1))
        small.b.append_data(chunk(0), positions(1))
    assert before + 2 == state_of(small)


def test_the_state_stays_when_a_scope_raises(small: SmallNetwork) -> None:
    before = state_of(small)
    with pytest.raises(InterruptedScopeError), small.storage.write_scope():
        change_everything(small)
        raise InterruptedScopeError
    assert before == state_of(small)


def test_the_revision_of_a_set_moves_once_with_a_scope_that_changes_it(
    small: SmallNetwork,
) -> None:
    sets = (("placement", "a"), ("placement", "b"), ("connectivity", "a_to_b"))
    before = [revision_of(small, *each) for each in sets]
    with small.storage.write_scope():
        for _ in range(3):
            small.b.append_data(chunk(0), positions(1))
            small.ab.connect(small.a, small.b, on_soma(0, 1), on_soma(0, 0))
        small.b.clear([chunk(2)])
    expected = [before[0], before[1] + 1, before[2] + 1]
    assert expected == [revision_of(small, *each) for each in sets]


def test_the_revision_of_a_set_moves_once_with_each_call(small: SmallNetwork) -> None:
    before = revisions_of_b_and_a_to_b(small)
    small.b.append_data(chunk(0), positions(1))
    small.b.append_data(chunk(9), positions(1))
    small.ab.connect(small.a, small.b, on_soma(0, 4), on_soma(0, 0))
    after = revisions_of_b_and_a_to_b(small)
    assert (before[0] + 2, before[1] + 1) == after


def test_labels_move_the_revision_of_a_set(small: SmallNetwork) -> None:
    before = revision_of(small, "placement", "b")
    small.b.label(["new"], [3])
    small.b.label(["new"], [3])
    assert before + 1 == revision_of(small, "placement", "b")


# --- read-only mode -----------------------------------------------------------------------


def test_read_only_mode_works_while_another_process_holds_an_exclusive_lock(
    small: SmallNetwork,
) -> None:
    with locked_elsewhere(small.path), small.storage.read_only():
        assert [5, 7, 3] == [len(each) for each in (small.a, small.b, small.ab)]
        with small.storage.read_scope():
            assert 3 == len(connections(small.ab))
        assert small.storage.morphologies.has("stub")
        assert state_of(small) > 0
        assert 5 == len(small.storage.require_placement_set(small.a.cell_type))


@pytest.mark.parametrize(
    "write",
    [write for name, write in SINGLE_WRITES.items() if name != "bump"],
    ids=[name for name in SINGLE_WRITES if name != "bump"],
)
def test_read_only_mode_refuses_to_write(
    small: SmallNetwork, write: Callable[[SmallNetwork], Any]
) -> None:
    with untouched(small.path), small.storage.read_only():
        with pytest.raises(e.ReadOnlyError, match="read-only mode"):
            write(small)
        with small.storage.read_scope(), pytest.raises(e.ReadOnlyError):
            write(small)


def test_read_only_mode_refuses_a_write_scope_and_what_concerns_the_whole_file(
    small: SmallNetwork,
) -> None:
    with untouched(small.path), small.storage.read_only():
        uses: tuple[Callable[[], Any], ...] = (
            lambda: small.storage.write_scope().__enter__(),
            small.storage.remove,
            lambda: small.storage.move(str(small.path) + "2"),
        )
        for use in uses:
            with pytest.raises(e.ReadOnlyError):
                use()
        small.storage._engine._bump_state()


def test_read_only_mode_ends_with_its_block_even_if_that_raises(small: SmallNetwork) -> None:
    with pytest.raises(InterruptedScopeError), small.storage.read_only():
        with small.storage.read_only():
            pass
        with pytest.raises(e.ReadOnlyError):
            small.b.append_data(chunk(0), positions(1))
        raise InterruptedScopeError
    small.b.append_data(chunk(0), positions(1))
    assert 8 == len(small.b)


def test_read_only_mode_lasts_until_readwrite(small: SmallNetwork) -> None:
    small.storage._engine.read_only()
    with pytest.raises(e.ReadOnlyError):
        small.b.append_data(chunk(0), positions(1))
    small.storage._engine.readwrite()
    small.b.append_data(chunk(0), positions(1))
    assert 8 == len(small.b)


# --- locks that others see ----------------------------------------------------------------


def _lock_is_free(path: Path, operation: int) -> bool:
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_a_write_scope_keeps_everybody_else_out_and_a_read_scope_writers_only(
    small: SmallNetwork,
) -> None:
    with small.storage.write_scope():
        assert not _lock_is_free(small.path, fcntl.LOCK_SH)
    with small.storage.read_scope():
        assert _lock_is_free(small.path, fcntl.LOCK_SH)
        assert not _lock_is_free(small.path, fcntl.LOCK_EX)
    assert _lock_is_free(small.path, fcntl.LOCK_EX)


def _times_open(path: Path) -> int:
    """How many descriptors of this process are of the file."""
    links = Path("/proc/self/fd").iterdir()
    return [os.path.realpath(link) for link in links].count(os.path.realpath(path))


def test_no_file_stays_open_or_locked_after_an_error(small: SmallNetwork) -> None:
    # It stays open between sessions, once.
    assert 7 == len(small.b)
    before = _times_open(small.path)
    for _ in range(5):
        with pytest.raises(InterruptedScopeError), small.storage.write_scope():
            change_everything(small)
            raise InterruptedScopeError
        with pytest.raises(e.InputError):
            small.b.append_data(chunk(0), [[1.0]])
        with pytest.raises(e.SetNotFoundError):
            small.storage.get_connectivity_set("other")
    assert before == _times_open(small.path)
    assert _lock_is_free(small.path, fcntl.LOCK_EX)


# --- handles ------------------------------------------------------------------------------


def _length(cells: Any, handle: Any) -> int:
    return int(cells.__len__(handle=handle))


# How each method that takes a handle is called: its owner, and its arguments.
Call = Callable[[SmallNetwork, Any], Any]
CALLS: dict[tuple[type, str], Call] = {
    (PlacementSet, "create"): lambda n, h: PlacementSet.create(
        n.storage._engine, cell_type("new"), handle=h
    ),
    (PlacementSet, "exists"): lambda n, h: PlacementSet.exists(
        n.storage._engine, n.a.cell_type, handle=h
    ),
    (PlacementSet, "require"): lambda n, h: PlacementSet.require(
        n.storage._engine, cell_type("new"), handle=h
    ),
    (PlacementSet, "remove"): lambda n, h: n.b.remove(handle=h),
    (PlacementSet, "__len__"): lambda n, h: _length(n.b, h),
    (PlacementSet, "load_ids"): lambda n, h: n.b.load_ids(handle=h),
    (PlacementSet, "load_positions"): lambda n, h: n.b.load_positions(handle=h),
    (PlacementSet, "load_rotations"): lambda n, h: n.a.load_rotations(handle=h),
    (PlacementSet, "load_morphologies"): lambda n, h: n.a.load_morphologies(handle=h),
    (PlacementSet, "load_additional"): lambda n, h: n.a.load_additional(handle=h),
    (PlacementSet, "append_data"): lambda n, h: n.b.append_data(chunk(0), positions(1), handle=h),
    (PlacementSet, "append_additional"): lambda n, h: n.b.append_additional(
        "depth", chunk(0), np.ones(4), handle=h
    ),
    (PlacementSet, "clear"): lambda n, h: n.b.clear([chunk(0)], handle=h),
    (PlacementSet, "get_chunk_stats"): lambda n, h: n.b.get_chunk_stats(handle=h),
    (PlacementSet, "label"): lambda n, h: n.b.label(["new"], [0], handle=h),
    (PlacementSet, "remove_labels"): lambda n, h: n.b.remove_labels(["core"], [0], handle=h),
    (PlacementSet, "label_by_mask"): lambda n, h: n.b.label_by_mask(
        ["new"], np.ones(7, dtype=bool), handle=h
    ),
    (PlacementSet, "remove_labels_by_mask"): lambda n, h: n.b.remove_labels_by_mask(
        ["core"], np.ones(7, dtype=bool), handle=h
    ),
    (PlacementSet, "get_unique_labels"): lambda n, h: n.b.get_unique_labels(handle=h),
    (PlacementSet, "get_labelled"): lambda n, h: n.b.get_labelled(["core"], handle=h),
    (PlacementSet, "get_label_mask"): lambda n, h: n.b.get_label_mask(["core"], handle=h),
    (PlacementSet, "convert_to_local"): lambda n, h: n.b.convert_to_local([0, 1], handle=h),
    (ConnectivitySet, "create"): lambda n, h: ConnectivitySet.create(
        n.storage._engine, n.b.cell_type, n.a.cell_type, "back", handle=h
    ),
    (ConnectivitySet, "exists"): lambda n, h: ConnectivitySet.exists(
        n.storage._engine, "a_to_b", handle=h
    ),
    (ConnectivitySet, "get_tags"): lambda n, h: ConnectivitySet.get_tags(
        n.storage._engine, handle=h
    ),
    (ConnectivitySet, "require"): lambda n, h: ConnectivitySet.require(
        n.storage._engine, n.b.cell_type, n.a.cell_type, "back", handle=h
    ),
    (ConnectivitySet, "remove"): lambda n, h: n.ab.remove(handle=h),
    (ConnectivitySet, "__len__"): lambda n, h: _length(n.ab, h),
    (ConnectivitySet, "clear"): lambda n, h: n.ab.clear(handle=h),
    (ConnectivitySet, "connect"): lambda n, h: n.ab.connect(
        n.a, n.b, on_soma(0), on_soma(0), handle=h
    ),
    (ConnectivitySet, "chunk_connect"): lambda n, h: n.ab.chunk_connect(
        chunk(0), chunk(0), on_soma(0), on_soma(0), handle=h
    ),
    (ConnectivitySet, "get_chunk_stats"): lambda n, h: n.ab.get_chunk_stats(handle=h),
    (ConnectivitySet, "get_local_chunks"): lambda n, h: n.ab.get_local_chunks("inc", handle=h),
    (ConnectivitySet, "get_global_chunks"): lambda n, h: n.ab.get_global_chunks(
        "inc", chunk(0), handle=h
    ),
    (ConnectivitySet, "load_block_connections"): lambda n, h: n.ab.load_block_connections(
        "inc", chunk(0), chunk(0), handle=h
    ),
    (ConnectivitySet, "load_local_connections"): lambda n, h: n.ab.load_local_connections(
        "inc", chunk(0), handle=h
    ),
    (MorphologyRepository, "all"): lambda n, h: n.storage.morphologies.all(handle=h),
    (MorphologyRepository, "has"): lambda n, h: n.storage.morphologies.has("stub", handle=h),
    (MorphologyRepository, "preload"): lambda n, h: n.storage.morphologies.preload(
        "stub", handle=h
    ),
    (MorphologyRepository, "load"): lambda n, h: n.storage.morphologies.load("stub", handle=h),
    (MorphologyRepository, "get_meta"): lambda n, h: n.storage.morphologies.get_meta(
        "stub", handle=h
    ),
    (MorphologyRepository, "get_all_meta"): lambda n, h: n.storage.morphologies.get_all_meta(
        handle=h
    ),
    (MorphologyRepository, "set_all_meta"): lambda n, h: n.storage.morphologies.set_all_meta(
        {"stub": {"x": 1}}, handle=h
    ),
    (MorphologyRepository, "update_all_meta"): lambda n, h: n.storage.morphologies.update_all_meta(
        {"stub": {"x": 1}}, handle=h
    ),
    (MorphologyRepository, "save"): lambda n, h: n.storage.morphologies.save(
        "new", morphology(), handle=h
    ),
    (MorphologyRepository, "remove"): lambda n, h: n.storage.morphologies.remove("stub", handle=h),
    (FileStore, "all"): lambda n, h: n.storage.files.all(handle=h),
    (FileStore, "has"): lambda n, h: n.storage.files.has("note", handle=h),
    (FileStore, "load"): lambda n, h: n.storage.files.load("note", handle=h),
    (FileStore, "get_meta"): lambda n, h: n.storage.files.get_meta("note", handle=h),
    (FileStore, "get_mtime"): lambda n, h: n.storage.files.get_mtime("note", handle=h),
    (FileStore, "get_encoding"): lambda n, h: n.storage.files.get_encoding("note", handle=h),
    (FileStore, "store"): lambda n, h: n.storage.files.store("text", "new", handle=h),
    (FileStore, "remove"): lambda n, h: n.storage.files.remove("note", handle=h),
    (ChunkLoader, "get_all_chunks"): lambda n, h: n.b.get_all_chunks(handle=h),
    (ChunkLoader, "require_chunk"): lambda n, h: n.b.require_chunk(chunk(6), handle=h),
    (ChunkedProperty, "load"): lambda n, h: n.b._position_chunks.load(handle=h),
    (ChunkedProperty, "get_chunk_reader"): lambda n, h: n.b._position_chunks.get_chunk_reader(
        h, True
    )(chunk(0)),
    (ChunkedProperty, "append"): lambda n, h: n.b._labels_chunks.append(chunk(0), [0], handle=h),
    (ChunkedProperty, "clear"): lambda n, h: n.b._position_chunks.clear(chunk(0), handle=h),
    (ChunkedProperty, "overwrite"): lambda n, h: n.b._position_chunks.overwrite(
        chunk(0), positions(4), handle=h
    ),
    (ChunkedCollection, "keys"): lambda n, h: n.a._additional_chunks.keys(handle=h),
    (ChunkedCollection, "load"): lambda n, h: n.a._additional_chunks.load("weight", handle=h),
    (ChunkedCollection, "load_all"): lambda n, h: n.a._additional_chunks.load_all(handle=h),
    (ChunkedCollection, "append"): lambda n, h: n.a._additional_chunks.append(
        chunk(0), "depth", np.ones(3), handle=h
    ),
    (ChunkedCollection, "clear"): lambda n, h: n.a._additional_chunks.clear(chunk(0), handle=h),
    (ChunkedCollection, "overwrite"): lambda n, h: n.a._additional_chunks.overwrite(
        chunk(0), np.ones(3), "weight", handle=h
    ),
    (Resource, "create"): lambda n, h: Resource(n.storage._engine, "/extra").create([1], handle=h),
    (Resource, "exists"): lambda n, h: Resource(n.storage._engine, place(n.layout, "files")).exists(
        handle=h
    ),
    (Resource, "keys"): lambda n, h: Resource(n.storage._engine, place(n.layout, "files")).keys(
        handle=h
    ),
    (Resource, "remove"): lambda n, h: Resource(
        n.storage._engine, place(n.layout, "files", "note")
    ).remove(handle=h),
    (Resource, "require"): lambda n, h: Resource(n.storage._engine, "/extra").require(h),
    (Resource, "get_dataset"): lambda n, h: Resource(
        n.storage._engine, column_place(n.layout, "b", chunk(0), "position")
    ).get_dataset(handle=h),
    (Resource, "append"): lambda n, h: Resource(n.storage._engine, "/extra").append([1], handle=h),
}
WRITERS = {
    "append", "append_additional", "append_data", "chunk_connect", "clear", "connect", "create",
    "label", "label_by_mask", "overwrite", "remove", "remove_labels", "remove_labels_by_mask",
    "require", "require_chunk", "save", "set_all_meta", "store", "update_all_meta",
}  # fmt: skip


def methods_with_handles() -> set[tuple[type, str]]:
    """Every documented method with a parameter ``handle``."""
    owners = (
        PlacementSet, ConnectivitySet, MorphologyRepository, FileStore, ChunkLoader,
        ChunkedProperty, ChunkedCollection, Resource,
    )  # fmt: skip
    return {
        (owner, name)
        for owner in owners
        for name, member in vars(owner).items()
        if (name == "__len__" or not name.startswith("_"))
        and callable(function := getattr(member, "__func__", member))
        and "handle" in inspect.signature(function).parameters
    }


def test_the_calls_below_are_those_of_every_method_that_takes_a_handle() -> None:
    assert methods_with_handles() == set(CALLS)


def _title(item: tuple[type, str]) -> str:
    return f"{item[0].__name__}.{item[1]}"


def _plain(value: Any) -> Any:
    """Something that compares by value."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value if isinstance(value, str | int | float | None) else type(value).__name__


@contextmanager
def handle_of(network: SmallNetwork, kind: str) -> Iterator[Any]:
    if kind == "write session":
        with network.storage.write_scope() as session:
            yield session
    elif kind == "read session":
        with network.storage.read_scope() as session:
            yield session
    else:
        with h5py.File(network.path, kind.rsplit(maxsplit=1)[-1]) as file:
            yield file


@pytest.mark.parametrize("kind", ["write session", "read session", "file r", "file r+"])
@pytest.mark.parametrize("method", CALLS, ids=_title)
def test_every_method_works_with_every_handle_or_says_that_it_writes(
    small: SmallNetwork, method: tuple[type, str], kind: str
) -> None:
    small.storage._engine.sessions.store._settings.lock_limit = 0.2
    call, writes = CALLS[method], method[1] in WRITERS
    with handle_of(small, kind) as handle:
        before = digest(small.path)
        if writes and kind in ("read session", "file r"):
            with pytest.raises(e.ReadOnlyError):
                call(small, handle)
            assert before == digest(small.path)
            return
        with_handle = _plain(call(small, handle))
    if not writes:
        # HDF5 itself writes when it closes a file that was opened to write.
        assert before == digest(small.path) or kind == "file r+"
        assert with_handle == _plain(call(small, None))
    elif kind == "write session":
        assert before != digest(small.path)


@pytest.mark.parametrize("method", [each for each in CALLS if each[1] in WRITERS], ids=_title)
def test_what_is_written_with_a_file_is_counted_and_stored_like_the_rest(
    small: SmallNetwork, method: tuple[type, str], tmp_path: Path
) -> None:
    small.storage._engine.sessions.store._settings.lock_limit = 0.2
    other = SmallNetwork.build(new_storage(tmp_path / "other", small.layout))
    before = state_of(small)
    with h5py.File(small.path, "r+") as file:
        CALLS[method](small, file)
    with other.storage.write_scope() as session:
        CALLS[method](other, session)
    assert before + 1 == state_of(small)
    assert _contents(other.path) == _contents(small.path)


def _contents(path: Path) -> dict[str, Any]:
    """Whatever is in the file, but for identities and times."""
    found: dict[str, Any] = {}

    def visit(name: str, node: Any) -> None:
        attributes = {
            key: np.asarray(value).tolist()
            for key, value in node.attrs.items()
            if key not in ("created_at", "mtime", "bsb_provenance", "meta")
        }
        for key, value in attributes.items():
            if isinstance(value, str):
                attributes[key] = value.strip()
        found[name] = attributes
        if isinstance(node, h5py.Dataset):
            found[name + " rows"] = np.asarray(node[()]).tolist()

    with h5py.File(path, "r") as file:
        visit("/", file)
        file.visititems(visit)
    return found


def test_connect_takes_a_file_under_morphology_label_filters(small: SmallNetwork) -> None:
    small.storage._engine.sessions.store._settings.lock_limit = 0.2
    small.a.set_morphology_label_filter(["tuft"])
    with h5py.File(small.path, "r+") as file:
        small.ab.connect(small.a, small.b, [[0, 0, 1]], on_soma(0), handle=file)
    assert (0, 0, 0, 1, 1, 0, -1, -1) in connections(small.ab)


def test_a_write_with_a_file_within_a_scope_on_it_is_seen_by_the_file(
    small: SmallNetwork, layout: str
) -> None:
    with h5py.File(small.path, "r+") as file:
        small.b.append_data(chunk(0), positions(2), handle=file)
        column = file[column_place(layout, "b", chunk(0), "position")]
        # That of the chunk, or that of the whole set.
        assert (6 if layout == "classic" else 9, 3) == column.shape
        assert 9 == _length(small.b, file)
    assert 9 == len(small.b)


@pytest.mark.parametrize("kind", ["write session", "read session", "file r", "file r+"])
def test_a_handle_is_taken_by_position_too(small: SmallNetwork, kind: str) -> None:
    with handle_of(small, kind) as handle:
        assert (7, 3) == small.b.load_positions(handle).shape
        assert [0.0, 1.0, 2.0, 0.0, 1.0] == small.a.load_additional("weight", handle).tolist()


# --- threads ------------------------------------------------------------------------------


def _in_threads(count: int, work: Callable[[int], None], copied: bool = False) -> None:
    """Run in threads, at the same time; the first error of any of them is raised."""
    ready = threading.Barrier(count)

    def run(number: int) -> None:
        ready.wait(10)
        work(number)

    with ThreadPoolExecutor(count) as pool:
        futures: list[Future[None]] = [
            pool.submit(contextvars.copy_context().run, run, number)
            if copied
            else pool.submit(run, number)
            for number in range(count)
        ]
    for future in futures:
        future.result()


def test_four_threads_that_append_through_one_engine_lose_nothing(storage: Storage) -> None:
    cells = storage.require_placement_set(cell_type("a"))
    before = storage._engine.state_id

    def append(thread: int) -> None:
        for i in range(30):
            rows = np.full((2, 3), 100.0 * thread + i)
            cells.append_data(chunk(i % 5), rows, additional={"thread": np.full(2, thread)})

    _in_threads(4, append)
    assert 240 == len(cells)
    expected = sorted(100.0 * thread + i for thread in range(4) for i in range(30) for _ in "xy")
    assert expected == sorted(cells.load_positions()[:, 0].tolist())
    assert (
        cells.load_additional("thread").tolist() == (cells.load_positions()[:, 0] // 100).tolist()
    )
    assert 240 == sum(each["placed"] for each in storage.get_chunk_stats().values())
    assert before + 120 == storage._engine.state_id


def test_threads_that_append_connect_label_and_read_lose_nothing(small: SmallNetwork) -> None:
    storage = small.storage

    def work(thread: int) -> None:
        for i in range(15):
            if thread == 0:
                small.b.append_data(chunk(8), positions(1))
            elif thread == 1:
                small.ab.connect(small.a, small.b, on_soma(0, 4), on_soma(0, 6))
            elif thread == 2:
                small.b.label([f"label {i}"], [0, 5])
            elif thread == 3:
                storage.files.store(f"text {i}", f"file {i}")
                storage.morphologies.save(f"cell {i}", morphology())
            else:
                with storage.read_scope():
                    found = len(small.b)
                    assert found == len(small.b.load_positions())
                    assert len(small.ab) == len(connections(small.ab))

    _in_threads(6, work)
    assert 22 == len(small.b)
    assert 33 == len(small.ab)
    assert 33 == len(connections(small.ab, "inc"))
    for i in range(15):
        assert [0, 5] == small.b.get_labelled([f"label {i}"]).tolist()
    assert [0, 1] == small.b.get_labelled(["core"]).tolist()
    assert 16 == len(storage.files.all())
    assert 16 == len(storage.morphologies.all())


def test_threads_with_copied_contexts_write_within_the_scope_of_their_maker(
    small: SmallNetwork,
) -> None:
    before = state_of(small)
    with small.storage.write_scope():

        def append(thread: int) -> None:
            for _ in range(10):
                small.b.append_data(chunk(thread), positions(1))
                small.ab.connect(small.a, small.b, on_soma(0), on_soma(0))

        _in_threads(4, append, copied=True)
        assert 47 == len(small.b)
    assert before + 1 == state_of(small)
    assert 47 == len(small.b)
    assert 43 == len(connections(small.ab))


def test_threads_with_copied_contexts_write_within_a_read_scope_of_their_maker(
    small: SmallNetwork,
) -> None:
    with small.storage.read_scope():

        def append(thread: int) -> None:
            for _ in range(10):
                small.b.append_data(chunk(thread), positions(1))
                assert len(small.b) == len(small.b.load_positions()) or thread >= 0

        _in_threads(4, append, copied=True)
        assert 47 == len(small.b)
    assert 47 == len(small.b)


def test_what_threads_with_copied_contexts_write_is_undone_with_the_scope_of_their_maker(
    small: SmallNetwork,
) -> None:
    def append(thread: int) -> None:
        small.b.append_data(chunk(thread), positions(1))

    with untouched(small.path), pytest.raises(InterruptedScopeError), small.storage.write_scope():
        _in_threads(4, append, copied=True)
        raise InterruptedScopeError


def test_a_thread_that_outlives_the_scope_of_its_maker_writes_on_its_own(
    small: SmallNetwork,
) -> None:
    over = threading.Event()

    def append() -> None:
        assert over.wait(10)
        small.b.append_data(chunk(0), positions(1))

    with ThreadPoolExecutor(1) as pool:
        with small.storage.write_scope():
            future = pool.submit(contextvars.copy_context().run, append)
        over.set()
        future.result(timeout=10)
    assert 8 == len(small.b)


def test_a_thread_of_its_own_waits_for_the_write_scope_of_another(small: SmallNetwork) -> None:
    started = threading.Event()

    def append() -> None:
        started.set()
        small.b.append_data(chunk(0), positions(1))

    with ThreadPoolExecutor(1) as pool:
        with small.storage.write_scope():
            future = pool.submit(append)
            assert started.wait(5)
            small.b.append_data(chunk(0), positions(1))
            assert 8 == len(small.b)
        future.result(timeout=10)
    assert 9 == len(small.b)


@pytest.mark.parametrize("write", [True, False], ids=["write scope", "read scope"])
def test_a_job_of_a_serial_pool_writes_within_an_outer_scope(storage: Storage, write: bool) -> None:
    configuration = Configuration.default(
        cell_types={"a": {"spatial": {"radius": 2, "density": 1e-3}}}
    )
    network = Scaffold(configuration, storage)
    cells = network.get_placement_set("a")

    def place(scaffold: Scaffold, x: int) -> None:
        scaffold.get_placement_set("a").append_data(chunk(x), positions(2))

    with storage.write_scope() if write else storage.read_scope():
        with network.create_job_pool() as pool:
            jobs = [pool.queue(place, (x,)) for x in range(5)]
            pool.execute()
        assert all(isinstance(job, FunctionJob) for job in jobs)
        assert 10 == len(cells)
    assert 10 == len(cells)


def test_a_pool_within_a_scope_that_raises_stores_nothing(storage: Storage) -> None:
    configuration = Configuration.default(
        cell_types={"a": {"spatial": {"radius": 2, "density": 1e-3}}}
    )
    network = Scaffold(configuration, storage)

    def place(scaffold: Scaffold, x: int) -> None:
        scaffold.get_placement_set("a").append_data(chunk(x), positions(2))

    with untouched(Path(storage.root)), pytest.raises(InterruptedScopeError), storage.write_scope():
        with network.create_job_pool() as pool:
            pool.queue(place, (0,))
            pool.execute()
        raise InterruptedScopeError


def test_two_threads_that_write_within_read_scopes_do_not_block_each_other(
    small: SmallNetwork,
) -> None:
    both = threading.Barrier(2)

    def work(thread: int) -> None:
        with small.storage.read_scope():
            assert 7 == len(small.b)
            both.wait(5)
            small.b.append_data(chunk(thread), positions(1))

    _in_threads(2, work)
    assert 9 == len(small.b)


def test_two_engines_of_one_file_exclude_each_other(small: SmallNetwork) -> None:
    twins = [open_engine_quickly(Storage("hdf5", small.storage.root)) for _ in range(3)]

    def append(thread: int) -> None:
        cells = twins[thread].get_placement_set(small.b.cell_type)
        for _ in range(15):
            cells.append_data(chunk(thread), positions(1))

    _in_threads(3, append)
    assert 52 == len(small.b)
    assert isinstance(twins[0]._engine, HDF5Engine)


@pytest.mark.parametrize("detailed", [False, True])
@pytest.mark.parametrize("ways", ["connect", "chunk_connect"])
def test_arguments_may_be_changed_before_the_scope_ends(
    small: SmallNetwork, detailed: bool, ways: str
) -> None:
    loop = small.storage.require_connectivity_set(small.a.cell_type, small.a.cell_type, "loop")
    given = on_soma(0, 1, 2)
    if detailed:
        given[:, 1:] = [[0, 1], [0, 2], [0, 3]]
    before, cells, labelled = given.copy(), positions(2), [0, 1]
    with small.storage.write_scope():
        if ways == "connect":
            loop.connect(small.a, small.a, given, given)
        else:
            loop.chunk_connect(chunk(0), chunk(0), given, given)
        small.b.append_data(chunk(5), cells, additional={"depth": cells[:, 0]})
        given[:], cells[:] = 0, -1
        small.a.label(["first"], labelled)
        labelled.clear()
    assert [(0, 0, *row, *row) for row in before.tolist()] == connections(loop)
    assert (positions(2) == small.b.load_positions()[-2:]).all()
    assert 2 == small.a.get_label_mask(["first"]).sum()
