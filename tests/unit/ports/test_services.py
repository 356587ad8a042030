"""Options of a service are checked before anything is asked of it, and secrets are not shown."""

from __future__ import annotations

from typing import Any

import pytest

from bsb_hdf5.errors import InputError
from bsb_hdf5.ports.services import ServiceOptions, check_endpoint


@pytest.mark.parametrize(
    "endpoint", ["here", "ftp://here", "http://", "http://here:0", "http://here:port"]
)
def test_what_is_no_endpoint_is_refused_by_name(endpoint: str) -> None:
    with pytest.raises(
        InputError, match=rf"must be a URL that begins with http.*, not '{endpoint}'"
    ):
        ServiceOptions(endpoint=endpoint)


@pytest.mark.parametrize("endpoint", ["me:secret@here", "http://me:secret@here:0", "s3://secret@b"])
def test_credentials_in_what_is_no_endpoint_are_not_shown(endpoint: str) -> None:
    with pytest.raises(InputError, match="must be a URL that begins with http") as caught:
        ServiceOptions(endpoint=endpoint)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("endpoint", ["http://here", "https://here:1", "HTTP://here:65535/path"])
def test_an_endpoint_is_a_url_of_http(endpoint: str) -> None:
    assert "here" == check_endpoint(endpoint, "endpoint").hostname
    assert endpoint == ServiceOptions(endpoint=endpoint).endpoint


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["access_key_id"], "'access_key_id' needs 'secret_access_key', too"),
        (["secret_access_key"], "'secret_access_key' needs 'access_key_id', too"),
        (["session_token"], "'session_token' needs 'access_key_id', too"),
        (["session_token", "secret_access_key"], "'secret_access_key' needs 'access_key_id', too"),
    ],
)
def test_a_part_of_a_key_is_refused(given: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ServiceOptions(**dict.fromkeys(given, "x"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [
        ["access_key_id", "secret_access_key"],
        ["access_key_id", "secret_access_key", "session_token"],
        ["account_key"],
        ["service_account"],
    ],
)
def test_whole_credentials_are_taken_but_not_with_none(given: list[str]) -> None:
    options: dict[str, Any] = dict.fromkeys(given, "x")
    assert options == {name: getattr(ServiceOptions(**options), name) for name in given}
    with pytest.raises(InputError, match=f"'{given[0]}' can't be given with 'anonymous'"):
        ServiceOptions(anonymous=True, **options)
