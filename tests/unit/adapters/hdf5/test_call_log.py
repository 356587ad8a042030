"""The log of calls beside a file: records, those that were interrupted, its lock."""

from __future__ import annotations

import errno
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5 import platform
from bsb_hdf5.adapters.hdf5 import call_log as module
from bsb_hdf5.adapters.hdf5 import relocation
from bsb_hdf5.adapters.hdf5.call_log import SUFFIX, Hdf5CallLog
from bsb_hdf5.adapters.hdf5.store import Hdf5Store
from bsb_hdf5.errors import (
    CorruptNetworkError,
    LockTimeoutError,
    StoreExistsError,
    StoreIOError,
)
from bsb_hdf5.platform import unlock, write_some
from bsb_hdf5.ports.call_log import Mark, Position, Publication
from bsb_hdf5.transactions.deadline import ignore_slow

MARK = Mark(12345, 1)
HERE = Position(MARK.token, 1)


def new_log(path: Path) -> Hdf5CallLog:
    return Hdf5CallLog(str(path), lambda: str(path), 0.1, ignore_slow)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "network.hdf5"


@pytest.fixture
def log(path: Path) -> Hdf5CallLog:
    """A log without calls."""
    log = new_log(path)
    held = log.hold(None)
    held.restart(MARK, 1)
    held.release()
    return log


def publish(log: Hdf5CallLog, title: bytes, rows: bytes = b"rows") -> Publication:
    return log.publish(HERE, title, [rows[:2], memoryview(rows)[2:]])


def stored(log: Hdf5CallLog, mark: Mark = MARK) -> list[tuple[bytes, bytes]]:
    held = log.hold(mark)
    try:
        return [(title, bytes(rows)) for title, rows in held.records()]
    finally:
        held.release()


def test_calls_are_there_in_the_order_in_which_they_were_made(path: Path, log: Hdf5CallLog) -> None:
    other = new_log(path)
    assert Publication.DONE is publish(log, b"first")
    assert Publication.DONE is publish(other, b"second", b"x" * 5000)
    assert Publication.DONE is publish(log, b"third" * 1000, b"")
    found = stored(new_log(path))
    assert [(b"first", b"rows"), (b"second", b"x" * 5000), (b"third" * 1000, b"")] == found


def test_titles_go_on_where_the_last_answer_ended(path: Path, log: Hdf5CallLog) -> None:
    assert [] == log.titles(MARK, 0)[0]
    publish(log, b"first")
    titles, end = log.titles(MARK, 0)
    assert [b"first"] == titles
    assert ([], end) == log.titles(MARK, end)
    publish(new_log(path), b"second" * 1000)
    assert [b"second" * 1000] == log.titles(MARK, end)[0]


def test_nobody_appends_who_knows_another_state(path: Path, log: Hdf5CallLog) -> None:
    for position in (Position(MARK.token, 2), Position(1, 1)):
        assert Publication.STALE is log.publish(position, b"title", [])
    assert Publication.STALE is new_log(path.with_name("none")).publish(HERE, b"title", [])
    assert [] == stored(log)


