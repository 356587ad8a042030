"""Layout and durability have defaults where users of BSB expect to set them."""

from __future__ import annotations

import contextlib
import json
import signal
from importlib.metadata import entry_points
from pathlib import Path

import bsb
import pytest
from bsb import Storage, options
from bsb.cli import handle_command

from bsb_hdf5 import engine_of
from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.engines.hdf5 import HDF5Engine
from bsb_hdf5.errors import InputError
from bsb_hdf5.storage_options import DurabilityOption, LayoutOption, value_of


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own, where nothing is set."""
    for name in ("LAYOUT", "DURABILITY"):
        monkeypatch.delenv(f"BSB_HDF5_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


def made(root: object = "net") -> tuple[str, str]:
    """Layout and durability of a storage that is made."""
    engine = Storage("hdf5", root)._engine
    assert isinstance(engine, HDF5Engine)
    found = engine.layout, engine._durability
    engine.remove()
    return found


def test_without_a_setting_files_are_classic_and_survive_the_process() -> None:
    assert ("classic", "process") == made()
    assert None is value_of(LayoutOption) is value_of(DurabilityOption)


def test_the_environment_is_overruled_by_the_project_and_that_by_a_program(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BSB_HDF5_LAYOUT", "columnar")
    monkeypatch.setenv("BSB_HDF5_DURABILITY", "power")
    assert ("columnar", "power") == made()
    (folder / "pyproject.toml").write_text('[tools.bsb.hdf5]\nlayout = "classic"\n')
    assert ("classic", "power") == made()
    options.hdf5_layout = "columnar"
    options.hdf5_durability = "process"
    try:
        assert ("columnar", "process") == made()
        assert ("classic", "power") == made(NetworkRoot("net", "classic", "power"))
    finally:
        options.reset_module_option("hdf5_layout")
        options.reset_module_option("hdf5_durability")


def test_the_command_line_overrules_the_project(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[tools.bsb.hdf5]\nlayout = "classic"\n')
    network = {
        "storage": {"engine": "hdf5", "root": "net"},
        "network": {"x": 1, "y": 1, "z": 1},
        "partitions": {},
        "cell_types": {},
        "placement": {},
        "connectivity": {},
    }
    (folder / "network.json").write_text(json.dumps(network))
    value_of(LayoutOption)
    try:
        handle_command(["compile", "network.json", "--hdf5-layout", "columnar"])
    finally:
        handle_command(["cache"], dryrun=True)
    assert "columnar" == engine_of("net").layout
    assert "classic" == HDF5Engine("other", bsb.MPI).new_layout()


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("BSB_HDF5_DURABILITY", "eternal")
    with pytest.raises(InputError, match=r"durability must be one of .* not 'eternal'"):
        Storage("hdf5", "net")
    monkeypatch.delenv("BSB_HDF5_DURABILITY")
    monkeypatch.setenv("BSB_HDF5_LAYOUT", "round")
    with pytest.raises(InputError, match="layout must be 'classic' or 'columnar', not 'round'"):
        Storage("hdf5", "net")
    assert not (folder / "net").exists()


def test_a_wrong_value_is_named_though_it_is_overruled(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    for variable in ("BSB_HDF5_LAYOUT", "BSB_HDF5_DURABILITY"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, "round")
            with pytest.raises(InputError, match="not 'round'"):
                Storage("hdf5", NetworkRoot("net", layout="columnar", durability="power"))
    assert not (folder / "net").exists()
    Storage("hdf5", "net")
    with pytest.raises(InputError, match="layout must be 'classic' or 'columnar', not 'round'"):
        Storage("hdf5", NetworkRoot("net", layout="round"))


def test_bsb_finds_the_options() -> None:
    found = {each.name: each.load() for each in entry_points(group="bsb.options")}
    assert LayoutOption is found["hdf5_layout"]
    assert DurabilityOption is found["hdf5_durability"]


class AlarmError(Exception):
    """What a program raises from a handler."""


def test_an_alarm_while_bsb_looks_an_option_up_is_not_taken_for_its_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def late(number: int, frame: object) -> None:
        raise AlarmError

    def look_up(option: DurabilityOption, prio: str | None = None) -> None:
        with contextlib.suppress(Exception):
            signal.raise_signal(signal.SIGALRM)

    monkeypatch.setattr(DurabilityOption, "get", look_up)
    before = signal.signal(signal.SIGALRM, late)
    try:
        with pytest.raises(AlarmError):
            Storage("hdf5", "net")
    finally:
        signal.signal(signal.SIGALRM, before)
