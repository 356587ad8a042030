"""HDF5 files of SONATA on a system that fails."""

from __future__ import annotations

import errno
import gc
import os
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from bsb_hdf5.exchange.sonata.files import new_file, open_file

ROWS = np.arange(5000.0)


def fill(path: Path) -> None:
    with new_file(path) as file:
        file.create_dataset("rows", data=ROWS, chunks=(2500,))
        file.create_group("more").attrs["text"] = "x" * 2000


def failing(patch: pytest.MonkeyPatch, name: str, k: int) -> list[None]:
    """Let each call of a function of the system fail from the k-th on."""
    original, calls = getattr(os, name), list[None]()

    def call(*arguments: Any) -> Any:
        calls.append(None)
        if len(calls) > k:
            raise OSError(errno.EIO, "Input/output error")
        return original(*arguments)

    patch.setattr(os, name, call)
    return calls


def test_a_file_is_one_of_hdf5(tmp_path: Path) -> None:
    fill(tmp_path / "file")
    with h5py.File(tmp_path / "file") as file:
        np.testing.assert_array_equal(ROWS, file["rows"][:])
        assert [0, 1] == file.attrs["version"].tolist()
    with open_file(tmp_path / "file") as file:
        np.testing.assert_array_equal(ROWS, file["rows"][:])
        assert str(tmp_path / "file") == file.filename


@pytest.mark.parametrize(("name", "verb"), [("pwrite", fill), ("pread", None)])
def test_whichever_call_fails_its_error_is_raised_and_nothing_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, verb: Any
) -> None:
    path, ignored = tmp_path / "file", list[Any]()
    fill(path)
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)

    def read(path: Path) -> None:
        with open_file(path) as file:
            file["rows"][:]

    with monkeypatch.context() as patch:
        calls = failing(patch, name, 1 << 30)
        (verb or read)(path)
        total = len(calls)
    assert total > 5
    for k in range(0, total, 2):
        with monkeypatch.context() as patch, pytest.raises(OSError, match="Input/output") as raised:
            failing(patch, name, k)
            (verb or read)(path)
        assert errno.EIO == raised.value.errno
        del raised
        # All of it is young.
        gc.collect(1)
    assert [] == ignored
    fill(path)
