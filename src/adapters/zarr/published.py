"""
Networks that were published as plain zarr groups, read by URL.

Credentials and endpoints come from the options of a storage, or from the settings of the service:
its environment variables (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ...), or the role of the
machine. They are stored nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Hashable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn, cast
from urllib.parse import urlsplit

import attrs

from ...errors import InputError, NotANetworkError, ReadOnlyError, StorageError
from ...ports.services import ServiceOptions
from .errors import absent, require, taken, translated
from .kept import KeptObjects
from .locations import Location, Tag
from .paths import MANIFEST
from .recent import Looked, Recent, changes_at, note_change

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ClientConfig, RetryConfig
    from obstore.store import ObjectStore as Service
    from zarr.abc.store import Store
    from zarr.storage import ObjectStore

_CLIENT: ClientConfig = {"timeout": timedelta(seconds=30), "connect_timeout": timedelta(seconds=5)}
_RETRIES: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
_WEB = ("http://", "https://")


class PublishedLocation(Location):
    """
    A zarr group below a URL, which is read and never written to.

    :raises InputError: the URL comes with credentials.
    """

    def __init__(self, url: str, options: ServiceOptions) -> None:
        check_url(url)
        require("obstore", "cloud")
        super().__init__(url.rstrip("/"))
        self._options = options

        self._state: _PublishedState | None = None

    def _open(self) -> Store:
        return _read_store(self.root, self._options)

    def at(self, tag: Tag) -> PublishedObjects:
        state = self._state
        if state is not None and state.tag == tag:
            return state.objects
        return PublishedObjects(self.root, self._options)

    @property
    def is_known(self) -> bool:
        """Whether there was a group when it was asked for."""
        return self._last() is not None

    def is_group(self) -> bool:
        """Whether there is a group."""
        return self._look() is not None

    def exists(self) -> bool:
        """Whether there is a group, or anything else where objects can be listed."""
        # Web servers list nothing.
        return self.is_group() or not (
            self.root.startswith(_WEB) or self.sync(self.store.is_empty, "")
        )

    def fetch(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        state = self._look()
        if state is None:
            raise self._missing()
        return None if state.tag == known else (state.data, state.tag)

    def _last(self) -> _PublishedState | None:
        if self._state is None:
            self._state = _STATES.get(place_of(self.root, self._options))
        return self._state

    def _look(self) -> _PublishedState | None:
        """What is there; None if there is no group."""
        last = self._last()
        if last is not None and last.looked.is_recent(self._options.max_age):
            return last
        changes = changes_at(self.root)
        found = self._found(last)
        if found is None:
            self._state = None
            return None
        if last is None or last.data != found[0]:
            looked = Looked(self.root) if last is None else last.looked
            objects = PublishedObjects(self.root, self._options)
            last = self._state = _PublishedState(*found, objects, looked)
            _STATES.put(place_of(self.root, self._options), last)
        last.looked.note(changes)
        return last

    def _found(self, last: _PublishedState | None) -> tuple[bytes, Tag] | None:
        """The root's metadata and their tag, as the last or new; None if they are not there."""
        import obstore
        from obstore.exceptions import NotModifiedError

        known = None if last is None else last.tag.get("e_tag")
        options: GetOptions = {} if known is None else {"if_none_match": known}
        with translated(self.root):
            try:
                service = cast("ObjectStore[Service]", self.store).store
                found = obstore.get(service, MANIFEST, options=options)
                data = found.bytes().to_bytes()
            except NotModifiedError:
                assert last is not None
                return last.data, last.tag
            except FileNotFoundError:
                return None
        return data, _tag(found.meta) or {"content": data}

    def _missing(self) -> Exception:
        if not self.exists():
            return absent(self.root)
        return NotANetworkError(
            f"'{self.root}' is not a zarr network: it has no {MANIFEST}", location=self.root
        )

    def refusal(self) -> ReadOnlyError:
        return published(self.root)

    def build(self, mode: int | None = None) -> NoReturn:
        raise taken(self.root) if self.exists() else published(self.root)


