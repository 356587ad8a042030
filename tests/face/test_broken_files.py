"""Files that are no networks, and files that are missing."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from bsb import Storage
from bsb.storage import open_storage

from bsb_hdf5 import HDF5Engine
from bsb_hdf5 import errors as e
from tests.face.first_uses import FIRST_USES
from tests.face.layouts import LAYOUTS, new_storage
from tests.face.samples import (
    SmallNetwork,
    folder_of,
    open_engine_quickly,
    untouched,
)


def _sound(path: Path, layout: str) -> None:
    SmallNetwork.build(new_storage(path, layout))


def _truncated_to(share: float, layout: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        _sound(path, layout)
        os.truncate(path, int(path.stat().st_size * share))

    return make


def _garbage(path: Path) -> None:
    path.write_bytes(np.random.default_rng(1).bytes(5000))


def _garbage_after_the_signature(path: Path) -> None:
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + np.random.default_rng(2).bytes(5000))


def _garbled_head(path: Path) -> None:
    _sound(path, "columnar")
    with open(path, "r+b") as file:
        file.seek(8)
        file.write(b"\xff" * 80)


def _columnar_with(name: str, value: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        _sound(path, "columnar")
        with h5py.File(path, "r+") as file:
            file.attrs[name] = value

    return make


def _foreign(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["voltage"] = np.arange(5)


def _arrays_instead_of_groups(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["placement"] = np.arange(5)
        file["connectivity"] = np.arange(5)


def _links_that_lead_nowhere(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["placement"] = h5py.SoftLink("/nowhere")
        file["connectivity"] = h5py.ExternalLink("elsewhere.hdf5", "/connectivity")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("name: cortex\n")


BROKEN = {
    **{
        f"a {layout} file cut to {share}": _truncated_to(share, layout)
        for layout in LAYOUTS
        for share in (0.1, 0.5, 0.99)
    },
    "a columnar file of a later version": _columnar_with("format_version", "2.0"),
    "a file in an unknown layout": _columnar_with("format", "bsb-hdf5-diagonal"),
    "garbage": _garbage,
    "garbage after the signature": _garbage_after_the_signature,
    "a garbled head": _garbled_head,
    "foreign HDF5": _foreign,
    "arrays instead of groups": _arrays_instead_of_groups,
    "links that lead nowhere": _links_that_lead_nowhere,
    "an empty file": _empty,
    "a text": _text,
}


@pytest.fixture(params=list(BROKEN.values()), ids=list(BROKEN))
def broken(request: pytest.FixtureRequest, path: Path) -> Path:
    request.param(path)
    return path


@pytest.mark.parametrize("use", FIRST_USES.values(), ids=FIRST_USES.keys())
def test_a_broken_file_is_refused_at_its_first_use(
    broken: Path, use: Callable[[Storage], Any]
) -> None:
    with untouched(broken):
        opened = open_engine_quickly(Storage("hdf5", str(broken)))
        with pytest.raises((e.NotANetworkError, e.CorruptNetworkError)) as caught:
            use(opened)
    assert str(broken) in str(caught.value)


def test_a_broken_file_is_not_recognized(broken: Path) -> None:
    with untouched(broken):
        assert HDF5Engine.recognizes(str(broken), None) is False


def test_a_broken_file_is_not_opened(broken: Path) -> None:
    with untouched(broken), pytest.raises(OSError, match="not recognized"):
        open_storage(str(broken))


def test_a_sound_file_is_recognized_and_opened(path: Path, layout: str) -> None:
    _sound(path, layout)
    with untouched(path):
        assert HDF5Engine.recognizes(str(path), None) is True
        assert "hdf5" == open_storage(str(path)).format


@pytest.mark.parametrize("use", FIRST_USES.values(), ids=FIRST_USES.keys())
def test_a_directory_is_refused_at_its_first_use(path: Path, use: Callable[[Storage], Any]) -> None:
    path.mkdir()
    opened = open_engine_quickly(Storage("hdf5", str(path)))
    with pytest.raises(e.NotANetworkError, match="directory") as caught:
        use(opened)
    assert str(path) in str(caught.value)
    assert [] == list(path.iterdir())


def test_a_directory_is_not_recognized(path: Path) -> None:
    path.mkdir()
    assert HDF5Engine.recognizes(str(path), None) is False


@pytest.mark.parametrize(
    "use",
    [use for name, use in FIRST_USES.items() if name not in ("metadata", "create")],
    ids=[name for name in FIRST_USES if name not in ("metadata", "create")],
)
def test_a_file_that_went_missing_is_reported(
    small: SmallNetwork, use: Callable[[Storage], Any]
) -> None:
    small.path.unlink()
    with pytest.raises(e.StoreNotFoundError) as caught:
        use(small.storage)
    assert isinstance(caught.value, FileNotFoundError)
    assert str(small.path) in str(caught.value)
    assert [] == folder_of(small.path)


def test_a_missing_file_is_not_recognized_and_not_opened(path: Path) -> None:
    assert HDF5Engine.recognizes(str(path), None) is False
    with pytest.raises(FileNotFoundError):
        open_storage(str(path))
    with pytest.raises(FileNotFoundError):
        Storage("hdf5", str(path), missing_ok=False)
    assert [] == folder_of(path)


@pytest.mark.parametrize("method", ["remove", "move", "copy"])
def test_a_missing_file_is_neither_removed_nor_moved_nor_copied(
    small: SmallNetwork, method: str
) -> None:
    small.path.unlink()
    arguments = [] if method == "remove" else [str(small.path.with_name("target.hdf5"))]
    with pytest.raises(e.StoreNotFoundError, match=re.escape(str(small.path))):
        getattr(small.storage, method)(*arguments)
    assert [] == folder_of(small.path)


@pytest.mark.parametrize("method", ["move", "copy"])
@pytest.mark.parametrize("kind", ["file", "directory", "dangling link", "itself"])
def test_a_storage_is_neither_moved_nor_copied_over_something(
    small: SmallNetwork, method: str, kind: str
) -> None:
    target = small.path.with_name("target.hdf5")
    if kind == "file":
        target.write_text("precious")
    elif kind == "directory":
        target.mkdir()
    elif kind == "dangling link":
        target.symlink_to("nowhere")
    else:
        target = small.path
    with untouched(small.path), pytest.raises(e.StoreExistsError, match=re.escape(str(target))):
        getattr(small.storage, method)(str(target))
    assert str(small.path) == small.storage.root
    assert 5 == len(small.a)


def test_a_storage_in_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "no" / "network.hdf5"
    with pytest.raises(e.StoreNotFoundError, match=re.escape(str(path))):
        Storage("hdf5", str(path))
    assert [] == list(tmp_path.iterdir())
