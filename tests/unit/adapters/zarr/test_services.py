"""A service is reached with the options that it knows."""

from __future__ import annotations

from typing import Any

import pytest

from bsb_hdf5.ports.services import ServiceOptions

pytest.importorskip("obstore")

from bsb_hdf5.adapters.zarr import services

EVERY: dict[str, Any] = {
    "endpoint": "http://here",
    "region": "eu",
    "account": "an account",
    "service_account": "a file",
    "access_key_id": "an id",
    "secret_access_key": "a secret",
    "session_token": "a token",
    "account_key": "a key",
}
S3 = ("endpoint", "region", "access_key_id", "secret_access_key", "session_token")


@pytest.mark.parametrize(
    ("url", "options"),
    [
        *((f"{each}://bucket", {name: EVERY[name] for name in S3}) for each in ("s3", "s3a")),
        *((f"{each}://bucket", {"service_account": "a file"}) for each in ("gs", "gcs")),
        *(
            (f"{each}://folder", {"account_name": "an account", "account_key": "a key"})
            for each in ("az", "azure", "abfs")
        ),
        *((f"{each}://there", {}) for each in ("http", "https")),
    ],
)
@pytest.mark.parametrize("anonymous", [False, True])
def test_each_service_gets_its_options(
    url: str, options: dict[str, Any], anonymous: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr("obstore.store.from_url", lambda _, **named: seen.append(named))
    services.connect(url, ServiceOptions(**EVERY, anonymous=anonymous))
    unsigned = {"skip_signature": True} if anonymous and "http" not in url else {}
    (given,) = seen
    assert given.pop("client_options")["allow_http"]
    assert given.pop("retry_config")
    assert {**options, **unsigned} == given
