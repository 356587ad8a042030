"""
Ctrl-C at random times, in a program that writes.

``BSB_HDF5_INTERRUPTS`` is how many of them; more than the few of a usual run find more.
"""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from bsb import Storage

from bsb_hdf5 import PlacementSet
from bsb_hdf5.transactions import interrupts
from bsb_hdf5.transactions.interrupts import uninterrupted
from bsb_hdf5.transactions.session import active_session
from tests.face.samples import SmallNetwork, chunk, positions, run_python
from tests.faults.programs import ROOT, run_program

INTERRUPTS = int(os.environ.get("BSB_HDF5_INTERRUPTS", "40"))
LONGEST_PAUSE = 0.12
# A second interrupt while the first is on its way could keep a scope from being left.
SECONDS_TO_ANSWER = 3.0

LOOP = """
    import os, signal, sys
    from bsb import Storage
    from tests.face.samples import cell_type, chunk, open_engine_quickly, positions
    path, count = sys.argv[1], int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    storage = open_engine_quickly(Storage("hdf5", path))
    cells = storage.get_placement_set(cell_type("a"))
    before, acknowledged, interrupts = len(cells), 0, 0

    def once():
        if acknowledged % 2:
            cells.append_data(chunk(1), positions(10))
        else:
            with storage.write_scope():
                for x in range(0, 10):
                    cells.append_data(chunk(x), positions(1))

    print("ready", flush=True)
    while interrupts < count:
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            while True:
                once()
                acknowledged += 1
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            interrupts += 1
            # What was interrupted is stored or not: either, but whole.
            stored, rest = divmod(len(cells) - before, 10)
            found = len(cells.load_positions()) - before
            if rest or found != 10 * stored or stored not in (acknowledged, acknowledged + 1):
                sys.exit(f"{acknowledged} acknowledged, {found} cells, {len(cells)} counted")
            acknowledged = stored
            print("interrupted", flush=True)
    with open(sys.argv[3], "w") as file:
        file.write(str(acknowledged))
"""


def interrupt_often(process: subprocess.Popen[str]) -> None:
    """Interrupt a program until it ends."""
    assert process.stdout is not None
    chance = random.Random(11)
    assert "ready\n" == process.stdout.readline()
    while process.poll() is None:
        time.sleep(chance.uniform(0, LONGEST_PAUSE))
        process.send_signal(signal.SIGINT)
        # Where Python discards an exception, as in a destructor, an interrupt is lost.
        if select.select([process.stdout], [], [], SECONDS_TO_ANSWER)[0]:
            process.stdout.readline()


@pytest.mark.timeout(120 + INTERRUPTS)
def test_interrupts_at_any_time_neither_kill_the_program_nor_harm_the_file(
    cells: PlacementSet, path: Path
) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    told = path.with_name("acknowledged")
    arguments = str(path), str(INTERRUPTS), str(told)
    process = run_python(LOOP, *arguments, cwd=ROOT, env=env, stderr=subprocess.PIPE)
    try:
        interrupt_often(process)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert 0 == process.returncode, errors
    assert 1000 + 10 * int(told.read_text()) == len(cells) == len(cells.load_positions())
    assert np.isfinite(cells.load_positions()).all()


OUT_OF_ORDER = """
    import signal, sys
    from tests.face.layouts import new_storage
    from tests.face.samples import cell_type, chunk, positions
    from bsb_hdf5.adapters.hdf5.atomic import overlay
    from bsb_hdf5.adapters.hdf5.file_pool import FILE_POOL
    layout, *paths = sys.argv[1:]
    storages = [new_storage(path, layout) for path in paths]
    first, second = [each.require_placement_set(cell_type("a")) for each in storages]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # In a file that stayed open, HDF5 need not read.
    for each in storages:
        FILE_POOL.drop(each._engine.sessions.store)
    a, b = [each.write_scope() for each in storages]
    a.__enter__()
    b.__enter__()
    a.__exit__(None, None, None)
    # The next time that HDF5 reads, an interrupt comes before the method can catch anything.
    interrupts = []

    def trace(frame, event, argument):
        if frame.f_code is overlay.OverlayFile.readinto.__code__ and not interrupts:
            interrupts.append(frame)
            signal.raise_signal(signal.SIGINT)

    sys.settrace(trace)
    raised = None
    try:
        for x in range(20):
            second.append_data(chunk(x), positions(50))
        b.__exit__(None, None, None)
    except KeyboardInterrupt as error:
        raised = error
        try:
            b.__exit__(KeyboardInterrupt, error, error.__traceback__)
        except KeyboardInterrupt:
            pass
    sys.settrace(None)
    assert interrupts and raised
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    first.append_data(chunk(0), positions(1))
    second.append_data(chunk(0), positions(1))
    print(len(first), len(second))
"""


