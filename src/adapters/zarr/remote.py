"""
Networks in object stores, by URL.

Credentials and endpoints come from the settings of the service alone: its environment variables
(``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ...), or the role of the machine. They are kept
nowhere. ``memory://name`` is an object store of this process.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from ...errors import InputError, NotANetworkError
from .errors import absent, require, taken, translated
from .locations import Location, Tag, overtaken
from .manifest import MANIFEST

_CLIENT = {"timeout": timedelta(seconds=30), "connect_timeout": timedelta(seconds=5)}
_RETRIES: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT")

_MEMORY: dict[str, Any] = {}
_MEMORY_MUTEX = threading.Lock()


class RemoteLocation(Location):
    """
    Objects below a URL.

    There are no locks. A commit that finds the manifest replaced since its session began
    fails, where the service compares tags when it puts an object, as S3 does. What a program
    that was killed had stored stays, unseen, until an array takes its place or the network is
    removed.

    :raises InputError: the URL comes with credentials.
    """

    def __init__(self, url: str) -> None:
        _check_url(url)
        require("obstore", "zarr-remote")
        super().__init__(url.rstrip("/"))

    def _open(self) -> Any:
        from zarr.storage import ObjectStore

        return ObjectStore(_connect(self.root))

    def exists(self) -> bool:
        return not self.sync(self.store.is_empty, "")

    def fetch(self, known: Tag | None) -> tuple[bytes, Tag] | None:
        import obstore
        from obstore.exceptions import NotModifiedError

        options: Any = {} if known is None else {"if_none_match": known["e_tag"]}
        with translated(self.root):
            try:
                found = obstore.get(self.store.store, MANIFEST, options=options)
                data, tag = found.bytes().to_bytes(), _tag(found.meta)
            except NotModifiedError:
                return None
            except FileNotFoundError as error:
                raise self._missing() from error
        # Some services ignore the condition.
        return None if tag == known else (data, tag)

    def _missing(self) -> Exception:
        if not self.exists():
            return absent(self.root)
        return NotANetworkError(
            f"'{self.root}' is not a zarr network: it has no {MANIFEST}", location=self.root
        )

    def replace(self, manifest: bytes, known: Tag | None) -> Tag:
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with translated(self.root):
            try:
                mode: Any = "create" if known is None else known
                return _tag(obstore.put(self.store.store, MANIFEST, manifest, mode=mode))
            except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
                raise (taken if known is None else overtaken)(self.root) from error

    def sweep(self, used: Collection[str]) -> None:
        """Do nothing: without locks, what is not in use yet may be about to be."""

    def build(self, mode: int | None = None) -> NewRemote:
        if self.exists():
            raise taken(self.root)
        return NewRemote(self.root)


class NewRemote(RemoteLocation):
    """Objects that are a network once there is a manifest."""

    def check(self, known: Tag | None) -> None:
        if self.get(MANIFEST) is not None:
            raise taken(self.root)


def _tag(meta: Mapping[str, Any]) -> Tag:
    """What the service calls this content of an object."""
    return {name: meta[name] for name in ("e_tag", "version") if meta.get(name) is not None}


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment:
        shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
        raise InputError(
            f"the root '{shown}' contains credentials or options;"
            " pass the URL alone, and the credentials in environment variables"
        )


def _connect(url: str) -> Any:
    from obstore.store import MemoryStore, from_url

    if url.startswith("memory://"):
        with _MEMORY_MUTEX:
            return _MEMORY.setdefault(url, MemoryStore())
    # The settings may name a service without encryption, as on the own machine.
    plain = any(os.environ.get(name, "").startswith("http://") for name in _ENDPOINTS)
    options: Any = {**_CLIENT, "allow_http": plain}
    return from_url(url, client_options=options, retry_config=_RETRIES)
