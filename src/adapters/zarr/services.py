"""
How services are reached: by obstore for plain objects, by icechunk for repositories.

Credentials and endpoints come from the options of a storage, or from the settings of the service:
its environment variables (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ...), or the role of the
machine. They are stored nowhere. ``memory://name`` is a repository of this process.
"""

from __future__ import annotations

import os
import re
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs

from ...errors import InputError
from ...ports.services import NO_OPTIONS, ServiceOptions, check_alone, check_endpoint

if TYPE_CHECKING:
    from icechunk import RepositoryConfig, Storage
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

_CLIENT: ClientConfig = {"timeout": timedelta(seconds=30), "connect_timeout": timedelta(seconds=5)}
_RETRIES: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
# Retries of a request by icechunk, and milliseconds before the first and the last retry.
_ICECHUNK_RETRIES = (4, 200, 5000)
_MOST_INLINE = 4096

_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_SETTING = re.compile("(AWS|AZURE|GOOGLE)_", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
# Characters in the name of an object that libraries interpret differently.
_AMBIGUOUS = re.compile(r"[%\x00-\x1f\x7f]|^ | $")
# The specific options of each service, by their names here.
_OPTIONS = {
    "s3": ("endpoint", "region", "access_key_id", "secret_access_key", "session_token"),
    "gs": ("service_account",),
    "az": ("account", "account_key"),
}
# Their names in obstore, where these differ.
_NAMES = {"account": "account_name"}
# Options that may be given to any service.
_HARMLESS = ("region", "max_age")
# Other names of schemes.
_USUAL = {"s3a": "s3", "gcs": "gs", "azure": "az", "abfs": "az"}

_MEMORY: dict[str, Storage] = {}
_MEMORY_MUTEX = threading.Lock()


def check_url(url: str) -> None:
    """
    Check that a URL is one alone, and that all libraries take it for the same place.

    :raises InputError: it comes with credentials or options; or, where it is not one of HTTP, it
        has a part that obstore decodes, resolves or trims, and icechunk takes as it is.
    """
    check_alone(url, "root")
    scheme, _, rest = url.partition("://")
    if scheme in ("http", "https"):
        return
    names = rest.rstrip("/").split("/")
    wrong = [name for name in names if _AMBIGUOUS.search(name) or name in ("", ".", "..")]
    if not wrong and _SCHEME.fullmatch(scheme):
        return
    reason = f"the part '{wrong[0]}'" if wrong else "no scheme"
    raise InputError(
        f"'{url}' has {reason}; pass a URL such as s3://bucket/folder/name, whose parts are not"
        " empty, '.' or '..', have no % and no control characters, and neither begin nor end with a"
        " blank",
        asked=url,
    )


def plain_url(url: str) -> str:
    """A URL with the usual one of the names of its scheme, so that equal places are equal texts."""
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    return f"{_USUAL.get(scheme, scheme)}://{rest}"


def settings() -> dict[str, str]:
    """What the environment says of services, and of credentials."""
    return {name: value for name, value in os.environ.items() if _SETTING.match(name)}


def endpoint(options: ServiceOptions) -> str | None:
    """The S3 service that the options or the environment name, if it is not that of AWS."""
    return options.endpoint or _environment(*_ENDPOINTS)


def _check_options(url: str, options: ServiceOptions) -> None:
    """
    Check that options mean something for the service of a URL, and what the environment says of it.

    Some that do not may stand beside some that do: one object may be used with several roots.

    :raises InputError: all are of other services; or the environment names an S3 service by what is
        not a URL of HTTP, on which libraries panic, or comes with credentials or options.
    """
    for name in _ENDPOINTS if _service_of(url) == "s3" and not options.endpoint else ():
        if os.environ.get(name):
            check_endpoint(os.environ[name], f"environment variable {name}")
    own = _OPTIONS.get(_service_of(url))
    given = [
        each.name
        for each in attrs.fields(ServiceOptions)
        if each.name not in _HARMLESS and getattr(options, each.name) not in (None, False)
    ]
    if own is None or not given or not {*own, "anonymous"}.isdisjoint(given):
        return
    raise InputError(
        f"of the storage options that '{url}' comes with, none is one of its service:"
        f" {', '.join(given)}; it has {', '.join((*own, 'anonymous', 'max_age'))}",
        asked=given,
        valid=own,
    )


def _service_of(url: str) -> str:
    scheme = url.partition("://")[0]
    return _USUAL.get(scheme, scheme)


def connect(url: str, options: ServiceOptions) -> ObjectStore:
    """The plain objects below a URL."""
    from obstore.store import MemoryStore, from_url

    if url.startswith("memory://"):
        # Nothing was published in this process.
        return MemoryStore()

    _check_options(url, options)
    # The settings may name a service without encryption, such as one on this machine.
    plain = url.startswith("http://") or (endpoint(options) or "").startswith("http://")
    return from_url(
        url,
        client_options={**_CLIENT, "allow_http": plain},
        retry_config=_RETRIES,
        **_settings(url, options),
    )


def _settings(url: str, options: ServiceOptions) -> dict[str, Any]:
    """The options of a service, by their names in obstore."""
    own = _OPTIONS.get(_service_of(url))
    if own is None:
        return {}
    named = {_NAMES.get(name, name): getattr(options, name) for name in own}
    named["skip_signature"] = options.anonymous or None
    return {name: value for name, value in named.items() if value is not None}


def drop_from_memory(url: str) -> bool:
    """Drop a repository of this process; False if it is not one."""
    with _MEMORY_MUTEX:
        _MEMORY.pop(url, None)
    return url.startswith("memory://")


def is_dropped(url: str, storage: Storage) -> bool:
    """Whether a repository was one of this process that was dropped."""
    return url.startswith("memory://") and _MEMORY.get(url) is not storage


def storage_of(url: str, options: ServiceOptions = NO_OPTIONS, *, new: bool = False) -> Storage:
    """
    The icechunk storage of a repository.

    :param options: how the service is reached.
    :param new: create one in memory.
    :raises InputError: icechunk does not support the service of the URL, or all options are of
        other services.
    """
    import icechunk

    parts = urlsplit(url)
    prefix = parts.path.strip("/")
    if parts.scheme == "memory":
        with _MEMORY_MUTEX:
            made = _MEMORY.get(url) or icechunk.in_memory_storage()
            return _MEMORY.setdefault(url, made) if new else made
    _check_options(url, options)
    if parts.scheme in ("s3", "s3a"):
        service = endpoint(options)
        return icechunk.s3_storage(
            bucket=parts.netloc,
            prefix=prefix or None,
            region=options.region or _environment("AWS_REGION", "AWS_DEFAULT_REGION"),
            endpoint_url=service,
            allow_http=(service or "").startswith("http://"),
            force_path_style=service is not None,
            **_credentials(options),
        )
    if parts.scheme in ("gs", "gcs"):
        given = options.service_account
        how: dict[str, Any] = {"service_account_file": given} if given else {"from_env": True}
        how = {"anonymous": True} if options.anonymous else how
        return icechunk.gcs_storage(bucket=parts.netloc, prefix=prefix or None, **how)
    if parts.scheme in ("az", "azure", "abfs"):
        account = options.account or _environment("AZURE_STORAGE_ACCOUNT_NAME") or ""
        key = options.account_key
        how = {"access_key": key} if key else {"from_env": True}
        how = {"config": {"azure_skip_signature": "true"}} if options.anonymous else how
        return icechunk.azure_storage(account=account, container=parts.netloc, prefix=prefix, **how)
    raise InputError(
        f"networks can't be written to '{url}'; pass a URL that begins with s3://, gs:// or az://",
        asked=url,
    )


def _environment(*names: str) -> str | None:
    return next((os.environ[name] for name in names if os.environ.get(name)), None)


def _credentials(options: ServiceOptions) -> dict[str, Any]:
    """How icechunk signs requests to S3."""
    if options.anonymous:
        return {"anonymous": True}
    if options.access_key_id is None:
        return {"from_env": True}
    names = ("access_key_id", "secret_access_key", "session_token")
    return {name: getattr(options, name) for name in names}


def configuration() -> RepositoryConfig:
    """How repositories are read and written."""
    from icechunk import RepositoryConfig, StorageRetriesSettings, StorageSettings

    return RepositoryConfig(
        # Small tables lie within icechunk's manifests, as a separate object is one more request.
        inline_chunk_threshold_bytes=_MOST_INLINE,
        storage=StorageSettings(retries=StorageRetriesSettings(*_ICECHUNK_RETRIES)),
    )
