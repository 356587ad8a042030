"""The overlay of a file, against a plain array of bytes."""

from __future__ import annotations

import errno
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bsb_hdf5.adapters.hdf5.atomic import commit, overlay, pieces
from bsb_hdf5.adapters.hdf5.atomic.atomic_file import AtomicFile

PAGE = 16
PREAD = os.pread
SIZES = [0, 1, PAGE - 1, PAGE, PAGE + 1, 5 * PAGE, 5 * PAGE + 7]
FARTHEST = 8 * PAGE

offsets = st.integers(0, FARTHEST)
writes = st.tuples(st.just("write"), offsets, st.binary(min_size=1, max_size=3 * PAGE))
reads = st.tuples(st.just("read"), offsets, st.integers(0, 3 * PAGE))
extensions = st.tuples(st.just("extend"), st.integers(0, 2 * PAGE), st.none())
cuts = st.tuples(st.just("truncate"), offsets, st.none())
endings = st.sampled_from(["commit", "rollback"])
Step = tuple[str, int, Any]


@contextmanager
def overlaid(size: int, *, durable: bool = False) -> Iterator[tuple[AtomicFile, bytes, int]]:
    """An overlay with small pages on a file of that size."""
    content = bytes(1 + i % 255 for i in range(size))
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryFile() as file:
        patch.setattr(overlay, "PAGE", PAGE)
        # A few bytes are many here.
        patch.setattr(overlay, "_MOST_WAITING", 2 * PAGE)
        patch.setattr(overlay, "_MOST_PAGES", 2)
        patch.setattr(pieces, "FEW_BYTES", 4)
        patch.setattr(commit, "FEW_BYTES", 4)
        file.write(content)
        file.flush()
        yield AtomicFile.open(file.fileno(), writable=True, durable=durable), content, file.fileno()


