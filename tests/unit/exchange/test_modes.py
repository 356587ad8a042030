"""Copies that only those may read who may read the network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from bsb import Storage

import bsb_hdf5
from tests.face.samples import SmallNetwork


def made_modes(patch: pytest.MonkeyPatch, target: Path) -> list[int]:
    """The modes that files and folders beside a target have when they are made."""
    seen: list[int] = []
    originals = {name: getattr(os, name) for name in ("open", "mkdir")}

    def opened(path: Any, flags: int, *rest: Any, **options: Any) -> int:
        descriptor: int = originals["open"](path, flags, *rest, **options)
        if flags & os.O_CREAT and os.path.dirname(path) == str(target.parent):
            seen.append(os.fstat(descriptor).st_mode & 0o777)
        return descriptor

    def mkdir(path: Any, *rest: Any, **options: Any) -> None:
        originals["mkdir"](path, *rest, **options)
        if os.path.dirname(path) == str(target.parent):
            seen.append(os.stat(path).st_mode & 0o777)

    patch.setattr(os, "open", opened)
    patch.setattr(os, "mkdir", mkdir)
    return seen


@pytest.mark.parametrize("umask", [0, 0o022])
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o660])
@pytest.mark.parametrize("target_engine", ["hdf5", "zarr"])
@pytest.mark.parametrize("engine", ["hdf5", "zarr"])
def test_a_converted_network_has_the_mode_of_its_source_from_its_first_byte(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    engine: str,
    target_engine: str,
    mode: int,
    umask: int,
) -> None:
    root, target = tmp_path / "network", tmp_path / "copies" / "copy"
    target.parent.mkdir()
    storage = SmallNetwork.build(Storage(engine, str(root))).storage
    of = {"hdf5": mode, "zarr": mode | (mode & 0o444) >> 2}
    root.chmod(of[engine])
    before = os.umask(umask)
    try:
        with monkeypatch.context() as patch:
            seen = made_modes(patch, target)
            bsb_hdf5.convert(storage, str(target), engine=target_engine)
    finally:
        os.umask(before)
    assert 1 == len(seen)
    assert not seen[0] & ~of[target_engine]
    assert of[target_engine] == target.stat().st_mode & 0o777


def test_a_network_that_no_file_holds_leaves_the_mode_of_its_copy_to_the_system(
    tmp_path: Path,
) -> None:
    storage = SmallNetwork.build(Storage("memory", "modes")).storage
    try:
        before = os.umask(0o027)
        try:
            bsb_hdf5.convert(storage, str(tmp_path / "copy"), engine="hdf5")
        finally:
            os.umask(before)
    finally:
        storage.remove()
    assert 0o640 == (tmp_path / "copy").stat().st_mode & 0o777


def test_a_private_network_stays_private_in_a_folder_that_holds_more(tmp_path: Path) -> None:
    storage = SmallNetwork.build(Storage("zarr", str(tmp_path / "network"))).storage
    (tmp_path / "network").chmod(0o700)
    place = tmp_path / "place"
    earlier = Storage("zarr", str(place))
    (place / "README").write_text("read me")
    earlier.remove()
    place.chmod(0o755)
    bsb_hdf5.convert(storage, str(place), engine="zarr")
    assert 0o700 == place.stat().st_mode & 0o777
    assert "read me" == (place / "README").read_text()


@pytest.mark.parametrize("engine", ["hdf5", "zarr"])
def test_the_system_decides_who_may_read_and_write_what_is_new(tmp_path: Path, engine: str) -> None:
    before = os.umask(0)
    try:
        storage = SmallNetwork.build(Storage(engine, str(tmp_path / "network"))).storage
        bsb_hdf5.convert(storage, str(tmp_path / "copy"))
        bsb_hdf5.export_sonata(storage, tmp_path / "circuit")
        bsb_hdf5.export_csv(storage, tmp_path / "tables")
        bsb_hdf5.repack(storage)
        storage._engine.copy(str(tmp_path / "another"))
    finally:
        os.umask(before)
    for path in tmp_path.rglob("*"):
        assert (0o777 if path.is_dir() else 0o666) == path.stat().st_mode & 0o7777, path
