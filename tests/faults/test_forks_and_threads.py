"""Processes that fork while they read or write, and threads that outlive or wait for a scope."""

from __future__ import annotations

import contextvars
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5 import PlacementSet, errors
from bsb_hdf5.core.layouts.classic import placement as classic_placement
from bsb_hdf5.core.layouts.columnar.arrays import LongArray
from tests.face.layouts import new_storage
from tests.face.samples import cell_type, chunk, positions
from tests.faults.programs import run_program

# What writes a column of a chunk, of several that an append writes.
WRITES_COLUMNS: dict[str, tuple[Any, str]] = {
    "classic": (classic_placement, "append_aligned"),
    "columnar": (LongArray, "put"),
}

FORK = """
    import os, signal, sys, threading, time
    from bsb import Storage
    from tests.face.samples import cell_type, chunk, open_engine_quickly, positions
    storage = open_engine_quickly(Storage("hdf5", sys.argv[1]))
    cells = storage.get_placement_set(cell_type("a"))

    def fork(action):
        child = os.fork()
        if child:
            return child
        try:
            action()
        except BaseException as error:
            print(type(error).__name__, error, flush=True)
            os._exit(1)
        os._exit(0)
"""

FORK_IN_A_SCOPE = (
    FORK
    + """
    with getattr(storage, sys.argv[2])():
        if sys.argv[2] == "write_scope":
            cells.append_data(chunk(0), positions(1))
        child = fork(lambda: time.sleep(50))
    start = time.monotonic()
    cells.append_data(chunk(0), positions(1))
    waited = time.monotonic() - start
    assert (0, 0) == os.waitpid(child, os.WNOHANG), "the child lives on"
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(len(cells), waited < 4)
"""
)

FORK_BESIDE_A_THREAD = (
    FORK
    + """
    inside, done = threading.Event(), threading.Event()

    def write():
        with storage.write_scope():
            inside.set()
            done.wait()

    thread = threading.Thread(target=write)
    thread.start()
    inside.wait()
    child = fork(lambda: print(len(cells), flush=True))
    time.sleep(0.3)
    done.set()
    thread.join()
    assert 0 == os.waitpid(child, 0)[1]
"""
)


@pytest.mark.parametrize(("scope", "count"), [("read_scope", 1001), ("write_scope", 1002)])
def test_a_child_that_lives_on_keeps_no_lock_of_its_parent(
    cells: PlacementSet, path: Path, scope: str, count: int
) -> None:
    assert [f"{count} True"] == run_program(FORK_IN_A_SCOPE, str(path), scope)


def test_a_child_forked_beside_a_thread_that_writes_can_read(
    cells: PlacementSet, path: Path
) -> None:
    assert ["1000"] == run_program(FORK_BESIDE_A_THREAD, str(path))


FORK_OF_ANY_ENGINE = """
    import os, sys, threading, time
    from bsb import Storage
    from tests.face.samples import cell_type, chunk, positions
    engine, root, way = sys.argv[1:]
    storage = Storage(engine, root)
    cells = storage.require_placement_set(cell_type("a"))
    cells.append_data(chunk(0), positions(1000))

    def report(action):
        try:
            print("child:", action(), flush=True)
        except Exception as error:
            print("child:", type(error).__name__, flush=True)

    def append():
        # Enough for an array of its own.
        cells.append_data(chunk(1), positions(2000))
"""

FORK_WITHIN_A_SCOPE = (
    FORK_OF_ANY_ENGINE
    + """
    parent = os.getpid()
    try:
        with storage.write_scope() as session:
            append()
            if os.fork() == 0:
                if way == "exit":
                    sys.exit()
                if way == "write":
                    cells.append_data(chunk(1), positions(1), handle=session)
            else:
                os.wait()
                append()
    except SystemExit:
        # What MPI has registered for the end of a process complains in a forked one.
        os._exit(0)
    except Exception as error:
        print("parent" if os.getpid() == parent else "child", type(error).__name__, flush=True)
    if os.getpid() != parent:
        os._exit(0)
    other = Storage(engine, root)
    print(len(cells), len(other.get_placement_set(cell_type("a")).load_positions()))
"""
)

FORK_BESIDE_A_HALF_SESSION = (
    FORK_OF_ANY_ENGINE
    + """
    inside, done = threading.Event(), threading.Event()

    def write():
        with storage.write_scope():
            append()
            inside.set()
            done.wait()

    thread = threading.Thread(target=write)
    thread.start()
    inside.wait()
    child = os.fork()
    if child == 0:
        report(lambda: (len(cells), len(cells.load_positions())))
        os._exit(0)
    time.sleep(0.3)
    done.set()
    thread.join()
    assert 0 == os.waitpid(child, 0)[1]
    print(len(cells))
"""
)

