"""The files of a network, in whichever order their meta and id are given."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from pathlib import Path
from typing import Any

import bsb
import pytest
from bsb import Storage

from bsb_hdf5.errors import CorruptNetworkError, DtypeError, FileStoredError, InputError
from bsb_hdf5.file_store import _without
from tests.unit.test_config import configuration


@pytest.fixture
def files(tmp_path: Path) -> Any:
    return Storage("memory", str(tmp_path / "network")).files


def test_a_file_is_stored_with_what_is_known_of_it(files: Any) -> None:
    meta, before = {"of": "me", "content_sha256": "another"}, int(time.time())
    id_ = files.store("a text é", meta, "mine")
    assert "mine" == id_
    assert files.has("mine") and not files.has("other")
    content, found = files.load("mine")
    assert "a text é" == content
    assert before <= found.pop("mtime") <= int(time.time())
    digest = hashlib.sha256("a text é".encode()).hexdigest()
    assert {"of": "me", "content_sha256": digest} == found
    assert {"of": "me", "content_sha256": "another"} == meta
    assert "utf-8" == files.get_encoding("mine")
    assert files.get_mtime("mine") == files.get_meta("mine")["mtime"]
    assert ["mine"] == list(files.all())
    assert files.all()["mine"] == files.get_meta("mine")
    uuid.UUID(files.store(b"bytes"))


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (({"a": 1}, "mine"), {}),
        (("mine", {"a": 1}), {}),
        (("mine",), {"meta": {"a": 1}}),
        (({"a": 1},), {"id": "mine"}),
        ((), {"meta": {"a": 1}, "id": "mine"}),
        ((), {"id": {"a": 1}, "meta": "mine"}),
        ((None, "mine"), {}),
        (("mine",), {}),
        (("mine", None), {}),
    ],
)
def test_meta_and_id_come_in_either_order(
    files: Any, arguments: tuple[Any, ...], options: dict[str, Any]
) -> None:
    assert "mine" == files.store("text", *arguments, **options)
    has_meta = any(isinstance(each, dict) for each in (*arguments, *options.values()))
    assert (1 if has_meta else None) == files.get_meta("mine").get("a")


def test_a_file_is_replaced_only_where_that_is_asked(files: Any) -> None:
    files.store("first", {}, "mine")
    with pytest.raises(FileStoredError, match="'mine' exists") as caught:
        files.store("second", {}, "mine")
    assert "mine" == caught.value.fields["asked"]
    assert "first" == files.load("mine")[0]
    files.store(b"second", {"n": 2}, "mine", overwrite=True)
    assert (b"second", None, 2) == (
        files.load("mine")[0],
        files.get_encoding("mine"),
        files.get_meta("mine")["n"],
    )
    files.remove("mine")
    assert not files.has("mine")
    for ask in (files.load, files.get_meta, files.get_mtime, files.get_encoding, files.remove):
        with pytest.raises(FileNotFoundError):
            ask("mine")
        with pytest.raises(InputError):
            ask(5)


def test_an_empty_store_is_a_store(files: Any) -> None:
    assert files
    assert {} == files.all()
    assert "files" == files._traced_path


def test_the_active_configuration_is_one(files: Any, tmp_path: Path) -> None:
    with pytest.raises(bsb.MissingActiveConfigError, match="no active configuration"):
        files.load_active_config()
    first = configuration(tmp_path / "a")
    id_ = files.store_active_config(first)
    stored, meta = files.load(id_)
    assert "A network" == json.loads(stored)["name"]
    assert meta["active_config"] is True
    assert {"package", "version"} == set(meta["producer"])
    assert "bsb-core" == meta["producer"]["package"]
    loaded = files.load_active_config()
    assert ("A network", meta) == (loaded.name, loaded._meta)
    # Where the network lies is no difference.
    assert id_ == files.store_active_config(configuration(tmp_path / "b", "zarr"))
    assert [id_] == list(files.all())
    other = configuration(tmp_path / "a")
    other.name = "Another network"
    files.store("mine", {}, "mine")
    second = files.store_active_config(other)
    assert sorted([second, "mine"]) == sorted(files.all())
    assert second != id_
    assert "Another network" == files.load_active_config().name


def test_what_is_no_configuration_is_refused(files: Any) -> None:
    with pytest.raises(DtypeError, match=r"must be a bsb.Configuration, not 'a'"):
        files.store_active_config("a")
    files.store("no JSON", {"active_config": True})
    with pytest.raises(CorruptNetworkError, match="is not JSON"):
        files.load_active_config()


def test_a_configuration_that_can_not_be_read_is_replaced(files: Any, tmp_path: Path) -> None:
    before = files.store("no JSON", {"active_config": True})
    after = files.store_active_config(configuration(tmp_path / "a"))
    assert [after] == list(files.all())
    assert before != after


def test_keys_of_the_storage_are_left_out() -> None:
    tree = {"storage": {"engine": "zarr", "root": "x", "layout": "y"}, "name": "n"}
    assert {"storage": {"layout": "y"}, "name": "n"} == _without(("engine", "root"), tree)
    assert "x" == tree["storage"]["root"]  # type: ignore[index]
    for other in ("text", {"name": "n"}, {"storage": 5}, None):
        assert other == _without(("engine",), other)
