"""Options of a service are checked before anything is asked of it, and secrets are not shown."""

from __future__ import annotations

from typing import Any

import pytest

from bsb_hdf5.errors import InputError
from bsb_hdf5.ports.services import (
    ServiceOptions,
    check_alone,
    check_endpoint,
    is_url,
    without_credentials,
)


@pytest.mark.parametrize(
    "endpoint", ["here", "ftp://here", "http://", "http://here:0", "http://here:port"]
)
def test_what_is_no_endpoint_is_refused_by_name(endpoint: str) -> None:
    with pytest.raises(
        InputError, match=rf"must be a URL that begins with http.*, not '{endpoint}'"
    ):
        ServiceOptions(endpoint=endpoint)


@pytest.mark.parametrize(
    "endpoint",
    [
        "me:secret@here",
        "http://me:secret@here:0",
        "s3://secret@b",
        "http://here:0?secret",
        "http://me:se/secret@here",
        "http://me:secret",
        "ftp://me:secret",
    ],
)
def test_credentials_in_what_is_no_endpoint_are_not_shown(endpoint: str) -> None:
    with pytest.raises(InputError, match="must be a URL that begins with http") as caught:
        ServiceOptions(endpoint=endpoint)
    assert "secret" not in str(caught.value)


ALONE = (
    "s3://lab",
    "s3://lab/net.zarr",
    "s3://lab/model@v1/net",
    "s3://lab/2026-01-31T12:00",
    "gs://lab_1/a b/(c)",
    "az://$web/net",
    "memory://name/net",
    "http://here:9000/net",
    "http://[::1]:9000/net",
    "https://cdn.example.org:8080/npm/net@1.0/net.zarr",
    "file:///data/10:30@lab/net.zarr",
    "file:///data/what?/net.zarr",
)
NOT_ALONE = (
    ("s3://me:secret@lab/net", "s3://lab/net"),
    ("s3://secret@lab/net", "s3://lab/net"),
    ("S3://me:sec[ret@lab/net", "s3://lab/net"),
    ("s3://lab/net?key=secret", "s3://lab/net"),
    ("s3://lab/net#secret", "s3://lab/net"),
    ("https://me:secret@here:9000/net", "https://here:9000/net"),
    ("https://here/net?key=secret", "https://here/net"),
    ("file://me:secret@here/net", "file://here/net"),
    # What is a secret here, and what the name of an object?
    ("s3://me:se/secret@lab/net", None),
    ("s3://m/e:secret@lab/net", None),
    ("s3://me:se@secret@lab/net", None),
    ("s3://me:se?secret@lab/net", None),
    ("s3://me:secret", None),
    ("s3://me:secret/lab", None),
    ("s3://[secret/lab", None),
    ("https://me:se/secret@here/net", None),
    ("https://me:secret/net", None),
    ("http://[secret/net", None),
    ("mirror/s3://me:secret@lab/net", "mirror/s3://lab/net"),
)


@pytest.mark.parametrize("url", ALONE)
def test_a_url_that_is_one_alone_is_taken_and_shown(url: str) -> None:
    check_alone(url, "root")
    assert f"'{url}' is there" == without_credentials(f"'{url}' is there")


@pytest.mark.parametrize(("url", "shown"), NOT_ALONE)
def test_of_a_url_with_credentials_no_more_is_shown_than_is_safe(
    url: str, shown: str | None
) -> None:
    with pytest.raises(InputError, match="contains credentials or options") as caught:
        check_alone(url, "root")
    message = str(caught.value)
    assert message.startswith(f"the root '{shown}' contains" if shown else "the root contains")
    assert "secret" not in f"{message}{caught.value.fields}"
    text = without_credentials(f"'{url}' failed, and \"{url}\", too")
    assert "secret" not in text
    assert (shown or "://...") in text and text.endswith(", too")


def test_urls_begin_with_a_scheme() -> None:
    for url in (*ALONE, " s3://lab/net"):
        assert is_url(url), url
    for path in ("C://lab/net", "/mirror/s3://lab/net", "a/b", "", "s3:/lab"):
        assert not is_url(path), path


@pytest.mark.parametrize(
    "endpoint", ["http://me:secret@here", "https://here?secret", "http://here#secret"]
)
def test_an_endpoint_has_no_credentials(endpoint: str) -> None:
    with pytest.raises(InputError, match=r"the endpoint 'https?://here' contains") as caught:
        check_endpoint(endpoint, "endpoint")
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
    "name", ["endpoint", "region", "account", "service_account", "access_key_id", "account_key"]
)
def test_an_empty_option_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"'{name}' is empty; leave it out") as caught:
        ServiceOptions(**{name: ""})  # type: ignore[arg-type]
    assert name == caught.value.fields["asked"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"service_account": ' {"private_key": "secret"}'}, "must be the path of a JSON file"),
        ({"account": "AccountName=me;AccountKey=secret"}, "must be the name of an account"),
        ({"account": "AccountKey=secret"}, "must be the name of an account"),
    ],
)
def test_what_is_shown_has_no_secrets_in_it(options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        ServiceOptions(**options)  # type: ignore[arg-type]
    assert "secret" not in f"{caught.value}{caught.value.fields}"


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
