"""A service is reached with the options that it knows."""

from __future__ import annotations

from typing import Any

import pytest

from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import InputError
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
    given_options = {name: EVERY[name] for name in ("endpoint", "region", "account")}
    if not anonymous:
        given_options = EVERY
    services.connect(url, ServiceOptions(**given_options, anonymous=anonymous))
    unsigned = {"skip_signature": True} if anonymous and "http" not in url else {}
    names = {name: "account_name" if name == "account" else name for name in given_options}
    options = {name: each for name, each in options.items() if name in names.values()}
    (given,) = seen
    assert given.pop("client_options")["allow_http"]
    assert given.pop("retry_config")
    assert {**options, **unsigned} == given


KEYS = {"access_key_id": "an id", "secret_access_key": "a secret"}


@pytest.mark.parametrize(
    ("url", "options"),
    [
        *((f"{each}://lab", {"account": "mine"}) for each in ("s3", "s3a", "gs", "gcs")),
        *((f"{each}://lab", KEYS) for each in ("gs", "gcs", "az", "azure", "abfs")),
        ("s3://lab", {"service_account": "a file", "region": "eu"}),
        ("s3://lab", {"account_key": "a key", "max_age": 5.0}),
        *((f"{each}://lab", {"endpoint": "http://here"}) for each in ("gs", "az")),
        ("az://lab", {"service_account": "a file"}),
    ],
)
def test_options_that_are_all_of_other_services_are_refused(
    url: str, options: dict[str, Any]
) -> None:
    pytest.importorskip("icechunk")
    for use in (services.connect, services.storage_of):
        with pytest.raises(InputError, match="none is one of its service: ") as caught:
            use(url, ServiceOptions(**options))
        given = {*options} - {"region", "max_age"}
        assert given == {*caught.value.fields["asked"]}
        assert not any(str(value) in str(caught.value) for value in options.values())


