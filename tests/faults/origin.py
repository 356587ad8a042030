"""
A process that has imported BSB and this package, and that programs are forks of.

    python -m tests.faults.origin DESCRIPTOR

The programs come through the connection of that descriptor; it tells how each of them ended.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from multiprocessing.connection import Connection

MODULES = (
    "tests.face.samples",
    # What BSB loads to find its plugins, with the first storage.
    "bsb.cli.commands",
    "bsb.core",
    "bsb.storage.fs",
    "bsb_hdf5.cli.commands",
    "bsb_json.parser",
    "bsb_json.schema",
    "bsb_json.templates",
    "bsb_yaml.parser",
    "bsb_yaml.templates",
    "shortuuid",
    "bsb_hdf5.engines.hdf5",
    "bsb_hdf5.engines.memory",
    "bsb_hdf5.engines.zarr",
    "zarr",
)


def main(descriptor: int) -> None:
    """Fork a process for each program, until there are no more; each returns here, and ends."""
    # BSB begins to use MPI as it is imported, and no process that does so can be forked.
    sys.modules["mpi4py"] = None  # type: ignore[assignment]
    for name in MODULES:
        importlib.import_module(name)
    # Else each program looks through all that was imported, again and again.
    gc.freeze()
    connection = Connection(descriptor)
    while True:
        try:
            code, arguments, output, variables = connection.recv()
        except EOFError:
            return
        child = os.fork()
        if not child:
            connection.close()
            run(code, arguments, output, variables)
            return
        connection.send(child)
        connection.send(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def run(code: str, arguments: list[str], output: str, variables: dict[str, str]) -> None:
    """Run a program as if this process had been started for it."""
    os.environ.clear()
    os.environ.update(variables)
    descriptor = os.open(output, os.O_WRONLY)
    os.dup2(descriptor, 1)
    os.close(descriptor)
    sys.argv = ["-c", *arguments]
    # What it defines lives until the process ends, and longer than what was imported.
    exec(compile(code, "<program>", "exec"), sys.modules["__main__"].__dict__)


if __name__ == "__main__":
    main(int(sys.argv[1]))
