"""The examples of a page run in a folder with the files that the page names and its commands make.

Its commands run first, in order, then its examples.
"""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from tests.docs.pages import perform


@pytest.fixture
def _object_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A service with the bucket of the page on object stores."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    request = urllib.request.Request(f"http://{host}:{port}/lab", method="PUT")
    urllib.request.urlopen(request).close()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name, value in (
        ("ACCESS_KEY_ID", "id"),
        ("SECRET_ACCESS_KEY", "key"),
        ("REGION", "us-east-1"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    yield
    server.stop()


@pytest.fixture(autouse=True)
def _working_folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if request.path.stem == "object-stores":
        request.getfixturevalue("_object_store")
    perform(request.path, tmp_path)