def test_an_interrupt_kills_no_program_whose_scopes_end_out_of_order(
    tmp_path: Path, layout: str
) -> None:
    paths = [str(tmp_path / name) for name in ("first.hdf5", "second.hdf5")]
    assert ["1 1"] == run_program(OUT_OF_ORDER, layout, *paths)


FORK = """
    import os, signal, threading
    from bsb_hdf5.transactions.interrupts import begin_uninterrupted, end_uninterrupted
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def operate():
        begin_uninterrupted()
        signal.raise_signal(signal.SIGINT)
        end_uninterrupted()

    def fork():
        child = os.fork()
        if child:
            codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            return
        interrupts = 0
        for each in (operate, lambda: signal.raise_signal(signal.SIGINT)):
            try:
                each()
            except KeyboardInterrupt:
                interrupts += 1
        os._exit(interrupts)

    codes = []
    begin_uninterrupted()
    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
    end_uninterrupted()
    print(*codes)
"""


def test_a_child_that_is_forked_by_a_thread_within_an_operation_of_another_is_interrupted() -> None:
    assert ["2"] == run_program(FORK)


@pytest.fixture
def default_handler() -> Iterator[None]:
    """Python's own, which a program that was started in the background does not have."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def interrupted_and_failing(at_end: bool) -> Iterator[None]:
    if at_end:
        yield
    signal.raise_signal(signal.SIGINT)
    raise ValueError


@pytest.mark.usefixtures("default_handler")
@pytest.mark.parametrize("at_end", [True, False])
def test_an_interrupt_of_an_operation_that_fails_is_not_left_for_the_next(at_end: bool) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        uninterrupted(lambda: interrupted_and_failing(at_end)),
    ):
        pass
    with uninterrupted(nullcontext):
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class InterruptAt:
    """Interrupts at one line of the methods that enter and leave scopes."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.passed = 0

    def __enter__(self) -> InterruptAt:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
        return self._interrupt if frame.f_code in interrupts._GUARDED else None

    def _interrupt(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            self.passed += 1
            if self.passed == self.line:
                signal.raise_signal(signal.SIGINT)
        return self._interrupt


@pytest.mark.usefixtures("default_handler")
def test_an_interrupt_while_a_scope_is_entered_or_left_leaves_none_open(
    cells: PlacementSet, storage: Storage
) -> None:
    line, before = 0, len(cells)
    while True:
        line += 1
        interrupted = False
        with InterruptAt(line) as at:
            try:
                with storage.write_scope():
                    cells.append_data(chunk(1), positions(5))
                    cells.append_data(chunk(2), positions(5))
            except KeyboardInterrupt:
                interrupted = True
        if at.passed < line:
            break
        assert interrupted
        assert None is active_session(storage._engine.sessions.store.identity)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert len(cells) in (before, before + 10)
        before = len(cells)
    assert 12 < line


@pytest.mark.parametrize("engine", ["hdf5", "zarr"])
def test_a_copy_that_takes_long_is_ended_by_a_signal(
    request: pytest.FixtureRequest, tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = SmallNetwork.build(Storage(engine, str(tmp_path / "network"))).storage
    # Where tests run side by side, their processes leave SIGINT to the first.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    monkeypatch.setattr("bsb_hdf5.adapters.hdf5.paths._PIECE", 100)
    sent, begin = list[str](), os.open

    def begun(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        if flags & os.O_CREAT and ".new" in str(path) and not sent:
            sent.append(str(path))
            signal.raise_signal(signal.SIGINT)
        return begin(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", begun)
    with pytest.raises(KeyboardInterrupt):
        storage.copy(str(tmp_path / "copy"))
    assert sent
    assert ["network"] == os.listdir(tmp_path)
    storage.copy(str(tmp_path / "copy"))
    assert len(SmallNetwork.of(storage).b) == len(
        SmallNetwork.of(Storage(engine, str(tmp_path / "copy"))).b
    )
