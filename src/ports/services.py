"""Options and URLs of the services that keep networks."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

import attrs

from ..errors import InputError

OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "azure", "abfs"})
"""Schemes of the URLs at which networks can be stored."""


_HTTP = ("http", "https")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
# A URL in a sentence ends at a blank or a quotation mark.
_URL_IN_TEXT = re.compile(rf"{_URL.pattern}[^\s'\"]*")
# The parts of a wrong endpoint that may be shown: a host and a port.
_HARMLESS = re.compile(r"(\w+://)?[\w.-]*(:\w{0,5})?")


def is_url(place: str) -> bool:
    """Whether a text is a URL. No drive of Windows is one."""
    return _URL.match(place.lstrip()) is not None


def check_alone(url: str, what: str) -> None:
    """
    Check that a URL is one alone.

    :param what: what it is, for the message.
    :raises InputError: it comes with credentials or options.
    """
    if _is_alone(url):
        return
    shown = _without_secrets(url)
    named = f"{what} '{shown}'" if shown else what
    raise InputError(
        f"the {named} contains credentials or options;"
        " pass the URL alone, and the endpoint and credentials in storage_options or environment"
        " variables"
    )


def without_credentials(text: str) -> str:
    """A text with its URLs, of those that come with credentials or options no more than is safe."""

    def shown(found: re.Match[str]) -> str:
        url = found[0]
        return url if _is_alone(url) else _without_secrets(url) or f"{url.partition(':')[0]}://..."

    return _URL_IN_TEXT.sub(shown, text)


def _parts_of(url: str) -> tuple[str, str, str]:
    """The scheme of a URL, host or bucket with what comes with it, and all that follows."""
    scheme, _, rest = url.partition("://")
    head = re.split("[/?#]", rest, maxsplit=1)[0]
    return scheme.lower(), head, rest[len(head) :]


def _is_alone(url: str) -> bool:
    scheme, head, rest = _parts_of(url)
    if "@" in head:
        return False
    if scheme == "file":
        # The path after the host may contain anything.
        return True
    if not {"?", "#"}.isdisjoint(rest):
        return False
    if scheme in _HTTP:
        return _has_valid_port(url)
    # A secret may contain a slash, after which it looks like the name of an object.
    return {":", "[", "]"}.isdisjoint(head) and not re.search(":.*@", rest, re.DOTALL)


def _has_valid_port(url: str) -> bool:
    try:
        # Reading the port checks it.
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _without_secrets(url: str) -> str:
    """The part of a URL without secrets; an empty text if that is uncertain."""
    scheme, head, rest = _parts_of(url)
    host = head.rpartition("@")[2]
    name, colon, port = host.partition(":")
    is_host = not colon or (scheme in _HTTP and port.isdecimal())
    if head.count("@") > 1 or "@" in rest or not is_host or not {"[", "]"}.isdisjoint(name):
        return ""
    return f"{scheme}://{host}{re.split('[?#]', rest, maxsplit=1)[0]}"


def check_endpoint(endpoint: str, what: str) -> SplitResult:
    """
    Check that something is the URL of a service.

    :param what: what it is, for the message.
    :raises InputError: it is not, or not one of HTTP, or comes with credentials or options.
    """
    if _parts_of(endpoint)[0] in _HTTP and _has_valid_port(endpoint):
        url = urlsplit(endpoint)
        if url.hostname:
            check_alone(endpoint, what)
            return url
    shown = f", not {endpoint!r}" if _HARMLESS.fullmatch(endpoint) else ""
    raise InputError(
        f"the {what} must be a URL that begins with http:// or https://, such as"
        f" https://s3.example.org{shown}"
    )


@attrs.frozen(kw_only=True)
class ServiceOptions:
    """
    Options of an object store. Where one is None, its usual environment variables apply.

    Secrets are neither shown nor stored.

    :param endpoint: URL of an S3 service other than AWS.
    :param region: region of the bucket, for S3.
    :param anonymous: read public networks, without credentials.
    :param account: storage account, for Azure.
    :param access_key_id: key id for S3, with its ``secret_access_key`` and ``session_token``.
    :param account_key: key of the account, for Azure.
    :param service_account: path of the JSON file of a service account, for Google Cloud.
    :param max_age: seconds for which a read may use the latest known state of a network without
        asking the service, and so may miss what another process stored. With 0, each read asks. By
        default, each read asks, except in the first second after opening and right after another
        read.
    :raises InputError: a text is empty; the endpoint is not a URL of HTTP, or contains credentials,
        as may an account or the file of one; of a key for S3, a part is missing; or credentials
        come with ``anonymous``.
    """

    endpoint: str | None = None
    region: str | None = None
    anonymous: bool = False
    account: str | None = None
    service_account: str | None = None
    max_age: float | None = None
    access_key_id: str | None = attrs.field(default=None, repr=False)
    secret_access_key: str | None = attrs.field(default=None, repr=False)
    session_token: str | None = attrs.field(default=None, repr=False)
    account_key: str | None = attrs.field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        self._check_texts()
        if self.endpoint:
            check_endpoint(self.endpoint, "storage option 'endpoint'")
        self._check_credentials()

    def _check_texts(self) -> None:
        empty = [
            each.name for each in attrs.fields(ServiceOptions) if getattr(self, each.name) == ""
        ]
        if empty:
            raise InputError(
                f"the storage option '{empty[0]}' is empty; leave it out for what the environment"
                " says",
                asked=empty[0],
            )
        # These two are shown and stored, so they may not have secrets in them.
        if (self.service_account or "").lstrip().startswith("{"):
            raise InputError(
                "the storage option 'service_account' must be the path of a JSON file, not what is"
                " in it"
            )
        if not {"=", ";"}.isdisjoint(self.account or ""):
            raise InputError(
                "the storage option 'account' must be the name of an account, not a text to connect"
                " with; pass its key as 'account_key'"
            )

    def _check_credentials(self) -> None:
        secret = ("access_key_id", "secret_access_key", "session_token", "account_key")
        given = [name for name in (*secret, "service_account") if getattr(self, name) is not None]
        if self.anonymous and given:
            raise InputError(
                f"the storage option '{given[0]}' can't be given with 'anonymous', which is to"
                " read without credentials; pass one of the two"
            )
        needed = ("access_key_id", "secret_access_key")
        missing = [name for name in needed if name not in given]
        some = [name for name in secret[:3] if name in given]
        if some and missing:
            raise InputError(
                f"the storage option '{some[0]}' needs '{missing[0]}', too; pass both, or neither"
                " for the credentials of the environment"
            )

    @property
    def public(self) -> dict[str, object]:
        """The given options, without secrets."""
        fields = [each for each in attrs.fields(ServiceOptions) if each.repr]
        values = {each.name: getattr(self, each.name) for each in fields}
        return {k: each for k, each in values.items() if each is not None and each is not False}


NO_OPTIONS = ServiceOptions()
