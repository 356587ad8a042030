"""Opening a network with BSB changes nothing in it, wherever it lies."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import bsb
import pytest
from bsb import Configuration, Scaffold, Storage

import bsb_hdf5
from bsb_hdf5.errors import InputError

KINDS = {"classic": ("hdf5", "classic"), "columnar": ("hdf5", "columnar"), "zarr": ("zarr", None)}


def contents(root: Path) -> dict[str, bytes]:
    files = [root] if root.is_file() else sorted(each for each in root.rglob("*") if each.is_file())
    return {str(each.relative_to(root.parent)): each.read_bytes() for each in files}


def configuration(engine: str, **settings: Any) -> Configuration:
    return Configuration(
        {
            "storage": {"engine": engine, **settings},
            "network": {"x": 100.0, "y": 100.0, "z": 100.0},
            "cell_types": {"granule": {"spatial": {"radius": 2.0, "density": 1e-3}}},
            "partitions": {},
            "placement": {},
            "connectivity": {},
        }
    )


@pytest.fixture(params=KINDS)
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    engine, layout = KINDS[request.param]
    path = tmp_path / "made" / f"network.{engine}"
    path.parent.mkdir()
    settings = {} if layout is None else {"layout": layout, "lock_limit": 20.0}
    if layout is not None:
        monkeypatch.setenv("BSB_HDF5_LAYOUT", layout)
    network = Scaffold(
        configuration(engine, root=str(path), **settings), Storage(engine, str(path))
    )
    network.get_placement_set("granule")
    return path


def opened(root: Path) -> Scaffold:
    # BSB's own engine for folders takes those of zarr for its own.
    return Scaffold(storage=bsb_hdf5.open_storage(str(root)))


def copied(root: Path, tmp_path: Path) -> Path:
    target = tmp_path / "elsewhere" / f"copy{root.suffix}"
    target.parent.mkdir()
    (shutil.copytree if root.is_dir() else shutil.copyfile)(root, target)
    return target


def test_a_copy_stays_byte_for_byte_what_it_was(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copied(root, tmp_path)
    before = contents(copy)
    monkeypatch.chdir(tmp_path)
    for path in (copy, Path("elsewhere") / copy.name):
        network = opened(path)
        assert ["granule"] == [*network.cell_types]
        assert before == contents(copy)


# BSB's own engine for folders takes those of zarr for its own.
@pytest.mark.parametrize("root", ["classic", "columnar"], indirect=True)
def test_from_storage_changes_nothing_in_a_copied_file(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copied(root, tmp_path)
    before = contents(copy)
    monkeypatch.chdir(copy.parent)
    for spelling in (str(copy), copy.name, os.path.join(".", copy.name)):
        assert ["granule"] == [*bsb.from_storage(spelling).cell_types]
        assert before == contents(copy)


def test_a_network_in_read_only_mode_can_be_opened_from_elsewhere(
    root: Path, tmp_path: Path
) -> None:
    storage = bsb_hdf5.open_storage(str(copied(root, tmp_path)))
    with storage.read_only():
        assert ["granule"] == [*Scaffold(storage=storage).cell_types]


def test_a_configuration_that_says_something_else_is_stored(root: Path) -> None:
    network = opened(root)
    network.configuration.name = "another"
    network.storage.store_active_config(network.configuration)
    assert "another" == opened(root).configuration.name


@pytest.mark.parametrize("url", ["s3://bucket/network.hdf5", "https://example.org/network.hdf5"])
def test_a_url_is_no_file_of_the_hdf5_engine(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="use the engine 'zarr'"):
        Storage("hdf5", url)
    made = Storage("hdf5", "network.hdf5")
    with pytest.raises(InputError, match="use the engine 'zarr'"):
        made.copy(url)
    assert ["network.hdf5"] == os.listdir(tmp_path)
