"""Files that may not be read or written."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from bsb_hdf5 import errors as e
from tests.face.first_uses import FIRST_USES
from tests.face.samples import (
    SmallNetwork,
    chunk,
    digest,
    positions,
    untouched,
)
from tests.faults.programs import run_program


def _forbid(monkeypatch: pytest.MonkeyPatch, path: Path, code: int, flags: int) -> None:
    """Let the system refuse to open a file; the permissions of files don't stop root."""
    real = os.open

    def refuse(name: Any, mode: int, *rest: Any, **named: Any) -> int:
        if os.fspath(name) == str(path) and (not flags or mode & flags):
            raise OSError(code, os.strerror(code), str(path))
        return real(name, mode, *rest, **named)

    monkeypatch.setattr(os, "open", refuse)


WRITES = ["write", "store", "save", "clear", "a write scope"]


@pytest.mark.parametrize("use", WRITES)
@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_file_that_is_not_writable_is_read_and_not_written(
    small: SmallNetwork, monkeypatch: pytest.MonkeyPatch, use: str, code: int
) -> None:
    _forbid(monkeypatch, small.path, code, os.O_RDWR)
    with untouched(small.path), pytest.raises(e.StoreAccessError) as caught:
        # The set that is required by the other tests exists here.
        FIRST_USES[use](small.storage) if use != "write" else small.b.append_data(
            chunk(0), positions(1)
        )
    assert isinstance(caught.value, PermissionError)
    assert str(small.path) in str(caught.value)
    assert 7 == len(small.b)


@pytest.mark.parametrize("use", ["read", "write", "statistics", "versions", "a read scope"])
def test_a_file_that_is_not_readable_is_reported(
    small: SmallNetwork, monkeypatch: pytest.MonkeyPatch, use: str
) -> None:
    before = digest(small.path)
    with monkeypatch.context() as patch:
        _forbid(patch, small.path, errno.EACCES, 0)
        with pytest.raises(e.StoreAccessError, match=re.escape(str(small.path))):
            FIRST_USES[use](small.storage)
    assert before == digest(small.path)


@pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE, errno.ENAMETOOLONG])
def test_other_failures_of_the_system_are_reported(
    small: SmallNetwork, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    before = digest(small.path)
    with monkeypatch.context() as patch:
        _forbid(patch, small.path, code, 0)
        with pytest.raises(e.StoreIOError, match=re.escape(os.strerror(code))):
            len(small.b)
    assert before == digest(small.path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_who_may_only_read_gets_an_error_that_says_so(
    small: SmallNetwork, tmp_path: Path
) -> None:
    readable = Path(tempfile.mkdtemp())
    code = """
        import os, sys
        from bsb import Storage
        import bsb_hdf5.errors as errors
        from bsb.storage import open_storage

        def uses(path):
            storage = open_storage(path)
            yield lambda: storage.files.store("text", "id")
            yield lambda: storage.copy(path + "2")
            yield lambda: Storage("hdf5", path + "3")
            yield lambda: storage.move(path + "4")
            yield lambda: storage.remove()

        def names(path):
            return sorted(open_storage(path).morphologies.get_all_meta())

        # The environment may lie in a folder that nobody but root may enter: what is imported
        # or looked up late is by then.
        names(sys.argv[2])
        for use in uses(sys.argv[2]):
            use()
        os.setgid(65534), os.setuid(65534)
        print(names(sys.argv[1]))
        for use in uses(sys.argv[1]):
            try:
                use()
            except errors.StoreAccessError as error:
                print(type(error).__name__, isinstance(error, PermissionError))
    """
    try:
        # The folders of pytest are closed to others.
        readable.chmod(0o755)
        file = Path(shutil.copy(small.path, readable))
        file.chmod(0o644)
        with untouched(file):
            printed = run_program(
                code, str(file), str(shutil.copy(small.path, tmp_path / "own.hdf5"))
            )
        assert ["['stub']", *["StoreAccessError True"] * 5] == printed
    finally:
        shutil.rmtree(readable)
