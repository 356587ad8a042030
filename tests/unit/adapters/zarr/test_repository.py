"""Repositories: how their service is reached, and what is read of their versions."""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pytest

from bsb_hdf5.adapters.zarr import repository
from bsb_hdf5.adapters.zarr.repository import RepositoryLocation, location_of
from bsb_hdf5.adapters.zarr.services import storage_of
from bsb_hdf5.adapters.zarr.store import ZarrStore
from bsb_hdf5.errors import (
    InputError,
    ReadOnlyError,
    StoreError,
    StoreExistsError,
    StoreNotFoundError,
)
from bsb_hdf5.ports.services import NO_OPTIONS, ServiceOptions
from bsb_hdf5.testing.contents import make, reading, snapshot, writing

NAMES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_REGION")
S3 = {
    "bucket": "lab",
    "region": None,
    "endpoint_url": None,
    "allow_http": False,
    "force_path_style": False,
    "from_env": True,
}
KEYS = {"access_key_id": "an id", "secret_access_key": "a secret", "session_token": "a token"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The storages that icechunk is asked for; nothing of a service is in the environment."""
    for name in (*NAMES, "AWS_DEFAULT_REGION", "AZURE_STORAGE_ACCOUNT_NAME"):
        monkeypatch.delenv(name, raising=False)
    found: list[tuple[str, dict[str, Any]]] = []
    for name in ("s3_storage", "gcs_storage", "azure_storage"):
        monkeypatch.setattr(icechunk, name, lambda name=name, **given: found.append((name, given)))
    return found


@pytest.mark.parametrize(
    ("url", "options", "service", "expected"),
    [
        ("s3://lab", {}, "s3", {**S3, "prefix": None}),
        ("s3a://lab/a/b/", {}, "s3", {**S3, "prefix": "a/b"}),
        (
            "s3://lab/net",
            {"endpoint": "http://here", "region": "eu", "anonymous": True},
            "s3",
            {
                "bucket": "lab",
                "prefix": "net",
                "region": "eu",
                "endpoint_url": "http://here",
                "allow_http": True,
                "force_path_style": True,
                "anonymous": True,
            },
        ),
        (
            "s3://lab/net",
            {"endpoint": "https://here", **KEYS},
            "s3",
            {
                "bucket": "lab",
                "prefix": "net",
                "region": None,
                "endpoint_url": "https://here",
                "allow_http": False,
                "force_path_style": True,
                **KEYS,
            },
        ),
        ("gs://lab", {}, "gcs", {"bucket": "lab", "prefix": None, "from_env": True}),
        (
            "gcs://lab/a/b",
            {"service_account": "a file"},
            "gcs",
            {"bucket": "lab", "prefix": "a/b", "service_account_file": "a file"},
        ),
        (
            "gs://lab/a",
            {"anonymous": True},
            "gcs",
            {"bucket": "lab", "prefix": "a", "anonymous": True},
        ),
        (
            "az://lab/a",
            {"account": "mine", "account_key": "a key"},
            "azure",
            {"account": "mine", "container": "lab", "prefix": "a", "access_key": "a key"},
        ),
        *(
            (
                f"{each}://lab",
                {},
                "azure",
                {"account": "", "container": "lab", "prefix": "", "from_env": True},
            )
            for each in ("azure", "abfs")
        ),
    ],
)
def test_each_service_is_asked_for_the_place_of_the_url(
    asked: list[Any], url: str, options: dict[str, Any], service: str, expected: dict[str, Any]
) -> None:
    storage_of(url, ServiceOptions(**options))
    assert [(f"{service}_storage", expected)] == asked


def test_the_environment_says_what_the_options_do_not(
    asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "of the environment")
    storage_of("az://lab")
    storage_of("az://lab", ServiceOptions(account="mine"))
    assert ["of the environment", "mine"] == [given["account"] for _, given in asked]
    asked.clear()
    for name, value in (("AWS_DEFAULT_REGION", "default"), ("AWS_REGION", "region")):
        monkeypatch.setenv(name, value)
        storage_of("s3://lab")
    storage_of("s3://lab", ServiceOptions(region="mine"))
    assert ["default", "region", "mine"] == [given["region"] for _, given in asked]
    asked.clear()
    for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.setenv(name, f"http://{name}")
        storage_of("s3://lab")
    storage_of("s3://lab", ServiceOptions(endpoint="https://mine"))
    found = [(given["endpoint_url"], given["allow_http"]) for _, given in asked]
    assert [
        ("http://AWS_ENDPOINT", True),
        ("http://AWS_ENDPOINT_URL", True),
        ("http://AWS_ENDPOINT_URL_S3", True),
        ("https://mine", False),
    ] == found


@pytest.mark.parametrize("url", ["ftp://lab/net", "file:///net", "oss://lab"])
def test_other_services_are_refused(url: str) -> None:
    with pytest.raises(InputError, match=r"begins with s3://, gs:// or az://") as caught:
        storage_of(url)
    assert url == caught.value.fields["asked"]


# Repositories of this process


@pytest.fixture
def url() -> str:
    return f"memory://{uuid.uuid4().hex}{os.getpid()}/net"


def test_a_repository_in_memory_is_there_once_it_is_made(url: str) -> None:
    assert storage_of(url) is not storage_of(url)
    made = storage_of(url, NO_OPTIONS, new=True)
    assert made is storage_of(url) is storage_of(url, new=True)
    assert made is not storage_of(f"{url}2", new=True)


def numbered(url: str, count: int) -> ZarrStore:
    """A network whose versions are numbered from 1 on; the first is empty."""
    store = ZarrStore(url)
    make(store)
    for number in range(1, count):
        with writing(store) as root:
            root.attributes.set("number", number)
    return store


def number_at(url: str, version: Any) -> Any:
    with reading(ZarrStore(url, version=version)) as root:
        return root.attributes.get("number")


def test_a_version_is_read_by_id_tag_and_time(url: str) -> None:
    store = numbered(url, 4)
    found = store.versions()
    assert [3, 2, 1, None] == [number_at(url, each.id) for each in found]
    assert sorted(found, key=lambda each: each.written_at, reverse=True) == found
    for each, number in zip(found, (3, 2, 1, None), strict=True):
        assert number == number_at(url, each.written_at)
        before = each.written_at - timedelta(microseconds=1)
        assert number_at(url, before) != number if number else True
    assert 3 == number_at(url, datetime.now(UTC))
    tagged = store.tag("paper", found[2].id)
    assert (found[2].id, ("paper",)) == (tagged.id, tagged.tags)
    last = store.tag("last", None)
    assert (found[0].id, ("last",)) == (last.id, last.tags)
    assert (1, 3) == (number_at(url, "paper"), number_at(url, "last"))
    for missing in ("another", found[-1].written_at - timedelta(days=1)):
        with pytest.raises(InputError, match="has no version") as caught:
            number_at(url, missing)
        assert missing == caught.value.fields["asked"]
    for version in (None, found[1].id):
        with pytest.raises(InputError, match="has a version 'paper' already"):
            store.tag("paper", version)
    assert "bsb-hdf5" in found[0].writer


def test_a_version_is_read_only_and_a_separate_network(url: str) -> None:
    store = numbered(url, 3)
    first = store.versions()[1]
    earlier = ZarrStore(url, version=first.id)
    assert f"zarr:{url}" == store.identity
    assert f"zarr:{url}@{first.id}" == earlier.identity
    before = snapshot(store)
    for change in (
        earlier.open_write,
        earlier.rewrite,
        earlier.remove,
        earlier.create,
        lambda: earlier.move(f"{url}-moved"),
        lambda: earlier.expire(datetime.now(UTC)),
    ):
        with pytest.raises(ReadOnlyError, match=f"version '{first.id}' of .* can only be read"):
            change()
    assert (before, 3) == (snapshot(store), len(store.versions()))
    assert not ZarrStore(f"{url}-moved").exists()
    earlier.copy(f"{url}-copy")
    assert 1 == number_at(f"{url}-copy", None)
    with writing(store) as root:
        root.attributes.set("number", 9)
    with reading(earlier) as root:
        assert 1 == root.attributes.get("number")
    assert [1, 9] == [number_at(url, first.id), number_at(url, None)]


@pytest.mark.parametrize("verb", ["copy", "move"])
def test_nothing_is_copied_or_moved_into_a_repository(url: str, verb: str) -> None:
    store = numbered(url, 1)
    for place in ("refs/x", "x", "x/"):
        with pytest.raises(InputError, match=r"/net/(refs/)?x' lies within the network '.*/net'"):
            getattr(store, verb)(f"{url}/{place}")
    assert 1 == len(store.versions())
    store.copy(f"{url}-2/refs/x")


def test_a_move_drops_no_version_and_no_tag(url: str) -> None:
    store = numbered(url, 2)
    with pytest.raises(StoreError, match=r"which has 2 \(tags: 0\); copy the network to"):
        store.move(f"{url}-moved")
    store.expire(datetime.now(UTC))
    store.tag("paper", None)
    with pytest.raises(StoreError, match=r"which has 1 \(tags: 1\); copy the network to"):
        store.move(f"{url}-moved")
    assert ["paper"] == [tag for each in store.versions() for tag in each.tags]
    assert not ZarrStore(f"{url}-moved").exists()
    store.copy(f"{url}-copy")
    ZarrStore(f"{url}-copy").move(f"{url}-moved")
    assert [True, False, True] == [ZarrStore(url + end).exists() for end in ("", "-copy", "-moved")]


@pytest.mark.parametrize("version", [datetime(2026, 1, 1), 5, ["x"], datetime(2026, 1, 1).date()])
def test_what_can_say_no_version_is_refused(url: str, version: Any) -> None:
    store = numbered(url, 1)
    with pytest.raises(InputError, match=r"must have a time zone|must be the id of one"):
        number_at(url, version)
    with pytest.raises(InputError, match=r"must have a time zone|must be the id of one"):
        store.tag("name", version)
    assert [()] == [each.tags for each in store.versions()]


def test_an_empty_text_is_no_version(url: str) -> None:
    with pytest.raises(InputError, match="has no version ''"):
        numbered(url, 1).tag("name", "")


BAD_TAGS = (
    *("", ".", "..", "a/b", "a\\b", " x", "x ", "n\n", "x\0", "a\x01b", "\ud800", "\u200b"),
    *("é", "a~1", "a%b", "a*", "a?", "a#", "a|b", "[a]", "{a}", "<a>", '"a"', "a^b", "`a`"),
    *("x" * 201, "1CECHNKREP0F1RSTCMT0", 5, None),
)


@pytest.mark.parametrize("name", BAD_TAGS)
def test_a_name_that_is_no_tag_is_refused(url: str, name: Any) -> None:
    store = numbered(url, 1)
    with pytest.raises(InputError, match=r"can't be a tag: it|must be a str, not"):
        store.tag(name, None)
    assert [()] == [each.tags for each in store.versions()]


@pytest.mark.parametrize(
    "name", ["a b", "x" * 200, "main", "v1.0!$&'()+,-.:;=@_", "1CECHNKREP0F1RSTCMTU", "..."]
)
def test_other_printable_names_are_tags(url: str, name: str) -> None:
    store = numbered(url, 2)
    assert (name,) == store.tag(name, None).tags
    assert 1 == number_at(url, name)


def test_old_versions_expire_but_the_last_and_those_with_a_name(url: str) -> None:
    store = numbered(url, 5)
    found = store.versions()
    store.tag("kept", found[3].id)
    gone = store.expire(datetime.now(UTC) + timedelta(days=1))
    assert 3 == gone.versions
    assert gone.bytes >= 0
    assert [found[0].id, found[3].id] == [each.id for each in store.versions()]
    assert [1, 4] == [number_at(url, "kept"), number_at(url, None)]


def test_a_time_at_which_an_expired_version_was_the_last_one_is_refused(url: str) -> None:
    store = numbered(url, 6)
    found = store.versions()[::-1]
    for number in (1, 4):
        store.tag(f"number {number}", found[number].id)
    store.expire(datetime.now(UTC))
    moment = timedelta(microseconds=1)
    # The first one was followed by one that has expired; the other one by the last one.
    assert 1 == number_at(url, found[1].written_at)
    for expired in (found[2].written_at, found[4].written_at - moment):
        with pytest.raises(InputError, match=f"may have expired: .*'{found[1].id}' is the last"):
            number_at(url, expired)
    for time_of_other in (found[4].written_at, found[5].written_at - moment):
        assert 4 == number_at(url, time_of_other)
    assert 5 == number_at(url, found[5].written_at) == number_at(url, datetime.now(UTC))
    for number in (0, 2, 3):
        with pytest.raises(InputError, match="has no version"):
            number_at(url, found[number].id)


def test_the_commit_with_which_a_repository_begins_is_no_version(url: str) -> None:
    numbered(url, 1)
    with pytest.raises(InputError, match="has no version"):
        number_at(url, "1CECHNKREP0F1RSTCMT0")


def test_what_a_commit_removes_is_gone_at_once_and_stays_in_its_version(url: str) -> None:
    store = numbered(url, 1)
    with writing(store) as root:
        root.require_group("g").create_array("x", np.arange(5))
    session = store.rewrite()
    assert [0, 1, 2, 3, 4] == session.before.group("g").array("x").read().tolist()
    session.root.create_array("y", np.arange(3))
    session.commit()
    # One commit, and nothing that the next one would have to remove.
    assert 3 == len(store.versions())
    manifest, tag, _ = store._current()
    assert ({"y": "array"}, {}) == (manifest.kinds, manifest.stale)
    objects = store._location.at(tag)
    assert [None, None] == [objects.get(f"{path}/zarr.json") for path in ("g", "g/x")]
    with reading(ZarrStore(url, version=store.versions()[1].id)) as read:
        assert 5 == len(read.group("g").array("x").read())


def test_what_is_not_there_is_reported(url: str) -> None:
    location = RepositoryLocation(url, NO_OPTIONS)
    store = ZarrStore(url)
    assert not store.exists() and not store.recognizes()
    for use in (
        store.open_read,
        store.open_write,
        store.versions,
        lambda: store.tag("x", None),
        lambda: store.expire(datetime.now(UTC)),
        lambda: location.fetch(None),
    ):
        with pytest.raises(StoreNotFoundError, match="no zarr network"):
            use()


def test_a_network_that_was_removed_may_be_made_again(url: str, tmp_path: Path) -> None:
    store = numbered(url, 2)
    other = ZarrStore(url)
    with pytest.raises(StoreExistsError):
        ZarrStore(url).create()
    assert other.size()
    store.remove()
    for gone in (store, other, ZarrStore(url)):
        assert not gone.exists()
        with pytest.raises(StoreNotFoundError):
            gone.open_read()
    again = numbered(url, 3)
    assert snapshot(again) == snapshot(ZarrStore(url)) == snapshot(other)
    assert 2 == number_at(url, None)


def test_a_repository_that_was_opened_just_now_is_used_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbered(url, 2)
    repository._RECENT.clear()
    opened: list[Any] = []
    open_, now = icechunk.Repository.open, [1000.0]

    def note(*given: Any, **options: Any) -> Any:
        opened.append(given)
        return open_(*given, **options)

    monkeypatch.setattr(icechunk.Repository, "open", staticmethod(note))
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    for seconds, count in ((0.0, 1), (4.0, 1), (1.5, 2), (5.0, 2), (5.5, 3)):
        now[0] += seconds
        assert 1 == number_at(url, None)
        assert count == len(opened), seconds


def test_stores_share_what_lies_below_a_url_until_the_settings_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "s3://lab/net"
    found = location_of(url, None, NO_OPTIONS)
    assert found is location_of(url, None, NO_OPTIONS)
    for other in ((f"{url}2", NO_OPTIONS), (url, ServiceOptions(region="eu"))):
        assert found is not location_of(other[0], None, other[1])
    found = location_of(url, None, NO_OPTIONS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another one")
    assert found is not location_of(url, None, NO_OPTIONS)


def test_a_location_says_where_it_is() -> None:
    location = RepositoryLocation("memory://a/net/", NO_OPTIONS)
    assert ("memory://a/net", "zarr:memory://a/net") == (location.root, location.identity)
    assert location.is_optimistic
