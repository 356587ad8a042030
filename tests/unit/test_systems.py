"""Files, locks and signals on systems that have, or lack, what most of them have."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5 import platform
from tests.unit.test_platform import refuse


class Portable:
    """What portalocker is, as far as this package uses it."""

    class LockFlags:
        EXCLUSIVE, SHARED, NON_BLOCKING = 1, 2, 4

    class LockException(Exception):  # noqa: N818  # its name there
        pass

    class AlreadyLocked(LockException):
        pass

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.calls: list[Any] = []

    def lock(self, descriptor: int, flags: int) -> None:
        self.calls.append((descriptor, flags))
        if self.error is not None:
            raise self.error

    def unlock(self, descriptor: int) -> None:
        self.lock(descriptor, 0)


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (None, "LOCKED"),
        (Portable.AlreadyLocked(), "BUSY"),
        (Portable.LockException(), "UNSUPPORTED"),
        (ImportError(), "UNSUPPORTED"),
        (OSError(errno.EACCES, "denied"), "BUSY"),
        (OSError(errno.ENOSYS, "missing"), "UNSUPPORTED"),
    ],
)
def test_portalocker_locks_files_where_the_system_does_not(
    error: Exception | None, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    portable = Portable(error)
    monkeypatch.setattr(platform, "fcntl", None)
    monkeypatch.setitem(sys.modules, "portalocker", portable)
    assert platform.can_lock()
    assert found == platform.try_lock(7, exclusive=True).name
    assert found == platform.try_lock(8, exclusive=False).name
    platform.unlock(9)
    assert [(7, 1 | 4), (8, 2 | 4), (9, 0)] == portable.calls
    monkeypatch.setitem(sys.modules, "portalocker", None)
    assert not platform.can_lock()
    assert platform.LockAttempt.UNSUPPORTED is platform.try_lock(7, exclusive=True)
    platform.unlock(9)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which descriptors lock")
def test_the_descriptors_that_lock_a_file_are_reported(
    twice: tuple[int, int], tmp_path: Path
) -> None:
    first, second = twice
    assert {} == platform.locked_descriptors(first)
    platform.try_lock(second, exclusive=False)
    assert {second: False} == platform.locked_descriptors(first)
    assert {} == platform.locked_descriptors(second)
    platform.unlock(second)
    platform.try_lock(second, exclusive=True)
    assert {second: True} == platform.locked_descriptors(first)
    with open(tmp_path / "other", "w", encoding="ascii") as other:
        assert {} == platform.locked_descriptors(other.fileno())
        platform.try_lock(other.fileno(), exclusive=True)
        assert {second: True} == platform.locked_descriptors(first)


def test_a_link_is_opened_only_where_it_may_lead_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with pytest.raises(OSError, match="symbolic") as raised:
        platform.open_own(str(tmp_path / "link"), os.O_RDONLY)
    assert errno.ELOOP == raised.value.errno
    for opened, name in ((platform.open_descriptor, "link"), (platform.open_own, "file")):
        descriptor = opened(str(tmp_path / name), os.O_RDONLY)
        assert b"text" == platform.read_some(descriptor, 9, 0)
        os.close(descriptor)


def test_who_waits_at_a_pipe_that_nobody_opens_is_not_held_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.close(platform.open_descriptor(str(tmp_path / "pipe"), os.O_RDONLY))


def test_a_new_file_is_open_to_those_whom_the_system_lets(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        for opened in (platform.open_descriptor, platform.open_own):
            for mode in ({}, {"mode": 0o640}):
                path = tmp_path / f"{opened.__name__} {mode}"
                os.close(opened(str(path), os.O_RDWR | os.O_CREAT, **mode))
                assert mode.get("mode", 0o666) == os.stat(path).st_mode & 0o777
    finally:
        os.umask(before)


@pytest.mark.parametrize("windows", [False, True])
def test_only_windows_closes_files_before_they_are_renamed(
    windows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[bool] = []
    monkeypatch.setattr(platform, "IS_WINDOWS", windows)
    platform.before_renaming(lambda: closed.append(True))
    assert [True] * windows == closed


@pytest.mark.parametrize(("windows", "flag"), [(True, os.O_RDWR), (False, os.O_RDONLY)])
def test_a_file_is_synced(
    windows: bool, flag: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(platform, "IS_WINDOWS", windows)
    flags, synced = list[int](), list[bool]()
    opened = platform.open_descriptor

    def note(path: str, how: int) -> int:
        flags.append(how)
        return opened(path, how)

    monkeypatch.setattr(platform, "open_descriptor", note)
    monkeypatch.setattr(
        os, "fsync", lambda number: synced.append(platform.is_named(number, str(tmp_path / "file")))
    )
    before = os.listdir("/proc/self/fd") if sys.platform == "linux" else []
    platform.sync_file(str(tmp_path / "file"))
    assert ([flag], [True]) == (flags, synced)
    assert before == (os.listdir("/proc/self/fd") if sys.platform == "linux" else [])


def test_where_folders_can_not_be_synced_nothing_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    platform.sync_folder(str(tmp_path))
    assert 1 == len(synced)
    monkeypatch.delattr(os, "O_DIRECTORY")
    platform.sync_folder(str(tmp_path / "missing"))
    assert 1 == len(synced)


def test_only_a_folder_is_synced_as_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        platform.sync_folder(str(tmp_path / "file"))


def test_a_system_without_times_of_open_files_says_so(
    twice: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not platform.set_times(-1, 5, 5)
    monkeypatch.setattr(os, "supports_fd", set())
    before = os.fstat(twice[0]).st_mtime_ns
    assert not platform.set_times(twice[0], 5, 5)
    assert before == os.fstat(twice[0]).st_mtime_ns


@pytest.mark.parametrize("follows", [True, False])
def test_a_link_gets_the_other_name_itself(
    follows: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    if not follows:
        monkeypatch.setattr(os, "supports_follow_symlinks", set())
    name = "link" if follows else "file"
    platform.give_other_name(str(tmp_path / name), str(tmp_path / "other"))
    assert not (tmp_path / name).is_symlink() and not (tmp_path / name).exists()
    assert follows is (tmp_path / "other").is_symlink()
    assert "text" == (tmp_path / "other").read_text()


@pytest.mark.parametrize(
    ("error", "left"), [(PermissionError, ["file"]), (None, ["file", "other"])]
)
def test_a_file_that_keeps_its_first_name_loses_the_other(
    error: type[OSError] | None, left: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("text")
    unlink = os.unlink

    def fail(path: str) -> None:
        if path.endswith("file"):
            # Where another program removed the name, there is nothing to undo.
            raise (error or FileNotFoundError)(1, "failed")
        unlink(path)

    monkeypatch.setattr(os, "unlink", fail)
    with pytest.raises(error) if error else nullcontext():
        platform.give_other_name(str(tmp_path / "file"), str(tmp_path / "other"))
    assert left == sorted(os.listdir(tmp_path))


def test_a_signal_for_the_main_thread_is_sent_where_threads_get_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(signal, "pthread_kill", lambda *each: sent.append(each))
    platform.signal_main_thread(signal.SIGTERM)
    assert [(threading.main_thread().ident, signal.SIGTERM)] == sent
    monkeypatch.delattr(signal, "pthread_kill")
    monkeypatch.setattr("_thread.interrupt_main", sent.append)
    platform.signal_main_thread(int(signal.SIGTERM))
    assert signal.SIGTERM is sent[1]


def test_forks_are_counted_where_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    assert platform.can_fork() is hasattr(os, "fork")
    # Set before it is counted up, so that it is set back: this process was not forked.
    monkeypatch.setattr(platform.Forks, "count", before := platform.Forks.count)
    platform._count_fork()
    assert before + 1 == platform.Forks.count
    registered: list[Any] = []
    monkeypatch.setattr(os, "register_at_fork", lambda **each: registered.append(each))
    platform.after_fork_in_child(print)
    assert [{"after_in_child": print}] == registered
    monkeypatch.delattr(os, "register_at_fork")
    platform.after_fork_in_child(print)


@pytest.mark.parametrize("missing", [True, False])
def test_a_copy_has_the_mode_where_attributes_can_not_be_listed(
    missing: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for path, mode in ((first, 0o640), (second, 0o600)):
        path.touch()
        path.chmod(mode)
    if missing:
        monkeypatch.delattr(os, "listxattr")
    else:
        monkeypatch.setattr(os, "listxattr", refuse(errno.EOPNOTSUPP))
    platform.copy_attributes(str(first), str(second))
    assert 0o640 == second.stat().st_mode & 0o777
