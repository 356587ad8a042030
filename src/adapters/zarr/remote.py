"""
Networks in object stores, by URL.

Credentials and endpoints come from the settings of the service alone: its environment variables
(``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ...), or the role of the machine. They are kept
nowhere. ``memory://name`` is an object store of this process.
"""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from ...errors import (
    InputError,
    NotANetworkError,
    StorageError,
    StoreAccessError,
    StoreError,
    StoreIOError,
)
from .errors import absent, overtaken, taken
from .objects import MANIFEST, Span, Tag
from .places import Nothing, Place

_TIMEOUT = timedelta(seconds=30)
_CONNECT_TIMEOUT = timedelta(seconds=5)
_RETRIES = 3
_RETRY_TIMEOUT = timedelta(seconds=20)

_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT")

_MEMORY_SCHEME = "memory://"
_MEMORY: dict[str, Any] = {}
_MEMORY_MUTEX = threading.Lock()


def check_url(url: str) -> None:
    """
    Check a root that is a URL.

    :raises InputError: it holds credentials, or more than a place.
    """
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment:
        shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
        raise InputError(
            f"the root '{shown}' comes with credentials or options, which don't belong into a URL;"
            " valid is the URL alone, with credentials in the environment"
        )


class RemotePlace:
    """
    A URL.

    :param url: where all objects of the network are below.
    """

    def __init__(self, url: str) -> None:
        check_url(url)
        _require_obstore(url)
        self.location = url.rstrip("/")
        self.objects = RemoteObjects(self.location)

    @property
    def identity(self) -> str:
        return f"zarr:{self.location}"

    def exists(self) -> bool:
        return self.objects.any()

    def lock(self, *, exclusive: bool) -> Nothing:
        return Nothing()

    def check_writable(self) -> None:
        """Whether it can be changed, the service says."""

    def build(self) -> NewRemote:
        if self.exists():
            raise taken(self.location)
        return NewRemote(self.objects)

    def rename(self, target: Place) -> bool:
        return False

    def remove(self) -> None:
        # Without its manifest the network is gone, however long the rest takes.
        self.objects.delete([MANIFEST])
        self.objects.delete_below("")


class NewRemote:
    """Objects that are a network once there is a manifest."""

    def __init__(self, objects: RemoteObjects) -> None:
        self.objects = objects

    def publish(self, manifest: bytes) -> Tag:
        return self.objects.replace(manifest, None)

    def release(self) -> None:
        """What was made, the session removes."""


