"""Every system: what only some of them have stands in ``platform.py``, and can be missing."""

from __future__ import annotations

import ast
import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5 import platform
from tests.spec.source import package_folder

ROOT = Path(__file__).parents[2]
MODULES = {"fcntl", "msvcrt", "portalocker"}
# Without the flags that every system has.
CALLS = {
    *("pread", "preadv", "pwrite", "pwritev", "fork", "register_at_fork", "geteuid", "getegid"),
    *("getuid", "getgid", "chown", "fchown", "fchmod", "link", "utime", "name", "uname"),
    *("getxattr", "setxattr", "listxattr", "major", "minor", "supports_fd"),
    *("O_DIRECTORY", "O_CLOEXEC", "O_NONBLOCK", "O_NOFOLLOW", "O_BINARY"),
}


def of_some_systems(source: str) -> Iterator[str]:
    """What a module takes from the system that not every system has."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from MODULES & {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            yield from MODULES & {node.module}
            if node.module == "os":
                yield from CALLS & {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) == ("sys", "platform"):
                yield "sys.platform"
            if node.value.id == "os":
                yield from CALLS & {node.attr}


def test_no_other_module_uses_what_only_some_systems_have() -> None:
    folder = package_folder()
    found = {
        str(path.relative_to(folder)): sorted(set(of_some_systems(path.read_text("utf-8"))))
        for path in sorted(folder.rglob("*.py"))
    }
    assert {"fcntl", "pread", "fchown"} <= set(found.pop("platform.py"))
    assert {} == {path: names for path, names in found.items() if names}


@pytest.mark.slow
@pytest.mark.parametrize("locks", ["portalocker", "none"])
def test_every_engine_works_on_a_system_without_the_calls_of_posix(
    locks: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.unit.without_posix", str(tmp_path), locks]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )
    assert 0 == done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert {"hdf5", "memory", "zarr"} <= set(found["engines"])
    assert [] == found["left"]
    said = [found["limits"][engine]["locking"] for engine in ("hdf5", "zarr")]
    assert (locks == "none") is (said == [platform.LOCKS_MISSING] * 2)
    assert found["locks"] is (locks == "portalocker")


def refuse(number: int) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    "number",
    [errno.EPERM, errno.EACCES, errno.EMLINK, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS],
)
def test_a_file_gets_its_name_where_links_are_refused_and_no_other_loses_its_own(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refuse(number))
    new, taken = tmp_path / "new", tmp_path / "taken"
    new.write_text("new")
    taken.write_text("taken")
    with pytest.raises(FileExistsError):
        platform.give_other_name(str(new), str(taken))
    assert ("new", "taken") == (new.read_text(), taken.read_text())
    platform.give_other_name(str(new), str(tmp_path / "free"))
    assert ["free", "taken"] == sorted(os.listdir(tmp_path))
    assert "new" == (tmp_path / "free").read_text()


def test_a_file_that_can_not_be_renamed_either_leaves_nothing_at_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    monkeypatch.setattr(os, "replace", refuse(errno.EIO))
    (tmp_path / "new").write_text("new")
    with pytest.raises(OSError, match="Input/output"):
        platform.give_other_name(str(tmp_path / "new"), str(tmp_path / "free"))
    assert ["new"] == os.listdir(tmp_path)


def test_reads_and_writes_at_a_position_need_no_call_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("pread", "pwrite", "preadv"):
        monkeypatch.delattr(os, name)
    with (tmp_path / "file").open("w+b", buffering=0) as file:
        descriptor, buffer = file.fileno(), bytearray(5)
        assert 6 == platform.write_some(descriptor, b"abcdef", 0)
        assert 2 == platform.write_some(descriptor, b"XY", 2)
        assert b"bXY" == platform.read_some(descriptor, 3, 1)
        assert 3 == platform.read_some_into(descriptor, memoryview(buffer), 3)
        assert b"Yef\0\0" == buffer
        assert 1 == read_parts(descriptor, buffer)
        assert b"ef\0bX" == buffer
        assert 20 == read_backwards(descriptor)


def read_parts(descriptor: int, buffer: bytearray) -> int:
    """How many of three parts are read for certain, of which the last is not in the file."""
    buffer[:] = bytes(len(buffer))
    return platform.read_parts_into(descriptor, memoryview(buffer), [1, 4, 6], [3, 6, 7], [3, 0, 2])


def read_backwards(descriptor: int) -> int:
    """How many of twenty parts that follow each other are read, each before the one before."""
    content = bytes(range(40))
    platform.write_some(descriptor, content, 0)
    buffer, begins = bytearray(40), list(range(0, 40, 2))
    ends = [begin + 2 for begin in begins]
    count = platform.read_parts_into(descriptor, memoryview(buffer), begins, ends, begins[::-1])
    assert b"".join(content[begin : begin + 2] for begin in begins[::-1]) == buffer
    return count


def test_parts_are_read_up_to_the_end(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+b", buffering=0) as file:
        file.write(b"abXYef")
        buffer = bytearray(5)
        assert 1 == read_parts(file.fileno(), buffer)
        assert b"ef\0bX" == buffer
        assert 20 == read_backwards(file.fileno())


@pytest.mark.parametrize(
    ("code", "is_raised"), [(errno.EINVAL, False), (errno.EBADF, False), (errno.EIO, True)]
)
def test_a_folder_that_can_not_be_synced_is_an_error_where_folders_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, is_raised: bool
) -> None:
    def fail(_: int) -> None:
        raise OSError(code, "as the system says")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="as the system") if is_raised else nullcontext():
        platform.sync_folder(str(tmp_path))


def test_a_file_is_locked_for_readers_or_one_writer(twice: tuple[int, int]) -> None:
    locked, busy = platform.LockAttempt.LOCKED, platform.LockAttempt.BUSY
    first, second = twice
    assert platform.can_lock()
    for exclusive, found in ((False, locked), (True, busy)):
        assert locked is platform.try_lock(first, exclusive=exclusive)
        assert found is platform.try_lock(second, exclusive=False)
        assert busy is platform.try_lock(second, exclusive=True)
        platform.unlock(first)
        assert locked is platform.try_lock(second, exclusive=True)
        platform.unlock(second)


@pytest.mark.parametrize(
    ("number", "found"),
    [
        *((getattr(errno, name), "UNSUPPORTED") for name in ("ENOLCK", "ENOSYS", "EOPNOTSUPP")),
        (524, "UNSUPPORTED"),
        (errno.EROFS, "UNSUPPORTED"),
        (errno.EAGAIN, "BUSY"),
        (errno.EACCES, "BUSY"),
        (errno.EIO, None),
    ],
)
def test_what_the_system_says_of_a_lock(
    number: int, found: str | None, twice: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(platform.fcntl, "flock", fail)
    monkeypatch.setattr(platform.fcntl, "fcntl", fail)
    platform.unlock(twice[0])
    platform.unlock_byte(twice[0], 5)
    assert not platform.is_byte_locked(twice[0], 5)
    of_byte = "BUSY" if found == "BUSY" else "UNSUPPORTED"
    assert of_byte == platform.try_lock_byte(twice[0], 5, exclusive=True).name
    if found is None:
        with pytest.raises(OSError, match=os.strerror(number)):
            platform.try_lock(twice[0], exclusive=True)
    else:
        assert found == platform.try_lock(twice[0], exclusive=True).name


@pytest.mark.skipif(not platform._HAS_BYTE_LOCKS, reason="this system locks no single bytes")
def test_single_bytes_are_locked_for_a_descriptor(twice: tuple[int, int]) -> None:
    locked, busy = platform.LockAttempt.LOCKED, platform.LockAttempt.BUSY
    first, second = twice
    assert not platform.is_byte_locked(second, 5)
    assert locked is platform.try_lock_byte(first, 5, exclusive=True)
    assert platform.is_byte_locked(second, 5)
    assert not platform.is_byte_locked(first, 5)
    assert not platform.is_byte_locked(second, 6)
    assert not platform.is_byte_locked(second, 4)
    assert busy is platform.try_lock_byte(second, 5, exclusive=False)
    assert locked is platform.try_lock_byte(second, 6, exclusive=True)
    # Apart from the lock on the file.
    assert locked is platform.try_lock(second, exclusive=True)
    platform.unlock_byte(first, 5)
    assert not platform.is_byte_locked(second, 5)
    assert locked is platform.try_lock_byte(first, 5, exclusive=False)
    # Readers are not seen by who asks whether there is a writer, but a writer waits for them.
    assert not platform.is_byte_locked(second, 5)
    assert busy is platform.try_lock_byte(second, 5, exclusive=True)
    assert locked is platform.try_lock_byte(second, 5, exclusive=False)


def test_without_locks_of_the_system_none_is_had(
    twice: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "fcntl", None)
    monkeypatch.setattr(platform, "_portalocker", lambda: None)
    unsupported = platform.LockAttempt.UNSUPPORTED
    assert not platform.can_lock()
    assert unsupported is platform.try_lock(twice[0], exclusive=True)
    assert unsupported is platform.try_lock_byte(twice[0], 5, exclusive=True)
    assert not platform.is_byte_locked(twice[0], 5)
    platform.unlock(twice[0])
    platform.unlock_byte(twice[0], 5)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who holds a lock")
def test_the_holder_of_a_lock_is_reported(twice: tuple[int, int], tmp_path: Path) -> None:
    assert [] == platform.lock_holders(twice[0])
    platform.try_lock(twice[0], exclusive=True)
    assert [os.getpid()] == platform.lock_holders(twice[0]) == platform.lock_holders(twice[1])
    with open(tmp_path / "other", "w", encoding="ascii") as other:
        assert [] == platform.lock_holders(other.fileno())
    platform.unlock(twice[0])
    assert [] == platform.lock_holders(twice[0])
    assert [] == platform.lock_holders(-1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who holds a lock")
def test_holders_in_other_containers_are_not_reported_by_their_number(
    twice: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    status = os.fstat(twice[0])
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    rows = [f"{i}: FLOCK ADVISORY READ {pid} {place} 0 EOF\n" for i, pid in enumerate((0, 1, 7))]
    monkeypatch.setattr("builtins.open", lambda *_, **__: io.StringIO("".join(rows)))
    assert [1, 7] == platform.lock_holders(twice[0])


def test_programs_that_are_started_get_no_file_of_ours(twice: tuple[int, int]) -> None:
    assert not any(map(os.get_inheritable, twice))


def test_a_file_is_given_to_another_owner_only(
    twice: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    monkeypatch.setattr(os, "fchown", lambda *arguments: given.append(arguments))
    status = os.fstat(twice[0])
    own = status.st_uid, status.st_gid
    platform.give_owner(twice[0], own)
    assert [] == given
    for other in ((own[0] + 1, own[1]), (own[0], own[1] + 1)):
        platform.give_owner(twice[0], other)
        assert (twice[0], *other) == given.pop()


def test_a_file_gets_the_mode_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: dict[tuple[str, str], bytes] = {}
    first, second = str(tmp_path / "first"), str(tmp_path / "second")
    for path, mode in ((first, 0o640), (second, 0o600)):
        Path(path).touch()
        os.chmod(path, mode)
        held[path, "user.a"] = held[path, "user.b"] = path.encode()

    def put(path: str, name: str, value: bytes) -> None:
        if name == "user.a":
            raise OSError(errno.EPERM, "may not be set")
        held[path, name] = value

    monkeypatch.setattr(os, "listxattr", lambda path: ["user.a", "user.b"])
    monkeypatch.setattr(os, "getxattr", lambda path, name: held[path, name])
    monkeypatch.setattr(os, "setxattr", put)
    platform.copy_attributes(first, second)
    assert 0o640 == os.stat(second).st_mode & 0o777
    assert [second, first] == [held[second, f"user.{name}"].decode() for name in "ab"]


def test_a_file_gets_the_times_of_a_change(twice: tuple[int, int], tmp_path: Path) -> None:
    assert platform.set_times(twice[0], 4_000_000_321, 5_000_000_123)
    status = os.fstat(twice[0])
    assert (4_000_000_321, 5_000_000_123) == (status.st_atime_ns, status.st_mtime_ns)
    assert platform.is_named(twice[0], str(tmp_path / "file"))
    (tmp_path / "other").touch()
    assert not platform.is_named(twice[0], str(tmp_path / "other"))
    assert not platform.is_named(twice[0], str(tmp_path / "missing"))
