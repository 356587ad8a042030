"""Descriptors and processes that hold a file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bsb_hdf5 import platform

HOLD = """
import fcntl, sys
file = open(sys.argv[1], "rb")
fcntl.flock(file, getattr(fcntl, sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a process that holds a lock on a file until its input is closed."""
    monkeypatch.delenv("HDF5_USE_FILE_LOCKING", raising=False)
    started: list[subprocess.Popen[bytes]] = []

    def hold(path: Path, *, exclusive: bool = True) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", HOLD, str(path), "LOCK_EX" if exclusive else "LOCK_SH"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert b"held\n" == process.stdout.readline()
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def twice(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """Two descriptors of a file, which lock it apart from each other."""
    path = str(tmp_path / "file")
    found = [platform.open_descriptor(path, os.O_RDWR | os.O_CREAT) for _ in range(2)]
    yield found[0], found[1]
    for each in found:
        os.close(each)
