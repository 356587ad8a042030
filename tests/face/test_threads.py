"""Threads that share an engine, a scope or a file."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from bsb import Configuration, Scaffold, Storage
from bsb.services.pool import FunctionJob

from bsb_hdf5 import (
    HDF5Engine,
)
from tests.face.samples import (
    SmallNetwork,
    chunk,
    connections,
    morphology,
    on_soma,
    open_engine_quickly,
    positions,
    untouched,
)
from tests.face.states import InterruptedScopeError, state_of


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
