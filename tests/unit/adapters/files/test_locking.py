"""The lock on a file: with other processes, and on filesystems that have none."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5 import platform
from bsb_hdf5.adapters.files import locking
from bsb_hdf5.adapters.files.locking import lock_file
from bsb_hdf5.adapters.files.turnstile import Turnstile
from bsb_hdf5.errors import LockTimeoutError, StoreIOError
from bsb_hdf5.transactions.deadline import SlowWait
from tests.face.samples import run_python

Hold = Callable[..., subprocess.Popen[bytes]]
LONG = 20.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "network.hdf5"
    path.write_bytes(b"content")
    return path


@pytest.fixture
def descriptor(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.delenv("HDF5_USE_FILE_LOCKING", raising=False)
    descriptor = os.open(path, os.O_RDWR)
    yield descriptor
    os.close(descriptor)


class Locking:
    """What is asked of the system, and what it answers."""

    def __init__(self, *answers: int) -> None:
        self.asked: list[int] = []
        self.answers = list(answers)

    def __call__(self, descriptor: int, operation: int) -> None:
        self.asked.append(operation)
        answer = self.answers.pop(0) if self.answers else 0
        if answer:
            raise OSError(answer, os.strerror(answer))


def lock(descriptor: int, *, exclusive: bool = True, limit: float = LONG, slow: Any = None) -> None:
    waited = slow if slow is not None else []
    lock_file(descriptor, "the file", exclusive=exclusive, limit=limit, on_slow=waited.append)


def is_free(path: Path, operation: int) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.mark.parametrize("exclusive", [True, False])
def test_the_lock_is_the_one_that_hdf5_takes(descriptor: int, path: Path, exclusive: bool) -> None:
    lock(descriptor, exclusive=exclusive)
    assert not is_free(path, fcntl.LOCK_EX)
    assert exclusive is not is_free(path, fcntl.LOCK_SH)


@pytest.mark.parametrize("value", ["FALSE", "0", "false", "False"])
def test_no_lock_is_taken_where_the_environment_says_so(
    descriptor: int, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    system = Locking(errno.EAGAIN)
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", value)
    monkeypatch.setattr(fcntl, "flock", system)
    lock(descriptor, limit=0)
    assert [] == system.asked


@pytest.mark.parametrize("value", ["TRUE", "1", "BEST_EFFORT", ""])
def test_a_lock_is_taken_otherwise(
    descriptor: int, path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", value)
    lock(descriptor)
    assert not is_free(path, fcntl.LOCK_SH)


@pytest.mark.parametrize("answer", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, 524, errno.EROFS])
def test_filesystems_without_locks_are_used_without(
    descriptor: int, monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    system, slow = Locking(answer), list[SlowWait]()
    monkeypatch.setattr(fcntl, "flock", system)
    lock(descriptor, slow=slow)
    assert ([fcntl.LOCK_EX | fcntl.LOCK_NB], []) == (system.asked, slow)


@pytest.mark.parametrize("answer", [errno.EIO, errno.EBADF, errno.EINVAL])
def test_other_errors_of_the_system_are_reported(
    descriptor: int, monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    monkeypatch.setattr(fcntl, "flock", Locking(answer))
    with pytest.raises(StoreIOError, match="the file") as caught:
        lock(descriptor)
    assert answer == caught.value.fields["errno"]


@pytest.mark.parametrize("answer", [errno.EAGAIN, errno.EACCES])
def test_a_busy_file_is_tried_again(
    descriptor: int, monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    system = Locking(*[answer] * 4)
    monkeypatch.setattr(fcntl, "flock", system)
    lock(descriptor, exclusive=False)
    assert [fcntl.LOCK_SH | fcntl.LOCK_NB] * 5 == system.asked


def test_a_long_wait_is_reported_once(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    system, slow = Locking(*[errno.EAGAIN] * 12), list[SlowWait]()
    monkeypatch.setattr(fcntl, "flock", system)
    monkeypatch.setattr(locking, "_WARN_AFTER", 0.01)
    lock(descriptor, slow=slow)
    assert 1 == len(slow)
    assert 0.01 < slow[0].waited < LONG
    assert ("the file", LONG) == (slow[0].location, slow[0].limit)
    assert 13 == len(system.asked)


def test_a_long_wait_names_the_process_that_holds_the_lock(
    descriptor: int, path: Path, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, slow = hold(path), list[SlowWait]()
    monkeypatch.setattr(locking, "_WARN_AFTER", 0.01)
    with pytest.raises(LockTimeoutError):
        lock(descriptor, limit=0.1, slow=slow)
    with open("/proc/locks", encoding="ascii") as locks:
        told = (f"process {holder.pid}",) if f" {holder.pid} " in locks.read() else ()
    assert [told] == [wait.holders for wait in slow]


OWN_FILE = """
    import fcntl, os, sys, threading, time
    from bsb_hdf5.adapters.files.locking import lock_file
    from bsb_hdf5.errors import LockTimeoutError
    first, second = (os.open(sys.argv[1], os.O_RDWR) for _ in range(2))
    options = dict(exclusive=True, limit=float(sys.argv[2]), on_slow=print)
    if sys.argv[3] == "helped":
        fcntl.flock(first, fcntl.LOCK_EX)
        threading.Timer(0.3, os.close, [first]).start()
    else:
        lock_file(first, "the file", **options)
    if sys.argv[3] == "beside others":
        threading.Thread(target=time.sleep, args=[60], daemon=True).start()
    try:
        lock_file(second, "the file", **options)
        print("locked")
    except LockTimeoutError as error:
        print(error)
