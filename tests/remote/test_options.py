"""How a service is reached: options, in place of what the environment says."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import bsb
import numpy as np
import obstore
import pytest
from bsb import Chunk, Storage
from moto.core.models import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.s3.models import get_canned_acl, s3_backends
from obstore.store import from_url

from bsb_hdf5 import open_storage, publish, versions
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.config import NetworkRoot
from bsb_hdf5.errors import InputError, StoreAccessError
from bsb_hdf5.ports.services import ServiceOptions

from .appending import CellType
from .conftest import OTHER, SECRET
from .proxy import Proxy

POSITIONS = np.arange(30.0).reshape(-1, 3)


@pytest.fixture
def options(bucket: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the environment said, which says nothing any more."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    keys = {"access_key_id": "an-id", "secret_access_key": SECRET}
    return {"endpoint": proxy.url, "region": "us-east-1", **keys}


def contents(bucket: str, options: dict[str, Any]) -> dict[str, bytes]:
    store: Any = from_url(bucket, client_options={"allow_http": True}, **options)
    keys = [each["path"] for page in obstore.list(store) for each in page]
    return {key: bytes(obstore.get(store, key).bytes()) for key in keys}


def make_public(bucket: str) -> None:
    """Let everybody read all that is in a bucket of the service in this process."""
    if OTHER:
        pytest.skip("moto alone tells who may read")
    backend, name = s3_backends[ACCOUNT]["aws"], bucket.removeprefix("s3://")
    for key in list(backend.buckets[name].keys):
        backend.put_object_acl(name, key, get_canned_acl("public-read"))


def test_options_reach_a_service_of_which_the_environment_says_nothing(
    bucket: str, options: dict[str, Any]
) -> None:
    root = NetworkRoot(f"{bucket}/net", storage_options=options)
    cells: Any = Storage("zarr", root).require_placement_set(CellType())
    cells.append_data(Chunk((0, 0, 0), (100, 100, 100)), positions=POSITIONS)
    found: Any = open_storage(f"{bucket}/net", storage_options=options)
    shared = publish(found, f"{bucket}/shared", storage_options=options)
    for each in (found, shared):
        read: Any = each.get_placement_set(CellType())
        assert np.array_equal(POSITIONS, read.load_positions())
    assert 3 == len(versions(root))
    assert not any(SECRET.encode() in content for content in contents(bucket, options).values())


def test_what_everybody_may_read_is_read_without_credentials(
    bucket: str, options: dict[str, Any], tmp_path: Path
) -> None:
    cells: Any = Storage("zarr", str(tmp_path / "net")).require_placement_set(CellType())
    cells.append_data(Chunk((0, 0, 0), (100, 100, 100)), positions=POSITIONS)
    publish(str(tmp_path / "net"), f"{bucket}/shared", storage_options=options)
    public = {name: options[name] for name in ("endpoint", "region")} | {"anonymous": True}
    with pytest.raises(StoreAccessError, match="may not be opened"):
        ZarrStore(f"{bucket}/shared", options=ServiceOptions(**public)).open_read()
    make_public(bucket)
    found: Any = open_storage(f"{bucket}/shared", storage_options=public)
    assert np.array_equal(POSITIONS, found.get_placement_set(CellType()).load_positions())


@pytest.mark.parametrize("name", ["net", "shared"])
def test_what_not_everybody_may_read_is_denied_without_credentials(
    bucket: str, options: dict[str, Any], name: str
) -> None:
    root = NetworkRoot(f"{bucket}/net", storage_options=options)
    Storage("zarr", root)
    publish(root, f"{bucket}/shared", storage_options=options)
    if OTHER:
        pytest.skip("moto alone tells who may read")
    public = {name: options[name] for name in ("endpoint", "region")} | {"anonymous": True}
    with pytest.raises(StoreAccessError, match="may not be opened"):
        open_storage(f"{bucket}/{name}", storage_options=public)


def test_a_copy_goes_to_no_other_service_than_asked(
    bucket: str, options: dict[str, Any], tmp_path: Path
) -> None:
    root = NetworkRoot(f"{bucket}/net", storage_options=options)
    other = NetworkRoot(f"{bucket}/copy", storage_options={**options, "region": "eu-west-1"})
    storages = {
        "comes with other storage_options": Storage("zarr", root),
        "stores networks in files": Storage("hdf5", str(tmp_path / "net.hdf5")),
    }
    for message, storage in storages.items():
        for verb in (storage.copy, storage.move):
            with pytest.raises(InputError, match=message):
                verb(other)
    Storage("zarr", root).copy(NetworkRoot(f"{bucket}/copy", storage_options=options))
    assert 1 == len(versions(NetworkRoot(f"{bucket}/copy", storage_options=options)))


def test_a_wrong_endpoint_is_named_where_a_network_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:9000")
    with pytest.raises(InputError, match="environment variable AWS_ENDPOINT_URL must be a URL"):
        open_storage("s3://lab/net")


def test_a_configuration_reaches_a_service_and_is_stored_without_credentials(
    bucket: str, options: dict[str, Any]
) -> None:
    configuration = bsb.Configuration(
        {
            "storage": {"engine": "zarr", "root": f"{bucket}/net", "storage_options": options},
            "network": {"x": 100, "y": 100, "z": 100},
            "partitions": {},
            "cell_types": {"granule": {"spatial": {"radius": 2, "count": 3}}},
            "placement": {},
            "connectivity": {},
        }
    )
    network = bsb.Scaffold(configuration)
    stored = network.storage.load_active_config().__tree__()["storage"]
    assert {name: options[name] for name in ("endpoint", "region")} == stored["storage_options"]
    for shown in (json.dumps(stored), repr(configuration.storage), str(network.storage)):
        assert SECRET not in shown
    assert not any(SECRET.encode() in content for content in contents(bucket, options).values())
    assert open_storage(f"{bucket}/net", storage_options=options).load().cell_types.granule


def test_options_go_with_a_root_to_other_processes_and_show_no_secret() -> None:
    given = {"access_key_id": "x", "secret_access_key": SECRET, "region": "here"}
    root = NetworkRoot("s3://lab/net", storage_options=given)
    copy = pickle.loads(pickle.dumps(root))
    assert root.storage_options == copy.storage_options
    assert "'x'" not in repr(root.storage_options)
    assert SECRET not in repr(root.storage_options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regoin": "here"}, "has no option 'regoin'; did you mean 'region'"),
        ({"something": SECRET}, "has no option 'something'; it has endpoint, region"),
        ({"secret_access_key": [SECRET]}, "'secret_access_key' must be a str, not list"),
        ({"anonymous": "yes"}, "'anonymous' must be a bool, not str"),
        ("text", "must be an object, not str"),
    ],
)
def test_options_that_there_are_not_are_named_without_their_values(
    options: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        NetworkRoot("s3://lab/net", storage_options=options)
    assert SECRET not in str(caught.value)
