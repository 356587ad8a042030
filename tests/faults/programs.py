"""Programs that run in a process of their own, as they fork, are interrupted, or run full."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from tests.faults import origin

ROOT = Path(__file__).parents[2]


def run_program(code: str, *arguments: str, seconds: float = 60) -> list[str]:
    """
    The lines that a program prints; it has to end well.

    Its process is a fork of one that has imported BSB and this package, and done nothing else: to
    import them takes longer than most programs do.
    """
    with tempfile.NamedTemporaryFile("w+") as output:
        connection = _connection(os.getpid())
        connection.send((textwrap.dedent(code), arguments, output.name, dict(os.environ)))
        child = connection.recv()
        if not connection.poll(seconds):
            os.kill(child, signal.SIGKILL)
        status = connection.recv()
        printed = output.read()
    assert 0 == status, printed
    return printed.splitlines()


@cache
def _connection(of: int) -> Connection:
    """To the origin of the programs of a process."""
    connection, other = Pipe()
    command = [sys.executable, "-m", origin.__name__, str(other.fileno())]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[other.fileno()]
    )
    other.close()
    atexit.register(process.wait)
    atexit.register(connection.close)
    return connection