ENGINES = pytest.mark.parametrize("engine", ["hdf5", "memory", "zarr"])


@ENGINES
@pytest.mark.parametrize("way", ["exit", "write", "return"])
def test_a_child_forked_within_a_scope_neither_undoes_nor_stores_what_the_parent_writes(
    tmp_path: Path, engine: str, way: str
) -> None:
    lines = run_program(FORK_WITHIN_A_SCOPE, engine, str(tmp_path / "network"), way)
    told = [] if way == "exit" else ["child SessionClosedError"]
    assert [*told, "5000 5000"] == lines
    assert engine == "memory" or ["network"] == os.listdir(tmp_path)


@ENGINES
def test_a_child_forked_beside_a_scope_sees_the_last_committed_state(
    tmp_path: Path, engine: str
) -> None:
    root = str(tmp_path / "network")
    lines = run_program(FORK_BESIDE_A_HALF_SESSION, engine, root, "")
    # Where there is a lock, the child waits for its parent. Memory is copied when it forks.
    seen = 1000 if engine == "memory" else 3000
    assert ["3000", f"child: ({seen}, {seen})"] == sorted(lines)


def in_copied_context(action: Callable[[], Any]) -> threading.Thread:
    context = contextvars.copy_context()
    thread = threading.Thread(target=lambda: context.run(action))
    thread.start()
    return thread


def test_a_scope_that_ends_while_a_thread_is_within_a_call_stores_whole_cells(
    cells: PlacementSet, storage: Storage, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = threading.Event()
    owner, name = WRITES_COLUMNS[layout]
    write_column = getattr(owner, name)

    def slowly(*arguments: Any) -> None:
        write_column(*arguments)
        inside.set()
        time.sleep(0.5)

    monkeypatch.setattr(owner, name, slowly)

    def write() -> None:
        cells.append_data(
            chunk(1), positions(5), rotations=np.ones((5, 3)), additional={"x": np.ones(5)}
        )

    with storage.write_scope():
        thread = in_copied_context(write)
        assert inside.wait(10)
    thread.join()
    assert 1005 == len(cells) == len(cells.load_positions())
    cells.set_chunk_filter([chunk(1)])
    assert 55 == len(cells.load_positions()) == len(cells)


# It is the writer who waits for long.
@pytest.mark.filterwarnings("ignore::bsb_hdf5.HDF5SlowLockingWarning")
def test_a_pool_reads_within_a_scope_while_a_writer_waits(
    cells: PlacementSet, storage: Storage
) -> None:
    storage._engine._settings.limit = 6.0
    with ThreadPoolExecutor(3) as pool:
        with storage.read_scope():
            writer = pool.submit(cells.append_data, chunk(0), positions(2))
            time.sleep(0.2)
            assert not writer.done()
            start = time.monotonic()
            counts = [pool.submit(lambda: len(cells)) for _ in range(4)]
            assert [1000] * 4 == [count.result(20) for count in counts]
            waited = time.monotonic() - start
        writer.result(20)
    assert waited < 5
    assert 1002 == len(cells)


def test_scopes_that_end_out_of_order_store_what_was_written_in_each(
    tmp_path: Path, layout: str
) -> None:
    storages = [new_storage(tmp_path / name, layout) for name in ("a.hdf5", "b.hdf5")]
    first, second = (each.require_placement_set(cell_type("a")) for each in storages)
    a, b = (each.write_scope() for each in storages)
    a.__enter__()
    b.__enter__()
    first.append_data(chunk(0), positions(1))
    a.__exit__(None, None, None)
    second.append_data(chunk(0), positions(2))
    # The scope of b is still open: nobody else sees it.
    assert 2 == len(second)
    b.__exit__(None, None, None)
    first.append_data(chunk(0), positions(3))
    second.append_data(chunk(0), positions(3))
    assert (4, 5) == (len(first), len(second))


def test_a_session_that_has_ended_takes_nothing_more(cells: PlacementSet, storage: Storage) -> None:
    with storage.write_scope() as handle:
        cells.append_data(chunk(0), positions(1), handle=handle)
    with pytest.raises(errors.SessionClosedError):
        cells.append_data(chunk(0), positions(1), handle=handle)
    assert 1001 == len(cells)
