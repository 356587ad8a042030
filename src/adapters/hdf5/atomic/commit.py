"""Changes of a file that take effect whole, or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import TypeAlias

from ....platform import read_at, write_at
from ....telemetry import is_recording, span
from .extent import Extent
from .journal import Journal
from .pieces import FEW_BYTES, Piece, changed_part

# Position, the bytes in the file, and the new bytes.
Replacement: TypeAlias = tuple[int, bytes, bytes]


class Commit:
    """
    Commits of one open file: a journal is complete before the first byte is overwritten.

    ``is_half_way`` is true while only the journal has the content of the file: also after an error
    whose changes could not be reverted.

    :param extent: the extent of the file; data past its base size has been written already.
    :param durable: make sure that all of a commit, or nothing, survives a power cut.
    """

    def __init__(self, extent: Extent, *, durable: bool) -> None:
        self._extent = extent
        self._durable = durable
        self.is_half_way = False
        # State of the running commit.
        self._syncs = 0

    def run(self, written: Iterable[tuple[int, bytes]]) -> None:
        """
        Apply the changes, recorded as an OpenTelemetry span ``hdf5.commit``.

        :param written: what the file will hold in some places, ascending and apart.
        :raises BaseException: what came up; the file is what it was, or half-way. An interrupt
            that comes when all is done changes nothing of that.
        """
        if not is_recording():
            self._run(self._replacements(written))
            return
        with span("hdf5.commit", {}) as recorded:
            replacements = self._replacements(written)
            added = max(0, self._extent.size - self._extent.base_size)
            self._syncs = 0
            self._run(replacements)
            size = added + sum(len(data) for _, _, data in replacements)
            recorded.set_attribute("hdf5.commit.bytes", size)
            recorded.set_attribute("hdf5.commit.syncs", self._syncs)

    def _run(self, replacements: list[Replacement]) -> None:
        # Appended bytes must be on the disk before the journal refers to them.
        self._sync()
        pieces: list[Piece] = [(start, data) for start, _, data in replacements]
        extent = self._extent
        journal = Journal(extent.base_size, extent.size, pieces)
        try:
            self._announce(journal)
            self.is_half_way = bool(replacements)
            self._replace(replacements)
            self._sync()
            # Cutting off the end removes the journal too; it comes last, as it can't be undone.
            os.ftruncate(extent.descriptor, extent.size)
        except BaseException:
            self._undo(replacements, journal)
            raise
        extent.base_size = extent.size
        self.is_half_way = False

    def _replacements(self, written: Iterable[tuple[int, bytes]]) -> list[Replacement]:
        """
        What changes of what the file holds.

        HDF5 writes whole pieces of arrays, of which little is new.
        """
        # Bytes that will be cut off need not be replaced.
        end = min(self._extent.base_size, self._extent.size)
        descriptor = self._extent.descriptor
        found: list[Replacement] = []
        for start, data in written:
            size = len(data)
            if start + size > end:
                if start >= end:
                    continue
                size = end - start
                data = data[:size]  # noqa: PLW2901
            held = read_at(descriptor, size, start)
            if held == data:
                continue
            if len(held) < size:
                held = held.ljust(size, b"\0")
            if size <= FEW_BYTES:
                found.append((start, held, data))
                continue
            part = changed_part(held, data)
            if part.stop:
                found.append((start + part.start, held[part], data[part]))
        return found

    def _announce(self, journal: Journal) -> None:
        """Write the journal of what will be overwritten; additions need none."""
        if journal.pieces:
            journal.write(self._extent.descriptor)
            self._sync()

    def _replace(self, replacements: list[Replacement]) -> None:
        for start, _, data in replacements:
            write_at(self._extent.descriptor, data, start)

    def _undo(self, replacements: list[Replacement], journal: Journal) -> None:
        """Write back what was overwritten, if that is possible, and not all is done already."""
        if self.is_half_way:
            is_done = os.fstat(self._extent.descriptor).st_size <= journal.place
            if is_done or not self._write_back(replacements):
                return
            self._sync_if_possible()
        journal.withdraw(self._extent.descriptor)
        self.is_half_way = False
        self._sync_if_possible()

    def _write_back(self, replacements: list[Replacement]) -> bool:
        """Write back the former content; whether that succeeded."""
        for start, held, _ in replacements:
            # One that can't be written may not have been written before either.
            with contextlib.suppress(OSError):
                write_at(self._extent.descriptor, held, start)
        return all(
            read_at(self._extent.descriptor, len(held), start) == held
            for start, held, _ in replacements
        )

    def _sync(self) -> None:
        if self._durable:
            os.fsync(self._extent.descriptor)
            self._syncs += 1

    def _sync_if_possible(self) -> None:
        with contextlib.suppress(OSError):
            self._sync()