class PublishedObjects(KeptObjects):
    """The objects of one state of a published network."""

    def __init__(self, root: str, options: ServiceOptions) -> None:
        super().__init__(root)
        self._options = options

    def _open(self) -> Store:
        return _read_store(self.root, self._options)


@attrs.define(eq=False)
class _PublishedState:
    """What was found of a published network, and its objects."""

    data: bytes
    tag: Tag
    objects: PublishedObjects
    looked: Looked


_STATES: Recent[_PublishedState] = Recent()


class PublishedTarget(PublishedLocation):
    """Objects below a URL that are a published network once there is a manifest."""

    def _open(self) -> Store:
        from zarr.storage import ObjectStore

        return ObjectStore(_connect(self.root, self._options))

    def check(self, known: Tag | None) -> None:
        if self.get(MANIFEST) is not None:
            raise taken(self.root)

    def replace(self, manifest: bytes, known: Tag | None) -> Tag:
        self.check(known)
        try:
            self.put(MANIFEST, manifest)
        finally:
            note_change(self.root)
        return {}

    def discard(self) -> None:
        """Remove what was stored, as far as the service still responds."""
        try:
            if self.get(MANIFEST) is None:
                self.sync(self.store.delete_dir, "")
        except StorageError:
            return


def published(location: str) -> ReadOnlyError:
    """The error where a published network is to be changed."""
    return ReadOnlyError(
        f"'{location}' is a published network, which is only read; copy it with"
        f" bsb_hdf5.convert({location!r}, TARGET), and change the copy",
        location=location,
    )


def _tag(meta: ObjectMeta) -> Tag:
    """The identifiers that the service gave this content of an object."""
    tags = {"e_tag": meta["e_tag"], "version": meta["version"]}
    return {name: tag for name, tag in tags.items() if tag is not None}


def check_url(url: str) -> None:
    """
    Check that a URL is one alone.

    :raises InputError: it comes with credentials or options.
    """
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment:
        shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
        raise InputError(
            f"the root '{shown}' contains credentials or options;"
            " pass the URL alone, and the credentials in storage_options or environment variables"
        )


def place_of(root: str, options: ServiceOptions) -> Hashable:
    """Equal for roots that are reached in the same way."""
    return root, attrs.evolve(options, max_age=None), endpoint(options)


def endpoint(options: ServiceOptions) -> str | None:
    """The S3 service that the options or the environment name, if it is not that of AWS."""
    if options.endpoint:
        return options.endpoint
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _read_store(url: str, options: ServiceOptions) -> Store:
    from zarr.storage import ObjectStore

    return ObjectStore(_connect(url, options), read_only=True)


def _connect(url: str, options: ServiceOptions) -> Service:
    from obstore.store import from_url

    # The settings may name a service without encryption, as on the own machine.
    plain = url.startswith("http://") or (endpoint(options) or "").startswith("http://")
    return from_url(
        url,
        client_options={**_CLIENT, "allow_http": plain},
        retry_config=_RETRIES,
        **_settings(url, options),
    )


def _settings(url: str, options: ServiceOptions) -> dict[str, Any]:
    """What obstore calls the options of a service."""
    scheme = url.split("://", maxsplit=1)[0]
    if scheme in ("http", "https"):
        return {}
    named: dict[str, Any] = {"skip_signature": options.anonymous or None}
    if scheme in ("gs", "gcs"):
        named["service_account"] = options.service_account
    elif scheme in ("az", "azure", "abfs"):
        named.update(account_name=options.account, account_key=options.account_key)
    else:
        of_s3 = ("endpoint", "region", "access_key_id", "secret_access_key", "session_token")
        named.update({name: getattr(options, name) for name in of_s3})
    return {name: value for name, value in named.items() if value is not None}
