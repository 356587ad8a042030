"""Random histories of an atomic file, with errors and kills, against a plain array of bytes."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bsb_hdf5.adapters.hdf5.atomic import commit, overlay, pieces
from bsb_hdf5.adapters.hdf5.atomic.atomic_file import AtomicFile

PAGE = 16
PREAD = os.pread
READS = ("pread", "preadv")
WRITES = ("pwrite", "ftruncate")

sizes = st.sampled_from([0, 1, PAGE, 3 * PAGE + 5, 6 * PAGE])
offsets = st.integers(0, 8 * PAGE)
contents = st.binary(min_size=1, max_size=3 * PAGE)
moments = st.integers(0, 12)
writes = st.tuples(st.just("write"), offsets, contents)
cuts = st.tuples(st.just("cut"), offsets, st.none())
reads = st.tuples(st.just("read"), offsets, st.integers(0, 4 * PAGE))


class KilledError(BaseException):
    """The process ends here."""


@contextmanager
def failing(names: tuple[str, ...], fail: Callable[[int], BaseException | None]) -> Iterator[None]:
    """Calls of the system that fail, if they do, by how many came before."""
    calls = 0

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            nonlocal calls
            calls += 1
            if error := fail(calls - 1):
                raise error
            return call(*arguments)

        return run

    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(os, name, counted(getattr(os, name)))
        yield


def io_error(_: int = 0) -> OSError:
    return OSError(errno.EIO, "no luck")


class AtomicFileMachine(RuleBasedStateMachine):
    """A file, what it is to hold after the commit, and what it held before."""

    @initialize(size=sizes, durable=st.booleans())
    def begin(self, size: int, durable: bool) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(overlay, "PAGE", PAGE)
        # A few bytes are many here.
        self.patch.setattr(overlay, "_MOST_WAITING", 2 * PAGE)
        self.patch.setattr(overlay, "_MOST_PAGES", 2)
        for module in (pieces, commit):
            self.patch.setattr(module, "FEW_BYTES", 4)
        self.stored = bytes(1 + i % 255 for i in range(size))
        self.disk = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        self.disk.write(self.stored)
        self.durable = durable
        self.open()

    def teardown(self) -> None:
        self.patch.undo()
        self.disk.close()

    def open(self) -> None:
        """Another session on the file."""
        descriptor = self.disk.fileno()
        self.file = AtomicFile.open(descriptor, writable=True, durable=self.durable)
        self.model = bytearray(self.stored)

    def on_disk(self) -> bytes:
        return PREAD(self.disk.fileno(), os.fstat(self.disk.fileno()).st_size, 0)

    def write(self, offset: int, data: bytes) -> None:
        self.file.seek(offset)
        assert len(data) == self.file.write(data)
        self.model.extend(bytes(max(0, offset + len(data) - len(self.model))))
        self.model[offset : offset + len(data)] = data

    def failed(self) -> bool:
        return self.file.error is not None

    @rule(steps=st.lists(st.one_of(writes, writes, cuts, reads), min_size=2, max_size=8))
    def change(self, steps: list[tuple[str, int, Any]]) -> None:
        """Much between one commit and the next."""
        for verb, number, argument in steps:
            if verb == "write":
                self.write(number, argument)
            elif verb == "read":
                self.read_back(number, argument)
            elif not self.failed():
                self.cut(number)

    @rule(offset=offsets, parts=st.lists(contents, min_size=2, max_size=5))
    def write_in_descending_order(self, offset: int, parts: list[bytes]) -> None:
        for i, data in enumerate(reversed(parts)):
            self.write(offset + (len(parts) - i) * PAGE, data)

    @rule(size=offsets, end=st.integers(0, 6 * PAGE))
    def cut_and_grow(self, size: int, end: int) -> None:
        if not self.failed():
            self.cut(size)
            self.cut(size + end)

    def read_back(self, offset: int, count: int) -> None:
        buffer = bytearray(b"\xaa" * count)
        self.file.seek(offset)
        assert count == self.file.readinto(buffer)
        assert bytes(self.model[offset : offset + count]).ljust(count, b"\0") == buffer

    def cut(self, size: int) -> None:
        assert size == self.file.truncate(size)
        del self.model[size:]
        self.model.extend(bytes(size - len(self.model)))

    @rule(offset=offsets, data=contents)
    def write_on_a_full_disk(self, offset: int, data: bytes) -> None:
        with failing(WRITES, io_error):
            self.write(offset, data)
        assert self.failed() or offset + len(data) <= len(self.stored)

    @rule(offset=offsets, count=st.integers(1, PAGE))
    def read_what_can_not_be_read(self, offset: int, count: int) -> None:
        self.file.seek(offset)
        with failing(READS, io_error):
            assert count == self.file.readinto(bytearray(count))
        assert self.failed()

    @rule(read_before=st.booleans())
    def commit(self, read_before: bool) -> None:
        if self.failed():
            with pytest.raises(OSError, match="no luck"):
                self.file.commit()
            self.roll_back()
            return
        if read_before:
            self.read_back(0, len(self.model) + PAGE)
        self.file.commit()
        self.stored = bytes(self.model)
        assert self.stored == self.on_disk()

    @rule()
    def roll_back(self) -> None:
        self.file.rollback()
        assert self.stored == self.on_disk()
        self.open()

    @precondition(lambda self: not self.failed())
    @rule(moment=moments)
    def fail_within_the_commit(self, moment: int) -> None:
        after = bytes(self.model)
        try:
            with failing(WRITES, lambda call: io_error() if call == moment else None):
                self.file.commit()
        except OSError:
            self.file.rollback()
            assert self.stored == self.on_disk()
        else:
            self.stored = after
            assert after == self.on_disk()
        self.open()

    @precondition(lambda self: not self.failed())
    @rule(moment=moments)
    def be_killed_within_the_commit(self, moment: int) -> None:
        before, after = self.stored, bytes(self.model)
        try:
            # Who is dead does nothing any more, not even to undo.
            with failing(WRITES, lambda call: KilledError() if call >= moment else None):
                self.file.commit()
        except KilledError:
            self.stored = self.seen_by_a_reader()
            assert self.stored in (before, after)
            AtomicFile.recover(self.disk.fileno())
        else:
            self.stored = after
        # What is past the end that HDF5 knows was added by who died.
        assert self.stored == self.on_disk()[: len(self.stored)]
        os.ftruncate(self.disk.fileno(), len(self.stored))
        self.open()

    def seen_by_a_reader(self) -> bytes:
        """The file as it is shown before the commit is finished, up to the end that HDF5 knows."""
        reader = AtomicFile.open(self.disk.fileno(), writable=False)
        has_journal = AtomicFile.was_interrupted(self.disk.fileno())
        seen = bytearray(reader.seek(0, os.SEEK_END))
        reader.seek(0)
        reader.readinto(seen)
        is_committed = has_journal and seen == self.model
        return bytes(seen) if is_committed else bytes(seen[: len(self.stored)])

    @invariant()
    def nothing_of_what_was_stored_is_overwritten(self) -> None:
        if hasattr(self, "file"):
            assert self.stored == self.on_disk()[: len(self.stored)]


TestAtomicFile = AtomicFileMachine.TestCase
# To shrink a history takes minutes.
TestAtomicFile.settings = settings(
    max_examples=150, stateful_step_count=20, deadline=None, phases=[Phase.generate]
)