"""


@pytest.mark.parametrize("how", ["helped", "alone", "beside others"])
def test_a_process_that_would_wait_for_itself_gets_an_error_at_once(path: Path, how: str) -> None:
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        if not platform.lock_holders(file.fileno()):
            pytest.skip("the system does not tell who holds a lock")
    process = run_python(OWN_FILE, str(path), "60", how)
    said, _ = process.communicate(timeout=50)
    if how == "helped":
        assert "locked" == said.strip()
    else:
        assert "by an open file of this thread, which would wait for itself; close the file" in said


def test_a_reader_beside_itself_waits_in_line_behind_a_writer_and_goes_on(
    descriptor: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locking, "_LOOK_AFTER", 0.0)
    monkeypatch.setattr(locking, "_COURTESY", 0.01)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    with path.open("r+b") as reader, path.open("r+b") as writer:
        fcntl.flock(reader, fcntl.LOCK_SH)
        turnstile = Turnstile(writer.fileno())
        assert turnstile.enter(exclusive=True)
        lock(descriptor, exclusive=False)
        assert not is_free(path, fcntl.LOCK_EX)
        turnstile.leave()


def test_an_error_says_which_process_is_this_one_or_started_it(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", Locking(*[errno.EAGAIN] * 10_000))
    monkeypatch.setattr(
        locking, "lock_holders", lambda descriptor: [os.getpid(), os.getppid(), 999_999]
    )
    monkeypatch.setattr(locking, "_check_other_holders", lambda *_, **__: None)
    with pytest.raises(LockTimeoutError) as raised:
        lock(descriptor, limit=0.05)
    own, parent = f"process {os.getpid()} (this one)", f"process {os.getppid()} (which started"
    assert own in str(raised.value)
    assert f"{parent} this one) and process 999999" in str(raised.value)


def test_a_short_wait_is_not_reported(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    system, slow = Locking(*[errno.EAGAIN] * 3), list[SlowWait]()
    monkeypatch.setattr(fcntl, "flock", system)
    monkeypatch.setattr(locking, "_WARN_AFTER", LONG)
    lock(descriptor, slow=slow)
    assert [] == slow


def test_a_wait_does_not_keep_a_processor_busy(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = Locking(*[errno.EAGAIN] * 10_000)
    monkeypatch.setattr(fcntl, "flock", system)
    with pytest.raises(LockTimeoutError):
        lock(descriptor, limit=0.3)
    # Once a millisecond at most: a hundredth of a processor.
    assert 300 >= len(system.asked)


@pytest.mark.parametrize("exclusive", [True, False])
def test_giving_up_names_the_file_and_the_process_that_holds_it(
    descriptor: int, path: Path, hold: Hold, exclusive: bool
) -> None:
    holder = hold(path)
    with pytest.raises(LockTimeoutError, match="'the file' is locked") as caught:
        lock(descriptor, exclusive=exclusive, limit=0.1)
    assert 0.1 == caught.value.fields["limit"]
    # Not every system tells who holds a file; where this one does, so does the error.
    with open("/proc/locks", encoding="ascii") as locks:
        told = [holder.pid] if f" {holder.pid} " in locks.read() else []
    assert told == caught.value.fields["holders"]
    assert (f"process {holder.pid};" in str(caught.value)) is bool(told)


def test_giving_up_works_where_the_system_does_not_say_who_holds_a_file(
    descriptor: int, path: Path, hold: Hold, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(path)

    def fail(*_: Any, **__: Any) -> Any:
        raise FileNotFoundError

    monkeypatch.setattr(platform, "open", fail, raising=False)
    with pytest.raises(LockTimeoutError, match=r"is locked; gave up after 0\.05 seconds"):
        lock(descriptor, limit=0.05)


def test_processes_that_read_share_a_file(descriptor: int, path: Path, hold: Hold) -> None:
    hold(path, exclusive=False)
    lock(descriptor, exclusive=False, limit=0.1)
    with pytest.raises(LockTimeoutError):
        lock(descriptor, exclusive=True, limit=0.1)


def test_the_lock_of_a_process_that_is_killed_is_free(
    descriptor: int, path: Path, hold: Hold
) -> None:
    holder = hold(path)

    def kill() -> None:
        time.sleep(0.1)
        holder.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    lock(descriptor)
    killer.join(LONG)
    assert not is_free(path, fcntl.LOCK_SH)
