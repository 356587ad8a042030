"""Processes that end with a scope still open, or with threads that read or write."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import pytest
from bsb import Storage

import bsb_hdf5
from tests.face.layouts import new_storage
from tests.face.samples import cell_type, chunk, positions
from tests.faults.programs import run_program

# Each way to end is that of a child.
LAUNCH = """
    import json, os, signal, sys, threading, time
    from bsb import Storage
    from bsb_hdf5.config import NetworkRoot
    from tests.face.layouts import new_storage
    from tests.face.samples import cell_type, chunk, positions
    kind, mode, folder, ends = sys.argv[1:]
    hdf5 = kind in ("classic", "columnar")

    def use(count=3):
        if mode == "write":
            cells.append_data(chunk(1), positions(count))
        else:
            cells.load_positions()

    def scope():
        return storage.write_scope() if mode == "write" else storage.read_scope()

    def prepare(root):
        global storage, cells
        storage = new_storage(root, kind) if hdf5 else Storage(kind, root)
        cells = storage.require_placement_set(cell_type("a"))
        cells.append_data(chunk(0), positions(500))

    def status_of(child):
        for _ in range(3000):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return "it did not end"

    for number, code in enumerate(json.loads(ends)):
        root = os.path.join(folder, str(number))
        child = os.fork()
        if child == 0:
            output = os.open(root + ".output", os.O_WRONLY | os.O_CREAT)
            os.dup2(output, 1)
            os.dup2(output, 2)
            prepare(root)
            exec(code)
            break
        print(json.dumps([status_of(child), open(root + ".output").read()]), flush=True)
"""

ENDS = {
    "a scope that is never left": """
    entered = scope()
    entered.__enter__()
    use(2000)
    """,
    "a scope that is never left, and a user's function at exit": """
    import atexit
    atexit.register(lambda: use(2))
    entered = scope()
    entered.__enter__()
    use(2000)
    """,
    "a generator that holds a scope": """
    def hold():
        with scope():
            use(2000)
            yield
            use()
    generator = hold()
    next(generator)
    """,
    "a generator within a cycle": """
    class Cycle: pass
    def hold():
        with scope():
            use(2000)
            yield
            use()
    cycle = Cycle()
    cycle.own, cycle.generator = cycle, hold()
    next(cycle.generator)
    """,
    "a daemon thread at work": """
    begun = threading.Event()
    def work():
        while True:
            use()
            begun.set()
    threading.Thread(target=work, daemon=True).start()
    begun.wait()
    time.sleep(0.1)
    """,
    "a daemon thread within a scope": """
    begun = threading.Event()
    def work():
        while True:
            with scope():
                for _ in range(5):
                    use(700)
                    begun.set()
    threading.Thread(target=work, daemon=True).start()
    begun.wait()
    time.sleep(0.05)
    """,
    "a daemon thread that sleeps within a scope": """
    begun = threading.Event()
    def work():
        with scope():
            use(2000)
            begun.set()
            time.sleep(1000)
    threading.Thread(target=work, daemon=True).start()
    begun.wait()
    """,
    "a thread that exits within a scope": """
    def work():
        with scope():
            use(2000)
            sys.exit()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    """,
    "an exit within a scope": """
    with scope():
        use(2000)
        sys.exit()
    """,
    "an exit while a thread is at work": """
    def work():
        for _ in range(30):
            use(1)
    threading.Thread(target=work).start()
    sys.exit()
    """,
}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("classic", "write"),
        ("columnar", "read"),
        ("columnar", "write"),
        ("zarr", "read"),
        ("zarr", "write"),
        ("memory", "write"),
    ],
)
def test_processes_end_quietly_and_leave_networks_that_are_whole(
    tmp_path: Path, kind: str, mode: str
) -> None:
    ends = {end: textwrap.dedent(code) for end, code in ENDS.items()}
    lines = run_program(
        LAUNCH, kind, mode, str(tmp_path), json.dumps(list(ends.values())), seconds=250
    )
    ended = dict(zip(ends, map(json.loads, lines), strict=True))
    assert {end: [0, ""] for end in ends} == ended
    for number, end in enumerate(ends):
        if kind != "memory":
            check_whole(tmp_path / str(number), kind, end)


LATE = """
    import sys, threading
    from bsb import Storage
    from tests.face.samples import cell_type, chunk, positions
    storage = Storage("zarr", sys.argv[1])
    cells = storage.require_placement_set(cell_type("a"))
    cells.append_data(chunk(0), positions(500))

    def work():
        threading.main_thread().join()
        cells.append_data(chunk(1), positions(2000))
        print(len(cells))

    threading.Thread(target=work).start()
"""


def test_a_thread_writes_a_zarr_network_after_the_main_thread_has_ended(tmp_path: Path) -> None:
    root = tmp_path / "network"
    assert ["2500"] == run_program(LATE, str(root))
    cells = Storage("zarr", str(root)).get_placement_set(cell_type("a"))
    assert 2500 == len(cells.load_positions())


def check_whole(root: Path, kind: str, end: str) -> None:
    hdf5 = kind in ("classic", "columnar")
    storage = new_storage(root, kind) if hdf5 else Storage("zarr", str(root))
    cells = storage.get_placement_set(cell_type("a"))
    count = len(cells)
    assert count == len(cells.load_positions())
    added = count - 500
    if "exit while" in end or "daemon thread at" in end:
        assert added >= 0
    elif "daemon thread within" in end:
        assert added % 3500 == 0
    else:
        assert added == 2 if "user's function" in end and added else not added
    cells.append_data(chunk(0), positions(1))
    assert count + 1 == len(cells)
    assert () == tuple(bsb_hdf5.verify(storage))
