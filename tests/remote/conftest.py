"""
A server of the S3 protocol on this machine: moto in this process, or another one.

``BSB_HDF5_S3_SERVER=127.0.0.1:9000 pytest tests/remote`` runs the tests on what listens there. It
takes the key ``an-id`` with the secret below, or any. Tests that ask moto itself are skipped.
"""

from __future__ import annotations

import logging
import os
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from bsb_hdf5.adapters.zarr import services

from .proxy import Proxy

SECRET = "a-secret-that-is-stored-nowhere"
OTHER = os.environ.get("BSB_HDF5_S3_SERVER")


@pytest.fixture(scope="session")
def server() -> Iterator[tuple[str, int]]:
    if OTHER:
        host, _, number = OTHER.partition(":")
        yield host, int(number)
        return
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield host, port
    server.stop()


@pytest.fixture
def proxy(server: tuple[str, int]) -> Iterator[Proxy]:
    proxy = Proxy(server)
    yield proxy
    proxy.stop()


@pytest.fixture
def bucket(proxy: Proxy, server: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of an empty bucket, in the settings of the environment; retries follow at once."""
    at_once = {"init_backoff": timedelta(milliseconds=5), "max_backoff": timedelta(milliseconds=20)}
    backoff = {**at_once, "base": 2}
    monkeypatch.setattr(services, "_RETRIES", {**services._RETRIES, "backoff": backoff})
    monkeypatch.setattr(services, "_ICECHUNK_RETRIES", (3, 5, 20))
    name = f"bucket-{uuid.uuid4().hex}"
    _make_bucket(f"http://{server[0]}:{server[1]}", name)
    for key, value in {
        "AWS_ENDPOINT_URL": proxy.url,
        "AWS_ACCESS_KEY_ID": "an-id",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(key, value)
    return f"s3://{name}"


def _make_bucket(url: str, name: str) -> None:
    if not OTHER:
        urllib.request.urlopen(urllib.request.Request(f"{url}/{name}", method="PUT")).close()
        return
    keys = {"aws_access_key_id": "an-id", "aws_secret_access_key": SECRET}
    service: Any = import_module("boto3").client(
        "s3", endpoint_url=url, region_name="us-east-1", **keys
    )
    service.create_bucket(Bucket=name)