@pytest.mark.parametrize(
    ("url", "options"),
    [
        *((f"{each}://lab", {"region": "eu", "max_age": 5.0}) for each in ("s3", "gs", "az")),
        *((f"{each}://lab", {"anonymous": True, "account": "mine"}) for each in ("s3", "gs")),
        *((f"{each}://lab", EVERY) for each in ("s3", "gs", "az")),
        ("memory://lab", EVERY),
    ],
)
def test_options_may_be_shared_between_roots(
    url: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    icechunk = pytest.importorskip("icechunk")
    for service in ("s3", "gcs", "azure", "in_memory"):
        monkeypatch.setattr(icechunk, f"{service}_storage", lambda **_: "made")
    monkeypatch.setattr("obstore.store.from_url", lambda *_, **__: "made")
    connected: Any = services.connect(url, ServiceOptions(**options))
    assert connected is not None
    opened: Any = services.storage_of(url, ServiceOptions(**options))
    assert "made" == opened


def test_nothing_is_signed_where_no_credentials_are_to_be_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    icechunk = pytest.importorskip("icechunk")
    asked: dict[str, dict[str, Any]] = {}
    for service in ("s3", "gcs", "azure"):
        monkeypatch.setattr(
            icechunk, f"{service}_storage", lambda name=service, **how: asked.update({name: how})
        )
    for scheme in ("s3", "gs", "az"):
        services.storage_of(f"{scheme}://lab", ServiceOptions(anonymous=True))
    assert asked["s3"]["anonymous"] and asked["gcs"]["anonymous"]
    assert {"azure_skip_signature": "true"} == asked["azure"]["config"]
    assert not any("from_env" in how for how in asked.values())


SECRET = "a-secret"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"endpoint": f"http://user:{SECRET}@here:9000"},
            "the storage option 'endpoint' 'http://here:9000' contains credentials or options",
        ),
        ({"endpoint": f"https://here?key={SECRET}"}, "'https://here' contains credentials"),
        ({"endpoint": f"user:{SECRET}@here"}, "must be a URL that begins with http:// or https://"),
        ({"endpoint": "localhost:9000"}, "begins with http:// or https://.* not 'localhost:9000'"),
        ({"endpoint": "nonsense"}, "begins with http:// or https://"),
        ({"endpoint": "ftp://here"}, "begins with http:// or https://"),
        ({"endpoint": "http://"}, "begins with http:// or https://"),
        ({"endpoint": "http://here:port"}, "begins with http:// or https://"),
        ({"endpoint": "http://[here"}, "begins with http:// or https://"),
        ({"access_key_id": "x"}, "'access_key_id' needs 'secret_access_key', too"),
        ({"secret_access_key": SECRET}, "'secret_access_key' needs 'access_key_id', too"),
        ({"session_token": SECRET}, "'session_token' needs 'access_key_id', too"),
        *(
            ({**given, "anonymous": True}, "can't be given with 'anonymous'")
            for given in (
                {"access_key_id": "x", "secret_access_key": SECRET},
                {"account_key": SECRET},
                {"service_account": "a file"},
            )
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        ServiceOptions(**options)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"])
def test_an_endpoint_of_the_environment_that_is_no_url_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("icechunk")
    monkeypatch.setenv(name, "localhost:9000")
    for url in ("s3://lab/net", "s3a://lab/net"):
        for use in (services.connect, services.storage_of):
            with pytest.raises(InputError, match=f"environment variable {name} must be a URL"):
                use(url, ServiceOptions())
    assert services.connect("s3://lab/net", ServiceOptions(endpoint="http://here"))


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"])
def test_credentials_in_an_endpoint_of_the_environment_are_refused_and_not_shown(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("icechunk")
    monkeypatch.setenv(name, f"http://me:{SECRET}@here")
    for use in (services.connect, services.storage_of):
        with pytest.raises(
            InputError, match=f"environment variable {name} 'http://here' contains credentials"
        ) as caught:
            use("s3://lab/net", ServiceOptions())
        assert SECRET not in str(caught.value)


@pytest.mark.parametrize("scheme", ["s3", "gs", "az", "memory"])
@pytest.mark.parametrize(
    "rest",
    [
        "lab/a%20b",
        "lab/100%/net",
        "lab/x/../net",
        "lab/./net",
        "lab//net",
        "lab/..",
        "lab/a\tb",
        "lab/a\nb",
        "lab/net\x7f",
        "lab/net ",
        "lab/ net",
        "l%61b/net",
        "/net",
        "",
    ],
)
def test_what_libraries_take_for_different_places_is_refused(scheme: str, rest: str) -> None:
    with pytest.raises(InputError, match="pass a URL such as s3://bucket/folder/name") as caught:
        ZarrStore(f"{scheme}://{rest}")
    assert f"{scheme}://{rest}" == caught.value.fields["asked"]


@pytest.mark.parametrize("url", [" s3://lab/net", "://lab/net", "a/s3://lab/net"])
def test_a_url_without_a_scheme_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="has no scheme"):
        ZarrStore(url)


def test_a_place_has_the_name_that_its_url_says_for_all_libraries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[dict[str, Any]] = []
    icechunk = pytest.importorskip("icechunk")
    monkeypatch.setattr(icechunk, "s3_storage", lambda **named: asked.append(named))
    names = [f"a{chr(number)}b" for number in (*range(0x20, 0x7F), 0xE9, 0x1F600)]
    taken = [name for name in names if not {*name} & {*"%/?#"}]
    assert len(names) == len(taken) + 4
    for name in (*taken, "a..b", ".net", "a/b c/d", "net/"):
        url = f"s3://lab/{name}"
        store: Any = services.connect(ZarrStore(url).location, ServiceOptions(region="here"))
        services.storage_of(url, ServiceOptions(region="here"))
        assert [name.strip("/")] * 2 == [store.prefix, asked[-1]["prefix"]]


@pytest.mark.parametrize("url", ["https://here/a%20b/net", "https://here/a/../net"])
def test_what_a_web_server_calls_a_place_is_left_to_it(url: str) -> None:
    assert url == ZarrStore(url).location


@pytest.mark.parametrize(
    ("url", "usual"),
    [
        *((f"{each}://Lab/Net", "s3://Lab/Net") for each in ("s3", "S3", "s3a", "S3A")),
        *((f"{each}://Lab/Net", "gs://Lab/Net") for each in ("gs", "GCS")),
        *((f"{each}://Lab/Net", "az://Lab/Net") for each in ("az", "Azure", "abfs")),
        ("HTTPS://Here/Net", "https://Here/Net"),
    ],
)
def test_a_place_has_one_url(url: str, usual: str) -> None:
    assert usual == services.plain_url(url)
    stores = [ZarrStore(each) for each in (url, usual)]
    assert [f"zarr:{usual}"] * 2 == [each.identity for each in stores]
