"""
The power goes while durable commits write to a file.

What was written since the last sync is on the disk or not, sector by sector, in any order; so is
each change of the size. ``BSB_HDF5_TESTING_EXAMPLES=3000 pytest tests/faults/test_power_cuts.py``
tries that many histories.
"""

from __future__ import annotations

import errno
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import pytest

from bsb_hdf5.adapters.hdf5.atomic.atomic_file import AtomicFile
from bsb_hdf5.testing.network_machine import EXAMPLES_VARIABLE

HISTORIES = int(os.environ.get(EXAMPLES_VARIABLE, "40"))
SECTOR = 512
CUTS = 4
"""Power cuts that are tried at each call of the system."""


class Disk:
    """
    What of a file is on the disk.

    :param check: is given what a power cut may leave, at each call that changes the file.
    """

    def __init__(self, content: bytes, check: Callable[[bytes], None], chance: random.Random):
        self._synced = content
        self._content = bytearray(content)
        self._pending: list[tuple[int, bytes | None]] = []
        self._check = check
        self._chance = chance
        self.failing = -1

    def around(self, patch: pytest.MonkeyPatch) -> None:
        for name in ("pwrite", "ftruncate", "fsync"):
            patch.setattr(os, name, partial(self._run, getattr(os, name), name))

    def _run(self, call: Callable[..., Any], name: str, *arguments: Any) -> Any:
        self.failing -= 1
        if self.failing == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if name == "fsync":
            self._synced, self._pending = bytes(self._content), []
        else:
            change = self._change(name, *arguments)
            perform(self._content, *change)
            self._pending.append(change)
        for _ in range(CUTS):
            self._check(self._cut())
        return call(*arguments)

    def _change(self, name: str, _: int, *rest: Any) -> tuple[int, bytes | None]:
        return (rest[0], None) if name == "ftruncate" else (rest[1], bytes(rest[0]))

    def _cut(self) -> bytes:
        content, share = bytearray(self._synced), self._chance.choice((0.1, 0.5, 0.9, 1))
        for start, data in self._pending:
            for part in sectors(start, data):
                if self._chance.random() < share:
                    perform(content, *part)
        return bytes(content)


def sectors(start: int, data: bytes | None) -> Iterator[tuple[int, bytes | None]]:
    if data is None:
        yield start, None
        return
    end = start + len(data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        yield start, data[start - end : len(data) + stop - end]
        start = stop


def perform(content: bytearray, start: int, data: bytes | None) -> None:
    """Write to a file, or, without data, give it a size."""
    if data is None:
        del content[start:]
    end = start + len(data or b"")
    content.extend(bytes(max(0, end - len(content))))
    if data is not None:
        content[start:end] = data


def found_in(content: bytes) -> bytes:
    """What whoever opens a file finds after a power cut."""
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        AtomicFile.recover(file.fileno())
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)


class Network:
    """
    A file of which each commit changes the first bytes.

    :param states: that may be found after a power cut.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._content = chance.randbytes(chance.randint(1, 20) * 1000)
        self._number = 0
        self.states = [self._content]

    def check(self, content: bytes) -> None:
        found = found_in(content)
        # What lies past the end is of no account.
        assert any(found[: len(state)] == state for state in self.states)

    @contextmanager
    def on_disk(self) -> Iterator[tuple[Disk, int]]:
        with tempfile.TemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
            file.write(self._content)
            file.flush()
            disk = Disk(self._content, self.check, self._chance)
            # The checks write too, to files of their own.
            real = {name: getattr(os, name) for name in ("pwrite", "ftruncate", "fsync")}
            disk.around(patch)
            patch.setattr(f"{__name__}.found_in", partial(with_calls, real, found_in))
            yield disk, file.fileno()

    def session(self, disk: Disk, descriptor: int) -> None:
        """Changes that are committed, fail, or are given up."""
        file, after = (
            AtomicFile.open(descriptor, writable=True, durable=True),
            bytearray(self._content),
        )
        file.truncate(len(after))
        file.cut_surplus()
        self._number += 1
        writes = [(0, self._number.to_bytes(8)), *self._writes(len(after))]
        for start, data in writes:
            file.seek(start)
            file.write(data)
            perform(after, start, data)
        size = self._chance.choice((len(after), max(8, len(after) - 3000)))
        file.truncate(size)
        del after[size:]
        disk.failing = self._chance.choice((0, 0, self._chance.randint(1, 12)))
        self.states = [self._content, bytes(after)]
        if self._chance.random() < 0.8:
            with suppress(OSError):
                file.commit()
                self.states = self.states[1:]
        disk.failing = -1
        file.rollback()
        self._content = self.states[0]
        self.states = self.states[:1]

    def _writes(self, size: int) -> Iterator[tuple[int, bytes]]:
        for _ in range(self._chance.randint(0, 5)):
            yield (
                self._chance.randrange(size),
                self._chance.randbytes(self._chance.choice((10, 300, 3000))),
            )
        if self._chance.random() < 0.7:
            yield size, self._chance.randbytes(self._chance.randint(1, 6000))


def with_calls(real: dict[str, Any], action: Callable[[bytes], bytes], content: bytes) -> bytes:
    with pytest.MonkeyPatch.context() as patch:
        for name, call in real.items():
            patch.setattr(os, name, call)
        return action(content)


@pytest.mark.timeout(120 + HISTORIES)
def test_whatever_a_power_cut_leaves_is_the_network_before_a_commit_or_after_it() -> None:
    for seed in range(HISTORIES):
        network = Network(random.Random(seed))
        with network.on_disk() as (disk, descriptor):
            for _ in range(4):
                network.session(disk, descriptor)
