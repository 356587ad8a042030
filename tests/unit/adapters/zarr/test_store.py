"""A store of zarr groups: where it may lie, and what it needs."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bsb_hdf5.adapters.zarr import objects
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import (
    InputError,
    StoreExistsError,
    StoreIOError,
    StoreNotFoundError,
)
from bsb_hdf5.ports.store import Capability
from bsb_hdf5.testing.contents import snapshot
from tests.unit.adapters.zarr.stores import ROWS, filled


def test_networks_go_from_one_kind_of_place_to_another(path: Path, tmp_path: Path) -> None:
    store = filled(path)
    before = snapshot(store)
    url = f"memory://{tmp_path.name}{os.getpid()}/net"
    store.copy(url)
    remote = ZarrStore(url)
    assert before == snapshot(remote)
    remote.move(str(tmp_path / "back.zarr"))
    assert not remote.exists()
    with pytest.raises(StoreNotFoundError):
        remote.open_read()
    assert before == snapshot(ZarrStore(tmp_path / "back.zarr"))


def test_a_network_is_made_with_all_that_is_in_it_or_not_at_all(tmp_path: Path) -> None:
    for root in (str(tmp_path / "net.zarr"), f"memory://{tmp_path.name}{os.getpid()}/made"):
        for commits in (False, True):
            store = ZarrStore(root)
            session = store.create()
            session.root.require_group("g").create_array("x", ROWS)
            assert not store.recognizes()
            session.commit() if commits else session.rollback()
            assert commits is store.exists() is store.recognizes()
        assert ["g"] == list(snapshot(store)["members"])
        with pytest.raises(StoreExistsError):
            store.create()


def test_a_copy_that_fails_leaves_nothing(path: Path, tmp_path: Path) -> None:
    store = filled(path)
    os.unlink(path / "placement/granule/position/c/0/0")
    url = f"memory://{tmp_path.name}{os.getpid()}/failed"
    for target in (str(tmp_path / "copy.zarr"), url):
        with pytest.raises(StoreIOError, match="lacks 'placement/granule/position/c/0/0'"):
            store.copy(target)
    assert {path.name} == {each.name for each in tmp_path.iterdir()}
    assert not ZarrStore(url).exists()


def test_a_copy_of_which_nothing_can_be_written_leaves_nothing(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: str, *_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", path)

    store = filled(path)
    monkeypatch.setattr(objects, "open_descriptor", full)
    with pytest.raises(StoreIOError):
        store.copy(str(tmp_path / "copy.zarr"))
    assert [path.name] == [each.name for each in tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://key:secret@bucket/net", "'s3://bucket/net' contains"),
        ("s3://bucket/net?key=secret", "'s3://bucket/net' contains"),
        ("s3://key:sec[ret@bucket/net", "'s3://bucket/net' contains"),
        ("s3://key:abc/secret@bucket/net", "root contains"),
        ("S3A://key:abc/secret@bucket/net", "root contains"),
        ("mirror/s3://key:secret@bucket/net", "contains"),
    ],
)
def test_credentials_in_a_root_are_refused_and_not_shown(url: str, shown: str) -> None:
    with pytest.raises(InputError, match=f"{shown} credentials") as caught:
        ZarrStore(url)
    assert "secret" not in str(caught.value).replace("sec[ret", "secret")


WITHOUT = """
import sys
for name in ("zarr", "numcodecs", "obstore"):
    sys.modules[name] = None
import bsb
assert {"hdf5", "memory", "zarr"} <= set(bsb.get_engines()), bsb.get_engines()
bsb.Storage("memory", "x")
import bsb_hdf5.engines.zarr as engine
from bsb_hdf5.adapters.zarr import objects
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import StoreError
assert not engine.ZarrEngine.peek_exists("nothing.zarr")
for root, extra in (("x.zarr", "zarr"), ("memory://x/y", "cloud")):
    try:
        ZarrStore(root).create()
    except StoreError as error:
        assert f"pip install 'bsb-hdf5[{extra}]'" in str(error), error
    else:
        raise AssertionError(root)
"""


def test_the_other_engines_do_not_need_zarr(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", WITHOUT], cwd=tmp_path, check=True)


def test_what_the_store_can_not_do_everywhere_is_declared() -> None:
    assert {"locking", "writable", "durable", "snapshots"} == set(
        ZarrStore("network").capabilities.limits
    )
    assert "one is refused" in ZarrStore("network").capabilities.limits[Capability.LOCKING]


def test_the_case_of_a_scheme_and_of_a_suffix_does_not_matter(path: Path, tmp_path: Path) -> None:
    before = snapshot(filled(path))
    shutil.make_archive(str(tmp_path / "a"), "zip", path)
    os.rename(tmp_path / "a.zip", tmp_path / "B.ZIP")
    assert before == snapshot(ZarrStore(tmp_path / "B.ZIP"))
    assert before == snapshot(ZarrStore(path.as_uri().replace("file://", "FILE://")))


@pytest.mark.parametrize(
    "url",
    [
        "file://net.zarr",
        "file://data/net.zarr",
        "file://",
        "file:///data/a#1.zarr",
        "file:///data/a?b.zarr",
        "file:///data/net.zarr#",
        "FILE://[data/net.zarr",
    ],
)
def test_the_url_of_a_file_that_names_no_path_of_this_machine_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="names no path of this machine"):
        ZarrStore(url)


def test_the_url_of_a_file_names_its_path(tmp_path: Path) -> None:
    strange = tmp_path / "a #1?%20 @[x].zarr"
    for url in (strange.as_uri(), strange.as_uri().replace("file://", "file://localhost")):
        assert str(strange) == ZarrStore(url).location