class RemoteObjects:
    """
    Objects below a URL.

    There are no locks. A commit that finds the manifest replaced since its session began
    fails, where the service compares tags when it puts an object, as S3 does.
    """

    remote = True

    def __init__(self, url: str) -> None:
        self.location = url
        # Other stores know from their URL what all their keys begin with.
        self._prefix = f"{url.removeprefix(_MEMORY_SCHEME)}/" if _in_memory(url) else ""
        self._opened: Any = None
        self._mutex = threading.Lock()

    @property
    def _store(self) -> Any:
        with self._mutex:
            if self._opened is None:
                self._opened = _connect(self.location)
        return self._opened

    def get(self, key: str, span: Span | None = None) -> bytes | None:
        import obstore

        with _translated(self.location):
            try:
                options = {} if span is None else {"range": _range(span)}
                return bytes(obstore.get(self._store, self._prefix + key, options=options).bytes())  # type: ignore[arg-type]
            except FileNotFoundError:
                return None

    def put(self, key: str, data: bytes) -> None:
        import obstore

        with _translated(self.location):
            obstore.put(self._store, self._prefix + key, data)

    def put_description(self, key: str, data: bytes) -> None:
        self.put(key, data)

    def claim(self, key: str, data: bytes) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with _translated(self.location):
            try:
                obstore.put(self._store, self._prefix + key, data, mode="create")
            except (AlreadyExistsError, PreconditionError):
                return False
        return True

    def delete(self, keys: Iterable[str]) -> None:
        import obstore

        with _translated(self.location):
            for key in keys:
                try:
                    obstore.delete(self._store, self._prefix + key)
                except FileNotFoundError:
                    continue

    def delete_below(self, path: str) -> None:
        with _translated(self.location):
            found = list(self._list(path))
        self.delete(found)

    def any(self) -> bool:
        """Whether there is any object."""
        with _translated(self.location):
            return next(self._list(""), None) is not None

    def _list(self, path: str) -> Iterator[str]:
        import obstore

        prefix = self._prefix + (f"{path}/" if path else "")
        for page in obstore.list(self._store, prefix or None, chunk_size=100):
            yield from (str(meta["path"]).removeprefix(self._prefix) for meta in page)

    def announce(self, paths: Iterable[str]) -> None:
        """Without locks, nobody can tell a killed session from one that is under way."""

    def settle(self) -> None:
        """Nothing was announced."""

    def leftovers(self, packs: Iterable[str]) -> list[str]:
        return []

    def fetch(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        import obstore
        from obstore.exceptions import NotModifiedError

        with _translated(self.location):
            options = {} if known is None else {"if_none_match": known["e_tag"]}
            try:
                found = obstore.get(self._store, self._prefix + MANIFEST, options=options)  # type: ignore[arg-type]
                tag = _tag(found.meta)
                data = bytes(found.bytes())
            except NotModifiedError:
                return None
            except FileNotFoundError as error:
                raise self._missing() from error
        # Some services ignore the condition.
        return None if tag == known else (data, tag)

    def _missing(self) -> StoreError:
        if not self.any():
            return absent(self.location)
        return NotANetworkError(
            f"'{self.location}' is no zarr network: it has no {MANIFEST}", location=self.location
        )

    def replace(self, data: bytes, known: Tag | None) -> Tag:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with _translated(self.location):
            try:
                mode: Any = "create" if known is None else known
                put = obstore.put(self._store, self._prefix + MANIFEST, data, mode=mode)
            except AlreadyExistsError as error:
                raise taken(self.location) from error
            except (PreconditionError, FileNotFoundError) as error:
                missing = taken if known is None else overtaken
                raise missing(self.location) from error
        return _tag(put)


def _tag(meta: Any) -> Tag:
    """What the service calls this content of an object."""
    return {name: meta[name] for name in ("e_tag", "version") if meta.get(name) is not None}


def _in_memory(url: str) -> bool:
    return url.startswith(_MEMORY_SCHEME)


def _range(span: Span) -> Any:
    if span.start < 0:
        return {"suffix": -span.start}
    return {"offset": span.start} if span.stop is None else (span.start, span.stop)


def _require_obstore(url: str) -> None:
    if importlib.util.find_spec("obstore") is None:
        raise StoreError(
            f"'{url}' is remote, which needs the package obstore; it is not installed:"
            " install it with: pip install 'bsb-hdf5[zarr-remote]'"
        )


def _connect(url: str) -> Any:
    from obstore.store import MemoryStore, from_url

    if _in_memory(url):
        with _MEMORY_MUTEX:
            return _MEMORY.setdefault("memory", MemoryStore())
    with _translated(url):
        return from_url(
            url,
            client_options={
                "timeout": _TIMEOUT,
                "connect_timeout": _CONNECT_TIMEOUT,
                "allow_http": _plain_http(),
            },
            retry_config={"max_retries": _RETRIES, "retry_timeout": _RETRY_TIMEOUT},
        )


def _plain_http() -> bool:
    """Whether the settings name a service without encryption, as on the own machine."""
    return any(os.environ.get(name, "").startswith("http://") for name in _ENDPOINTS)


@contextmanager
def _translated(location: str) -> Iterator[None]:
    from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

    try:
        yield
    except StorageError:
        raise
    except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
        raise StoreAccessError(
            f"'{location}' may not be opened or written: {_first_line(error)}", location=location
        ) from error
    except (BaseError, OSError, ValueError) as error:
        raise StoreIOError(f"'{location}': {_first_line(error)}", location=location) from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
