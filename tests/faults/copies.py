"""
Copies of a zarr network by ``cp -r`` and ``rsync`` while a program writes to it.

``python -m tests.faults.copies --count 12`` copies so often with each command that is installed. A
copy holds whole sessions, among them all that had returned before it began, or it can't be read and
says so: the command fails if one holds anything else, or if the network itself does.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from bsb import Chunk, Storage

from bsb_hdf5.errors import StorageError
from tests.remote.appending import CellType

COMMANDS = {"cp -r": ("cp", "-r"), "rsync": ("rsync", "-a")}
CELLS = 50
CHUNKS = 5


def write(root: Path, notes: Path) -> None:
    """Append cells, a session each whose number they hold, until a signal ends it."""
    cells: Any = Storage("zarr", str(root)).get_placement_set(CellType())
    with notes.open("ab", buffering=0) as noted:
        for number in itertools.count():
            chunk = Chunk((number % CHUNKS, 0, 0), (100, 100, 100))
            cells.append_data(chunk, positions=np.full((CELLS, 3), float(number)))
            noted.write(b".")


def sessions_of(root: Path) -> int:
    """
    How many sessions a network holds.

    :raises AssertionError: it does not hold the first ones whole.
    """
    cells: Any = Storage("zarr", str(root)).get_placement_set(CellType())
    numbers = np.sort(cells.load_positions()[:, 0])
    count = len(numbers) // CELLS
    assert np.array_equal(np.repeat(np.arange(float(count)), CELLS), numbers)
    return count


def copy_while_written(folder: Path, command: tuple[str, ...], count: int) -> dict[str, int]:
    """How many of so many copies are whole, were refused, or are wrong."""
    root, notes = folder / "net.zarr", folder / "notes"
    Storage("zarr", str(root)).require_placement_set(CellType())
    notes.touch()
    writer = os.fork()
    if not writer:
        write(root, notes)
    found = {"whole": 0, "refused": 0, "wrong": 0}
    try:
        for number in range(count):
            time.sleep(0.3)
            before, copy = notes.stat().st_size, folder / f"copy-{number}.zarr"
            # Files that vanish while they are copied are an error of the command.
            subprocess.run([*command, f"{root}/", copy], capture_output=True, check=False)
            found[_judged(copy, before)] += 1
    finally:
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
    assert sessions_of(root) >= notes.stat().st_size
    return {**found, "sessions": notes.stat().st_size}


def _judged(copy: Path, before: int) -> str:
    try:
        return "whole" if sessions_of(copy) >= before else "wrong"
    except StorageError as error:
        print(f"  {str(error)[:150]}")
        return "refused"
    except AssertionError:
        return "wrong"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=12)
    count, wrong = parser.parse_args().count, 0
    warnings.simplefilter("ignore")
    for name, command in COMMANDS.items():
        if shutil.which(command[0]) is None:
            print(f"{name}: not installed")
            continue
        with tempfile.TemporaryDirectory(prefix="bsb-hdf5-copies-") as folder:
            found = copy_while_written(Path(folder), command, count)
        wrong += found["wrong"]
        print(f"{name}: {found}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