def test_what_another_thread_lets_go_of_stays_open_for_a_call_that_is_under_way(
    log: Hdf5CallLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def let_go_and_read(descriptor: int) -> Any:
        log.forget()
        return read_header(descriptor)

    publish(log, b"first")
    read_header = module._read_header
    monkeypatch.setattr(module, "_read_header", let_go_and_read)
    assert Publication.DONE is publish(log, b"second")
    assert [b"first", b"second"] == [title for title, _ in stored(log)]


def test_nothing_is_unlocked_that_another_thread_may_have_opened_meanwhile(
    log: Hdf5CallLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []
    close = os.close

    def note(descriptor: int) -> None:
        closed.append(descriptor)
        close(descriptor)

    def check_and_unlock(descriptor: int) -> None:
        assert descriptor not in closed
        unlock(descriptor)

    monkeypatch.setattr(os, "close", note)
    monkeypatch.setattr(module, "unlock", check_and_unlock)
    assert Publication.STALE is log.publish(Position(MARK.token, 2), b"title", [])
    assert 1 == len(closed)


def test_nobody_appends_once_it_is_closed_for_a_commit(log: Hdf5CallLog) -> None:
    publish(log, b"first")
    held = log.hold(MARK)
    held.close(MARK)
    held.release()
    assert log.position(MARK) is None
    assert Publication.STALE is publish(log, b"second")
    assert [(b"first", b"rows")] == stored(log)
    assert [] == stored(log, MARK.next())
    assert [] == log.titles(MARK.next(), 0)[0]


def test_it_starts_again_after_a_commit(log: Hdf5CallLog) -> None:
    publish(log, b"first")
    held = log.hold(MARK)
    held.restart(MARK.next(), 1)
    held.release()
    assert Position(MARK.token, 1) == log.position(MARK.next())
    assert Publication.DONE is publish(log, b"second")
    assert [(b"second", b"rows")] == stored(log, MARK.next())


def test_who_has_it_open_notices_that_it_was_removed(path: Path, log: Hdf5CallLog) -> None:
    publish(log, b"first")
    held = new_log(path).hold(MARK)
    held.remove()
    held.release()
    assert not Path(f"{path}{SUFFIX}").exists()
    assert Publication.STALE is publish(log, b"second")
    assert Publication.STALE is publish(log, b"second")


def test_calls_follow_each_other_in_a_log_that_came_in_place_of_another_one(
    path: Path, log: Hdf5CallLog
) -> None:
    publish(log, b"first", b"x" * 5000)
    held = new_log(path).hold(MARK)
    with pytest.raises(LockTimeoutError):
        publish(log, b"second")
    held.remove()
    held.release()
    # The generations of each log are counted from the same number.
    mark = Mark(99, MARK.generation)
    made = new_log(path).hold(None)
    made.restart(mark, 1)
    made.release()
    position = Position(mark.token, 1)
    assert Publication.DONE is new_log(path).publish(position, b"first", [b"rows"])
    assert Publication.DONE is log.publish(position, b"second", [b"rows"])
    assert [(b"first", b"rows"), (b"second", b"rows")] == stored(log, mark)


def test_a_log_that_is_removed_while_another_program_waits_for_it_is_made_again(
    path: Path, log: Hdf5CallLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, waiting = log.hold(MARK), new_log(path)
    lock = waiting._lock

    def remove_first(descriptor: int) -> None:
        monkeypatch.undo()
        held.remove()
        held.release()
        lock(descriptor)

    monkeypatch.setattr(waiting, "_lock", remove_first)
    made = waiting.hold(None)
    made.restart(Mark(99, 1), 1)
    made.release()
    assert Position(99, 1) == new_log(path).position(Mark(99, 1))


def test_who_looked_before_it_starts_again_finds_all_calls_after(log: Hdf5CallLog) -> None:
    publish(log, b"first")
    held = log.hold(MARK)
    held.close(MARK)
    titles, end = log.titles(MARK.next(), 0)
    assert [] == titles
    held.restart(MARK.next(), 1)
    held.release()
    # As many bytes as before.
    publish(log, b"again")
    assert [b"again"] == log.titles(MARK.next(), end)[0]


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_record_that_is_cut_short_counts_as_absent(
    path: Path, log: Hdf5CallLog, cut: int
) -> None:
    publish(log, b"first")
    publish(log, b"second")
    beside = Path(f"{path}{SUFFIX}")
    os.truncate(beside, beside.stat().st_size - cut)
    assert [b"first"] == new_log(path).titles(MARK, 0)[0]
    publish(new_log(path), b"third")
    assert [(b"first", b"rows"), (b"third", b"rows")] == stored(log)


def test_a_damaged_record_and_all_after_it_count_as_absent(path: Path, log: Hdf5CallLog) -> None:
    for title in (b"first", b"second", b"third"):
        publish(log, title, b"rows of " + title)
    beside = Path(f"{path}{SUFFIX}")
    content = beside.read_bytes()
    beside.write_bytes(content.replace(b"rows of second", b"rows of s?cond"))
    assert [b"first"] == [title for title, _ in stored(log)]


def test_a_full_disk_leaves_it_as_it_was(
    path: Path, log: Hdf5CallLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(log, b"first")
    before = Path(f"{path}{SUFFIX}").read_bytes()

    def write_half(descriptor: int, data: bytes, start: int) -> int:
        if start > len(before):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_some(descriptor, data[: len(data) // 2 or 1], start)

    monkeypatch.setattr(platform, "write_some", write_half)
    with pytest.raises(StoreIOError, match="No space left"):
        publish(log, b"second", b"x" * 5000)
    assert before == Path(f"{path}{SUFFIX}").read_bytes()
    monkeypatch.undo()
    assert Publication.DONE is publish(new_log(path), b"second")


def test_a_log_is_begun_again_that_a_full_disk_has_left_without_its_header(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    held = new_log(path).hold(None)
    with monkeypatch.context() as full:
        full.setattr(platform, "write_some", fail)
        with pytest.raises(StoreIOError, match="No space left"):
            held.close(MARK)
    held.release()
    begun = new_log(path).hold(None)
    begun.restart(MARK, 1)
    begun.release()
    assert HERE == new_log(path).position(MARK)


def test_it_does_not_grow_without_end(log: Hdf5CallLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 1000)
    while publish(log, b"title", b"x" * 100) is Publication.DONE:
        pass
    assert Publication.FULL is publish(log, b"title", b"x" * 100)
    assert 7 == len(stored(log))


def test_a_log_of_another_network_is_reported(path: Path, log: Hdf5CallLog) -> None:
    for mark in (Mark(1, 1), Mark(MARK.token, 3), Mark(MARK.token, 0)):
        for ask in (lambda: log.titles(mark, 0), lambda: log.hold(mark)):  # noqa: B023
            with pytest.raises(CorruptNetworkError, match="belongs to another network"):
                ask()
    log.discard(log.path)
    with pytest.raises(CorruptNetworkError, match="does not exist"):
        log.titles(MARK, 0)
    with pytest.raises(CorruptNetworkError, match="does not exist"):
        log.hold(MARK)


def test_who_waits_for_it_gives_up_after_the_limit(path: Path, log: Hdf5CallLog) -> None:
    held = new_log(path).hold(MARK)
    with pytest.raises(LockTimeoutError, match=r"network\.hdf5"):
        publish(log, b"title")
    held.release()
    assert Publication.DONE is publish(log, b"title")


@pytest.mark.skipif(sys.platform != "linux", reason="lists open files as Linux does")
def test_a_log_that_is_closed_holds_no_file_open(log: Hdf5CallLog) -> None:
    def files() -> int:
        descriptors = [Path("/proc/self/fd", each) for each in os.listdir("/proc/self/fd")]
        return sum(each.is_symlink() and os.readlink(each) == log.path for each in descriptors)

    publish(log, b"a call")
    assert 1 == files()
    log.forget()
    assert 0 == files()


def test_it_moves_with_its_file(path: Path, log: Hdf5CallLog) -> None:
    publish(log, b"a call")
    target = path.with_name("moved.hdf5")
    log.move(log.path, str(target))
    assert [(b"a call", b"rows")] == stored(new_log(target))
    assert [f"{target.name}{SUFFIX}"] == [each.name for each in path.parent.iterdir()]


def test_the_log_has_the_mode_of_the_file_from_its_first_byte(path: Path) -> None:
    path.touch(0o640)
    path.chmod(0o640)
    before = os.umask(0)
    try:
        log = new_log(path)
        held = log.hold(None)
        assert 0o640 == os.stat(log.path).st_mode & 0o777
        held.restart(MARK, 1)
        held.release()
        os.umask(0o077)
        copy = log.copy(str(path.with_name("copy.hdf5")))
        assert copy is not None
        assert 0o640 == os.stat(copy).st_mode & 0o777
    finally:
        os.umask(before)


@pytest.mark.parametrize("text", ["", "the user's own notes, longer than any header of a log is"])
def test_no_link_in_place_of_the_log_is_followed(path: Path, text: str) -> None:
    path.touch()
    notes = path.with_name("notes")
    notes.write_text(text)
    log = new_log(path)
    os.symlink(notes, log.path)
    with pytest.raises(StoreIOError) as raised:
        log.hold(None)
    assert errno.ELOOP == raised.value.errno
    for ask in (lambda: log.titles(MARK, 0), lambda: log.copy(str(path.with_name("copy")))):
        with pytest.raises(StoreIOError):
            ask()
    assert text == notes.read_text()


def test_another_file_of_the_name_of_the_log_stays_as_it_is(path: Path) -> None:
    path.touch()
    log = new_log(path)
    Path(log.path).write_text("the user's own notes, longer than any header of a log is")
    with pytest.raises(StoreExistsError, match="is not a log of this package"):
        log.hold(None)
    log.discard(log.path)
    assert Path(log.path).read_text().startswith("the user's own")


def test_a_copy_or_a_move_replaces_no_file_of_others(path: Path, log: Hdf5CallLog) -> None:
    path.touch()
    target = path.with_name("target.hdf5")
    taken = target.with_name(target.name + SUFFIX)
    taken.write_text("notes")
    with pytest.raises(StoreExistsError):
        log.copy(str(target))
    with pytest.raises(StoreExistsError):
        log.check_free(str(target))
    assert "notes" == taken.read_text()


def test_a_network_is_not_moved_to_where_its_log_can_not_go(path: Path, log: Hdf5CallLog) -> None:
    store = Hdf5Store(str(path))
    store.create().commit()
    log.hold(None).release()
    kept = Path(log.path).read_bytes()
    target = path.with_name("target.hdf5")
    taken = target.with_name(target.name + SUFFIX)
    taken.write_text("notes")
    with pytest.raises(StoreExistsError, match=SUFFIX):
        store.move(str(target))
    assert not target.exists()
    assert ("notes", kept) == (taken.read_text(), Path(log.path).read_bytes())
    assert store.exists()


def test_a_log_moves_to_another_filesystem(
    path: Path, log: Hdf5CallLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(log, b"first")
    rename = os.rename

    def across(first: str, second: str) -> None:
        if first.endswith(SUFFIX):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(first, second)

    monkeypatch.setattr(os, "rename", across)
    target = path.with_name("moved.hdf5")
    log.move(log.path, str(target))
    assert not os.path.exists(log.path)
    assert [(b"first", b"rows")] == stored(new_log(target))


def test_a_copy_that_fails_leaves_no_log(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Hdf5Store(str(path))
    store.create().commit()
    held = store.calls.hold(None)
    held.restart(MARK, 1)
    held.release()
    target = path.with_name("target")

    def fails(*_: object, **__: object) -> None:
        raise StoreIOError("no space left", errno=errno.ENOSPC)

    monkeypatch.setattr(relocation, "copy_file", fails)
    with pytest.raises(StoreIOError, match="no space"):
        store.copy(str(target))
    assert [path.name, path.name + SUFFIX] == sorted(os.listdir(path.parent))


def test_what_the_system_reads_and_writes_in_parts_is_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pread, pwrite = os.pread, os.pwrite
    monkeypatch.setattr(os, "pread", lambda file, size, start: pread(file, min(size, 7), start))
    monkeypatch.setattr(os, "pwrite", lambda file, data, start: pwrite(file, data[:5], start))
    log = new_log(path)
    held = log.hold(None)
    held.restart(MARK, 1)
    held.release()
    calls = [(f"call {number}".encode(), b"rows" * number) for number in range(1, 4)]
    for title, rows in calls:
        assert Publication.DONE is publish(log, title, rows)
    monkeypatch.undo()
    assert calls == stored(new_log(path))


def packed(form: str, *values: object) -> bytes:
    """Numbers and their checksum."""
    data = struct.pack(form, *values)
    return data + struct.pack("<I", zlib.crc32(data))


def test_the_bytes_of_a_log_are_those_that_every_version_reads(
    path: Path, log: Hdf5CallLog
) -> None:
    publish(log, b"title", b"some rows")
    publish(log, b"", b"")
    content = b"titlesome rows"
    expected = packed("<8sqqq", b"bsbcalls", 12345, 1, 1)
    expected += packed("<IQI", 5, 9, zlib.crc32(content)) + content
    expected += packed("<IQI", 0, 0, 0)
    assert expected == Path(f"{path}{SUFFIX}").read_bytes()
    held = log.hold(MARK)
    held.restart(MARK.next(), 7)
    held.release()
    after = packed("<8sqqq", b"bsbcalls", 12345, MARK.next().generation, 7)
    assert after == Path(f"{path}{SUFFIX}").read_bytes()


@pytest.mark.parametrize(("length", "is_nameable"), [(248, True), (249, False)])
def test_a_log_has_no_longer_name_than_files_can_have(
    tmp_path: Path, length: int, is_nameable: bool
) -> None:
    log = new_log(tmp_path / ("n" * length))
    assert is_nameable is log.is_nameable
    if not is_nameable:
        assert log.copy(str(tmp_path / "copy")) is None
        log.check_free(str(tmp_path / "other"))
        log.move(log.path, str(tmp_path / "other"))
        log.discard(log.path)
        return
    held = log.hold(None)
    held.restart(MARK, 1)
    held.release()
    assert str(tmp_path / f"copy{SUFFIX}") == log.copy(str(tmp_path / "copy"))
    log.discard(log.path)
    assert [f"copy{SUFFIX}"] == os.listdir(tmp_path)
