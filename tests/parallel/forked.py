"""
A rank, as mpiexec starts it: a fork of :mod:`tests.parallel.origin` is it, and this ends likewise.

    python -I -S tests/parallel/forked.py SOCKET [-m] PROGRAM ...

The fork has the descriptors, the folder and the variables of this process. It imports next to
nothing, so that it starts in an instant.
"""

from __future__ import annotations

import json
import os
import socket
import sys


def main(address: str, program: list[str]) -> None:
    """Have a program run, and end with its status."""
    with socket.socket(socket.AF_UNIX) as connection:
        descriptors = inherited(connection)
        connection.connect(f"\0{address}")
        request = {
            "program": program,
            "descriptors": descriptors,
            "folder": os.getcwd(),
            "variables": dict(os.environ),
        }
        socket.send_fds(connection, [b"\0"], descriptors)
        connection.sendall(json.dumps(request).encode() + b"\n")
        for each in descriptors:
            os.close(each)
        status = int(connection.recv(100) or 1)
    if status < 0:
        os.kill(os.getpid(), -status)
    os._exit(status)


def inherited(own: socket.socket) -> list[int]:
    """The descriptors of this process, among them that by which MPI speaks to mpiexec."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            os.fstat(int(name))
        except OSError:
            # That of the folder itself.
            continue
        if int(name) != own.fileno():
            found.append(int(name))
    return found


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
