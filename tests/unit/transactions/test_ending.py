"""At the end of a process scopes are closed first, then daemon threads stop, then files close."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bsb_hdf5.transactions import ending

PROGRAM = """
import threading, time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from bsb_hdf5.transactions import ending, interrupts

@contextmanager
def scope():
    try:
        yield
    except SystemExit:
        print("the scope is undone")

@interrupts.without_interrupts
def operate():
    begun.set()
    while not interrupts._STATE.is_ending:
        time.sleep(0.001)
    pool.submit(print, "the operation is done").result()

begun, pool = threading.Event(), ThreadPoolExecutor(1)
# From Python 3.12 on, no thread can be started at the end of a process.
pool.submit(int).result()
ending.at_end_of_process(lambda: print("files are closed"))
left = interrupts.uninterrupted(scope)
left.__enter__()
threading.Thread(target=operate, daemon=True).start()
begun.wait()
"""


def test_what_registered_for_the_end_runs_last(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []
    monkeypatch.setattr(ending, "leave_scopes", lambda: done.append("scopes"))
    monkeypatch.setattr(ending, "stop_daemon_threads", done.append)
    monkeypatch.setattr(ending, "_HOOKS", [])
    for name in ("first", "second"):
        ending.at_end_of_process(lambda name=name: done.append(name))  # type: ignore[misc]
    ending._end()
    assert ["scopes", ending._GRACE, "first", "second"] == done


def test_a_process_ends_its_operations_then_its_scopes_then_closes_files() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False
    )
    assert ["the operation is done", "the scope is undone", "files are closed"] == (
        ended.stdout.splitlines()
    )
    assert (0, "") == (ended.returncode, ended.stderr)
