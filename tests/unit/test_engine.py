"""The engine: what it takes for a root, and what it says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bsb
import h5py
import pytest
from bsb import Storage
from bsb.services.mpi import MPIService

from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.engines.hdf5 import HDF5Engine
from bsb_hdf5.engines.memory import MemoryEngine
from bsb_hdf5.engines.zarr import ZarrEngine
from bsb_hdf5.errors import DtypeError, InputError, StoreError
from bsb_hdf5.storages import make_engine

ENGINES: dict[str, Any] = {"hdf5": HDF5Engine, "memory": MemoryEngine, "zarr": ZarrEngine}
every_engine = pytest.mark.parametrize("name", ENGINES)


@every_engine
def test_the_root_is_plain_text_however_it_is_given(name: str, tmp_path: Path) -> None:
    path = tmp_path / "network"
    for root in (path, NetworkRoot(path, lock_limit=5)):
        storage = Storage(name, root)
        assert str is type(storage.root)
        assert str(path) == storage.root


@pytest.mark.parametrize("name", ["hdf5", "zarr"])
def test_a_relative_root_is_meant_where_it_was_given(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    storage = Storage(name, "network")
    engine = storage._engine
    monkeypatch.chdir("other")
    for _ in range(2):
        assert engine.exists()
        assert ("network", "../network") == (storage.root, storage.root_slug)
        engine.set_comm(engine._comm)
    storage.move("moved")
    monkeypatch.chdir(tmp_path)
    engine.set_comm(engine._comm)
    assert engine.exists()
    assert ("moved", "other/moved") == (storage.root, storage.root_slug)


def test_the_root_can_be_an_attribute_of_an_hdf5_file(tmp_path: Path) -> None:
    storage = Storage("hdf5", NetworkRoot(tmp_path / "network", lock_limit=5))
    with h5py.File(tmp_path / "other", "w") as file:
        file.attrs["root"] = storage.root
        assert storage.root == file.attrs["root"]


@every_engine
@pytest.mark.parametrize("root", [None, 5, [], object()])
def test_what_is_no_root_is_refused_and_not_recognized(name: str, root: Any) -> None:
    with pytest.raises(DtypeError, match="the root of a storage must be a str or a path, not"):
        ENGINES[name](root, MPIService())
    assert not ENGINES[name].recognizes(root, MPIService())


@pytest.mark.parametrize("name", ["hdf5", "zarr"])
def test_a_path_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="contains a NUL"):
        ENGINES[name]("no\0thing", MPIService())


@every_engine
def test_where_nothing_is_nothing_is_recognized(name: str, tmp_path: Path) -> None:
    for root in (tmp_path / "nothing", str(tmp_path / "no\0thing"), tmp_path):
        assert not ENGINES[name].recognizes(root, MPIService())


@pytest.mark.parametrize("name", ["hdf5", "zarr"])
def test_what_is_no_network_is_not_taken_for_one_that_was_made(name: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    with pytest.raises(StoreError):
        make_engine(name, str(path), bsb.MPI).create()
    assert "mine" == path.read_text()
    made = make_engine(name, str(tmp_path / "network"), bsb.MPI)
    made.create()
    before = made.metadata
    made.create()
    assert before == made.metadata


@every_engine
def test_an_engine_follows_its_network_to_another_root(name: str, tmp_path: Path) -> None:
    storage = Storage(name, str(tmp_path / "before"))
    storage.files.store("text", id="note")
    engine = storage._engine
    first = engine.root
    engine.move(NetworkRoot(tmp_path / "after"))
    assert (str(tmp_path / "before"), str(tmp_path / "after")) == (first, engine.root)
    assert (str, ["note"]) == (type(engine.root), list(storage.files.all()))
    assert engine.exists()
    assert not ENGINES[name](first, MPIService()).exists()
    engine.copy(NetworkRoot(tmp_path / "copy"))
    assert str(tmp_path / "after") == engine.root
    copied = Storage(name, str(tmp_path / "copy"), missing_ok=False)
    assert ["note"] == list(copied.files.all())


@every_engine
def test_an_engine_knows_whether_it_is_in_read_only_mode(name: str, tmp_path: Path) -> None:
    engine = Storage(name, str(tmp_path / "network"))._engine
    modes = [engine._readonly]
    with engine.read_only():
        modes.append(engine._readonly)
    assert [False, True, False] == [*modes, engine._readonly]
