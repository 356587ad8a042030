"""Every system: what only some of them have stands in ``platform.py``, and can be missing."""

from __future__ import annotations

import ast
import errno
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