def test_runs_of_pages_are_no_longer_than_what_is_written_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system takes so many pieces in a call, and no more."""
    monkeypatch.setattr(overlay, "_MOST_PAGES", 3)
    numbers = [1, 2, 3, 4, 5, 6, 7, 9, 10]
    assert [[1, 2, 3], [4, 5, 6], [7], [9, 10]] == list(overlay._runs(numbers))
    assert [] == list(overlay._runs([]))


def on_disk(descriptor: int) -> bytes:
    return PREAD(descriptor, os.fstat(descriptor).st_size, 0)


def write_to_model(model: bytearray, offset: int, data: bytes) -> None:
    model.extend(bytes(max(0, offset + len(data) - len(model))))
    model[offset : offset + len(data)] = data


def apply(file: AtomicFile, model: bytearray, step: Step) -> None:
    verb, number, argument = step
    if verb == "write":
        assert number == file.seek(number)
        assert len(argument) == file.write(argument)
        assert number + len(argument) == file.tell()
        write_to_model(model, number, argument)
    elif verb == "read":
        buffer = bytearray(b"\xaa" * argument)
        file.seek(number)
        assert argument == file.readinto(buffer)
        assert bytes(model[number : number + argument]).ljust(argument, b"\0") == buffer
        assert number + argument == file.tell()
    else:
        size = number if verb == "truncate" else len(model) + number
        assert size == file.truncate(size)
        del model[size:]
        model.extend(bytes(size - len(model)))
    file.flush()


def run(size: int, history: list[Step], ending: str) -> None:
    with overlaid(size) as (file, content, descriptor):
        model = bytearray(content)
        for step in history:
            apply(file, model, step)
            assert content == on_disk(descriptor)[:size]
        apply(file, model, ("read", 0, len(model) + PAGE))
        (AtomicFile.commit if ending == "commit" else AtomicFile.rollback)(file)
        assert (bytes(model) if ending == "commit" else content) == on_disk(descriptor)
        assert file.error is None


@given(st.sampled_from(SIZES), st.lists(writes | reads | extensions, max_size=12), endings)
def test_a_file_that_grows_is_written_whole_or_not_at_all(
    size: int, history: list[Step], ending: str
) -> None:
    run(size, history, ending)


@given(st.sampled_from(SIZES), st.lists(writes | reads | cuts, max_size=12), endings)
def test_a_file_that_is_cut_and_grows_again_has_zeros_where_it_was_cut(
    size: int, history: list[Step], ending: str
) -> None:
    run(size, history, ending)


def test_what_was_written_after_a_cut_is_gone_after_a_second_cut() -> None:
    history: list[Step] = [
        ("truncate", 5, None),
        ("truncate", 3 * PAGE, None),
        ("write", PAGE, b"\xff" * PAGE),
        ("truncate", PAGE + 3, None),
        ("truncate", 3 * PAGE, None),
        ("read", 0, 3 * PAGE),
    ]
    run(4 * PAGE, history, "commit")


@pytest.mark.parametrize("left", [3, PAGE - 1, PAGE, PAGE + 1, 4 * PAGE])
def test_a_file_that_is_cut_at_the_end_is_shorter_after_the_commit(left: int) -> None:
    with overlaid(4 * PAGE + 3) as (file, content, descriptor):
        file.write(b"\xff" * 3)
        file.truncate(left)
        assert content == on_disk(descriptor)
        file.commit()
        assert (b"\xff" * 3 + content[3:])[:left] == on_disk(descriptor)


def test_seeking_counts_from_the_start_from_here_and_from_the_end() -> None:
    with overlaid(100) as (file, _, _):
        assert 40 == file.seek(40)
        assert 45 == file.seek(5, os.SEEK_CUR)
        assert 90 == file.seek(-10, os.SEEK_END)
        file.seek(200)
        file.write(b"x")
        assert 201 == file.seek(0, os.SEEK_END)
        file.seek(150)
        assert 150 == file.truncate()
        assert 150 == file.seek(0, os.SEEK_END)


def test_what_is_written_past_the_end_is_in_the_file_at_once() -> None:
    # It is written once only: nobody looks there before the commit.
    with overlaid(PAGE) as (file, content, descriptor):
        file.seek(PAGE)
        file.write(b"bulk" * 100)
        assert content + b"bulk" * 100 == on_disk(descriptor)
        file.rollback()
        assert content == on_disk(descriptor)


def test_partial_transfers_of_the_system_are_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    pread, pwrite, preadv = os.pread, os.pwrite, os.preadv
    monkeypatch.setattr(os, "pread", lambda fd, size, at: pread(fd, min(size, 3), at))
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, bytes(data[:3]), at))
    monkeypatch.setattr(
        os, "preadv", lambda fd, buffers, at: preadv(fd, [memoryview(buffers[0])[:5]], at)
    )
    run(5 * PAGE + 7, [("write", 3, b"ab" * 20), ("write", 5 * PAGE, b"cd" * 20)], "commit")


@pytest.mark.parametrize("where", ["the write", "the commit"])
def test_a_failure_is_raised_at_the_commit_which_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def fail(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with overlaid(PAGE) as (file, content, descriptor):
        if where == "the commit":
            file.write(b"x")
        monkeypatch.setattr(os, "pwrite", fail)
        if where == "the write":
            # HDF5 calls this, and no exception may pass through it.
            file.seek(PAGE)
            assert 1 == file.write(b"x")
            assert isinstance(file.error, OSError)
        with pytest.raises(OSError, match="No space"):
            file.commit()
        file.rollback()
        assert content == on_disk(descriptor)


@given(st.integers(1, 3 * pieces.FEW_BYTES), st.data())
def test_the_part_that_changes_is_from_the_first_change_to_the_last(
    size: int, data: st.DataObject
) -> None:
    held = random.Random(size).randbytes(size)
    places = data.draw(st.sets(st.integers(0, len(held) - 1), max_size=5))
    written = bytearray(held)
    for place in places:
        written[place] ^= 1
    part = pieces.changed_part(held, bytes(written))
    if not places:
        assert part.start == part.stop
        return
    if len(held) > pieces.FEW_BYTES:
        assert slice(min(places), max(places) + 1) == part
    else:
        assert slice(0, len(held)) == part


@pytest.mark.parametrize("again", [0, 10, PAGE])
def test_what_is_written_twice_is_what_was_written_last(again: int) -> None:
    history: list[Step] = [("write", 0, b"a" * PAGE), ("write", again, b"b" * PAGE)]
    run(4 * PAGE, history, "commit")


def test_what_stays_the_same_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite, places = os.pwrite, []

    def note(descriptor: int, data: bytes, start: int) -> int:
        places.append((start, len(data)))
        return pwrite(descriptor, data, start)

    with overlaid(8 * PAGE) as (file, content, descriptor):
        file.write(content[: 4 * PAGE])
        file.seek(5 * PAGE)
        file.write(content[5 * PAGE : 6 * PAGE - 1] + b"\0")
        monkeypatch.setattr(os, "pwrite", note)
        file.commit()
        ((start, size),) = [each for each in places if each[0] < 8 * PAGE]
        assert start + size == 6 * PAGE
        assert size <= 4
        assert content[: 6 * PAGE - 1] + b"\0" + content[6 * PAGE :] == on_disk(descriptor)


def test_the_descriptor_stays_open(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("r+b") as file:
        AtomicFile.open(file.fileno(), writable=True).commit()
        AtomicFile.open(file.fileno(), writable=True).rollback()
        assert b"content" == file.read()


@pytest.mark.parametrize("size", [0, PAGE + 3, 5 * PAGE, 7 * PAGE])
@pytest.mark.parametrize("name", ["fsync", "ftruncate"])
def test_whenever_a_durable_commit_fails_the_file_is_what_it_was(name: str, size: int) -> None:
    call = getattr(os, name)
    for k in range(9):
        calls = 0

        def fail(*arguments: Any, k: int = k) -> None:
            nonlocal calls
            calls += 1
            if calls == k + 1:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            call(*arguments)

        with overlaid(5 * PAGE, durable=True) as (file, content, descriptor):
            file.seek(PAGE - 2)
            file.write(b"other")
            file.truncate(size)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, name, fail)
                try:
                    file.commit()
                except OSError:
                    file.rollback()
                    assert content == on_disk(descriptor), (k, calls)
                else:
                    assert k >= calls
                    assert size == len(on_disk(descriptor))


CALLS = ("pwrite", "ftruncate", "fsync")


class Trouble:
    """
    Calls of the system that change files, which go wrong from the k-th on.

    :param often: how many of them.
    :param names: of the calls that can.
    :param late: they do what they are to do, and are interrupted after that.
    """

    def __init__(
        self, k: int, often: int, error: BaseException, names: tuple[str, ...], *, late: bool
    ) -> None:
        self._bad = range(k, k + often)
        self._error = error
        self._names = names
        self._late = late
        self.calls: list[str] = []

    def around(self, patch: pytest.MonkeyPatch) -> None:
        for name in CALLS:
            patch.setattr(os, name, partial(self._run, getattr(os, name), name))

    def _run(self, call: Callable[..., Any], name: str, *arguments: Any) -> Any:
        self.calls.append(name)
        is_bad = len(self.calls) - 1 in self._bad and name in self._names
        if is_bad and not self._late:
            raise self._error
        done = call(*arguments)
        if is_bad:
            raise self._error
        return done


TROUBLES = [
    pytest.param(1, OSError(errno.EIO, "once"), CALLS, False, id="once"),
    pytest.param(99, OSError(errno.EIO, "ever"), CALLS, False, id="from then on"),
    # Some filesystems need room even to write back what was overwritten.
    pytest.param(99, OSError(errno.ENOSPC, "full"), ("pwrite",), False, id="full"),
    pytest.param(1, SystemExit(), CALLS, True, id="interrupted"),
    pytest.param(2, SystemExit(), CALLS, True, id="interrupted twice"),
    pytest.param(3, SystemExit(), CALLS, True, id="interrupted three times"),
]


def change_all(file: AtomicFile, size: int) -> bytes:
    """Write to several places, cut or extend the file to a size; what it is to hold then."""
    model = bytearray(1 + i % 255 for i in range(5 * PAGE))
    for start in (0, 2 * PAGE, 4 * PAGE + 3):
        apply(file, model, ("write", start, b"other"))
    apply(file, model, ("truncate", size, None))
    return bytes(model)


@pytest.mark.parametrize("size", [3 * PAGE, 5 * PAGE, 7 * PAGE])
@pytest.mark.parametrize(("often", "error", "names", "late"), TROUBLES)
def test_however_a_commit_goes_wrong_the_file_can_be_finished_or_is_what_it_was(
    size: int, often: int, error: BaseException, names: tuple[str, ...], late: bool
) -> None:
    for k in range(30):
        trouble = Trouble(k, often, error, names, late=late)
        with overlaid(5 * PAGE, durable=True) as (file, before, descriptor):
            after = change_all(file, size)
            with pytest.MonkeyPatch.context() as patch:
                trouble.around(patch)
                try:
                    file.commit()
                except (OSError, SystemExit):
                    with suppress(SystemExit):
                        file.rollback()
            AtomicFile.recover(descriptor)
            found = on_disk(descriptor)
            assert after == found or before == found[: len(before)], (k, trouble.calls)
        if k >= len(trouble.calls):
            break
    assert 5 < k < 29


def test_what_a_durable_commit_puts_back_is_on_the_disk_before_its_journal_goes() -> None:
    # First fsync: what was added; then the journal; the third fails.
    calls: list[tuple[str, int]] = []
    with overlaid(5 * PAGE, durable=True) as (file, _, _), pytest.MonkeyPatch.context() as patch:
        change_all(file, 5 * PAGE)
        for name in CALLS:
            call = getattr(os, name)

            def noted(*arguments: Any, call: Any = call, name: str = name) -> Any:
                place = arguments[-1] if name == "pwrite" else 0
                calls.append((name, int(place >= 5 * PAGE)))
                if [each for each, _ in calls].count("fsync") == 3 and name == "fsync":
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                return call(*arguments)

            patch.setattr(os, name, noted)
        with pytest.raises(OSError, match="error"):
            file.commit()
        file.rollback()
    put_back = [("pwrite", 0)] * 3
    gone = [("pwrite", 1), ("fsync", 0), ("ftruncate", 0)]
    assert [("fsync", 0), *put_back, ("fsync", 0), *gone] == calls[-8:]
