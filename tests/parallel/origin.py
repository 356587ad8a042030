"""
A process that has imported BSB and this package, and that ranks are forks of.

    python -m tests.parallel.origin DESCRIPTOR

To import them takes a rank longer than most of what it does then. MPI begins in each fork. They are
asked for by :mod:`tests.parallel.forked`, which mpiexec starts in their place, at the socket of the
descriptor, until the input of this process ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Any

MODULES = (
    "pytest",
    "bsb",
    "bsb.core",
    "bsb.storage.fs",
    "bsb_hdf5.cli.running",
    "bsb_hdf5.engines.hdf5",
    "bsb_hdf5.engines.memory",
    "bsb_hdf5.engines.zarr",
    "bsb_json.parser",
    "bsb_yaml.parser",
    "mpilock",
    "shortuuid",
    "tests.face.samples",
    "zarr",
)
"""What is loaded before the ranks are; none of it reads variables of theirs."""
# Above these there is nothing else.
_OWN, _PASSED = 700, 300
_MOST_PASSED = 64


def main(descriptor: int) -> None:
    """Fork a process for each rank that is asked for; each returns here, and ends."""
    _import()
    listener = socket.socket(fileno=descriptor)
    while True:
        ready = select.select([listener, sys.stdin], [], [])[0]
        _reap()
        if sys.stdin in ready:
            return
        connection, _ = listener.accept()
        if not os.fork():
            listener.close()
            run(*_become_rank(connection))
            return
        connection.close()


def _import() -> None:
    """Import what ranks need, and leave to them to begin with MPI."""
    import mpi4py

    mpi4py.rc.initialize, mpi4py.rc.finalize = False, True
    # It asks for the rank as it is imported.
    sys.modules["mpipool"] = None  # type: ignore[assignment]
    for name in MODULES:
        importlib.import_module(name)
    gc.freeze()


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        pass


def _become_rank(connection: socket.socket) -> tuple[list[str], dict[str, str]]:
    """
    Return in a child, whose end is said through the connection.

    :returns: the program, and the variables of its environment.
    """
    _, passed, *_ = socket.recv_fds(connection, 1, _MOST_PASSED)
    with connection.makefile("r", encoding="utf-8") as file:
        request: dict[str, Any] = json.loads(file.readline())
    rank = os.fork()
    if rank:
        for each in passed:
            os.close(each)
        status = os.waitstatus_to_exitcode(os.waitpid(rank, 0)[1])
        # Whoever asked may have been killed.
        with contextlib.suppress(BrokenPipeError):
            connection.sendall(str(status).encode())
        os._exit(0)
    _end_with(connection)
    _take(passed, request["descriptors"])
    os.chdir(request["folder"])
    return request["program"], request["variables"]


def _end_with(connection: socket.socket) -> None:
    """Be killed, with all children, when the process at the other end of a connection ends."""
    os.setpgid(0, 0)
    own = fcntl.fcntl(connection.detach(), fcntl.F_DUPFD_CLOEXEC, _OWN)
    fcntl.fcntl(own, fcntl.F_SETOWN, -os.getpid())
    fcntl.fcntl(own, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(own, fcntl.F_SETFL, fcntl.fcntl(own, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([own], [], [], 0)[0]:
        os._exit(1)


def _take(passed: Sequence[int], numbers: Sequence[int]) -> None:
    """Give descriptors the numbers that they had where they come from."""
    high = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, _PASSED) for each in passed]
    for each in passed:
        os.close(each)
    for each, number in zip(high, numbers, strict=True):
        os.dup2(each, number)
        os.close(each)


def run(program: list[str], variables: dict[str, str]) -> None:
    """Run what comes after ``python`` as if this process had been started for it."""
    os.environ.clear()
    os.environ.update(variables)
    _begin_mpi()
    if program[0] == "-m":
        sys.argv = program[1:]
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = program
        runpy.run_path(program[0], run_name="__main__")


def _begin_mpi() -> None:
    from bsb.services import pool
    from mpi4py import MPI

    MPI.Init_thread(MPI.THREAD_MULTIPLE)
    del sys.modules["mpipool"]
    pool._MPIPool = importlib.import_module("mpipool")


if __name__ == "__main__":
    main(int(sys.argv[1]))
