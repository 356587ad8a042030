"""
Run scripts one after another, each in a process of its own that has imported BSB and its engine.

    python prepared.py

Importing takes longer than most scripts. A line of the input is a JSON document: ``script``,
``arguments``, ``folder``, ``environment``, ``errors`` (the file for what the script prints) and
``seconds`` (that it may take); the answer is a line with its exit status.
"""

from __future__ import annotations

import faulthandler
import json
import os
import runpy
import signal
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

# What the scripts and BSB import; our engine has the last two.
IMPORTED = (
    "bsb.core",
    "bsb.storage",
    "bsb_hdf5",
    "bsb_json.parser",
    "bsb_hdf5.engines.hdf5",
    "bsb_hdf5.adapters.hdf5.store",
)


def next_task() -> dict[str, Any] | None:
    """The next task, in a process forked for it; None at the end of the input, in this process."""
    for line in sys.stdin:
        child = os.fork()
        if not child:
            task: dict[str, Any] = json.loads(line)
            return task
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    return None


def begin(task: dict[str, Any]) -> None:
    """Make this process like one that was started for the task."""
    signal.alarm(task["seconds"])
    faulthandler.enable()
    for stream, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, os.devnull, os.O_WRONLY),
        (2, task["errors"], os.O_WRONLY | os.O_CREAT),
    ):
        os.dup2(os.open(path, flags), stream)
    os.chdir(task["folder"])
    os.environ.clear()
    os.environ.update(task["environment"])
    sys.argv = [task["script"], *task["arguments"]]
    sys.path[0] = os.path.dirname(task["script"])


if __name__ == "__main__":
    try:
        # What a process was forked with is not its own to end.
        import_module("mpi4py").rc.finalize = False
    except ImportError:
        # BSB asks for it at each call, and would search all folders again.
        sys.modules["mpi4py"] = None  # type: ignore[assignment]
    for name in IMPORTED:
        with suppress(ImportError):
            import_module(name)
    task = next_task()
    if task is not None:
        begin(task)
        runpy.run_path(task["script"], run_name="__main__")
