"""Storages and engines, by what lies at a root."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bsb
import pytest
from bsb import Storage

from bsb_hdf5 import storages
from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.errors import (
    InputError,
    NotANetworkError,
    StorageError,
    StoreAccessError,
    StoreError,
    StoreNotFoundError,
)
from bsb_hdf5.storages import (
    ask_engine,
    engine_of,
    make_engine,
    open_storage,
    versioned,
    was_interrupted,
)


@pytest.mark.parametrize("name", ["hdf5", "memory", "zarr"])
def test_a_storage_is_found_by_what_lies_there(name: str, tmp_path: Path) -> None:
    root = str(tmp_path / "network")
    with pytest.raises(StoreNotFoundError, match=f"no storage at '{root}'") as missing:
        open_storage(root)
    assert root == missing.value.fields["location"]
    made = Storage(name, root)
    found = open_storage(root)
    assert (name, root) == (found.format, str(found.root))
    assert engine_of(made) is made._engine
    assert name == engine_of(root)._format
    assert not was_interrupted(root)
    for asked in (lambda: versioned(made), lambda: open_storage(root, version="first")):
        with pytest.raises(StoreError, match="keeps no versions"):
            asked()


def test_what_is_no_network_is_reported_by_each_engine_that_sees_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    with pytest.raises(NotANetworkError) as caught:
        open_storage(str(path))
    message = str(caught.value)
    assert message.startswith(f"'{path}' does not hold a network; ")
    assert "; hdf5: " in message and "; zarr: " in message and "; memory: " not in message
    assert str(path) == caught.value.fields["location"]


def test_an_engine_that_can_not_look_is_named_where_no_other_finds_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = bsb.storage.get_engines()
    failure = StoreAccessError("may not be looked at")

    def fail(root: Any) -> bool:
        raise failure

    monkeypatch.setattr(engines["zarr"], "peek_exists", staticmethod(fail))
    with pytest.raises(StoreAccessError) as caught:
        open_storage(str(tmp_path / "network"))
    assert failure is caught.value
    Storage("hdf5", str(tmp_path / "network"))
    assert "hdf5" == open_storage(str(tmp_path / "network")).format


def test_a_version_is_one_of_an_object_store() -> None:
    url = f"memory://{uuid.uuid4().hex}/net"
    storage = Storage("zarr", url)
    found = versioned(url).versions()
    assert versioned(storage).versions() == found
    earlier = open_storage(url, version=found[0].id)
    assert found[0].id == earlier._engine.sessions.store._location._version
    with pytest.raises(InputError, match="no version"):
        open_storage(url, version="another")


def test_an_engine_that_raises_is_skipped_with_a_warning() -> None:
    def fail() -> bool:
        raise KeyError("odd")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ask_engine("mine", "here", lambda: True)
        assert not ask_engine("mine", "here", lambda: False)
    message = "the engine 'mine' failed to look at 'here', and was skipped: KeyError: 'odd'"
    with pytest.warns(UserWarning, match=message) as told:
        assert not ask_engine("mine", "here", fail)
    assert [__file__] == [each.filename for each in told]


URLS = [
    "s3://me:secret@lab/net",
    "s3://me:se/secret@lab/net",
    "s3://me:sec[ret@lab/net",
    "https://me:se/secret@lab/net",
    "file://me:secret@lab/net",
    "ftp://me:secret@lab/net",
]


@pytest.mark.parametrize("url", URLS)
def test_credentials_in_a_root_are_neither_in_an_error_nor_in_a_warning(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    storage = Storage("hdf5", str(tmp_path / "network.hdf5"))
    in_memory = Storage("memory", str(tmp_path))
    root: Any = NetworkRoot(url, version="first", storage_options={"region": "eu"})
    without_version = NetworkRoot(url, storage_options={"region": "eu"})

    def fail() -> bool:
        raise KeyError(f"odd: {url}")

    asked: list[Callable[[], object]] = [
        lambda: open_storage(url),
        lambda: engine_of(url),
        lambda: was_interrupted(url),
        lambda: ask_engine("mine", url, fail),
        lambda: Storage("hdf5", url),
        lambda: Storage("zarr", url),
        lambda: Storage("memory", url),
        lambda: make_engine("hdf5", url, bsb.MPI),
        lambda: make_engine("zarr", root, bsb.MPI),
        lambda: storage.copy(url),
        lambda: storage.move(url),
        lambda: storage.copy(root),
        lambda: in_memory.copy(url),
        lambda: storage.copy(without_version),
    ]
    for ask in asked:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                said = str(ask())
            except StorageError as error:
                said = f"{error}"
        said += "".join(str(each.message) for each in told)
        assert "secret" not in said.replace("sec[ret", "secret"), said
    assert ["network.hdf5"] == [each.name for each in tmp_path.iterdir()]


def test_an_engine_that_can_not_look_for_what_waits_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(tmp_path / "network")
    Storage("hdf5", root)

    def fail(root: Any) -> bool:
        raise KeyError("odd")

    monkeypatch.setattr(bsb.storage.get_engines()["zarr"], "was_interrupted", staticmethod(fail))
    with pytest.warns(UserWarning, match=f"the engine 'zarr' failed to look at '{root}'"):
        assert not was_interrupted(root)


def test_an_engine_is_made_where_nothing_is(tmp_path: Path) -> None:
    made = make_engine("hdf5", str(tmp_path / "network"), bsb.MPI)
    assert ("hdf5", False) == (made._format, made.exists())
    with pytest.raises(InputError, match="'odd' does not exist; use 'hdf5', 'mem") as caught:
        make_engine("odd", "x", bsb.MPI)
    assert "odd" == caught.value.fields["asked"]
    with pytest.raises(InputError, match=r"'fs' \(FileSystemEngine\) does not belong to bsb-hdf5"):
        make_engine("fs", str(tmp_path / "folder"), bsb.MPI)
    with pytest.raises(InputError, match="does not belong to bsb-hdf5"):
        engine_of(Storage("fs", str(tmp_path / "folder")))


def test_why_an_engine_does_not_read_it_is_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    look: Callable[..., StorageError | None] = storages._why_not
    engines = bsb.storage.get_engines()
    assert "not an HDF5 file" in str(look(engines["hdf5"], str(path)))
    assert look(engines["hdf5"], str(tmp_path / "missing")) is None
